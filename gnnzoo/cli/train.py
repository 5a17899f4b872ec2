"""gnnzoo train"""

from typing import TYPE_CHECKING

import click

from gnnzoo.cli.trust_option import trust_option

if TYPE_CHECKING:
    from gnnzoo.models.files import ForceField

USELESS_MODEL = 3  # exit code

data_option = click.option(
    "--data",
    "data",
    metavar="DATASET",
    multiple=True,
    help="Train on this instead: a dataset, a dump, extended XYZ, or a glob in quotes. May be repeated.",
)


@click.command(name="train")
@click.argument("recipe")
@data_option
@click.option(
    "--time-limit",
    metavar="TIME",
    help="Fit the schedule to a time such as 8m or 1h30m; compilation comes in addition.",
)
@click.option("-o", "--output", metavar="OUT.keras", help="The model's file; by default NAME.keras.")
@click.option("--resume", is_flag=True, help="Continue the newest unfinished run of this recipe.")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change a value of the recipe.")
@click.option("--overwrite", is_flag=True, help="Replace an existing model, keeping the old one as a backup.")
@trust_option
def command(
    recipe: str,
    data: tuple[str, ...],
    time_limit: str | None,
    output: str | None,
    resume: bool,
    overrides: tuple[str, ...],
    overwrite: bool,
    trust: bool,
) -> int:
    """Train the model that RECIPE declares (a path, or a name that `gnnzoo list` shows).

    Exit code 3: the model is written, but predicts held-out forces no better than zero forces do.
    """
    from gnnzoo.cli.transfer_tables import print_transfer
    from gnnzoo.workflows.train import train

    model = train(
        recipe,
        data=list(data) or None,
        time_limit=time_limit,
        output=output,
        resume=resume,
        overrides=overrides,
        overwrite=overwrite,
        on_report=print_transfer,
        trust=trust,
    )
    return show_trained(model)


def show_trained(model: "ForceField") -> int:
    """Print where a trained model is and its errors on held-out frames.

    Args:
        model: the model.

    Returns:
        Exit code of the command: `USELESS_MODEL` if it is no better than zero forces.
    """
    from gnnzoo.cli.console import say
    from gnnzoo.units import force_unit
    from gnnzoo.workflows.steps.model_info import useless_error

    path, info, unit = model.path, model.info, force_unit(model.units)
    say(f"wrote {path}: {info['parameters']:,} parameters, species {' '.join(info['species'])}")
    for part, errors in info["figures"].items():
        if errors is not None:
            say(
                f"  {part + ':':<12}mean |dF| / mean |F| {errors['relative']:.2%} (zero forces: 100 %)   "
                f"MAE {errors['mae']:.4g} {unit} per component   sum of |components| {errors['sum_abs']:.4g} per atom"
            )
    if useless_error(info) is not None:
        return USELESS_MODEL
    say(f"next: gnnzoo evaluate {path} DATA, gnnzoo freeze {path}")
    return 0
