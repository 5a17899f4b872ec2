"""What is said of data when they are read: what they hold, and what they leave open."""

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gnnzoo.data.frames import Dataset
from gnnzoo.data.inspection.unit_checks import unit_warning
from gnnzoo.data.open_dataset import event_messages
from gnnzoo.units import force_unit, length_unit

if TYPE_CHECKING:
    from gnnzoo.data.convert import Conversion
    from gnnzoo.data.lammps.block_builder import BlockBuilder

logger = logging.getLogger(__name__)


def report_conversion(done: "Conversion", evidence: Mapping, again: bool = False) -> None:
    """What was converted.

    Args:
        evidence: about its units, see `data.unit_evidence.unit_evidence`.
        again: whether it was a dataset already, whose own conversion told what happened then.
    """
    first, last = done.ends
    atoms = done.trajectory.atoms if done.trajectory else None
    ends = [(int(block.steps[0]), box_text(block.cells[0], block.boundaries[0])) for block in (first, last)]
    provenance = {} if again else done.provenance
    _tell(atoms, _counts(first.types), done.type_names, done.units, ends, provenance, evidence)
    if provenance.get("restarts"):
        logger.info(
            "steps     go back; for other readers of H5MD they continue, and /gnnzoo/step has those of the dump"
        )
    if atoms is not None and atoms.changes:
        logger.info(f"atoms     come, go or change their type {atoms.changes:,} times")


def report_dataset(dataset: Dataset, evidence: Mapping) -> None:
    """The same of a dataset that was opened."""
    first, last = dataset[0], dataset[-1]
    ends = [(frame.step, box_text(frame.cell, frame.boundary)) for frame in (first, last)]
    atoms = getattr(dataset, "atoms", None)
    _tell(atoms, _counts(first.types), dataset.type_names, dataset.units, ends, dataset.provenance, evidence)


def _counts(types: np.ndarray) -> dict[int, int]:
    numbers, counts = np.unique(types, return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))


def _tell(
    atoms: "BlockBuilder | None",
    counts: dict[int, int],
    type_names: dict[int, str],
    units: str | None,
    ends: list[tuple[int, str]],
    provenance: Mapping,
    evidence: Mapping,
) -> None:
    """What the data hold, and what the user should know before training on them.

    Args:
        atoms: of dumps, see `data.dump_frames.BlockBuilder`.
        counts: atoms of each type in the first frame.
        type_names, units: as agreed between the data and the caller.
        ends: step and box of the first and of the last frame.
        provenance: see `data.lammps.provenance`.
        evidence: see `data.unit_evidence.unit_evidence`.
    """
    (first_step, first_box), (last_step, last_box) = ends
    if atoms is not None:
        left = f" (not taken: {' '.join(atoms.left)})" if atoms.left else ""
        digits = atoms.digits
        logger.info(
            f"columns   {' '.join(atoms.columns)}{left}; {digits['positions']} digits in positions, "
            f"{digits['forces']} in forces"
        )
    types = ", ".join(f"{number}={name} ({counts.get(number, 0):,} atoms)" for number, name in type_names.items())
    logger.info(f"types     {types}" + (", in the first frame" if atoms is not None and atoms.changes else ""))
    logger.info(f"box       {first_box}" + ("" if first_box == last_box else f" at first, {last_box} at last"))
    logger.info(f"steps     {first_step} to {last_step}")
    logger.info(f"units     {f'{units} ({length_unit(units)}, {force_unit(units)})' if units else 'not declared'}")
    if "logs" in provenance:
        logs = provenance["logs"]
        some = f"{logs['per_atom']:,} of them " if logs["per_atom"] < logs["frames"] else ""
        per_atom = f"; {some}told per atom, multiplied by the number of atoms" if logs["per_atom"] else ""
        logger.info(f"energies  of {logs['frames']:,} frames from {', '.join(logs['files'])}{per_atom}")
        if logs["without"]:
            total = logs["frames"] + logs["without"]
            logger.warning(f"{logs['without']:,} of {total:,} frames have no energy in the log")
    doubts = provenance.get("doubts", atoms.doubts if atoms is not None else [])
    for line in [*doubts, *_of_units(evidence), *_nameless(type_names), *event_messages(provenance)]:
        logger.warning(line)


def box_text(cell: np.ndarray, letters: Sequence[str]) -> str:
    """Edge lengths, tilt and boundaries in a few words."""
    lengths = " x ".join(f"{length:.5g}" for length in (cell**2).sum(axis=1) ** 0.5)
    tilted = ", tilted" if any(cell[row, column] for row in range(3) for column in range(3) if row != column) else ""
    return f"{lengths}{tilted}, {' '.join(letters)}"


def _of_units(evidence: Mapping) -> list[str]:
    """Units that nobody declared, or that the numbers speak against."""
    doubt = unit_warning(evidence, "the dump does not tell its units")
    if evidence["verdict"] == "inferred":
        return [f"{doubt}. --units {evidence['inferred']} declares them; a recipe may do it later"]
    if evidence["declared"] is None:
        return ["the dump does not tell its units: --units real (or metal, lj) does; a recipe may do it later"]
    return [doubt] if doubt else []


def _nameless(type_names: dict[int, str]) -> list[str]:
    """Types that nobody named."""
    unnamed = [number for number, name in type_names.items() if name == str(number)]
    if not unnamed:
        return []
    example = ",".join(f"{number}=NAME" for number in unnamed)
    return [
        f"type{'s' if len(unnamed) > 1 else ''} {', '.join(map(str, unnamed))} without a name: --types {example} "
        "names them; a recipe may do it later"
    ]
