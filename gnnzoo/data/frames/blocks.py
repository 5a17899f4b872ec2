"""Blocks: consecutive frames of the same atoms in stacked arrays, passed from readers to writers.

Blocks make many small frames nearly as fast as few large ones. Where the atoms change, in number or type, a new block
begins.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from gnnzoo.data.frames.frame import Dataset, Frame, known_virial

# Per-atom fields of a frame; positions and forces are always present.
ATOM_FIELDS = ("positions", "forces", "velocities", "images", "charges", "molecules", "energies")
_PER_FRAME = ("steps", "times", "cells", "origins", "segments", "files", "energy")  # arrays of a block, by frame
_BLOCK_BYTES = 1 << 22  # of positions and forces, in blocks built from frames


@dataclass(frozen=True, eq=False)
class FrameBlock:
    """Consecutive frames of the same atoms.

    Attributes:
        steps: (frames,) int64.
        times: (frames,) float64, NaN where unknown.
        cells: (frames, 3, 3), rows are lattice vectors.
        origins: (frames, 3).
        boundaries: LAMMPS' boundary letters of each frame.
        ids, types: (atoms,) int64 ascending and int32, the same in all frames.
        arrays: field of `Frame` -> (frames, atoms) or (frames, atoms, 3); positions, forces and optional ones.
        segments: (frames,) int32, see `Frame.segment`.
        files: (frames,) int32, see `Dataset.files`.
        energy: (frames,) float64, potential energy of each frame, NaN where unknown.
        virial: (frames, 3, 3) float64, see `Frame.virial`, NaN where unknown; None where no frame has one.
        groups: see `Frame.group`, of each frame; None where no frame has one.
    """

    steps: np.ndarray
    times: np.ndarray
    cells: np.ndarray
    origins: np.ndarray
    boundaries: list[tuple[str, str, str]]
    ids: np.ndarray
    types: np.ndarray
    arrays: dict[str, np.ndarray]
    segments: np.ndarray
    files: np.ndarray
    energy: np.ndarray
    virial: np.ndarray | None = None
    groups: list[str | None] | None = None

    def __len__(self) -> int:
        return len(self.steps)

    def frame(self, index: int, units: str | None, type_names: dict[int, str]) -> Frame:
        """Extract one frame.

        Args:
            index: of the frame in the block.
            units, type_names: of the dataset.

        Returns:
            The frame; its arrays are views.
        """
        time, energy = float(self.times[index]), float(self.energy[index])
        return Frame(
            step=int(self.steps[index]),
            time=None if np.isnan(time) else time,
            segment=int(self.segments[index]),
            cell=self.cells[index],
            origin=self.origins[index],
            boundary=self.boundaries[index],
            ids=self.ids,
            types=self.types,
            type_names=type_names,
            units=units,
            energy=None if np.isnan(energy) else energy,
            virial=None if self.virial is None else known_virial(self.virial[index]),
            group=None if self.groups is None else self.groups[index],
            **{name: array[index] for name, array in self.arrays.items()},
        )

    def taken(self, kept: list[int]) -> "FrameBlock":
        """Select frames.

        Args:
            kept: indices of frames.

        Returns:
            A block of these frames.
        """
        return replace(
            self,
            boundaries=[self.boundaries[index] for index in kept],
            arrays={name: array[kept] for name, array in self.arrays.items()},
            virial=None if self.virial is None else self.virial[kept],
            groups=None if self.groups is None else [self.groups[index] for index in kept],
            **{name: getattr(self, name)[kept] for name in _PER_FRAME},
        )


def blocks_of(dataset: Dataset, advance: Callable[[int], object] | None = None) -> Iterator[FrameBlock]:
    """Group the frames of a dataset into blocks.

    Args:
        dataset: of any format.
        advance: called with 1 after each frame.

    Yields:
        Blocks of frames in order.
    """
    waiting: list[Frame] = []
    start = size = 0
    for number, frame in enumerate(dataset):
        if waiting and (size > _BLOCK_BYTES or not _same_atoms(waiting[0], frame)):
            yield stacked(waiting, dataset.files[start:number])
            waiting, start, size = [], number, 0
        waiting.append(frame)
        size += frame.positions.nbytes + frame.forces.nbytes
        if advance is not None:
            advance(1)
    if waiting:
        yield stacked(waiting, dataset.files[start:])


def joined_blocks(blocks: Iterable[FrameBlock]) -> Iterator[FrameBlock]:
    """Join small blocks of the same atoms and fields, which writers handle one at a time.

    Args:
        blocks: in order.

    Yields:
        Blocks of up to some MB.
    """
    waiting: list[FrameBlock] = []
    size = 0
    for block in blocks:
        if waiting and (size > _BLOCK_BYTES or not _joinable(waiting[0], block)):
            yield _joined(waiting)
            waiting, size = [], 0
        waiting.append(block)
        size += sum(array.nbytes for array in block.arrays.values())
    if waiting:
        yield _joined(waiting)


def _joinable(a: FrameBlock, b: FrameBlock) -> bool:
    return set(a.arrays) == set(b.arrays) and np.array_equal(a.ids, b.ids) and np.array_equal(a.types, b.types)


def _joined(blocks: list[FrameBlock]) -> FrameBlock:
    if len(blocks) == 1:
        return blocks[0]
    unknown = [np.full((len(block), 3, 3), np.nan) if block.virial is None else block.virial for block in blocks]
    return replace(
        blocks[0],
        boundaries=[letters for block in blocks for letters in block.boundaries],
        arrays={name: np.concatenate([block.arrays[name] for block in blocks]) for name in blocks[0].arrays},
        virial=None if all(block.virial is None for block in blocks) else np.concatenate(unknown),
        groups=_groups([group for block in blocks for group in block.groups or [None] * len(block)]),
        **{name: np.concatenate([getattr(block, name) for block in blocks]) for name in _PER_FRAME},
    )


def _same_atoms(a: Frame, b: Frame) -> bool:
    fields = all((getattr(a, name) is None) == (getattr(b, name) is None) for name in ATOM_FIELDS)
    return fields and np.array_equal(a.ids, b.ids) and np.array_equal(a.types, b.types)


def stacked(frames: list[Frame], files: np.ndarray) -> FrameBlock:
    """Stack frames of the same atoms and fields.

    Args:
        frames: at least one.
        files: (frames,) see `Dataset.files`.

    Returns:
        The block.
    """
    present = [name for name in ATOM_FIELDS if getattr(frames[0], name) is not None]
    return FrameBlock(
        steps=np.array([frame.step for frame in frames], dtype=np.int64),
        times=np.array([np.nan if frame.time is None else frame.time for frame in frames]),
        cells=np.array([frame.cell for frame in frames]),
        origins=np.array([frame.origin for frame in frames]),
        boundaries=[frame.boundary for frame in frames],
        ids=frames[0].ids,
        types=frames[0].types,
        arrays={name: np.array([getattr(frame, name) for frame in frames]) for name in present},
        segments=np.array([frame.segment for frame in frames], dtype=np.int32),
        files=np.asarray(files, dtype=np.int32),
        energy=np.array([np.nan if frame.energy is None else frame.energy for frame in frames]),
        virial=_virials(frames),
        groups=_groups([frame.group for frame in frames]),
    )


def _groups(of_frames: list[str | None]) -> list[str | None] | None:
    return None if all(group is None for group in of_frames) else of_frames


def _virials(frames: list[Frame]) -> np.ndarray | None:
    if all(frame.virial is None for frame in frames):
        return None
    return np.array([np.full((3, 3), np.nan) if frame.virial is None else frame.virial for frame in frames])
