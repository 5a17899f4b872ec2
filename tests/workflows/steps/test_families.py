"""Stacks for kinds of matter: what the data change in that of an installed recipe."""

from dataclasses import replace

import pytest

import dumps
from errors import refused
from frames_in_memory import Frames
from gnnzoo.data.inspection.describe import describe_dataset
from gnnzoo.data.inspection.matter import FAMILIES, Matter
from gnnzoo.errors import UserError
from gnnzoo.recipe.io.load import load_recipe, recipe_from_dict
from gnnzoo.recipe.layer_registry import layers_with
from gnnzoo.workflows.init import init
from gnnzoo.workflows.steps.families import check_family, family_of, family_recipe, loss_weights
from systems import water_frame

MATTER = Matter("molecular-liquid", "molecules", periodic=True)


@pytest.fixture(scope="module")
def report():
    return describe_dataset(Frames([water_frame(seed=seed) for seed in range(3)]))


def recipe(family, report, matter=MATTER, names=("O", "H")):
    raw = family_recipe(family, matter, report, list(names), 5.0)
    data = {"source": "a.h5", "units": "real", "types": {str(n): name for n, name in enumerate(names, start=1)}}
    return recipe_from_dict({"name": "a", "data": data} | raw)


def kinds(recipe):
    return {entry.layer for entry in recipe.model.layers}


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_a_valid_recipe_of_an_energy(family, report):
    made = recipe(family, report)
    assert made.graph.cutoff == 5.0
    assert made.model.layers[-1].traits.head == "energy"
    known = load_recipe(family_of(family).recipe)
    assert made.model.layers[1:] == known.model.layers[1:]
    assert made.training == known.training  # the data have forces alone


def test_waves_need_a_periodic_box_and_charges(report):
    waves = set(layers_with(reads_waves=True))
    assert kinds(recipe("ionic", report)) & waves
    assert recipe("ionic", report).graph.waves == 2.0
    for missing in ({"periodic": False}, {"charged": False}):
        without = recipe("ionic", report, replace(MATTER, **missing))
        assert not kinds(without) & waves
        assert without.graph.waves is None


def test_more_species_have_more_channels(report):
    names = ("H", "C", "N", "O", "S", "P")
    density = next(
        e for e in recipe("molecules", report, names=names).model.layers if "channels" in type(e).model_fields
    )
    assert density.channels == 6


def test_repulsion_is_for_elements(report):
    assert [prior.prior for prior in recipe("metal", report).model.prior] == ["repulsion"]
    assert not recipe("metal", report, names=("A", "B")).model.prior


def test_energies_and_virials_have_weights_where_the_data_have_them(report):
    assert loss_weights(report) == {}
    assert set(loss_weights(replace(report, fields=["energy", "virial", "charges"]))) == {"energy", "virial"}
    made = recipe("metal", replace(report, fields=["energy"]))
    assert made.training.loss_weights.energy > 0 == made.training.loss_weights.virial


def test_a_family_that_is_asked_for(folder):
    dumps.argon_dump(folder / "a.dump", frames=30)
    result = init("a.dump", units="real", types={1: "Ar"}, family="covalent")
    assert result.recipe.model.layers[1:] == load_recipe("silicon").model.layers[1:]
    text = next(choice.text for choice in result.choices if choice.label == "model")
    assert "asked for" in text and "pair-fluid" in text


def test_an_unknown_family_is_refused():
    with refused(UserError, "metals", expected="metal", hint="gnnzoo init"):
        check_family("metals")
