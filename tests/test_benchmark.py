"""Basis of the figures of tools/benchmark: counting of FLOP, splitting of runs, tables."""

import importlib
import json
from pathlib import Path

import pytest
import tensorflow as tf

import dumps
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.models.build import build_network, network_species
from gnnzoo.recipe.io.load import load_recipe

TOOLS = Path(__file__).resolve().parents[1] / "tools" / "benchmark"


@pytest.fixture
def tool(monkeypatch):
    """Imports a module of tools/benchmark, which are scripts in one folder."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module


def test_products_and_other_arithmetic_are_counted(tool):
    @tf.function
    def step(x, weights):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss = tf.reduce_sum(tf.sin(tf.matmul(x, weights)))
        return tape.gradient(loss, weights)

    found = tool("flops")._counted(step.get_concrete_function(tf.zeros((5, 3)), tf.zeros((3, 4))).graph)
    # forward (5, 3) (3, 4): 2 * 5 * 3 * 4; gradient by the weights (3, 5) (5, 4): the same
    assert found.products == 2 * 120
    # 20 sines and their 20 products with cosines, 20 cosines; the sum over 20
    assert found.others == 80


def test_sums_over_named_indices_are_products_too(tool):
    @tf.function
    def step(x, y):
        return tf.einsum("aij,ajk->aik", x, y)

    found = tool("flops")._counted(step.get_concrete_function(tf.zeros((2, 3, 4)), tf.zeros((2, 4, 5))).graph)
    assert (found.products, found.others) == (2 * 2 * 3 * 4 * 5, 0)


def test_what_cannot_be_counted_is_refused(tool):
    @tf.function
    def loop(x):
        return tf.while_loop(lambda x: tf.reduce_sum(x) < 10, lambda x: (x + 1,), (x,))

    with pytest.raises(NotImplementedError):
        tool("flops")._counted(loop.get_concrete_function(tf.zeros(3)).graph)


@pytest.mark.parametrize("timed", [True, False])
def test_a_run_is_divided_into_its_first_frames_and_the_rest(tool, folder, timed):
    times = range(0, 50, 10) if timed else None
    text = dumps.dump_text(dumps.argon(frames=5), units="real", times=times)
    Path("run.lammpstrj").write_text(text)
    assert text.count("ITEM: UNITS") == 1
    first, rest = (open_dataset(path) for path in tool("known_data")._parts(Path("run.lammpstrj"), 3))
    assert (list(first.steps), list(rest.steps)) == ([0, 10, 20], [30, 40])
    assert first.units == rest.units == "real"


def test_recipes_are_known_by_their_species(tool):
    known = tool("known_data")
    assert known.substance_of(load_recipe("water-reference").data.types) == "water"
    assert known.substance_of(load_recipe("argon").data.types) == "argon"
    assert known.substance_of({"1": "Si"}) is None
    assert known.substance_of(None) is None


@pytest.mark.parametrize("name", json.loads((TOOLS / "families.json").read_text()))
def test_families_are_recipes_that_can_be_built(tool, name):
    recipe = load_recipe(*tool("accuracy").family_recipe(name))
    assert build_network(recipe, network_species(recipe)).trainable_variables


def test_the_error_by_which_to_choose_is_printed_and_older_results_do_not_know_it(tool):
    accuracy = tool("accuracy")
    figures = {"relative": 0.25, "mae": 1.0, "sum_abs": 1.0}
    old = {
        "label": "old",
        "substance": "water",
        "seed": 0,
        "seconds": 60,
        "steps": 10,
        "seconds_per_step": 0.1,
        "atom_frames_per_second": 100,
        "parameters": 1000,
        "sets": {"next": {"force": figures, "baseline": figures, "frames": 1, "per_type": {}}},
        "evaluated_atoms": 24,
        "seconds_per_evaluation": 0.01,
        "sgemm": 1e9,
    }
    new, held_out_none = old | {"label": "new", "validation": 0.1234}, old | {"label": "none", "validation": None}
    (text,) = accuracy.markdown([old, new, held_out_none])
    head, _, *lines = ([cell.strip() for cell in line.split("|")] for line in text.splitlines())
    assert [line[head.index("validation")] for line in lines] == ["", "12.34%", ""]
    assert [line[head.index("next")] for line in lines] == ["25.00%"] * 3
    assert accuracy.figures(new)[0] == ("validation frames: mean |dF| / mean |F|", "12.34%")
    assert accuracy.figures(old)[0][1] == "unknown"
