"""What a recipe's `model.prior` declares -> the terms of the prior layer, with the numbers of its species."""

import math
from typing import Literal

from gnnzoo.elements import ATOMIC_NUMBERS
from gnnzoo.recipe.schema.data import AtomParameters
from gnnzoo.recipe.schema.prior import CoulombPrior, HarmonicPrior, LennardJonesPrior
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.units import STYLES


def prior_terms(recipe: Recipe, species: list[str], shortest: list | None) -> list[dict]:
    """The terms of `layers.prior.Prior`, plain numbers all.

    Args:
        recipe: its `model.prior`, `data.atoms`, `data.units` and cutoff are read.
        species: names in the model's order.
        shortest: (2, species, species) shortest distances between and within molecules that training saw, for a
            repulsion; None before there is any training: then it has none.
    """
    terms = []
    for entry in recipe.model.prior:
        if isinstance(entry, LennardJonesPrior):
            terms.append(_lennard_jones(entry, recipe, species))
        elif isinstance(entry, CoulombPrior):
            terms.append(_coulomb(entry, recipe, species))
        elif isinstance(entry, HarmonicPrior):
            terms += _harmonic(entry, species)
        elif shortest is not None:
            terms.append(_repulsion(recipe, species, shortest))
    return terms


def _lennard_jones(entry: LennardJonesPrior, recipe: Recipe, species: list[str]) -> dict:
    atoms = [recipe.data.atoms[name] for name in species]
    pairs = [[mixed_parameters(a, b, entry.mixing) for b in atoms] for a in atoms]
    epsilon, sigma = ([[pair[part] for pair in row] for row in pairs] for part in (0, 1))
    return {"term": "lennard_jones", "epsilon": epsilon, "sigma": sigma, "cutoff": recipe.graph.cutoff}


def mixed_parameters(
    a: AtomParameters, b: AtomParameters, mixing: Literal["arithmetic", "geometric"]
) -> tuple[float, float]:
    """Lennard-Jones parameters of two species.

    Args:
        a, b: parameters of each species.
        mixing: mean of the two sigma; the mean of epsilon is geometric.

    Returns:
        epsilon in energy units, sigma in length units.
    """
    sigma = (a.sigma + b.sigma) / 2 if mixing == "arithmetic" else math.sqrt(a.sigma * b.sigma)
    return math.sqrt(a.epsilon * b.epsilon), sigma


def _coulomb(entry: CoulombPrior, recipe: Recipe, species: list[str]) -> dict:
    return {
        "term": "coulomb",
        "charges": [recipe.data.atoms[name].charge for name in species],
        "constant": STYLES[recipe.data.units].coulomb,
        "damping": entry.damping,
        "cutoff": recipe.graph.cutoff,
    }


def _harmonic(entry: HarmonicPrior, species: list[str]) -> list[dict]:
    count = range(len(species))
    k, length = ([[0.0 for _ in count] for _ in count] for _ in range(2))
    for bond in entry.bonds:
        a, b = (species.index(name) for name in bond.types)
        for i, j in ((a, b), (b, a)):
            k[i][j], length[i][j] = bond.k, bond.length
    terms = [{"term": "bonds", "k": k, "length": length}]
    for angle in entry.angles:
        first, middle, last = (species.index(name) for name in angle.types)
        # an atom in the middle has these partners; other atoms have none that could be met
        partners = [[float((first == j) + (last == j)) if i == middle else -1.0 for j in count] for i in count]
        stiff = [angle.k if i == middle else 0.0 for i in count]
        rest = [math.radians(angle.degrees)] * len(species)
        terms.append({"term": "angles", "k": stiff, "radians": rest, "partners": partners})
    return terms


def _repulsion(recipe: Recipe, species: list[str], shortest: list) -> dict:
    return {
        "term": "repulsion",
        "numbers": [ATOMIC_NUMBERS[name] for name in species],
        "shortest": shortest[0],
        "shortest_inside": shortest[1],
        "constant": STYLES[recipe.data.units].coulomb,
    }
