"""gnnzoo transfer"""

import click

from gnnzoo.cli.train import data_option, result_lines

STRATEGIES = ("full", "heads", "staged", "discriminative", "lora")


def _parse_map(_ctx, _param, texts: tuple[str, ...]) -> dict[str, str] | None:
    """("O=Ar",) -> {"Ar": "O"}: which species of the model each one of the target begins as."""
    pairs = [text.partition("=") for text in texts]
    for text, (there, _, here) in zip(texts, pairs, strict=True):
        if not there or not here:
            raise click.BadParameter(f"'{text}' maps no species; say MODEL'S=TARGET'S, such as O=Ar")
    targets = [here for _, _, here in pairs]
    twice = next((name for name in targets if targets.count(name) > 1), None)
    if twice is not None:
        raise click.BadParameter(f"'{twice}' is mapped twice")
    return {here: there for there, _, here in pairs} or None


def _layers(_ctx, _param, texts: tuple[str, ...]) -> list[str] | None:
    """("a,b", "c") -> ["a", "b", "c"]."""
    return [name.strip() for text in texts for name in text.split(",") if name.strip()] or None


def _sizes(_ctx, _param, text: str | None) -> list[int] | None:
    """ "3,10" -> [3, 10]."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"'{text}' are no numbers of frames; say 3,10,30")
    return [int(part) for part in parts]


@click.command(name="transfer")
@click.argument("model")
@click.option("--target", metavar="RECIPE", required=True, help="Recipe of the substance to go to, by name or path.")
@data_option
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Training frames to use at most.")
@click.option("--strategy", type=click.Choice(STRATEGIES), help="What is trained; by default discriminative.")
@click.option("--freeze", multiple=True, metavar="LAYERS", callback=_layers, help="Layers that are not trained.")
@click.option("--reset", multiple=True, metavar="LAYERS", callback=_layers, help="Layers that begin anew.")
@click.option("--radial", type=click.Choice(("extend", "stretch")), help="How distances go from cutoff to cutoff.")
@click.option(
    "--map", "mapping", multiple=True, metavar="O=Ar", callback=_parse_map, help="A learned species' new name."
)
@click.option("--replay", type=click.FloatRange(0, 1, max_open=True), metavar="SHARE", help="Of steps on old frames.")
@click.option("--compare", is_flag=True, help="Train from scratch beside it, on few and on many frames; draw both.")
@click.option("--sizes", metavar="N,N", callback=_sizes, help="Training frames to compare at; 1,3,10,30,100.")
@click.option("--time-limit", metavar="TIME", help="Fit the schedule to a time such as 3m.")
@click.option("-o", "--output", metavar="OUT.keras", help="By default TARGET-from-SOURCE.keras.")
@click.option("--resume", is_flag=True, help="Go on with the newest unfinished run of this transfer.")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change a value of the target's recipe.")
@click.option("--overwrite", is_flag=True, help="Replace an existing model; the old one is kept beside it.")
def command(model, data, mapping, compare, sizes, **options):
    """Carry MODEL over to another substance: copy what fits, say what moved, train on the target's data.

    LAYERS are names or patterns of the target's stack, such as 'message_passing_*'; `gnnzoo validate` shows them.

    \b
    gnnzoo transfer water.keras --target argon
    gnnzoo transfer water.keras --target argon --frames 10 --strategy staged
    gnnzoo transfer water.keras --target argon --compare --sizes 3,10
    """
    from gnnzoo.cli.console import say
    from gnnzoo.workflows.compare import SIZES
    from gnnzoo.workflows.transfer import transfer

    if sizes and not compare:
        raise click.UsageError("--sizes goes with --compare")
    sizes = (sizes or SIZES) if compare else None
    result = transfer(model, data=list(data) or None, map=mapping, sizes=sizes, **options)
    for line in result_lines(result.path, result.info):
        say(line)
