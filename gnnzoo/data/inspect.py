"""What data hold, judged before anything is trained on them."""

from collections.abc import Callable, Sequence

import numpy as np

from gnnzoo.data.elements import MASSES
from gnnzoo.data.force_statistics import ForceStatistics
from gnnzoo.data.frames import Dataset, Frame
from gnnzoo.data.neighbors import neighbor_list
from gnnzoo.data.statistics import even_sample

# Cutoffs to try where nobody names one: around first and second shells of liquids, in A; and in reduced units.
_CUTOFFS, _REDUCED_CUTOFFS = (3.4, 4.4, 5.0, 6.0), (1.5, 2.0, 2.5, 3.0)
_GEOMETRY_FRAMES = 8  # evenly spaced frames whose neighbours are searched
_TENTHS = 10

_G_CM3 = 1.66053906892  # (g/mol)/A^3 in g/cm^3: 1e24 / Avogadro's number


def survey(
    dataset: Dataset, cutoffs: Sequence[float] | None = None, advance: Callable[[int], object] | None = None
) -> dict:
    """Read all frames once and describe them.

    Args:
        dataset: any.
        cutoffs: for the edges per atom, length unit; by default a few that are usual in the data's units.
        advance: called after each frame.

    Returns:
        JSON-able: frames, atoms, types, box, density, forces, net_force, drift, geometry, steps, and what the data's
        provenance tells of columns, digits and frames left out.
    """
    first, last = dataset[0], dataset[len(dataset) - 1]
    forces = ForceStatistics()
    means, net, volumes = np.zeros((3, len(dataset)))
    still, before = [], None
    for index, frame in enumerate(dataset):
        forces.update(frame.forces[None], frame.types)
        means[index] = np.linalg.norm(frame.forces, axis=1).mean()
        net[index] = np.linalg.norm(frame.forces.sum(axis=0))
        volumes[index] = frame.volume
        if before is not None and np.array_equal(before.positions, frame.positions):
            still.append(index)
        before = frame
        if advance is not None:
            advance(1)
    return {
        "frames": len(dataset),
        "atoms": len(first),
        "units": dataset.units,
        "types": _types(first, dataset.type_names),
        "fields": [
            name for name in ("molecules", "charges", "velocities", "images") if getattr(first, name) is not None
        ],
        "steps": _steps(dataset),
        "box": _box(first, last, volumes),
        "density": _density(first, dataset, volumes),
        "forces": forces.summary(dataset.type_names),
        "net_force": {"mean": float(net.mean()), "max": float(net.max())},
        "drift": _tenths(means),
        "geometry": _geometry(dataset, cutoffs or default_cutoffs(first)),
        "frames_equal_to_the_one_before": still,
        "provenance": {
            name: dataset.provenance[name]
            for name in (
                "columns",
                "digits",
                "sources",
                "simulation",
                "doubts",
                "truncated",
                "repeated",
                "restarts",
                "command",
                "version",
            )
            if name in dataset.provenance
        },
    }


def default_cutoffs(frame: Frame) -> tuple[float, ...]:
    """A few usual cutoffs; undeclared units are taken as reduced where else matter would be denser than diamond."""
    reduced = frame.units == "lj" or (frame.units is None and len(frame) / frame.volume > 0.25)
    return _REDUCED_CUTOFFS if reduced else _CUTOFFS


def _types(frame: Frame, type_names: dict[int, str]) -> dict[str, dict]:
    numbers, counts = np.unique(frame.types, return_counts=True)
    return {
        str(number): {"name": type_names.get(int(number), str(number)), "atoms": int(count)}
        for number, count in zip(numbers, counts, strict=True)
    }


def _steps(dataset: Dataset) -> dict:
    """First and last step, and the distances between frames within a segment."""
    steps, segments = np.asarray(dataset.steps), np.asarray(dataset.segments)
    within = np.diff(steps)[np.diff(segments) == 0]
    spacings, counts = np.unique(within, return_counts=True)
    most = spacings[np.argsort(-counts)][:3]
    return {
        "first": int(steps[0]),
        "last": int(steps[-1]),
        "segments": int(segments.max()) + 1,
        "spacing": int(most[0]) if len(most) else None,
        "regular": len(spacings) <= 1,
    }


def _box(first: Frame, last: Frame, volumes: np.ndarray) -> dict:
    return {
        "first": first.cell.tolist(),
        "last": last.cell.tolist(),
        "boundary": list(first.boundary),
        "changes": bool(np.ptp(volumes) > 1e-9 * volumes.max()) or not np.array_equal(first.cell, last.cell),
        "volume": {"min": float(volumes.min()), "mean": float(volumes.mean()), "max": float(volumes.max())},
    }


def _density(frame: Frame, dataset: Dataset, volumes: np.ndarray) -> dict:
    """Atoms per volume; g/cm3 where masses are known: from the dump's column, or from names that are elements."""
    number = float(np.mean(len(frame) / volumes))
    density = {"atoms_per_volume": number, "g_cm3": None, "masses": None}
    if dataset.units not in ("real", "metal"):
        return density
    told = {int(number): mass for number, mass in dataset.provenance.get("masses", {}).items()}
    present = np.unique(frame.types)
    if all(int(number) in told for number in present):
        masses, source = told, "column mass"
    else:
        masses = {number: MASSES[name] for number, name in dataset.type_names.items() if name in MASSES}
        source = "standard atomic masses"
    if all(int(number) in masses for number in present):
        total = sum(masses[int(number)] * np.count_nonzero(frame.types == number) for number in present)
        density |= {"g_cm3": float(np.mean(total / volumes) * _G_CM3), "masses": source}
    return density


def _tenths(means: np.ndarray) -> list[float]:
    """Mean |F| in each tenth of the frames."""
    return [float(part.mean()) for part in np.array_split(means, min(_TENTHS, len(means)))]


def _geometry(dataset: Dataset, cutoffs: Sequence[float]) -> dict:
    """Smallest distance and edges per atom, over a few frames."""
    sample = even_sample(np.arange(len(dataset)), _GEOMETRY_FRAMES)
    edges: dict[float, list] = {cutoff: [] for cutoff in sorted(cutoffs)}  # -> mean of each frame
    most = dict.fromkeys(edges, 0)
    smallest: dict | None = None
    for index in sample:
        frame = dataset[int(index)]
        senders, receivers, vectors, _ = neighbor_list(frame.positions, frame.cell, frame.pbc, max(edges))
        distances = np.linalg.norm(vectors, axis=1)
        for cutoff, means in edges.items():
            counts = np.bincount(receivers[distances < cutoff], minlength=len(frame))
            means.append(counts.mean())
            most[cutoff] = max(most[cutoff], int(counts.max()))
        if len(distances) and (smallest is None or distances.min() < smallest["distance"]):
            edge = int(distances.argmin())
            pair = (int(receivers[edge]), int(senders[edge]))
            smallest = {
                "distance": float(distances[edge]),
                "ids": [int(frame.ids[atom]) for atom in pair],
                "names": [str(frame.names[atom]) for atom in pair],
                "step": frame.step,
            }
    return {
        "frames": len(sample),
        "smallest_distance": smallest,
        "edges_per_atom": {
            f"{cutoff:g}": {"mean": float(np.mean(means)), "max": most[cutoff]} for cutoff, means in edges.items()
        },
    }
