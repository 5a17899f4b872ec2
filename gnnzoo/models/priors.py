"""Arguments of the prior layer from `model.prior` of a recipe and the parameters of the species."""

import math
from collections.abc import Mapping

from gnnzoo.elements import ATOMIC_NUMBERS
from gnnzoo.layers.prior import Term
from gnnzoo.recipe.schema.data import AtomParameters
from gnnzoo.recipe.schema.prior import CoulombPrior, HarmonicPrior, LennardJonesPrior
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.units import STYLES


def prior_terms(recipe: Recipe, species: list[str], shortest: list[list[list[float]]] | None) -> list[Term]:
    """Translate the priors of a recipe into terms of the prior layer.

    Args:
        recipe: its `model.prior`, `data.atoms`, `data.units` and cutoff are read.
        species: names in the order of the network's species index.
        shortest: (2, species, species) shortest distances between and within molecules in the training data, length
            unit, for a repulsion; None where they are not known: then it is left out.

    Returns:
        Terms in plain numbers, see `layers.prior.Prior`.
    """
    terms: list[Term] = []
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


def _lennard_jones(entry: LennardJonesPrior, recipe: Recipe, species: list[str]) -> Term:
    pairs = [[pair_parameters(entry, recipe.data.atoms, a, b) for b in species] for a in species]
    epsilon, sigma = ([[pair[part] for pair in row] for row in pairs] for part in (0, 1))
    return {"term": "lennard_jones", "epsilon": epsilon, "sigma": sigma, "cutoff": recipe.graph.cutoff}


def pair_parameters(
    entry: LennardJonesPrior, atoms: Mapping[str, AtomParameters], one: str, other: str
) -> tuple[float, float]:
    """Lennard-Jones parameters of two species.

    Args:
        entry: declares those of some pairs, and how those of the others are mixed.
        atoms: parameters of each species; of those alone whose pairs are mixed.
        one, other: the species.

    Returns:
        epsilon in energy units, sigma in length units.
    """
    for pair in entry.pairs:
        if set(pair.types) == {one, other}:
            return pair.epsilon, pair.sigma
    a, b = atoms[one], atoms[other]
    sigma = (a.sigma + b.sigma) / 2 if entry.mixing == "arithmetic" else math.sqrt(a.sigma * b.sigma)
    return math.sqrt(a.epsilon * b.epsilon), sigma


def _coulomb(entry: CoulombPrior, recipe: Recipe, species: list[str]) -> Term:
    return {
        "term": "coulomb",
        "charges": [recipe.data.atoms[name].charge for name in species],
        "constant": _coulomb_constant(recipe),
        "damping": entry.damping,
        "cutoff": recipe.graph.cutoff,
    }


def _harmonic(entry: HarmonicPrior, species: list[str]) -> list[Term]:
    count = range(len(species))
    k, length = ([[0.0 for _ in count] for _ in count] for _ in range(2))
    for bond in entry.bonds:
        a, b = (species.index(name) for name in bond.types)
        for i, j in ((a, b), (b, a)):
            k[i][j], length[i][j] = bond.k, bond.length
    terms: list[Term] = [{"term": "bonds", "k": k, "length": length}]
    for angle in entry.angles:
        first, central, last = (species.index(name) for name in angle.types)
        # the number of bonds to each species that a central atom has; -1, which no atom has, for other atoms
        partners = [[float((first == j) + (last == j)) if i == central else -1.0 for j in count] for i in count]
        stiffness = [angle.k if i == central else 0.0 for i in count]
        rest = [math.radians(angle.degrees)] * len(species)
        terms.append({"term": "angles", "k": stiffness, "radians": rest, "partners": partners})
    return terms


def _repulsion(recipe: Recipe, species: list[str], shortest: list[list[list[float]]]) -> Term:
    return {
        "term": "repulsion",
        "numbers": [ATOMIC_NUMBERS[name] for name in species],
        "shortest": shortest[0],
        "shortest_inside": shortest[1],
        "constant": _coulomb_constant(recipe),
    }


def _coulomb_constant(recipe: Recipe) -> float:
    """Energy times length per squared charge."""
    assert recipe.data.units is not None  # held by the checks of priors
    return STYLES[recipe.data.units].coulomb
