"""gnnzoo validate"""

import click


@click.command()
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE...")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="Change the recipes before the check."
)
def command(recipes: tuple[str, ...], overrides: tuple[str, ...]) -> None:
    """Validate recipes without running anything, and print a summary of each.

    RECIPE is a path, or a name that `gnnzoo list` shows. All problems are reported at once, with their lines.

    \b
    gnnzoo validate recipes/water.json
    gnnzoo validate water --set model.layers[3].units=32
    """
    from gnnzoo.cli.console import say, table
    from gnnzoo.recipe.text.summary import summary
    from gnnzoo.workflows.recipes import validate

    for recipe in validate(recipes, overrides):
        table(recipe.name, ("part", "what it says"), summary(recipe))
        say(f"{recipe.name}: ok")
