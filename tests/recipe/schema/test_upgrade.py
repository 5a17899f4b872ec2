"""Recipes of 0.1.0 are read: their interactions become `data.reference`, with errors at the keys that the file has."""

import json
from pathlib import Path

import pytest

from errors import refused
from gnnzoo.errors import RecipeError
from gnnzoo.recipe.io.load import load_recipe, recipe_from_dict, resolved
from gnnzoo.recipe.schema.recipe import Recipe
from small import WATER

OLD = "truth"
BOND = {"types": ["O", "H"], "k": 529.581, "length": 1.012}
LENNARD_JONES, CHARGES = (
    {"prior": "lennard_jones", "mixing": "geometric", "pairs": []},
    {"prior": "coulomb", "damping": 0.0},
)
SPRINGS = {"prior": "harmonic", "bonds": [BOND], "angles": []}


def old(value):
    return WATER | {"data": WATER["data"] | {OLD: value}}


@pytest.mark.parametrize(
    ("value", "entries"),
    [
        (None, []),
        ({}, []),
        ({"lennard_jones": None, "charges": False, "bonds": []}, []),
        ({"lennard_jones": "geometric"}, [LENNARD_JONES]),
        ({"charges": True, "bonds": [BOND]}, [CHARGES, SPRINGS]),
        ({"lennard_jones": "geometric", "charges": True, "bonds": [BOND]}, [LENNARD_JONES, CHARGES, SPRINGS]),
    ],
)
def test_interactions_of_0_1_0_are_prior_entries(value, entries):
    for made in (recipe_from_dict(old(value)), Recipe.model_validate(old(value))):
        assert resolved(made)["data"]["reference"] == entries


@pytest.mark.parametrize(
    ("value", "key", "names"),
    [
        ({"lennard_jones": "arithmetik"}, ".lennard_jones", ["Did you mean 'arithmetic'?"]),
        ({"charges": "maybe"}, ".charges", ['"maybe"', "true or false"]),
        ({"charges": True, "bonds": [BOND | {"k": -1}]}, ".bonds[0].k", [-1]),
        ({"bonds": [BOND | {"types": ["O", "N"]}]}, ".bonds[0].types", ["'N'"]),
        ({"bonds": 3}, ".bonds", [3]),
        ({"lenard_jones": "arithmetic"}, ".lenard_jones", ["Did you mean 'lennard_jones'?", "charges", "bonds"]),
        ([LENNARD_JONES], "", ["lennard_jones", "charges", "bonds"]),
    ],
)
def test_errors_in_them_have_the_key_and_line_of_the_file(folder, value, key, names):
    text = json.dumps(old(value), indent=1)
    Path("old.json").write_text(text)
    last = key.rpartition(".")[2] or OLD
    line = max(number for number, line in enumerate(text.splitlines(), 1) if f'"{last.split("[")[0]}"' in line)
    with refused(RecipeError, *names, file="old.json", line=line, key=f"data.{OLD}{key}", hint="data.reference"):
        load_recipe("old.json")


def test_all_errors_in_them_are_reported():
    wrong = old({"lenard_jones": "arithmetic", "lennard_jones": "arithmetik"})
    for key in ("lenard_jones", "lennard_jones"):
        with refused(RecipeError, "Did you mean", key=f"data.{OLD}.{key}"):
            recipe_from_dict(wrong)


def test_both_keys_together_are_an_error():
    both = old({})
    both["data"] |= {"reference": []}
    with refused(RecipeError, key="data." + OLD, hint="data.reference"):
        recipe_from_dict(both)


@pytest.mark.parametrize(
    ("entries", "data", "key", "names"),
    [
        ([LENNARD_JONES, LENNARD_JONES], {}, "[1]", ["lennard_jones", "one of each"]),
        ([{"prior": "repulsion"}], {}, "[0].prior", ["'repulsion'", "harmonic"]),
        ([CHARGES], {"units": None}, "[0]", ['"units"']),
    ],
)
def test_reference_interactions_are_checked(entries, data, key, names):
    with refused(RecipeError, *names, key=f"data.reference{key}"):
        recipe_from_dict(WATER | {"data": WATER["data"] | data | {"reference": entries}})
