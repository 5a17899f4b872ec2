"""Priors: each has the parameters that it needs, and is declared once."""

from collections.abc import Iterator

from gnnzoo.elements import ATOMIC_NUMBERS
from gnnzoo.errors import did_you_mean
from gnnzoo.recipe.prior_parts import HarmonicPrior
from gnnzoo.recipe.problems import Problem
from gnnzoo.recipe.schema import Recipe

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
        if entry.prior in _NEED_ATOMS:
            for name in named or ["X"]:
                if name not in recipe.data.atoms:
                    what = (
                        f"{entry.prior} needs charge, epsilon and sigma of '{name}'"
                        if named
                        else (f"{entry.prior} needs the species named in data.types, with charge, epsilon and sigma")
                    )
                    yield Problem(path, what, f"an entry '{name}' in data.atoms")
        if entry.prior in _NEED_UNITS and recipe.data.units not in ("real", "metal"):
            what = f"{entry.prior} needs to know in which units the data are"
            yield Problem(path, what, '"units": "real" or "metal" in data')
        if entry.prior == "repulsion":
            for name in [name for name in named if name not in ATOMIC_NUMBERS] if named else ["?"]:
                what = f"repulsion knows atoms by their element, and '{name}' is none." + did_you_mean(
                    name, ATOMIC_NUMBERS
                )
                yield Problem(path, what, "element symbols in data.types")
        if isinstance(entry, HarmonicPrior):
            yield from _springs(entry, path, named)


def _springs(entry: HarmonicPrior, path: tuple, named: list[str]) -> Iterator[Problem]:
    """Springs are between species that the recipe names, once for each two or three."""
    for key, springs in (("bonds", entry.bonds), ("angles", entry.angles)):
        seen = []
        for number, spring in enumerate(springs):
            for name in spring.types:
                if name not in named:
                    what = f"unknown species '{name}'." + did_you_mean(name, named)
                    yield Problem((*path, key, number, "types"), what, f"of {', '.join(named) or 'data.types'}")
            if sorted((spring.types, spring.types[::-1])) in seen:
                yield Problem((*path, key, number), "a second spring of these species", "one for each")
            seen.append(sorted((spring.types, spring.types[::-1])))
