"""Priors that would never act, or that do not know enough, are refused with their place and what would fit."""

import pytest

from gnnzoo.errors import RecipeError
from small import WATER, recipe

OH, HH = ({"types": types, "k": 500, "length": 1} for types in (["O", "H"], ["H", "H"]))
HOH, OHH = ({"types": types, "k": 50, "degrees": 109} for types in (["H", "O", "H"], ["O", "H", "H"]))


def made(prior, bonds=None, **data):
    return recipe(WATER, model={"prior": [prior]}, graph={"bonds": bonds}, data=data)


def refusal(prior, bonds=None, **data):
    with pytest.raises(RecipeError) as caught:
        made(prior, bonds, **data)
    return str(caught.value)


def springs(bonds, angles=()):
    return {"prior": "harmonic", "bonds": bonds, "angles": list(angles)}


@pytest.mark.parametrize("bonds", [None, [["H", "O"]], [["O", "H"], ["H", "H"]]])
def test_springs_along_what_the_graph_bonds_are_accepted(bonds):
    assert made(springs([OH], [HOH]), bonds).model.prior[0].angles[0].degrees == 109


NO_BOND = "is no bond, and the spring would never act: graph.bonds is null"
NOT_NAMED = "is no bond of graph.bonds, and the spring would never act"
REST = "beside the other bonds"


@pytest.mark.parametrize(
    ("prior", "bonds", "said", "expected"),
    [
        (
            *(springs([OH, HH]), None, f"bonds[1].types: H-H {NO_BOND}"),
            f'two different species, or ["H", "H"] in graph.bonds {REST}',
        ),
        (
            *(springs([OH, HH]), [["O", "H"]], f"bonds[1].types: H-H {NOT_NAMED}"),
            'of O-H, or ["H", "H"] in graph.bonds',
        ),
        (
            *(springs([HH]), [], f"bonds[0].types: H-H {NOT_NAMED}"),
            'of none, or ["H", "H"] in graph.bonds',
        ),
        (
            *(springs([OH], [HOH, OHH]), None, f"angles[1].types: H-H {NO_BOND}"),
            f'two different species, or ["H", "H"] in graph.bonds {REST}',
        ),
        (
            *(springs([HH], [HOH]), [["H", "H"]], f"angles[0].types: H-O {NOT_NAMED}"),
            'of H-H, or ["H", "O"] in graph.bonds',
        ),
        (springs([OH | {"types": ["O", "N"]}]), None, "bonds[0].types: unknown species 'N'", "of O, H"),
        (springs([OH, OH]), None, "bonds[1]: a second spring of these species", "one for each"),
    ],
)
def test_springs_that_never_act_are_refused(prior, bonds, said, expected):
    first, second = refusal(prior, bonds).splitlines()[:2]
    assert first.startswith(f"model.prior[0].{said}")
    assert second == f"  expected: {expected}"


@pytest.mark.parametrize(
    "prior", [{"prior": "lennard_jones"}, {"prior": "coulomb", "damping": 0.2}, {"prior": "repulsion"}, springs([OH])]
)
def test_priors_want_species_with_names(prior):
    text = refusal(prior, types=None)
    assert text.startswith(f"model.prior[0]: {prior['prior']} acts by species, and data.types names none")
    assert 'expected: the species in data.types, such as "types": {"1": "O", "2": "H"}' in text


def test_priors_want_what_they_compute_with():
    assert "lennard_jones needs charge, epsilon and sigma of 'H'" in refusal(
        {"prior": "lennard_jones"}, atoms={"O": {"charge": 0, "epsilon": 1, "sigma": 3}}
    )
    assert "coulomb needs to know in which units" in refusal({"prior": "coulomb", "damping": 0.2}, units="lj")
    assert "repulsion knows atoms by their element, and 'Ow' is none" in refusal(
        {"prior": "repulsion"}, types={"1": "Ow"}, atoms={"Ow": {"charge": 0, "epsilon": 1, "sigma": 3}}
    )
