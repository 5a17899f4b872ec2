"""Recipes of 0.1.0 are read: their interactions become `data.reference`, with errors at the line of the old key."""

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
LENNARD_JONES, CHARGES = {"prior": "lennard_jones", "mixing": "geometric"}, {"prior": "coulomb", "damping": 0.0}
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
        ({"lennard_jones": "arithmetik"}, "data.reference[0].mixing", ["Did you mean 'arithmetic'?"]),
        ({"charges": True, "bonds": [BOND | {"k": -1}]}, "data.reference[1].bonds[0].k", [-1]),
        ({"bonds": [BOND | {"types": ["O", "N"]}]}, "data.reference[0].bonds[0].types", ["'N'"]),
        ({"lenard_jones": "arithmetic"}, "data." + OLD, ["reference"]),
    ],
)
def test_errors_in_them_have_the_line_of_the_old_key(folder, value, key, names):
    text = json.dumps(old(value), indent=1)
    Path("old.json").write_text(text)
    line = next(number for number, line in enumerate(text.splitlines(), 1) if f'"{OLD}"' in line)
    with refused(RecipeError, *names, file="old.json", line=line, key=key):
        load_recipe("old.json")


def test_both_keys_together_are_an_error():
    both = old({})
    both["data"] |= {"reference": []}
    with refused(RecipeError, key="data." + OLD):
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
