"""gnnzoo check"""

import click


@click.command(name="check")
@click.argument("folder")
def command(folder: str) -> None:
    """Verify the exported model FOLDER: its files against their digests, and its forces on the stored example."""
    from gnnzoo.cli.console import say, table
    from gnnzoo.workflows.check import check

    found = check(folder)
    say(f"{found.folder}: {found.files} files as they were written; forces on {found.atoms} atoms are the stored ones")
    rows = [
        [one.name, f"{one.difference:.1g}", f"{one.first_seconds:.1f} s", f"{1e3 * one.seconds:.1f} ms"]
        for one in found.functions
    ]
    table(None, ["function", "largest difference / largest force", "first call", "next call"], rows)
