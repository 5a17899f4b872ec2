"""Files written by gnnzoo 0.1.0 load, resume, evaluate, transfer and freeze with the numbers of 0.1.0."""

import csv
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import gnnzoo
from gnnzoo.cli import main

OLD = Path(__file__).parent / "0.1.0"
EXPECTED = json.loads((OLD / "expected.json").read_text())
MODELS = ("tiny", "tiny-energy", "moved")
SINGLE = 1e-5  # relative: float32 on another CPU than the one that wrote the files


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A working folder with all the files."""
    folder = tmp_path_factory.mktemp("version-0.1.0")
    for archive in OLD.glob("*.tar.xz"):
        with tarfile.open(archive) as packed:
            packed.extraction_filter = getattr(tarfile, "data_filter", None)  # not in Python 3.11.2, which Debian has
            packed.extractall(folder)
    for recipe in ("tiny.json", "tiny-energy.json"):
        (folder / recipe).write_bytes((OLD / recipe).read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def frame(old):
    with gnnzoo.open_dataset("argon.h5") as dataset:
        assert dataset.fingerprint == EXPECTED["fingerprint"]
        return dataset[EXPECTED["frame"]]


def assert_close(found, expected, relative: float = SINGLE) -> None:
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    np.testing.assert_allclose(found, expected, rtol=0, atol=relative * np.max(np.abs(expected)))


def assert_same_figures(found, expected) -> None:
    """The figures of a nested result, those that 0.1.0 had."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            assert_same_figures(found[key], value)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-4)


def run(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 0


def test_the_dataset_and_the_shards_hold_the_same_frames(frame):
    np.testing.assert_array_equal(frame.positions, EXPECTED["positions"])
    with gnnzoo.open_dataset("argon.tfrecord") as shards:
        np.testing.assert_array_equal(shards[EXPECTED["frame"]].positions, np.float32(EXPECTED["positions"]))


@pytest.mark.parametrize("name", MODELS)
def test_models_load_with_the_same_forces(frame, name):
    model = gnnzoo.load_model(f"{name}.keras")
    assert_close(model.forces(frame), EXPECTED["live"][name])
    if name in EXPECTED["energy"]:
        assert model.energy(frame) == pytest.approx(EXPECTED["energy"][name], rel=SINGLE)


@pytest.mark.parametrize("name", ["tiny", "tiny-energy"])
def test_frozen_folders_run_with_the_same_forces(frame, name):
    frozen = tf.saved_model.load(f"{name}-frozen")
    arguments = (frame.positions, frame.cell, frame.pbc, tf.constant(frame.types, tf.int32))
    expected = EXPECTED["frozen"][name]
    assert_close(frozen.forces(*arguments), expected["forces"])
    if "energy" in expected:
        results = frozen.results(*arguments)
        assert_close(results["energy"], expected["energy"])
        assert_close(results["virial"], expected["virial"])


def test_an_interrupted_run_resumes_to_the_same_end(old, frame):
    run("train", "tiny-long.json", "--resume")
    with Path("runs/tiny-long-001/log.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row, expected in zip(rows[-len(EXPECTED["logs"]["resumed"]) :], EXPECTED["logs"]["resumed"], strict=True):
        assert_same_figures({key: float(row[key]) for key in expected}, {k: float(v) for k, v in expected.items()})
    assert_close(gnnzoo.load_model("tiny-long.keras").forces(frame), EXPECTED["live"]["tiny-long"], 1e-4)


def test_models_are_frozen_and_inspected_again(old, frame, uncompiled):
    run("freeze", "tiny.keras", "-o", "again")
    frozen = tf.saved_model.load("again")
    found = frozen.forces(frame.positions, frame.cell, frame.pbc, tf.constant(frame.types, tf.int32))
    assert_close(found, EXPECTED["frozen"]["tiny"]["forces"])
    run("inspect", "moved.keras", "--json", "inspected.json")
    assert json.loads(Path("inspected.json").read_text())["origin"]["model"] == "tiny.keras"


@pytest.mark.parametrize("name", ["tiny", "tiny-energy"])
def test_models_are_evaluated_with_the_same_figures(old, name, uncompiled):
    run("evaluate", f"{name}.keras", "argon.h5", "--json", f"{name}-figures.json", "--no-plot")
    assert_same_figures(json.loads(Path(f"{name}-figures.json").read_text()), EXPECTED["evaluate"][name])


def test_a_model_is_the_source_of_a_transfer(old, uncompiled, few_points):
    run(
        "transfer",
        "tiny.keras",
        "--target",
        "tiny.json",
        "--frames",
        "4",
        "--set",
        "training.epochs=1",
        "-o",
        "next.keras",
    )
    assert gnnzoo.load_model("next.keras").info["origin"]["model"] == "tiny.keras"
