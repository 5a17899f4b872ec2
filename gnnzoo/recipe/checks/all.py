"""All checks between the sections of a recipe that need neither data nor TensorFlow."""

from collections.abc import Iterator

from gnnzoo.errors import did_you_mean
from gnnzoo.recipe.checks.prior import check_priors, fluid_pairs
from gnnzoo.recipe.checks.stack import check_stack
from gnnzoo.recipe.checks.training import check_training
from gnnzoo.recipe.checks.transfer import check_transfer
from gnnzoo.recipe.io.validation_errors import Problem
from gnnzoo.recipe.layer_registry import layers_with, missing_packages
from gnnzoo.recipe.schema.prior import CoulombPrior, HarmonicPrior, LennardJonesPrior
from gnnzoo.recipe.schema.recipe import Recipe


def check(recipe: Recipe) -> list[Problem]:
    """Find contradictions between the sections of a recipe.

    Args:
        recipe: valid section by section.

    Returns:
        One problem for each contradiction.
    """
    return [
        *_requires(recipe),
        *_atoms(recipe),
        *_bonds(recipe),
        *_isolated_energies(recipe),
        *_reference(recipe),
        *check_stack(recipe),
        *check_priors(recipe),
        *check_training(recipe),
        *check_transfer(recipe),
    ]


def _requires(recipe: Recipe) -> Iterator[Problem]:
    """Required packages are installed."""
    for name in missing_packages(recipe.requires):
        what = f"the package '{name}' is not installed"
        yield Problem(("requires", recipe.requires.index(name)), what, hint=f"pip install {name}")


def _atoms(recipe: Recipe) -> Iterator[Problem]:
    """Atom features by parameters need the parameters of every named species."""
    encoder = next((entry for entry in recipe.model.layers if entry.species_inputs() == "parameters"), None)
    if encoder is None:
        return
    data = recipe.data
    named = dict.fromkeys((data.types or {}).values())
    hint = f'"{encoder.traits.species_inputs}": "species" in the {encoder.layer} needs no parameters'
    if not data.atoms:
        yield Problem(
            ("data", "atoms"), "no species has parameters", '{"Ar": {"charge": 0, "epsilon": ..., "sigma": ...}}', hint
        )
        return
    for name in named:
        if name not in data.atoms:
            what = f"'{name}' of data.types has no charge, epsilon and sigma." + did_you_mean(name, data.atoms)
            yield Problem(("data", "atoms"), what, f"an entry '{name}' in data.atoms", hint)


def _bonds(recipe: Recipe) -> Iterator[Problem]:
    """Bonds are between species of the recipe."""
    known = [*dict.fromkeys([*(recipe.data.types or {}).values(), *recipe.data.atoms])]
    for number, pair in enumerate(recipe.graph.bonds or ()):
        for name in pair:
            if known and name not in known:
                what = f"unknown species '{name}'." + did_you_mean(name, known)
                yield Problem(("graph", "bonds", number), what, f"two of {', '.join(known)}")


def _isolated_energies(recipe: Recipe) -> Iterator[Problem]:
    """Energies of isolated atoms are of species of the recipe, and used by an energy head."""
    data, path = recipe.data, ("data", "isolated_energies")
    known = [*dict.fromkeys([*(data.types or {}).values(), *data.atoms])]
    for name in data.isolated_energies:
        if known and name not in known:
            yield Problem((*path, name), f"unknown species '{name}'." + did_you_mean(name, known), ", ".join(known))
    if data.isolated_energies and not any(entry.traits.head == "energy" for entry in recipe.model.layers):
        what = "energies of isolated atoms are for a model with an energy"
        expected = f"a stack that ends in {' or '.join(layers_with(head='energy'))}"
        yield Problem(path, what, expected, "leave data.isolated_energies out")


def _reference(recipe: Recipe) -> Iterator[Problem]:
    """The interactions of the data are between species of the recipe, with the parameters and units that they need."""
    data, seen = recipe.data, set[str]()
    known = [*dict.fromkeys([*(data.types or {}).values(), *data.atoms])]
    for number, entry in enumerate(data.reference):
        path = ("data", "reference", number)
        if entry.prior in seen:
            yield Problem(path, f"a second entry '{entry.prior}'", "one of each kind")
        seen.add(entry.prior)
        if isinstance(entry, HarmonicPrior):
            for bond_number, bond in enumerate(entry.bonds):
                for name in bond.types:
                    if known and name not in known:
                        what = f"unknown species '{name}'." + did_you_mean(name, known)
                        yield Problem((*path, "bonds", bond_number, "types"), what, f"two of {', '.join(known)}")
        elif isinstance(entry, LennardJonesPrior) and entry.pairs:
            yield from fluid_pairs(entry, path, known)
        elif not data.atoms:
            yield Problem(path, "no species has charge, epsilon and sigma", "data.atoms with those of each species")
        if isinstance(entry, CoulombPrior) and data.units is None:
            yield Problem(path, "the unit style of the charges is unknown", '"units": "real", "metal" or "lj" in data')
