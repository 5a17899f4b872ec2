"""Messages about data that are read: their contents, and warnings before a model is trained on them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.frames.quantities import QuantitiesReport
from gnnzoo.data.inspection.unit_checks import unit_warning
from gnnzoo.data.inspection.unit_evidence import UnitEvidence
from gnnzoo.data.lammps.dataset import DumpDataset
from gnnzoo.data.lammps.events import event_messages
from gnnzoo.units import force_unit, length_unit

if TYPE_CHECKING:
    from gnnzoo.data.convert import Conversion
    from gnnzoo.data.lammps.block_builder import BlockBuilder

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DataMessages:
    """Messages about data.

    Attributes:
        notes: what the data contain.
        doubts: warnings.
    """

    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def with_doubts(self, doubts: Sequence[str]) -> "DataMessages":
        """Append warnings.

        Args:
            doubts: more warnings.

        Returns:
            All messages.
        """
        return DataMessages(self.notes, (*self.doubts, *doubts))

    def log(self) -> None:
        """Write the messages to the log."""
        for note in self.notes:
            logger.info(note)
        for doubt in self.doubts:
            logger.warning(doubt)


def conversion_messages(done: "Conversion", evidence: UnitEvidence, again: bool = False) -> DataMessages:
    """Describe converted data.

    Args:
        done: the conversion.
        evidence: of the units, see `data.inspection.unit_evidence.unit_evidence`.
        again: whether a dataset was converted, whose own conversion reported its events.

    Returns:
        The messages.
    """
    atoms = done.trajectory.atoms if done.trajectory else None
    ends = [(int(block.steps[0]), box_text(block.cells[0], block.boundaries[0])) for block in done.ends]
    provenance = {} if again else done.provenance
    messages = _messages(atoms, done.ends[0].types, done.type_names, done.units, ends, provenance, evidence)
    notes = []
    if provenance.get("restarts"):
        notes.append("steps     go back; for other readers of H5MD they continue, /gnnzoo/step has those of the dump")
    if atoms is not None and atoms.changes:
        notes.append(f"atoms     appear, disappear or change their type {atoms.changes:,} times")
    return DataMessages((*messages.notes, *notes), messages.doubts)


def dataset_messages(dataset: Dataset, evidence: UnitEvidence) -> DataMessages:
    """Describe an opened dataset.

    Args:
        dataset: the data.
        evidence: of the units, see `data.inspection.unit_evidence.unit_evidence`.

    Returns:
        The messages.
    """
    first, last = dataset[0], dataset[-1]
    ends = [(frame.step, box_text(frame.cell, frame.boundary)) for frame in (first, last)]
    atoms = dataset.atoms if isinstance(dataset, DumpDataset) else None
    return _messages(atoms, first.types, dataset.type_names, dataset.units, ends, dataset.provenance, evidence)


def _messages(
    atoms: "BlockBuilder | None",
    types: np.ndarray,
    type_names: dict[int, str],
    units: str | None,
    ends: list[tuple[int, str]],
    provenance: Mapping,
    evidence: UnitEvidence,
) -> DataMessages:
    """The messages.

    Args:
        atoms: of dumps: columns and digits.
        types: (atoms,) of the first frame.
        type_names, units: as agreed between the data and the caller.
        ends: step and box of the first and of the last frame.
        provenance: see `Dataset.provenance`.
        evidence: of the units.
    """
    (first_step, first_box), (last_step, last_box) = ends
    notes, doubts = [], []
    if atoms is not None:
        unused = f" (not used: {' '.join(atoms.unused)})" if atoms.unused else ""
        notes.append(
            f"columns   {' '.join(atoms.columns)}{unused}; {atoms.digits['positions']} digits in positions, "
            f"{atoms.digits['forces']} in forces"
        )
    counted = ", ".join(
        f"{number}={name} ({np.count_nonzero(types == number):,} atoms)" for number, name in type_names.items()
    )
    by_element = atoms is not None and atoms.layout.elements is not None
    notes += [
        f"types     {counted}"
        + ("; there is no column type: by element, in alphabetical order" if by_element else "")
        + (", in the first frame" if atoms is not None and atoms.changes else ""),
        f"box       {first_box}" + ("" if first_box == last_box else f" at first, {last_box} at last"),
        f"steps     {first_step} to {last_step}",
    ]
    shown = f"{units} ({length_unit(units)}, {force_unit(units)})" if units else "not declared"
    if "quantities" not in provenance:
        notes.append(f"units     {shown}")
    else:
        report = QuantitiesReport.from_json(provenance["quantities"])
        notes.append(f"units     {shown}{report.units_text() if units else ''}")
        notes.append(f"found     {report.found_text()}")
        notes += [f"not used  {text}"] if (text := report.unused_text()) else []
        notes += [f"note      {text}" for text in report.remarks]
    if "logs" in provenance:
        logs = provenance["logs"]
        some = f"{logs['per_atom']:,} of them " if logs["per_atom"] < logs["frames"] else ""
        per_atom = f"; {some}printed per atom, multiplied by the number of atoms" if logs["per_atom"] else ""
        notes.append(f"energies  of {logs['frames']:,} frames from {', '.join(logs['files'])}{per_atom}")
        if "virials" in logs:
            notes.append(f"virials   of {logs['virials']:,} frames from the same")
        if logs["without"]:
            total = logs["frames"] + logs["without"]
            doubts.append(f"{logs['without']:,} of {total:,} frames have no energy in the log")
    doubts += provenance.get("doubts", atoms.doubts if atoms is not None else [])
    doubts += [*_unit_doubts(evidence, provenance), *_unnamed_types(type_names), *event_messages(provenance)]
    return DataMessages(tuple(notes), tuple(doubts))


def box_text(cell: np.ndarray, letters: Sequence[str]) -> str:
    """Describe a cell in a few words.

    Args:
        cell: (3, 3), rows are lattice vectors.
        letters: LAMMPS' boundary letters of each direction.

    Returns:
        Edge lengths, whether it is tilted, and boundaries.
    """
    lengths = " x ".join(f"{length:.5g}" for length in (cell**2).sum(axis=1) ** 0.5)
    tilted = ", tilted" if any(cell[row, column] for row in range(3) for column in range(3) if row != column) else ""
    return f"{lengths}{tilted}, {' '.join(letters)}"


def _unit_doubts(evidence: UnitEvidence, provenance: Mapping) -> list[str]:
    """A warning about units that are not declared or that the numbers contradict."""
    if evidence.verdict == "doubtful" and provenance.get("quantities", {}).get("units_by_convention"):
        against = "; ".join(piece.text for piece in evidence.against())
        return [f"units {evidence.declared}, those of ASE, are only a convention, and doubtful: {against}"]
    doubt = unit_warning(evidence, "the data do not declare their units")
    if evidence.verdict == "inferred":
        return [f"{doubt}. gnnzoo convert DUMP --units {evidence.inferred}, or data.units of a recipe, declares them"]
    if evidence.declared is None:
        styles = " or ".join(evidence.possible())
        return [
            f"the data do not declare their units: gnnzoo convert DUMP --units, or data.units of a recipe: {styles}"
        ]
    return [doubt] if doubt else []


def _unnamed_types(type_names: dict[int, str]) -> list[str]:
    """A warning about types without a name."""
    unnamed = [number for number, name in type_names.items() if name == str(number)]
    if not unnamed:
        return []
    example = ",".join(f"{number}=NAME" for number in unnamed)
    return [
        f"type{'s' if len(unnamed) > 1 else ''} {', '.join(map(str, unnamed))} without a name: gnnzoo convert DUMP "
        f"--types {example}, or data.types of a recipe, names them"
    ]
