"""Priors that would never act, or miss parameters, are errors with their key and what would fit."""

import pytest

from errors import refused
from gnnzoo.errors import RecipeError
from small import BY_SPECIES, WATER, recipe

OH, HH = ({"types": types, "k": 500, "length": 1} for types in (["O", "H"], ["H", "H"]))
POINT = {"charge": 0, "epsilon": 1, "sigma": 3}
HOH, OHH = ({"types": types, "k": 50, "degrees": 109} for types in (["H", "O", "H"], ["O", "H", "H"]))


def made(prior, bonds=None, **data):
    return recipe(WATER, model={"prior": [prior]}, graph={"bonds": bonds}, data=data)


def springs(bonds, angles=()):
    return {"prior": "harmonic", "bonds": bonds, "angles": list(angles)}


@pytest.mark.parametrize("bonds", [None, [["H", "O"]], [["O", "H"], ["H", "H"]]])
def test_springs_along_what_the_graph_bonds_are_accepted(bonds):
    assert made(springs([OH], [HOH]), bonds).model.prior[0].angles[0].degrees == 109


BOTH = 'two different species, or ["H", "H"] in graph.bonds'


@pytest.mark.parametrize(
    ("prior", "bonds", "key", "names", "expected"),
    [
        (springs([OH, HH]), None, "bonds[1].types", ["H-H", "null"], BOTH),
        (springs([OH, HH]), [["O", "H"]], "bonds[1].types", ["H-H"], 'of O-H, or ["H", "H"] in graph.bonds'),
        (springs([HH]), [], "bonds[0].types", ["H-H"], 'of none, or ["H", "H"] in graph.bonds'),
        (springs([OH], [HOH, OHH]), None, "angles[1].types", ["H-H", "null"], BOTH),
        (springs([HH], [HOH]), [["H", "H"]], "angles[0].types", ["H-O"], 'of H-H, or ["H", "O"] in graph.bonds'),
        (springs([OH | {"types": ["O", "N"]}]), None, "bonds[0].types", ["'N'"], "of O, H"),
        (springs([OH, OH]), None, "bonds[1]", ["second"], "one for each"),
    ],
)
def test_springs_that_never_act_are_an_error(prior, bonds, key, names, expected):
    with refused(RecipeError, *names, key=f"model.prior[0].{key}", expected=expected):
        made(prior, bonds)


FLUID = [{"types": types, "epsilon": 1, "sigma": 3} for types in (["O", "O"], ["O", "H"], ["H", "H"])]


def test_parameters_of_all_pairs_make_those_of_species_unnecessary():
    def fluid(pairs):
        prior = {"prior": "lennard_jones", "pairs": pairs}
        return recipe(WATER, model={"layers": BY_SPECIES, "prior": [prior]}, data={"atoms": {}})

    assert len(fluid(FLUID).model.prior[0].pairs) == 3
    with refused(RecipeError, "'H'", key="model.prior[0]"):
        fluid(FLUID[:2])


@pytest.mark.parametrize(
    ("pairs", "number", "name"),
    [([*FLUID, {**FLUID[1], "types": ["H", "O"]}], 3, "second"), ([{**FLUID[0], "types": ["O", "N"]}], 0, "'N'")],
)
@pytest.mark.parametrize("place", ["model.prior", "data.reference"])
def test_a_pair_of_unknown_species_or_a_second_one_is_an_error(place, pairs, number, name):
    entry = {"prior": "lennard_jones", "pairs": pairs}
    with refused(RecipeError, name, key=f"{place}[0].pairs[{number}].types"):
        if place == "data.reference":
            recipe(WATER, data={"reference": [entry]})
        else:
            made(entry)


@pytest.mark.parametrize(
    "prior", [{"prior": "lennard_jones"}, {"prior": "coulomb", "damping": 0.2}, {"prior": "repulsion"}, springs([OH])]
)
def test_priors_need_named_species(prior):
    with refused(RecipeError, prior["prior"], key="model.prior[0]", expected='"types": {"1": "O", "2": "H"}'):
        made(prior, types=None)


@pytest.mark.parametrize(
    ("prior", "data", "names"),
    [
        ({"prior": "lennard_jones"}, {"atoms": {"O": POINT}}, ["'H'", "charge, epsilon and sigma"]),
        ({"prior": "coulomb", "damping": 0.2}, {"units": "lj"}, ['"real" or "metal"']),
        ({"prior": "repulsion"}, {"types": {"1": "Ow"}, "atoms": {"Ow": POINT}}, ["'Ow'", "element"]),
    ],
)
def test_priors_need_the_parameters_that_they_compute_with(prior, data, names):
    with refused(RecipeError, prior["prior"], *names, key="model.prior[0]"):
        made(prior, **data)
