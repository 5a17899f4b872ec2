"""What models learned of single pairs: a picture and a table of numbers, with what was known before a transfer."""

import csv
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from gnnzoo.errors import ModelError, UserError
from gnnzoo.evaluation.pairs import pair_curves
from gnnzoo.models.files import load_model
from gnnzoo.recipe.io.load import recipe_from_dict, resolved
from gnnzoo.workflows import transfer as transferring
from gnnzoo.workflows.pairs import pairs
from gnnzoo.workflows.transfer import transfer
from transfers import argon_h5, target, transfer_start, water_model

START = {"model": "water.keras"}
COLUMNS = ["model", "pair", "distance", "force", "truth", "training_pairs"]
EPSILON, SIGMA = 0.2378, 3.405


def told(**start):
    """The target's recipe, which tells with what its data were made."""
    raw = resolved(target(**start, steps=1))
    raw["data"]["reference"] = [{"prior": "lennard_jones"}]
    return recipe_from_dict(raw)


@pytest.fixture(scope="module")
def argon(workshop):
    return argon_h5(workshop)


@pytest.fixture(scope="module")
def moved(argon, workshop):
    """A model of argon that began as one of water; both lie in the module's folder."""
    water_model()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transferring, "PAIR_POINTS", 4)
        return transfer("water.keras", told(), data=argon, output="argon.keras")


@pytest.fixture
def beside(moved, workshop, folder):
    """Both models in a working folder of their own."""
    for name in ("water.keras", "argon.keras"):
        shutil.copy(workshop / name, folder / name)
    return folder


def rows_of(path):
    with Path(path).open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == COLUMNS
    return rows


def test_a_picture_and_the_numbers_are_written(beside):
    curves = pairs("argon.keras", points=5)
    png = Path("argon-pairs.png").read_bytes()
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (624, 576)  # one panel
    assert list(curves) == ["argon.keras", "argon.keras, zero-shot (size fitted)"]
    (now,), (before,) = curves.values()
    assert (now.name, len(now.distances), len(before.distances)) == ("Ar-Ar", 5, 4)
    expected = [
        [label, "Ar-Ar", *map(str, values)]
        for label, curve in (("argon.keras", now), ("argon.keras, zero-shot (size fitted)", before))
        for values in zip(curve.distances, curve.forces, curve.reference, curve.counts, strict=True)
    ]
    assert rows_of("argon-pairs.csv") == expected
    assert {path.name for path in beside.iterdir()} == {
        "water.keras",
        "argon.keras",
        "argon-pairs.png",
        "argon-pairs.csv",
    }


def test_the_truth_stands_beside_the_forces(beside):
    pairs("argon.keras", first=3.0, points=3)
    rows = [row for row in rows_of("argon-pairs.csv") if row[0] == "argon.keras"]
    assert [float(row[2]) for row in rows] == [3.0, 4.5, 6.0]
    for _, _, distance, _, truth, _ in rows:
        power = (SIGMA / float(distance)) ** 6
        assert float(truth) == pytest.approx(24 * EPSILON * power * (2 * power - 1) / float(distance))


def test_zero_shot_is_what_the_copied_weights_answer(moved, beside, argon):
    (shown,) = pairs("argon.keras", points=4)["argon.keras, zero-shot (size fitted)"]
    model = transfer_start(load_model("water.keras"), told(start=START), argon).model
    model.info = {key: moved.info[key] for key in ("species", "types", "units", "statistics")}
    (expected,) = pair_curves(model, points=4)
    assert shown.counts == expected.counts
    np.testing.assert_allclose(shown.distances, expected.distances, rtol=1e-12)
    np.testing.assert_allclose(shown.forces, expected.forces, rtol=1e-5, atol=1e-7)
    (now,) = pair_curves(moved, points=4)
    assert np.abs(np.subtract(now.forces, shown.forces)).max() > 1e-3 * np.abs(shown.forces).max()


def test_several_models_come_into_one_picture(beside, capsys):
    curves = pairs(["water.keras", "argon.keras"], points=3, plot="both.png", csv_output="both.csv")
    assert list(curves) == ["water.keras", "argon.keras", "argon.keras, zero-shot (size fitted)"]
    kinds = [curve.name for curve in curves["water.keras"]]
    assert kinds == ["O-O", "O-H", "H-H"]  # all that a model can know which has not measured its training
    rows = rows_of("both.csv")
    assert [tuple(row[:2]) for row in rows[:10:3]] == [
        *(("water.keras", kind) for kind in kinds),
        ("argon.keras", "Ar-Ar"),
    ]
    assert len(rows) == 3 * 3 + 3 + 4
    assert {row[4] for row in rows if row[0] == "water.keras"} == {""}  # nobody told the truth of it
    png = Path("both.png").read_bytes()
    assert struct.unpack(">II", png[16:24]) == (1776, 1104)  # three panels and one below
    said = capsys.readouterr()
    assert "water.keras was made before models knew the distances of their training pairs" in said.err
    assert "wrote both.png and both.csv" in said.out


def test_how_far_from_the_truth_is_told_where_it_is_known(beside, capsys):
    (now,), _ = pairs("argon.keras", points=8).values()
    said = capsys.readouterr()
    (line,) = [line for line in said.out.splitlines() if line.split()[:2] == ["argon.keras", "Ar-Ar"]]
    share, location = now.largest()
    assert f"{now.error():.2%}" in line
    assert f"{share:.2%} at {location:.3g}" in line
    assert f"{sum(count > 0 for count in now.counts)} of 8" in line
    assert '"reference": [' not in said.err
    pairs("water.keras", points=2)
    assert '"reference": [' in capsys.readouterr().err


def test_models_in_other_units_are_refused(beside):
    water_model("metal.keras", units="metal")
    with pytest.raises(ModelError, match=r"is in metal units, argon\.keras in real ones") as caught:
        pairs(["argon.keras", "metal.keras"], points=2)
    assert caught.value.location.file == Path("metal.keras")
    assert caught.value.hint == "gnnzoo pairs metal.keras, by itself"
    assert not list(Path().glob("*pairs*"))


@pytest.mark.parametrize("name", ["argon-pairs.png", "argon-pairs.csv"])
def test_existing_outputs_are_refused_before_anything_is_looked_at(beside, name):
    Path(name).write_text("precious")
    with pytest.raises(UserError, match="exists already") as caught:
        pairs(["argon.keras", "missing.keras"])
    assert str(caught.value.location) == name
    assert Path(name).read_text() == "precious"
    assert len(list(Path().glob("argon-pairs*"))) == 1
    pairs("argon.keras", points=2, overwrite=True)
    assert Path(f"{name}.old-1").read_text() == "precious"


@pytest.mark.parametrize("first", [0, -1.0, 6.0, 100])
def test_a_first_distance_that_is_none_is_refused(moved, folder, first):
    with pytest.raises(UserError, match=f"{first:g} is no distance within the cutoff") as caught:
        pairs(moved, first=first)
    assert caught.value.expected == "between 0 and 6"
    assert not list(Path().iterdir())


def test_no_model_at_all_is_refused(folder):
    with pytest.raises(UserError, match="no model was named"):
        pairs([])


def test_no_distance_at_all_is_refused(moved, folder):
    with pytest.raises(UserError):
        pairs(moved, points=0)
