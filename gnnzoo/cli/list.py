"""gnnzoo list"""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gnnzoo.workflows.recipes import ListedModel, ListedRecipe


@click.command()
def command() -> None:
    """List the recipes that can be given by name, and the models in this folder with their errors.

    Recipes come from ./recipes and from gnnzoo itself. A model's error is mean |dF| / mean |F| on held-out frames;
    zero forces have 100 %.
    """
    from gnnzoo.cli.console import say, table
    from gnnzoo.workflows.recipes import list_models, list_recipes

    recipes = [(listed.name, *_recipe_cells(listed)) for listed in list_recipes()]
    table("recipes", ("name", "cutoff", "decoder", "what for"), recipes)
    models = [(listed.path, *_model_cells(listed)) for listed in list_models()]
    if models:
        columns = ("file", "recipe", "species", "error", "MAE", "trained")
        table("models in this folder, the newest first", columns, models)
    else:
        say("no models in this folder yet: gnnzoo train RECIPE makes one")


def _recipe_cells(listed: "ListedRecipe") -> tuple[str, str, str]:
    if listed.recipe is None:
        return "", "", f"invalid: gnnzoo validate {listed.path}"
    recipe = listed.recipe
    return f"{recipe.graph.cutoff:g}", recipe.model.layers[-1].layer, recipe.description


def _model_cells(listed: "ListedModel") -> tuple[str, ...]:
    from gnnzoo.units import force_unit

    info = listed.info
    if info is None:
        return f"unreadable: {listed.problem}", "", "", "", ""
    figures = info.get("figures") or {}
    held_out = figures.get("test") or figures.get("validation") or {}
    relative, mae = held_out.get("relative"), held_out.get("mae")
    return (
        str(info["recipe"].get("name", "")),
        " ".join(info.get("species", ())),
        "" if relative is None else f"{relative:.2%}",
        "" if mae is None else f"{mae:.3g} {force_unit(info.get('units'))}",
        info.get("trained", ""),
    )
