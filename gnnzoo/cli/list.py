"""gnnzoo list: the recipes at hand, and the models in this folder."""

import click


@click.command()
def command() -> None:
    """Show the recipes that are found by name, and the models in this folder with their figures.

    Recipes come from ./recipes and from gnnzoo itself. A model's error is that on frames held out of its training:
    mean |dF| as a share of mean |F|, which is 100 % for a model that predicts no force at all.
    """
    from gnnzoo.cli.console import say, table
    from gnnzoo.workflows.recipes import list_models, list_recipes

    rows = [(listed.name, *_recipe_cells(listed)) for listed in list_recipes()]
    table("recipes", ("name", "cutoff", "decoder", "what for"), rows)
    models = list_models()
    if models:
        rows = [(listed.path, *_model_cells(listed.info)) for listed in models]
        table("models in this folder, the newest first", ("file", "recipe", "species", "error", "MAE", "trained"), rows)
    else:
        say("no models in this folder yet: gnnzoo train RECIPE makes one")


def _recipe_cells(listed) -> tuple[str, str, str]:
    if listed.recipe is None:
        return "", "", f"not in order: gnnzoo validate {listed.path}"
    recipe = listed.recipe
    return f"{recipe.graph.cutoff:g}", recipe.model.layers[-1].layer, recipe.description


def _model_cells(info: dict | None) -> tuple[str, ...]:
    from gnnzoo.units import force_unit

    if info is None:
        return "not a model of gnnzoo", "", "", "", ""
    figures = info.get("figures") or {}
    held_out = figures.get("test") or figures.get("validation") or {}
    relative = f"{held_out['relative']:.2%}" if "relative" in held_out else ""
    mae = f"{held_out['mae']:.3g} {force_unit(info.get('units'))}" if "mae" in held_out else ""
    species = " ".join(info.get("species", ()))
    return info.get("recipe", {}).get("name", ""), species, relative, mae, info.get("trained", "")
