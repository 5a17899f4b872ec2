"""Checks of priors: each has the parameters that it needs, acts on some atoms, and is declared once."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from gnnzoo.elements import ATOMIC_NUMBERS
from gnnzoo.errors import did_you_mean
from gnnzoo.recipe.io.json_positions import Path
from gnnzoo.recipe.io.validation_errors import Problem
from gnnzoo.recipe.schema.prior import (
    Angle,
    Bond,
    CoulombPrior,
    HarmonicPrior,
    LennardJonesPrior,
    PriorEntry,
    RepulsionPrior,
)
from gnnzoo.recipe.schema.recipe import Recipe


def check_priors(recipe: Recipe) -> Iterator[Problem]:
    """Find everything in `model.prior` that contradicts the rest of the recipe.

    Args:
        recipe: its `model.prior`, its `data` and its `graph.bonds` are read.

    Yields:
        One problem for each contradiction.
    """
    named = list(dict.fromkeys((recipe.data.types or {}).values()))
    seen: list[str] = []
    for number, entry in enumerate(recipe.model.prior):
        path = ("model", "prior", number)
        if entry.prior in seen:
            yield Problem(path, f"a second prior '{entry.prior}'", "one of each kind")
        seen.append(entry.prior)
        if isinstance(entry, CoulombPrior | RepulsionPrior) and recipe.data.units not in ("real", "metal"):
            what = f"{entry.prior} needs the unit style of the data"
            yield Problem(path, what, '"units": "real" or "metal" in data')
        if not named:
            what = f"{entry.prior} acts by species, and data.types names none"
            yield Problem(path, what, 'the species in data.types, such as "types": {"1": "O", "2": "H"}')
            continue
        yield from _species(entry, path, recipe, named)
        if isinstance(entry, HarmonicPrior):
            yield from _springs(entry, path, recipe.graph.bonds, named)


def _species(entry: PriorEntry, path: Path, recipe: Recipe, named: list[str]) -> Iterator[Problem]:
    """A prior has the parameters of each species, or of each pair of species."""
    if isinstance(entry, LennardJonesPrior):
        yield from fluid_pairs(entry, path, named)
    for name in named:
        mixed = isinstance(entry, CoulombPrior) or (isinstance(entry, LennardJonesPrior) and _mixes(entry, name, named))
        if mixed and name not in recipe.data.atoms:
            what = f"{entry.prior} needs charge, epsilon and sigma of '{name}'"
            yield Problem(path, what, f"an entry '{name}' in data.atoms")
        if isinstance(entry, RepulsionPrior) and name not in ATOMIC_NUMBERS:
            near = did_you_mean(name, ATOMIC_NUMBERS)
            what = f"{entry.prior} needs the element of each species, and '{name}' is not one.{near}"
            yield Problem(path, what, "element symbols in data.types")


def _mixes(entry: LennardJonesPrior, name: str, named: list[str]) -> bool:
    """Whether some pair of a species has no parameters of its own."""
    declared = {frozenset(pair.types) for pair in entry.pairs}
    return any(frozenset((name, other)) not in declared for other in named)


def fluid_pairs(entry: LennardJonesPrior, path: Path, named: Sequence[str]) -> Iterator[Problem]:
    """The pairs of a Lennard-Jones fluid are of known species, each once.

    Args:
        entry: with the pairs.
        path: of the entry in the recipe.
        named: species of the recipe.

    Yields:
        Problems.
    """
    seen: list[frozenset[str]] = []
    for number, pair in enumerate(entry.pairs):
        place = (*path, "pairs", number, "types")
        for name in pair.types:
            if named and name not in named:
                what = f"unknown species '{name}'." + did_you_mean(name, named)
                yield Problem(place, what, f"two of {', '.join(named)}")
        if frozenset(pair.types) in seen:
            yield Problem(place, f"a second pair of {' and '.join(pair.types)}", "one of each two species")
        seen.append(frozenset(pair.types))


def _springs(
    entry: HarmonicPrior, path: Path, bonds: list[tuple[str, str]] | None, named: list[str]
) -> Iterator[Problem]:
    """Springs are between species that the recipe names and bonds, once for each pair or triple."""
    kinds: dict[str, Sequence[Bond | Angle]] = {"bonds": entry.bonds, "angles": entry.angles}
    for key, springs in kinds.items():
        seen: list[list[tuple[str, ...]]] = []
        for number, spring in enumerate(springs):
            location = (*path, key, number, "types")
            unknown = [name for name in spring.types if name not in named]
            for name in unknown:
                what = f"unknown species '{name}'." + did_you_mean(name, named)
                yield Problem(location, what, f"of {', '.join(named)}")
            if not unknown:
                yield from _bonded(spring.types, location, bonds)
            both_orders: list[tuple[str, ...]] = sorted((spring.types, spring.types[::-1]))
            if both_orders in seen:
                yield Problem(location[:-1], "a second spring of these species", "one for each")
            seen.append(both_orders)


def _bonded(types: tuple[str, ...], location: Path, bonds: list[tuple[str, str]] | None) -> Iterator[Problem]:
    """Neighbours in a spring are bonded by `graph.bonds`; otherwise it would never act."""
    for pair in dict.fromkeys(tuple(sorted(pair)) for pair in pairwise(types)):
        added = '["{}", "{}"]'.format(*pair)
        if bonds is None and pair[0] == pair[1]:
            what = f"{'-'.join(pair)} is not a bond, and the spring would never act: graph.bonds is null"
            yield Problem(location, what, f"two different species, or {added} in graph.bonds with the other bonds")
        elif bonds is not None and pair not in [tuple(sorted(bond)) for bond in bonds]:
            what = f"{'-'.join(pair)} is not a bond of graph.bonds, and the spring would never act"
            yield Problem(location, what, f"of {', '.join(map('-'.join, bonds)) or 'none'}, or {added} in graph.bonds")
