"""Dimer force curves of models: plot and table, with the curves before a transfer."""

import csv
import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from errors import refused
from gnnzoo.cli import main
from gnnzoo.errors import ModelError, UserError
from gnnzoo.evaluation.pairs import pair_curves
from gnnzoo.models.files import load_model
from gnnzoo.outputs import OutputError
from gnnzoo.recipe.io.load import recipe_from_dict, resolved
from gnnzoo.workflows import transfer as transferring
from gnnzoo.workflows.pairs import pairs
from gnnzoo.workflows.transfer import transfer
from lines import line_with
from transfers import argon_h5, target, transfer_start, water_model

START = {"model": "water.keras"}
COLUMNS = ["model", "pair", "distance", "force", "reference", "training_pairs"]
EPSILON, SIGMA = 0.2378, 3.405


def with_reference(**start):
    """The target's recipe, which declares the reference interactions of its data."""
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
        return transfer("water.keras", with_reference(), data=argon, output="argon.keras")


@pytest.fixture
def both(moved, workshop, folder):
    """Both models in a working folder of their own."""
    for name in ("water.keras", "argon.keras"):
        shutil.copy(workshop / name, folder / name)
    return folder


def rows_of(path):
    with Path(path).open(newline="") as file:
        head, *rows = csv.reader(file)
    assert head == COLUMNS
    return rows


def test_plot_and_table_are_written(both):
    result = pairs("argon.keras", points=5)
    curves = result.curves
    assert (result.units, result.plot, result.csv) == ("real", Path("argon-pairs.png"), Path("argon-pairs.csv"))
    assert json.loads(json.dumps(result.to_json()))["curves"]["argon.keras"][0]["name"] == "Ar-Ar"
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
    assert {path.name for path in both.iterdir()} == {
        "water.keras",
        "argon.keras",
        "argon-pairs.png",
        "argon-pairs.csv",
    }


def test_the_reference_stands_next_to_the_forces(both):
    pairs("argon.keras", first=3.0, points=3)
    rows = [row for row in rows_of("argon-pairs.csv") if row[0] == "argon.keras"]
    assert [float(row[2]) for row in rows] == [3.0, 4.5, 6.0]
    for _, _, distance, _, reference, _ in rows:
        power = (SIGMA / float(distance)) ** 6
        assert float(reference) == pytest.approx(24 * EPSILON * power * (2 * power - 1) / float(distance))


def test_zero_shot_curves_are_those_of_the_copied_weights(moved, both, argon):
    (shown,) = pairs("argon.keras", points=4).curves["argon.keras, zero-shot (size fitted)"]
    model = transfer_start(load_model("water.keras"), with_reference(start=START), argon).model
    model.info = {key: moved.info[key] for key in ("species", "types", "units", "statistics")}
    (expected,) = pair_curves(model, points=4)
    assert shown.counts == expected.counts
    np.testing.assert_allclose(shown.distances, expected.distances, rtol=1e-12)
    np.testing.assert_allclose(shown.forces, expected.forces, rtol=1e-5, atol=1e-7)
    (now,) = pair_curves(moved, points=4)
    assert np.abs(np.subtract(now.forces, shown.forces)).max() > 1e-3 * np.abs(shown.forces).max()


def test_several_models_share_one_plot(both, messages):
    curves = pairs(["water.keras", "argon.keras"], points=3, plot="both.png", csv_output="both.csv").curves
    assert list(curves) == ["water.keras", "argon.keras", "argon.keras, zero-shot (size fitted)"]
    kinds = [curve.name for curve in curves["water.keras"]]
    assert kinds == ["O-O", "O-H", "H-H"]  # all kinds, as this model stores no distances of its training pairs
    rows = rows_of("both.csv")
    assert [tuple(row[:2]) for row in rows[:10:3]] == [
        *(("water.keras", kind) for kind in kinds),
        ("argon.keras", "Ar-Ar"),
    ]
    assert len(rows) == 3 * 3 + 3 + 4
    assert {row[4] for row in rows if row[0] == "water.keras"} == {""}  # no reference
    png = Path("both.png").read_bytes()
    assert struct.unpack(">II", png[16:24]) == (1776, 1104)  # three panels and one below
    line_with(messages(), "water.keras", "training pairs")


def test_the_command_prints_the_error_of_each_curve(both):
    result = CliRunner().invoke(main, ["pairs", "argon.keras", "--points", "8"])
    (now,), _ = pairs("argon.keras", points=8, overwrite=True).curves.values()
    (line,) = [line for line in result.stdout.splitlines() if line.split()[:2] == ["argon.keras", "Ar-Ar"]]
    share, location = now.largest()
    assert f"{now.error():.2%}" in line
    assert f"{share:.2%} at {location:.3g}" in line
    assert f"{sum(count > 0 for count in now.counts)} of 8" in line
    line_with(result.stdout.splitlines()[-1], "argon-pairs.png", "argon-pairs.csv")
    assert '"reference": [' not in result.stderr
    assert '"reference": [' in CliRunner().invoke(main, ["pairs", "water.keras", "--points", "2"]).stderr


def test_models_in_other_units_are_refused(both):
    water_model("metal.keras", units="metal")
    with refused(ModelError, "metal", "real", file="metal.keras", hint="gnnzoo pairs metal.keras"):
        pairs(["argon.keras", "metal.keras"], points=2)
    assert not list(Path().glob("*pairs*"))


@pytest.mark.parametrize("name", ["argon-pairs.png", "argon-pairs.csv"])
def test_existing_outputs_are_refused_before_anything_is_computed(both, name):
    Path(name).write_text("precious")
    with refused(OutputError, file=name, hint="--overwrite"):
        pairs(["argon.keras", "missing.keras"])
    assert Path(name).read_text() == "precious"
    assert len(list(Path().glob("argon-pairs*"))) == 1
    pairs("argon.keras", points=2, overwrite=True)
    assert Path(f"{name}.old-1").read_text() == "precious"


@pytest.mark.parametrize("first", [0, -1.0, 6.0, 100])
def test_a_first_distance_outside_the_cutoff_is_refused(moved, folder, first):
    with refused(UserError, f"{first:g}", expected="between 0 and 6"):
        pairs(moved, first=first)
    assert not list(Path().iterdir())


def test_no_model_at_all_is_refused(folder):
    with refused(UserError, hint="gnnzoo list"):
        pairs([])


def test_no_distance_at_all_is_refused(moved, folder):
    with refused(UserError, "0", expected="at least 2"):
        pairs(moved, points=0)
