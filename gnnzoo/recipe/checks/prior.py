"""Priors: each has the parameters that it needs, acts on something, and is declared once."""

from collections.abc import Iterator
from itertools import pairwise

from gnnzoo.elements import ATOMIC_NUMBERS
from gnnzoo.errors import did_you_mean
from gnnzoo.recipe.io.validation_errors import Problem
from gnnzoo.recipe.schema.prior import HarmonicPrior, PriorEntry
from gnnzoo.recipe.schema.recipe import Recipe

_NEED_ATOMS = ("lennard_jones", "coulomb")
_NEED_UNITS = ("coulomb", "repulsion")


def check_priors(recipe: Recipe) -> Iterator[Problem]:
    """Everything about `model.prior` that does not agree with the rest of the recipe."""
    named = list(dict.fromkeys((recipe.data.types or {}).values()))
    seen = []
    for number, entry in enumerate(recipe.model.prior):
        path = ("model", "prior", number)
        if entry.prior in seen:
            yield Problem(path, f"a second prior '{entry.prior}'", "one of each kind")
        seen.append(entry.prior)
        if entry.prior in _NEED_UNITS and recipe.data.units not in ("real", "metal"):
            what = f"{entry.prior} needs to know in which units the data are"
            yield Problem(path, what, '"units": "real" or "metal" in data')
        if not named:
            what = f"{entry.prior} acts by species, and data.types names none"
            yield Problem(path, what, 'the species in data.types, such as "types": {"1": "O", "2": "H"}')
            continue
        yield from _species(entry, path, recipe, named)
        if isinstance(entry, HarmonicPrior):
            yield from _springs(entry, path, recipe.graph.bonds, named)


def _species(entry: PriorEntry, path: tuple, recipe: Recipe, named: list[str]) -> Iterator[Problem]:
    """What a prior must know of each species is known."""
    for name in named:
        if entry.prior in _NEED_ATOMS and name not in recipe.data.atoms:
            what = f"{entry.prior} needs charge, epsilon and sigma of '{name}'"
            yield Problem(path, what, f"an entry '{name}' in data.atoms")
        if entry.prior == "repulsion" and name not in ATOMIC_NUMBERS:
            near = did_you_mean(name, ATOMIC_NUMBERS)
            what = f"repulsion knows atoms by their element, and '{name}' is none." + near
            yield Problem(path, what, "element symbols in data.types")


def _springs(entry: HarmonicPrior, path: tuple, bonds: list | None, named: list[str]) -> Iterator[Problem]:
    """Springs are between species that the recipe names and bonds, once for each two or three."""
    for key, springs in (("bonds", entry.bonds), ("angles", entry.angles)):
        seen = []
        for number, spring in enumerate(springs):
            place = (*path, key, number, "types")
            unknown = [name for name in spring.types if name not in named]
            for name in unknown:
                what = f"unknown species '{name}'." + did_you_mean(name, named)
                yield Problem(place, what, f"of {', '.join(named)}")
            if not unknown:
                yield from _bonded(spring.types, place, bonds)
            if sorted((spring.types, spring.types[::-1])) in seen:
                yield Problem(place[:-1], "a second spring of these species", "one for each")
            seen.append(sorted((spring.types, spring.types[::-1])))


def _bonded(types: tuple[str, ...], place: tuple, bonds: list | None) -> Iterator[Problem]:
    """Neighbours in a spring are species that `graph.bonds` bonds, or it would never act."""
    for pair in dict.fromkeys(tuple(sorted(pair)) for pair in pairwise(types)):
        added = '["{}", "{}"]'.format(*pair)
        if bonds is None and pair[0] == pair[1]:
            what = f"{'-'.join(pair)} is no bond, and the spring would never act: graph.bonds is null"
            yield Problem(place, what, f"two different species, or {added} in graph.bonds beside the other bonds")
        elif bonds is not None and pair not in [tuple(sorted(bond)) for bond in bonds]:
            what = f"{'-'.join(pair)} is no bond of graph.bonds, and the spring would never act"
            yield Problem(place, what, f"of {', '.join(map('-'.join, bonds)) or 'none'}, or {added} in graph.bonds")
