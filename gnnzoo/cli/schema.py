"""gnnzoo schema"""

import click


@click.command()
@click.option("--markdown", is_flag=True, help="Markdown instead of JSON schema.")
def command(markdown: bool) -> None:
    """Print the reference of all recipe keys, each with type, default and description.

    \b
    gnnzoo schema --markdown | less
    gnnzoo schema > recipe.schema.json
    """
    import json

    from gnnzoo.cli.console import say
    from gnnzoo.recipe.text import reference

    say(reference.markdown() if markdown else json.dumps(reference.json_schema(), indent=2))
