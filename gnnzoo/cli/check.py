"""gnnzoo check"""

from pathlib import Path

import click


@click.command(name="check")
@click.argument("folder")
def command(folder: str) -> None:
    """Verify the exported model FOLDER: its files against their digests, and its forces on the stored example."""
    from gnnzoo.cli.console import say, table
    from gnnzoo.deploy.checksums import check_checksums

    check_checksums(Path(folder))  # what is no such folder is refused before TensorFlow is imported
    from gnnzoo.workflows.check import check

    found = check(folder)
    say(f"{found.folder}: {found.files} files as they were written; forces on {found.atoms} atoms are the stored ones")
    rows = [
        [one.name, f"{one.difference:.1g}", f"{one.first_seconds:.1f} s", f"{1e3 * one.seconds:.1f} ms"]
        for one in found.functions
    ]
    table(None, ["function", "largest difference / largest force", "first call", "next call"], rows)
