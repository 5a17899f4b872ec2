"""Traits of layers: complete, and the only place outside of a layer's own files that distinguishes layers."""

import ast
import re
from pathlib import Path

import keras
import pytest

from gnnzoo.layers.stack_layer import StackLayer
from gnnzoo.models.layer_classes import layer_class
from gnnzoo.recipe.layer_registry import layer_name, layers_with, registry

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
    options = set(entry.model_fields) - {"layer", "name", "inputs"}
    assert options <= set(found.arguments), "every option is an argument of the Keras class"


def test_layers_are_found_by_their_traits():
    assert layers_with(head="energy") == ["energy_decoder"]
    assert layers_with(encodes_atoms=True) == ["atom_encoder"]
    assert "painn_update" in layers_with(makes_vectors=True, reads_vectors=True)
