"""Any data to an H5MD dataset in one pass: reading, parsing and writing overlap in threads."""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gnnzoo.data.ase_reader import UNITS as ASE_UNITS
from gnnzoo.data.ase_reader import ase_blocks
from gnnzoo.data.blocks import FrameBlock, blocks_of
from gnnzoo.data.frames import Dataset
from gnnzoo.data.h5md.writer import H5mdWriter
from gnnzoo.data.lammps.dataset import TrajectoryReader, provenance, stream
from gnnzoo.data.lammps.log_energies import LogEnergies
from gnnzoo.data.metadata import agreed_types, agreed_units
from gnnzoo.data.threads import prefetch
from gnnzoo.errors import Location

_SAME_SUM = 1e-3  # of the energy; a long tail or a fix may add to one of the two


@dataclass(frozen=True)
class Conversion:
    """What a conversion made.

    Attributes:
        frames: number of frames written.
        fewest, most: number of atoms of a frame.
        units, type_names: as agreed between the data and the caller.
        fingerprint: see `gnnzoo.data.fingerprint`.
        provenance: as it stands in the dataset.
        trajectory: of dumps, as they were met: files, columns, frames left out.
        ends: the first and the last block.
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


def to_h5md(
    dumps: Sequence[Path],
    output: Path,
    *,
    version: str,
    command: str,
    units: str | None = None,
    types: Mapping[int | str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    logs: Sequence[Path] = (),
    compress: bool = False,
    advance: Callable[[int], object] | None = None,
) -> Conversion:
    """Write the frames of all dumps, as one trajectory, to `output`.

    Args:
        dumps: text dumps, plain or compressed, or standard input.
        version, command: of gnnzoo, for the provenance.
        units, types: fill in what the dumps do not tell.
        columns: what the dumps call some columns, such as {"energy": "c_pe"}.
        logs: LAMMPS logs that tell the frames' potential energies.
        compress: gzip the large arrays.
        advance: called with the number of bytes that were read from disk.

    Raises:
        DataError: a dump or a log cannot be read (`stream`, `LogEnergies`), or contradicts what was declared.
    """
    trajectory, location = TrajectoryReader(columns), Location(dumps[0])
    joined: list[LogEnergies] = []

    def about() -> tuple[str | None, dict[int, str], dict]:
        agreed = (
            agreed_units(trajectory.units, units, location),
            agreed_types(trajectory.atoms.type_names, types, location),
        )
        if logs and not joined:  # a log that does not help is told before the work
            joined.append(LogEnergies(logs, agreed[0]))
        whole = {"version": version, "command": command, **provenance(trajectory)}
        return *agreed, whole | ({"logs": {"files": list(map(str, logs))}} if logs else {})

    done = _write(stream(dumps, trajectory, advance), output, about, version, compress, joined)
    return replace(done, trajectory=trajectory)


def ase_to_h5md(path: Path, output: Path, advance: Callable[[int], object] | None = None) -> Conversion:
    """Write the frames of a file that ASE reads, see `ase_files`; the way by which it is opened, see `ase_dataset`.

    Args:
        path: .extxyz, .xyz or .traj.
        output: the file to make.
        advance: called with 1 after each frame.
    """
    names: dict[int, str] = {}
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    source = {"file": str(path), "size": path.stat().st_size, "sha256": sha256}
    doubts: list[str] = []

    def about() -> tuple[str, dict[int, str], dict]:  # names and doubts are there when the frames went by
        return ASE_UNITS, names, {"sources": [source]} | ({"doubts": doubts} if doubts else {})

    return _write(ase_blocks(path, names, advance, doubts), output, about, version="", compress=False)


def dataset_to_h5md(
    dataset: Dataset,
    output: Path,
    *,
    version: str,
    command: str,
    compress: bool = False,
    advance: Callable[[int], object] | None = None,
) -> Conversion:
    """Write the frames of any dataset, with all it tells of itself; arguments as for `to_h5md`."""
    own = {"version", "command", "units", "type_names", "fingerprint"}
    told = {name: value for name, value in dataset.provenance.items() if name not in own}
    whole = {"version": version, "command": command, **told, "converted_from": str(dataset.path)}
    about = (dataset.units, dataset.type_names, whole)
    return _write(blocks_of(dataset, advance), output, lambda: about, version, compress)


def _write(
    blocks: Iterable[FrameBlock],
    output: Path,
    about: Callable[[], tuple],
    version: str,
    compress: bool,
    logs: Sequence[LogEnergies] = (),
) -> Conversion:
    """Write blocks, made in a thread.

    Args:
        about: tells units, names of types and provenance of the blocks made so far.
        logs: one that tells the energies of the frames, or none.
    """
    with contextlib.closing(prefetch(blocks)) as made:
        first = block = next(made)
        ends = first.taken([0])
        about()  # a contradiction is told before the work; again below, when all was read
        with H5mdWriter(output, first, version=version, compress=compress) as writer:
            writer.append(first)
            del first
            for block in made:
                writer.append(block)
            units, type_names, whole = about()
            for log in logs:
                told = log.of(writer.steps, writer.segments, writer.atoms)
                writer.set_energy(told.energies)
                whole["doubts"] = [*whole.get("doubts", []), *_energy_doubts(told.energies, writer)]
                without = int(np.isnan(told.energies).sum())
                whole["logs"] |= {"frames": len(told.energies) - without, "without": without}
                whole["logs"]["per_atom"] = int(told.per_atom.sum())
            fingerprint = writer.finish(units=units, type_names=type_names, provenance=whole)
    ends = (ends, block.taken([len(block) - 1]))
    sizes = int(writer.atoms.min()), int(writer.atoms.max())
    return Conversion(writer.frames, *sizes, units, type_names, fingerprint, whole, ends)


def _energy_doubts(energy: np.ndarray, writer: H5mdWriter) -> list[str]:
    """What speaks against a log's energies: the sums of the atoms' energies, where the dump has them."""
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
