"""gnnzoo transfer"""

from typing import get_args

import click

from gnnzoo.choices import COMPARISON_SIZES, RadialTransfer, Strategy
from gnnzoo.cli.model_argument import check_models
from gnnzoo.cli.train import data_option, show_trained
from gnnzoo.cli.trust_option import trust_option


def _parse_map(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> dict[str, str] | None:
    """("O=Ar,H=Kr",) -> {"Ar": "O", "Kr": "H"}: the source species that each target species starts as."""
    given = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    pairs = [tuple(word.strip() for word in part.partition("=")) for part in given]
    for part, (source, _, target) in zip(given, pairs, strict=True):
        if not source or not target or "=" in target:
            raise click.BadParameter(f"'{part}' maps no species; write MODEL'S=TARGET'S, such as O=Ar")
    targets = [target for _, _, target in pairs]
    twice = next((name for name in targets if targets.count(name) > 1), None)
    if twice is not None:
        raise click.BadParameter(f"'{twice}' is mapped twice")
    return {target: source for source, _, target in pairs} or None


def _parse_layers(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> list[str] | None:
    """("a,b", "c") -> ["a", "b", "c"]."""
    return [name.strip() for text in texts for name in text.split(",") if name.strip()] or None


def _parse_sizes(_ctx: click.Context, _param: click.Parameter, text: str | None) -> list[int] | None:
    """ "3,10" -> [3, 10]."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise click.BadParameter(f"'{text}' is not a list of numbers of frames; write 3,10,30")
    return [int(part) for part in parts]


@click.command(name="transfer")
@click.argument("model")
@click.option("--target", metavar="RECIPE", required=True, help="Recipe of the target, by name or path.")
@data_option
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Maximum number of training frames.")
@click.option(
    "--strategy", type=click.Choice(get_args(Strategy)), help="Which layers are trained; default: discriminative."
)
@click.option("--freeze", multiple=True, metavar="LAYERS", callback=_parse_layers, help="Layers that are not trained.")
@click.option(
    "--reset", multiple=True, metavar="LAYERS", callback=_parse_layers, help="Layers that start from random weights."
)
@click.option(
    "--radial", type=click.Choice(get_args(RadialTransfer)), help="How radial functions go from one cutoff to another."
)
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="O=Ar",
    callback=_parse_map,
    help="Start species Ar from learned O: O=Ar,H=Kr.",
)
@click.option(
    "--replay",
    type=click.FloatRange(0, 1, max_open=True),
    metavar="SHARE",
    help="Share of steps on MODEL's own frames.",
)
@click.option("--compare", is_flag=True, help="Also train from scratch, at several numbers of frames, and plot both.")
@click.option(
    "--sizes",
    metavar="N,N",
    callback=_parse_sizes,
    help=f"Training frames to compare at; default: {','.join(map(str, COMPARISON_SIZES))}.",
)
@click.option(
    "--time-limit", metavar="TIME", help="Fit the schedule to a time such as 3m; compilation comes in addition."
)
@click.option("-o", "--output", metavar="OUT.keras", help="Default: TARGET-from-SOURCE.keras.")
@click.option("--resume", is_flag=True, help="Continue the newest unfinished run of this transfer.")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change a value of the target's recipe.")
@click.option("--overwrite", is_flag=True, help="Replace an existing model; the old one is kept as a backup.")
@trust_option
def command(
    model: str,
    target: str,
    data: tuple[str, ...],
    frames: int | None,
    strategy: Strategy | None,
    freeze: list[str] | None,
    reset: list[str] | None,
    radial: RadialTransfer | None,
    mapping: dict[str, str] | None,
    replay: float | None,
    compare: bool,
    sizes: list[int] | None,
    time_limit: str | None,
    output: str | None,
    resume: bool,
    overrides: tuple[str, ...],
    overwrite: bool,
    trust: bool,
) -> int:
    """Transfer MODEL to another substance: copy the weights that fit, list them, train on the target's data.

    LAYERS are names or patterns of the target's stack, such as 'message_passing_*'; `gnnzoo validate` shows them.

    \b
    gnnzoo transfer water.keras --target argon
    gnnzoo transfer water.keras --target argon --frames 10 --strategy staged
    gnnzoo transfer water.keras --target argon --compare --sizes 3,10
    """
    check_models(model)
    from gnnzoo.cli.transfer_tables import print_comparison, print_transfer
    from gnnzoo.workflows.transfer import transfer_to

    if sizes and not compare:
        raise click.UsageError("--sizes goes with --compare")
    result = transfer_to(
        model,
        target,
        dict(strategy=strategy, freeze=freeze, reset=reset, radial=radial, map=mapping, replay=replay),
        data=list(data) or None,
        frames=frames,
        time_limit=time_limit,
        output=output,
        resume=resume,
        overwrite=overwrite,
        overrides=overrides,
        sizes=(sizes or COMPARISON_SIZES) if compare else None,
        on_report=print_transfer,
        trust=trust,
    )
    if result.comparison is not None:
        print_comparison(result.comparison)
    return show_trained(result.model)
