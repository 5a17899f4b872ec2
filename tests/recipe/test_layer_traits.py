"""Traits of layers: complete, and the only place outside of a layer's own files that distinguishes layers."""

import ast
import re
from pathlib import Path
from typing import ClassVar, Literal

import keras
import pytest

from gnnzoo.layers.stack_layer import StackLayer
from gnnzoo.models.build import RAW, stack
from gnnzoo.models.layer_classes import layer_class
from gnnzoo.recipe.checks.all import check
from gnnzoo.recipe.layer_registry import layer_name, layers_with, registry
from gnnzoo.recipe.layer_traits import LayerTraits
from gnnzoo.recipe.schema.entry import Entry, Mlp, RadialReader
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.testing import layer_recipe
from gnnzoo.transfer_learning.copy_weights import species_inputs

ROOT = Path(__file__).resolve().parents[2] / "gnnzoo"
NAMES = list(registry().entries)
# The files of the layers themselves: their recipe entries and their Keras classes.
OWN = {"recipe/schema/layers.py", "recipe/schema/equivariant_layers.py", "recipe/schema/heads.py"}
# Names that are options or activations as well.
ACTIVATIONS = {"recipe/schema/entry.py"}
COMPOUND = re.compile(rf"\b({'|'.join(name for name in NAMES if '_' in name)})\b")


def texts(path: Path) -> list[ast.Constant]:
    """String literals of a module, docstrings and descriptions of keys excepted."""
    tree = ast.parse(path.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [node for node in strings if id(node) not in prose]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_module_names_a_layer(path):
    place = path.relative_to(ROOT).as_posix()
    if place in OWN | ACTIVATIONS or place.startswith("layers/"):
        return
    named = [
        f"line {node.lineno}: {node.value}"
        for node in texts(path)
        if node.value in NAMES or COMPOUND.search(node.value)
    ]
    assert not named, "state a trait next to the recipe entry instead"


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_names_its_keras_class(name):
    entry = registry().entries[name]
    found = layer_class(entry)
    assert issubclass(found, StackLayer)
    assert layer_name(entry) == name
    assert keras.saving.get_registered_name(found) == f"gnnzoo>{name}"
    options = set(entry.model_fields) - {"layer", "name", entry.traits.species_inputs}
    assert options <= set(found.arguments), "every option is an argument of the Keras class"


def test_layers_are_found_by_their_traits():
    assert layers_with(head="energy") == ["energy_decoder"]
    assert layers_with(encodes_atoms=True) == ["atom_encoder"]
    assert "painn_update" in layers_with(makes_vectors=True, reads_vectors=True)


# --- layers of other packages -----------------------------------------------------------------------------------------


class OtherEncoder(Entry, Mlp):
    """An atom encoder of another package, with an option of its own for what it reads of a species."""

    keras_class: ClassVar = "gnnzoo.layers.encoders:AtomEncoder"
    traits: ClassVar = LayerTraits(encodes_atoms=True, species_inputs="features")

    layer: Literal["other_encoder"] = "other_encoder"
    features: Literal["parameters", "species"] = "parameters"


def encoded(features: str, **sections: dict) -> Recipe:
    """A recipe whose first layer is of another package; the schema of this process does not list it."""
    recipe = layer_recipe({"layer": "atom_encoder", "inputs": "species", "units": 8, "hidden_layers": 0}, **sections)
    recipe.model.layers[0] = OtherEncoder(features=features, units=8, hidden_layers=0)
    return recipe


@pytest.mark.parametrize(("features", "width"), [("parameters", 3), ("species", 2)])
def test_the_species_inputs_of_any_encoder_are_those_of_its_option(features, width):
    recipe = encoded(features)
    encoder = stack(recipe, ["O", "H"], RAW, "float32")[1]
    assert [len(row) for row in encoder.table] == [width, width]
    assert species_inputs(recipe) == features
    assert check(recipe) == []
    start = {"start_from": {"model": "argon.keras", "map": {"O": "Ar"}}}
    refused = [problem.path for problem in check(encoded(features, data={"atoms": {}}, training=start))]
    expected = [("data", "atoms"), ("training", "start_from", "map")]
    assert refused == (expected if features == "parameters" else [])


def test_options_that_act_as_traits_have_one_default():
    class Reader(Entry, RadialReader):
        traits: ClassVar = LayerTraits(reads_radial=True)

    class Other(Entry, RadialReader):
        bond_features: bool = False

    assert [Entry().reads_bonds(edges) for edges in (["bond", "radial"], ["radial"])] == [True, False]
    assert not Other().reads_bonds(["bond"])
    assert Other(bond_features=True).reads_bonds(["radial"])
    assert [Reader(functions=number).radial_functions(8) for number in (None, 3)] == [8, 3]
    assert [entry.radial_functions(8) for entry in (Entry(), Other(functions=3))] == [8, 8]
