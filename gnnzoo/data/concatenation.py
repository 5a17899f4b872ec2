"""Several datasets as one: the parts one after another, with one numbering of types, segments and files.

Types are matched by name, since their numbers are of each part alone. Quantities of atoms that not all parts have are
left out. Runs never continue from part to part: each part begins a new segment.
"""

import functools
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gnnzoo.data.frames.blocks import ATOM_FIELDS
from gnnzoo.data.frames.fingerprint import fingerprint_of
from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.frames.quantities import QuantitiesReport, merged_report
from gnnzoo.data.graphs.source import StoredEdges
from gnnzoo.data.lammps.events import EVENT_KINDS
from gnnzoo.errors import DataError, Location
from gnnzoo.units import force_factor

logger = logging.getLogger(__name__)

_FS_PER_PS = 1000.0


class ConcatenatedDataset(Dataset):
    """The frames of several datasets, in order.

    Args:
        parts: open datasets, at least one; they are closed with this one.

    Attributes:
        parts: the datasets.
        left_out: quantities that not all parts have, with the files that have none.

    Raises:
        DataError: the parts are in units that cannot be converted, or only some name their types.
    """

    def __init__(self, parts: Sequence[Dataset]):
        self.parts = tuple(parts)
        self.path = self.parts[0].path
        self.units = self.parts[0].units
        _check_names(self.parts)
        self._factors = [_factor(part, self.parts[0]) for part in self.parts]
        self.type_names, self._numbers = _common_types(self.parts)
        self._ends = np.cumsum([len(part) for part in self.parts])
        self.steps = np.concatenate([part.steps for part in self.parts])
        self.segments = _numbered_on([part.segments for part in self.parts])
        sources = [_sources(part) for part in self.parts]
        starts = np.cumsum([0, *map(len, sources)])
        self.files = np.concatenate(
            [part.files + start for part, start in zip(self.parts, starts[:-1], strict=True)]
        ).astype(np.int32)
        self._fields, self.left_out = _common_fields(self.parts)
        self.provenance = _provenance(self, [source for listed in sources for source in listed])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def read(self, index: int) -> Frame:
        number, inside = self._place(index)
        frame = self.parts[number].read(inside)
        absent: dict[str, Any] = {
            name: None for name in ATOM_FIELDS if name not in self._fields and getattr(frame, name) is not None
        }
        energy = frame.energy
        if energy is None and "energies" in absent and frame.energies is not None:
            energy = float(np.sum(frame.energies))
        frame = replace(
            frame,
            types=_renumbered(frame.types, self._numbers[number]),
            type_names=self.type_names,
            segment=int(self.segments[index]),
            energy=energy,
            **absent,
        )
        return replace(_converted(frame, self._factors[number], self.units), units=self.units)

    def _place(self, index: int) -> tuple[int, int]:
        """Number of the part of a frame, and that of the frame in it."""
        number = int(np.searchsorted(self._ends, index, side="right"))
        return number, index - int(self._ends[number]) + len(self.parts[number])

    @functools.cached_property
    def signatures(self) -> np.ndarray:
        """(frames,) see `Dataset.signatures`."""
        scaled = [part.signatures * factor**2 for part, factor in zip(self.parts, self._factors, strict=True)]
        return np.concatenate(scaled)

    @functools.cached_property
    def fingerprint(self) -> str:  # type: ignore[override]  # computed on first use
        """As of one dataset with these frames; the first access reads all of them."""
        return fingerprint_of(self)

    def close(self) -> None:
        for part in self.parts:
            part.close()


class ConcatenatedShards(ConcatenatedDataset):
    """Several datasets that all store edges of the same cutoff and bonds.

    Args:
        parts: open datasets with stored edges.

    Attributes:
        cutoff, bonds: see `StoredEdges`.
    """

    def __init__(self, parts: Sequence[Dataset]):
        super().__init__(parts)
        first = self.parts[0]
        assert isinstance(first, StoredEdges)
        self.cutoff, self.bonds = first.cutoff, first.bonds

    def stored_graph(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The edges of frame `index`, see `StoredEdges.stored_graph`."""
        number, inside = self._place(index)
        part = self.parts[number]
        assert isinstance(part, StoredEdges)
        return part.stored_graph(inside)


def concatenated(parts: Sequence[Dataset]) -> ConcatenatedDataset:
    """Put datasets one after another; stored edges are used if all parts have them, with one cutoff and bonds.

    Args:
        parts: open datasets; closed on an error.

    Returns:
        One dataset.

    Raises:
        DataError: see `ConcatenatedDataset`.
    """
    edges = [part for part in parts if isinstance(part, StoredEdges)]
    alike = {(part.cutoff, frozenset(map(frozenset, part.bonds or ())), part.bonds is None) for part in edges}
    stored = len(edges) == len(parts) and len(alike) == 1
    if edges and not stored:
        logger.info("edges are computed from the positions: not all of the sources store those of the same cutoff")
    try:
        whole = (ConcatenatedShards if stored else ConcatenatedDataset)(parts)
    except BaseException:
        for part in parts:
            part.close()
        raise
    for name, absent in whole.left_out.items():
        logger.warning(f"{name} are left out: {', '.join(absent)} {'have' if len(absent) > 1 else 'has'} none")
    return whole


# --- what the parts have in common ---


def _unnamed(part: Dataset) -> list[int]:
    """Types without a name."""
    return [number for number, name in part.type_names.items() if name == str(number)]


def has_unnamed_types(part: Dataset) -> bool:
    """Whether a type of the dataset `part` has no name."""
    return bool(_unnamed(part))


def _check_names(parts: Sequence[Dataset]) -> None:
    """Refuse types without a name next to named ones: nothing says which are the same."""
    named = next((part for part in parts if len(part.type_names) > len(_unnamed(part))), None)
    without = next((part for part in parts if _unnamed(part)), None)
    if named is None or without is None:
        return
    numbers = _unnamed(without)
    known = sorted(name for number, name in named.type_names.items() if name != str(number))
    declared = ",".join(f"{number}=NAME" for number in numbers)
    raise DataError(
        f"type {', '.join(map(str, numbers))} has no name here, and {named.path.name} names its types: "
        f"{', '.join(known)}",
        location=Location(without.path),
        expected="names of the types in all sources, by which they are matched",
        hint=f"--types {declared}, or data.types in the recipe",
    )


def _factor(part: Dataset, first: Dataset) -> float:
    """Factor from the forces of a part to those of the first one."""
    if part.units == first.units:
        return 1.0
    if {part.units, first.units} == {"real", "metal"}:
        factor = force_factor(part.units, first.units)
        logger.warning(
            f"{part.path} is converted from {part.units} to {first.units} units, those of {first.path}: "
            f"forces x {factor:.6g}"
        )
        return factor
    raise DataError(
        f"the units are {part.units or 'undeclared'} here, and {first.units or 'undeclared'} in {first.path.name}",
        location=Location(part.path),
        expected="sources in the same units, or in real and metal units",
        hint="--units STYLE declares those of data without any, as data.units in the recipe does"
        if None in (part.units, first.units)
        else "name sources of one unit style only",
    )


def _common_types(parts: Sequence[Dataset]) -> tuple[dict[int, str], list[dict[int, int]]]:
    """Names by common number, and for each part the common number of each of its numbers.

    A name that one part has for several types stands for as many types.
    """
    names: dict[int, str] = {}
    numbers: dict[tuple[str, int], int] = {}
    of_parts = []
    for part in parts:
        seen: dict[str, int] = {}
        own = {}
        for number, name in sorted(part.type_names.items()):
            key = (name, seen.get(name, 0))
            seen[name] = key[1] + 1
            if key not in numbers:
                new = number
                while new in names:
                    new += 1
                names[new], numbers[key] = name, new
            own[number] = numbers[key]
        of_parts.append(own)
    return dict(sorted(names.items())), of_parts


def _common_fields(parts: Sequence[Dataset]) -> tuple[set[str], dict[str, list[str]]]:
    """Fields of atoms that all parts have; others, with the names of the parts without."""
    present = []
    for part in parts:
        frame = part.read(0)
        present.append({name for name in ATOM_FIELDS if getattr(frame, name) is not None})
    common = set.intersection(*present)
    some = sorted(set.union(*present) - common)
    pairs = list(zip(parts, present, strict=True))
    return common, {name: [part.path.name for part, fields in pairs if name not in fields] for name in some}


def _numbered_on(numbers: Sequence[np.ndarray]) -> np.ndarray:
    """Numbers of all parts, those of each after those before it."""
    start, whole = 0, []
    for own in numbers:
        whole.append(np.asarray(own) + start)
        start = int(whole[-1].max()) + 1
    return np.concatenate(whole).astype(np.int32)


# --- frames ---


def _renumbered(types: np.ndarray, numbers: dict[int, int]) -> np.ndarray:
    """(atoms,) int32 types in the common numbering."""
    present, inverse = np.unique(types, return_inverse=True)
    return np.array([numbers[int(number)] for number in present], dtype=np.int32)[inverse.ravel()]


def _converted(frame: Frame, factor: float, target: str | None) -> Frame:
    """A frame in real or metal units from the other ones; A and e are units of both."""
    if factor == 1:
        return frame
    per_time = 1 / _FS_PER_PS if target == "real" else _FS_PER_PS  # A/ps -> A/fs, or back
    return replace(
        frame,
        forces=frame.forces * factor,
        velocities=None if frame.velocities is None else frame.velocities * per_time,
        time=None if frame.time is None else frame.time / per_time,
        energies=None if frame.energies is None else frame.energies * factor,
        energy=None if frame.energy is None else frame.energy * factor,
        virial=None if frame.virial is None else frame.virial * factor,
    )


# --- provenance ---


def _sources(part: Dataset) -> list[dict]:
    """The files of a part, each with the name of the part; the part itself where it does not say."""
    listed = part.provenance.get("sources")
    if not listed or int(np.max(part.files, initial=0)) >= len(listed):
        listed = [{"file": str(part.path), "frames": len(part)}] * (int(np.max(part.files, initial=0)) + 1)
    return [{**source, "dataset": str(part.path)} for source in listed]


def _provenance(whole: ConcatenatedDataset, sources: list[dict]) -> dict:
    """What is known of the origin of all parts."""
    parts = whole.parts
    known: dict = {"sources": sources}
    for kind in EVENT_KINDS:
        if events := [event for part in parts for event in part.provenance.get(kind, [])]:
            known[kind] = events
    if doubts := [f"{part.path.name}: {doubt}" for part in parts for doubt in part.provenance.get("doubts", [])]:
        known["doubts"] = doubts
    digits = [part.provenance.get("digits") for part in parts]
    if all(digits):
        shared = set.intersection(*(set(own or {}) for own in digits))
        known["digits"] = {name: min(own[name] for own in digits if own) for name in sorted(shared)}
    masses: dict[int, float] = {}
    for part, numbers in zip(parts, whole._numbers, strict=True):
        for number, mass in (part.provenance.get("masses") or {}).items():
            if int(number) in numbers:
                masses.setdefault(numbers[int(number)], mass)
    if masses:
        known["masses"] = masses
    reports = [
        (part.path.name, QuantitiesReport.from_json(held))
        for part in parts
        if (held := part.provenance.get("quantities"))
    ]
    if reports:
        known["quantities"] = merged_report(reports, whole.left_out).to_json()
    return known
