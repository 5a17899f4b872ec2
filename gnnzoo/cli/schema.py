"""gnnzoo schema: what a recipe may hold."""

import click


@click.command()
@click.option("--markdown", is_flag=True, help="Text to read instead of JSON schema.")
def command(markdown: bool) -> None:
    """Print what a recipe may hold: every key with its type, default and meaning.

    \b
    gnnzoo schema --markdown | less
    gnnzoo schema > recipe.schema.json
    """
    import json

    from gnnzoo.cli.console import say
    from gnnzoo.recipe.text import reference

    say(reference.markdown() if markdown else json.dumps(reference.json_schema(), indent=2))
