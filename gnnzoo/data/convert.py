"""Conversion of any data to an H5MD dataset in one pass; reading, parsing and writing overlap in threads."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gnnzoo.data.frames.blocks import FrameBlock, blocks_of
from gnnzoo.data.frames.coincident_atoms import CoincidentAtoms
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.frames.metadata import TypeNames, agreed_types, agreed_units
from gnnzoo.data.h5md.writer import H5mdWriter
from gnnzoo.data.lammps.log_energies import LogEnergies
from gnnzoo.data.lammps.trajectory import TrajectoryReader, stream
from gnnzoo.errors import Location
from gnnzoo.threads import prefetch

# Relative to the largest energy: above the rounding of printed energies. A tail correction or the energy of a fix is in
# one of the two only; where it exceeds this, it deserves the warning.
_SAME_SUM = 1e-3


class Description(NamedTuple):
    """What a dataset states about its frames, for `H5mdWriter.finish`."""

    units: str | None
    type_names: dict[int, str]
    provenance: dict


@dataclass(frozen=True)
class Conversion:
    """A finished conversion.

    Attributes:
        frames: number of frames written.
        fewest, most: smallest and largest number of atoms of a frame.
        units, type_names: as agreed between the data and the caller.
        fingerprint: see `gnnzoo.data.frames.fingerprint`.
        provenance: as stored in the dataset.
        ends: the first and the last block.
        trajectory: of dumps: files, columns, frames left out.
    """

    frames: int
    fewest: int
    most: int
    units: str | None
    type_names: dict[int, str]
    fingerprint: str
    provenance: dict
    ends: tuple[FrameBlock, FrameBlock]
    trajectory: TrajectoryReader | None = None

    def __len__(self) -> int:
        return self.frames

    @property
    def source_sizes(self) -> list[int]:
        """Sizes of the dumps in bytes; none for other data."""
        return [file.size for file in self.trajectory.log.files] if self.trajectory else []


def to_h5md(
    dumps: Sequence[Path],
    output: Path,
    *,
    version: str,
    command: str,
    units: str | None = None,
    types: TypeNames | None = None,
    columns: Mapping[str, str] | None = None,
    logs: Sequence[Path] = (),
    compress: bool = False,
    advance: Callable[[int], object] | None = None,
) -> Conversion:
    """Write the frames of all dumps, as one trajectory, to `output`.

    Args:
        dumps: text dumps, plain or compressed, or standard input.
        output: the file to make.
        version, command: of gnnzoo, for the provenance.
        units, types: supplement what the dumps do not declare.
        columns: meaning -> name of columns, such as {"energy": "c_pe"}; that of "virial" is of the logs.
        logs: LAMMPS logs with the potential energies of the frames, and virials where `columns` names them.
        compress: gzip the large arrays.
        advance: called with the number of bytes that were read from disk.

    Returns:
        What was written.

    Raises:
        DataError: a dump or a log cannot be read (see `stream`, `LogEnergies`), or contradicts the arguments.
    """
    of_dumps = dict(columns or {})
    virial = of_dumps.pop("virial", None) if logs else None
    trajectory, location = TrajectoryReader(of_dumps), Location(dumps[0])
    energies: list[LogEnergies] = []

    def describe() -> Description:
        style = agreed_units(trajectory.units, units, location)
        names = agreed_types(trajectory.atoms.type_names, types, location)
        if logs and not energies:  # errors in a log are raised before the conversion
            energies.append(LogEnergies(logs, style, virial))
        whole = {"version": version, "command": command, **trajectory.provenance()}
        return Description(style, names, whole | ({"logs": {"files": list(map(str, logs))}} if logs else {}))

    done = write_h5md(stream(dumps, trajectory, advance), output, describe, version, compress, energies)
    return replace(done, trajectory=trajectory)


def dataset_to_h5md(
    dataset: Dataset,
    output: Path,
    *,
    version: str,
    command: str,
    compress: bool = False,
    advance: Callable[[int], object] | None = None,
) -> Conversion:
    """Write the frames of any dataset, with its provenance, to `output`.

    Args:
        dataset: the frames.
        output: the file to make.
        version, command: of gnnzoo, for the provenance.
        compress: gzip the large arrays.
        advance: called with 1 after each frame.

    Returns:
        What was written.
    """
    own = {"version", "command", "units", "type_names", "fingerprint"}
    kept = {name: value for name, value in dataset.provenance.items() if name not in own}
    whole = {"version": version, "command": command, **kept, "converted_from": str(dataset.path)}
    description = Description(dataset.units, dataset.type_names, whole)
    return write_h5md(blocks_of(dataset, advance), output, lambda: description, version, compress)


def write_h5md(
    blocks: Iterable[FrameBlock],
    output: Path,
    describe: Callable[[], Description],
    version: str,
    compress: bool,
    logs: Sequence[LogEnergies] = (),
) -> Conversion:
    """Write blocks of frames, produced in a thread, to an H5MD file.

    Args:
        blocks: at least one.
        output: the file to make.
        describe: describes the blocks read so far; called after the first and after the last block.
        version: of gnnzoo.
        compress: gzip the large arrays.
        logs: energies to join to the frames; at most one.

    Returns:
        What was written.
    """
    with contextlib.closing(prefetch(blocks)) as made:
        first = block = next(made)
        coincident = CoincidentAtoms()
        first_frame = first.taken([0])
        describe()  # contradictions are raised before the conversion; checked again after the last block
        with H5mdWriter(output, first, version=version, compress=compress) as writer:
            writer.append(first)
            coincident.update(first)
            del first
            for block in made:
                writer.append(block)
                coincident.update(block)
            units, type_names, whole = describe()
            whole = _with_doubts(whole, coincident.doubts())
            for log in logs:
                _add_energies(log, writer, whole)
            fingerprint = writer.finish(units=units, type_names=type_names, provenance=whole)
    ends = (first_frame, block.taken([len(block) - 1]))
    fewest, most = int(writer.atoms.min()), int(writer.atoms.max())
    return Conversion(writer.frames, fewest, most, units, type_names, fingerprint, whole, ends)


def _with_doubts(provenance: dict, doubts: Sequence[str]) -> dict:
    """The provenance with more warnings, each once: those of data converted before stay."""
    known = provenance.get("doubts", [])
    new = [doubt for doubt in doubts if doubt not in known]
    return provenance | {"doubts": [*known, *new]} if new else provenance


def _add_energies(log: LogEnergies, writer: H5mdWriter, provenance: dict) -> None:
    """Join the energies of a log to the frames written, and count them in the provenance."""
    joined = log.of(writer.steps, writer.segments, writer.atoms)
    writer.set_observable("energy", joined.energies)
    if joined.virials is not None:
        writer.set_observable("virial", joined.virials * (log.energy_of_pressure * writer.volumes)[:, None, None])
        provenance["logs"] |= {"virials": int(np.isfinite(joined.virials[:, 0, 0]).sum())}
    provenance["doubts"] = [*provenance.get("doubts", []), *_energy_doubts(joined.energies, writer)]
    without = int(np.isnan(joined.energies).sum())
    provenance["logs"] |= {
        "frames": len(joined.energies) - without,
        "without": without,
        "per_atom": int(joined.per_atom.sum()),
    }


def _energy_doubts(energy: np.ndarray, writer: H5mdWriter) -> list[str]:
    """A warning where a log's energies differ from the sums of the atoms' energies, if the dump has these."""
    sums = writer.energy_of_atoms
    both = np.flatnonzero(np.isfinite(energy) & np.isfinite(sums))
    wrong = both[np.abs(energy[both] - sums[both]) > _SAME_SUM * np.abs(sums[both]).max(initial=0)]
    if len(wrong) == 0:
        return []
    first = wrong[0]
    return [
        f"the log's energies are not the sums of the atoms' energies in {len(wrong)} of {len(both)} frames: "
        f"{energy[first]:.8g} against {sums[first]:.8g} in step {writer.steps[first]}"
    ]
