"""Evaluation sets of a recipe: selection by name, and a recipe for the data of each."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from gnnzoo.errors import Location, UserError, did_you_mean
from gnnzoo.recipe.schema.data import ALL_SETS
from gnnzoo.recipe.schema.recipe import Recipe


def chosen_sets(recipe: Recipe, names: str | Iterable[str]) -> list[str]:
    """Select evaluation sets.

    Args:
        recipe: declares the sets.
        names: of sets; "all" for every one.

    Returns:
        The names, each once.

    Raises:
        UserError: the recipe declares no set of that name.
    """
    declared = list(recipe.data.evaluation)
    chosen: dict[str, None] = {}
    for name in [names] if isinstance(names, str) else names:
        if name == ALL_SETS and declared:
            chosen |= dict.fromkeys(declared)
        elif name in declared:
            chosen[name] = None
        else:
            raise _unknown(recipe, name, declared)
    return list(chosen)


def as_recipe(recipe: Recipe, name: str) -> Recipe:
    """Replace the data of a recipe by an evaluation set.

    Args:
        recipe: declares the set.
        name: of the set.

    Returns:
        The recipe with the data of the set, named after both.

    Raises:
        UserError: the recipe declares no set of that name.
    """
    if name not in recipe.data.evaluation:
        raise _unknown(recipe, name, list(recipe.data.evaluation))
    declared = recipe.data.evaluation[name]
    data = recipe.data.model_copy(update={"source": declared.source, "simulate": declared.simulate})
    return recipe.model_copy(update={"name": f"{recipe.name}-{name}", "data": data})


def _unknown(recipe: Recipe, name: str, declared: Sequence[str]) -> UserError:
    if not declared:
        return UserError(
            f"the recipe '{recipe.name}' declares no evaluation sets, so there is no '{name}'",
            location=Location(key="data.evaluation"),
            expected='"evaluation": {"large": {"source": "large.h5"}} in the recipe',
            hint="gnnzoo evaluate MODEL DATA evaluates on any data",
        )
    near = did_you_mean(name, [*declared, ALL_SETS])
    return UserError(
        f"the recipe '{recipe.name}' declares no evaluation set '{name}'.{near}",
        expected=" or ".join(["one of " + ", ".join(declared) if len(declared) > 1 else declared[0], ALL_SETS]),
        hint=f"gnnzoo evaluate MODEL {name}, without --on: it is a file" if Path(name).exists() else None,
    )
