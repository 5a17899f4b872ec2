"""Files of a run: a LAMMPS dump that is complete up to its last frame at any time, and an H5MD file with its frames.

A process that is killed leaves the dump, which `gnnzoo convert` reads.
"""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import ase
import numpy as np

from gnnzoo.data.export.lammps_dump import dump_texts
from gnnzoo.data.frames.blocks import FrameBlock, stacked
from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.h5md.writer import H5mdWriter
from gnnzoo.dynamics.first_configuration import femtoseconds, frame_velocities
from gnnzoo.dynamics.thermo import Thermo
from gnnzoo.errors import Location
from gnnzoo.outputs import atomic_write, translate_os_errors
from gnnzoo.units import mev_factor

DUMP, H5MD = "trajectory.lammpstrj", "trajectory.h5"


def block_of(atoms: ase.Atoms, state: Thermo, first: Frame, units: str) -> FrameBlock:
    """The atoms of a run as a block of one frame.

    Args:
        atoms: now, with results of their calculator.
        state: of the atoms.
        first: the frame from which the run started, for ids, types and boundaries.
        units: of the block, "real" or "metal".

    Returns:
        The block.
    """
    factor = (mev_factor(units) or 1.0) / 1000  # eV per energy unit
    virial = None if state.pressure is None else -atoms.get_stress(voigt=False) * atoms.get_volume() / factor
    frame = Frame(
        step=state.step,
        time=state.time * 1000 / femtoseconds(units),
        positions=np.array(atoms.positions),
        forces=np.array(atoms.get_forces()) / factor,
        velocities=frame_velocities(atoms, units),
        cell=np.array(atoms.cell.array),
        ids=np.asarray(first.ids, np.int64),
        types=np.asarray(first.types, np.int32),
        boundary=first.boundary,
        molecules=atoms.arrays.get("molecules"),
        energy=None if state.potential is None else state.potential / factor,
        virial=virial,
    )
    return stacked([frame], np.zeros(1))


def write_trajectory(
    blocks: Iterable[FrameBlock],
    folder: Path,
    *,
    units: str,
    type_names: dict[int, str],
    version: str,
    provenance: dict,
) -> int:
    """Write the frames of a run while it goes on.

    Args:
        blocks: in order, at least one; produced when asked for.
        folder: where the two files are made.
        units: LAMMPS unit style.
        type_names: name of each type.
        version: of gnnzoo.
        provenance: of the H5MD file.

    Returns:
        Number of frames.

    Raises:
        OutputError: the disk is full, or the folder cannot be written; the dump ends with the frame before.
    """
    blocks = iter(blocks)
    first = next(blocks)
    dump, frames = folder / DUMP, 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(translate_os_errors(dump))
        h5md = stack.enter_context(atomic_write(folder / H5MD))
        writer = stack.enter_context(H5mdWriter(h5md, first, version=version))
        file = stack.enter_context(dump.open("wb"))
        for text in dump_texts(_recorded(first, blocks, writer), units, type_names, Location(dump)):
            file.write(text)
            file.flush()
            frames += 1
        writer.finish(units=units, type_names=type_names, provenance=provenance)
    return frames


def _recorded(first: FrameBlock, others: Iterator[FrameBlock], writer: H5mdWriter) -> Iterator[FrameBlock]:
    """All blocks, each appended to the H5MD file before it is passed on."""
    block: FrameBlock | None = first
    while block is not None:
        writer.append(block)
        yield block
        block = next(others, None)
