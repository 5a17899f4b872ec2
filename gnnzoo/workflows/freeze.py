"""Export a trained model as a folder that runs with TensorFlow alone."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.data.frames.frame import Frame
from gnnzoo.deploy.ase_script import write_ase_script
from gnnzoo.deploy.checksums import write_checksums
from gnnzoo.deploy.comparison import Comparison, compare
from gnnzoo.deploy.description import write_card
from gnnzoo.deploy.freeze import save
from gnnzoo.deploy.lammps.input_files import write_input_files
from gnnzoo.deploy.lammps.pair_table import COMMANDS, CURVE_POINTS, TABLE, check_pairwise, write_pair_tables
from gnnzoo.deploy.lammps.plugin_file import write_plugin_file
from gnnzoo.errors import Location, ModelError
from gnnzoo.evaluation.pairs import one_curve_each, pair_curves
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.outputs import atomic_write, check_writable, refuse_existing
from gnnzoo.units import force_unit
from gnnzoo.workflows.recipes import list_models
from gnnzoo.workflows.steps.model_info import useless_error
from gnnzoo.workflows.steps.stored_frames import stored_frames

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FreezeResult:
    """An exported model; can be used in place of its path.

    Attributes:
        folder: SavedModel, card, example, and first runs in LAMMPS and ASE.
        comparison: forces of the exported model compared with those of the live one.
        compared_on: path of the dataset whose frames were compared, or "the model's own example".
    """

    folder: Path
    comparison: Comparison
    compared_on: str

    def __fspath__(self) -> str:
        return str(self.folder)

    def __str__(self) -> str:
        return str(self.folder)

    def to_json(self) -> dict[str, object]:
        """The result as JSON values.

        Returns:
            "folder", "compared_on", "frames", "largest_difference" and "largest_force".
        """
        return {
            "folder": str(self.folder),
            "compared_on": self.compared_on,
            "frames": self.comparison.frames,
            "largest_difference": self.comparison.largest_difference,
            "largest_force": self.comparison.largest_force,
        }


def freeze(
    model: str | Path | ForceField | None = None,
    output: str | Path | None = None,
    *,
    overwrite: bool = False,
    force: bool = False,
    table: bool = False,
) -> FreezeResult:
    """Export a model as a folder with a SavedModel, a card that describes it, and an example.

    Before the folder is moved into place, forces of the exported model are compared with those of the live one: on
    frames of the dataset of the training or, where it is missing, on the frame stored in the model.

    Args:
        model: a model or its path; by default the newest one in the working folder.
        output: the folder; by default NAME-frozen in the working folder.
        overwrite: replace an existing folder, which is kept as a backup.
        force: export a model that is no better than zero forces as well.
        table: write tables for LAMMPS' `pair_style table`, too; of a model whose forces depend on one distance.

    Returns:
        The folder and how well its forces agree.

    Raises:
        UserError: there is no model, the folder exists or cannot be written, or there is no frame to compare on.
        ModelError: the model is no better than zero forces, or is no pair model where `table` is asked for.
        RuntimeError: the forces differ.
    """
    force_field = model if isinstance(model, ForceField) else load_model(model or newest_model())
    name = force_field.path.stem if force_field.path else force_field.recipe.name
    folder = Path(os.path.expanduser(output)) if output is not None else Path(f"{name}-frozen")
    refuse_existing(folder, overwrite)
    check_writable(folder)
    if not force:
        _refuse_useless(force_field)
    if table:
        check_pairwise(force_field)
    frames, compared_on = stored_frames(force_field)
    logger.info(f"freezing {force_field.path or name}")
    with atomic_write(folder, overwrite) as temporary:
        save(force_field, temporary)
        comparison = compare(force_field, temporary, frames)
        if not comparison.same:
            raise RuntimeError(
                f"frozen and live forces differ by {comparison.largest_difference:.3g} "
                f"where the largest is {comparison.largest_force:.3g}"
            )
        write_card(force_field, temporary, comparison, frames[0])
        write_plugin_file(force_field, temporary)
        write_input_files(force_field, temporary, frames[0])
        write_ase_script(force_field, temporary)
        if table:
            _write_tables(force_field, temporary, frames[0])
        write_checksums(temporary)
    logger.info(
        f"frozen and live forces agree on {comparison.frames} frame{'s' if comparison.frames > 1 else ''} of "
        f"{compared_on}: largest difference {comparison.largest_difference:.2g}, "
        f"largest force {comparison.largest_force:.4g} "
        f"{force_unit(force_field.units)}"
    )
    return FreezeResult(folder, comparison, compared_on)


def _write_tables(model: ForceField, folder: Path, example: Frame) -> None:
    """Tables of all pairs, from the shortest distance of training on."""
    curves = one_curve_each(pair_curves(model, points=CURVE_POINTS))
    error = write_pair_tables(model, curves, folder, example)
    inner = min(curve.distances[0] for curve in curves)
    logger.info(
        f"{TABLE}, {COMMANDS}: forces as the model's within {error:.1g} of the largest; they begin at {inner:.3g}, the "
        "shortest distance of training, below which LAMMPS stops"
    )


def _refuse_useless(model: ForceField) -> None:
    """Raise if the model is no better than zero forces."""
    error = useless_error(model.info)
    if error is not None:
        raise ModelError(
            f"is no better than zero forces: mean |dF| / mean |F| is {error:.0%} on held-out frames",
            location=Location(file=model.path),
            expected="less than 100%",
            hint=f"train it for more steps, or gnnzoo freeze {model.path or 'MODEL'} --force",
        )


def newest_model() -> Path:
    """Find the newest model in the working folder.

    Returns:
        Its path, which is logged as well.

    Raises:
        ModelError: there is none.
    """
    models = [listed.path for listed in list_models() if listed.info is not None]
    if not models:
        raise ModelError(
            "there is no model in this folder", expected="a .keras file", hint="gnnzoo train RECIPE makes one"
        )
    older = f" (of {len(models)} here)" if len(models) > 1 else ""
    logger.info(f"no MODEL was named: the newest is {models[0]}{older}")
    return models[0]
