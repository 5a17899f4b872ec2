"""From dumps to an H5MD dataset in one pass: reading, parsing and writing overlap in threads."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.data.ahead import ahead
from gnnzoo.data.declare import agreed_types, agreed_units
from gnnzoo.data.h5md_write import H5mdWriter
from gnnzoo.data.lammps import Trajectory, provenance, stream
from gnnzoo.errors import Place


@dataclass(frozen=True)
class Conversion:
    """What a conversion made.

    Attributes:
        trajectory: the dumps as they were met: files, columns, frames left out.
        frames: number of frames written.
        units, type_names: as agreed between the dumps and the caller.
        fingerprint: see `gnnzoo.data.fingerprint`.
    """

    trajectory: Trajectory
    frames: int
    units: str | None
    type_names: dict[int, str]
    fingerprint: str


def to_h5md(
    dumps: Sequence[Path],
    output: Path,
    *,
    version: str,
    command: str,
    units: str | None = None,
    types: Mapping[int | str, str] | None = None,
    compress: bool = False,
    advance: Callable[[int], object] | None = None,
) -> Conversion:
    """Write the frames of all dumps, as one trajectory, to `output`.

    Args:
        dumps: text dumps, plain or gzipped.
        version, command: of gnnzoo, for the provenance.
        units, types: fill in what the dumps do not tell.
        compress: gzip the large arrays.
        advance: called with the number of bytes that were read from disk.

    Raises:
        DataError: a dump cannot be read (`stream`), or contradicts what was declared.
    """
    trajectory, place = Trajectory(), Place(dumps[0])
    with contextlib.closing(ahead(stream(dumps, trajectory, advance))) as blocks:
        first = next(blocks)
        type_names = agreed_types(trajectory.atoms.type_names, types, place)
        agreed_units(trajectory.units, units, place)  # before the work; again below, when all files were read
        with H5mdWriter(output, first, version=version, compress=compress) as writer:
            writer.append(first)
            del first
            for block in blocks:
                writer.append(block)
            units = agreed_units(trajectory.units, units, place)
            whole = {"version": version, "command": command, **provenance(trajectory)}
            fingerprint = writer.finish(units=units, type_names=type_names, provenance=whole)
    return Conversion(trajectory, writer.frames, units, type_names, fingerprint)
