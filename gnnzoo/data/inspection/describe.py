"""Describes a dataset before anything is trained on it."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from gnnzoo.data.frames.force_statistics import ForceStatistics
from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.frames.geometry import filled_volume
from gnnzoo.data.inspection.accumulator import (
    OPTIONAL,
    Histogram,
    RunAccumulator,
    known_masses,
)
from gnnzoo.data.inspection.close_atoms import CloseAtoms, ClosePair
from gnnzoo.data.inspection.cost_estimate import VALID_FOR, CutoffCost, cutoff_cost
from gnnzoo.data.inspection.dataset_report import (
    AtomsRange,
    AtomType,
    Box,
    DatasetReport,
    Density,
    Forces,
    ForceSizes,
    Geometry,
    NetForce,
    Steps,
    Volume,
)
from gnnzoo.data.inspection.derivatives import derivatives
from gnnzoo.data.inspection.drift import drift
from gnnzoo.data.inspection.pair_sample import PairSample, pair_cutoff, sample_pairs
from gnnzoo.data.inspection.rdf import RadialDistributions, radial_distributions
from gnnzoo.data.inspection.rounding_error import force_rounding_error, stiffest_bond
from gnnzoo.data.inspection.unit_evidence import unit_evidence
from gnnzoo.data.lammps.events import EVENT_KINDS
from gnnzoo.data.split.arrangement import Arrangement, arrangement
from gnnzoo.data.split.correlation import correlations

# Cutoffs estimated where neither a user nor a shell gives one: usual ones in A, and in reduced units.
_CUTOFFS, _REDUCED_CUTOFFS = (3.4, 4.4, 5.0, 6.0), (1.5, 2.0, 2.5, 3.0)
# Atoms per cubed length from which undeclared lengths are taken as reduced: in A it were denser than diamond (0.18).
_DENSEST = 0.25
# The largest end of a shell with at most so many edges per atom is recommended: beyond, a step on a CPU takes longer
# than the farther atoms improve the model.
MAX_EDGES = 100
_SHELLS = 3  # shells whose ends are estimated as cutoffs; further ones cost hundreds of edges per atom
_PROVENANCE = (
    *("columns", "digits", "sources", "simulation", "quantities", "doubts"),
    *(*EVENT_KINDS, "command", "version"),
)


@np.errstate(over="ignore", invalid="ignore")  # the squares of absurd forces are infinite, which the report shows
def describe_dataset(
    dataset: Dataset, cutoffs: Sequence[float] = (), advance: Callable[[int], object] | None = None
) -> DatasetReport:
    """Read all frames once, sample some of them more closely, and describe them.

    Args:
        dataset: any.
        cutoffs: estimated in addition to those that the data suggest, length unit.
        advance: called after each frame, with 1.

    Returns:
        The description; what comes from a sample states the number of `frames`.
    """
    masses, source = known_masses(dataset.provenance, dataset.type_names, dataset.units)
    run, forces = RunAccumulator(dataset.type_names, masses, dataset.units), ForceStatistics()
    close = CloseAtoms(dataset.units)
    for frame in dataset:
        forces.update(frame.forces[None], frame.types)
        run.update(frame)
        close.update(frame)
        if advance is not None:
            advance(1)
    order, series = arrangement(dataset), run.series()
    typical, sampled = _sample(dataset, series, order)
    sizes = _forces(forces, dataset.type_names, run.histogram())
    counts = series["atoms"]
    atoms = AtomsRange(int(counts.min()), int(counts.max()), float(counts.mean()))
    reach = pair_cutoff(typical)
    pairs = sample_pairs(dataset, max(reach, *cutoffs, 0.0), order=sampled, typical=typical)
    bond = stiffest_bond(dataset, pairs)
    rdf = radial_distributions(pairs, dataset.type_names, reach)
    wanted = _cutoffs(typical, rdf, sorted(cutoffs), pairs[0].cutoff)
    costs = [cutoff_cost(cutoff, why, pairs, len(dataset), atoms.mean) for cutoff, why in wanted.items()]
    geometry = _geometry(pairs, close, costs)
    return DatasetReport(
        frames=len(dataset),
        arrangement=order,
        atoms=len(typical),
        atoms_range=atoms,
        units=dataset.units,
        types=_types(dataset.type_names, run.atoms_of_types()),
        fields=[name for name in OPTIONAL if name in run.fields],
        steps=_steps(dataset),
        box=_box(dataset[0], dataset[-1], series, run.boundaries),
        density=_density(series, source),
        forces=sizes,
        net_force=_net_force(series),
        zero_forces=run.zero_forces(),
        outliers=run.outliers(),
        equal_to_previous=run.equal_to_previous,
        drift=None if order.independent else drift(series),
        series=run.sampled_series(dataset.steps),
        provenance={name: dataset.provenance[name] for name in _PROVENANCE if name in dataset.provenance},
        correlation=correlations(dataset, order=order),
        unit_evidence=unit_evidence(dataset, pairs=pairs, bond=bond),
        rounding_error=force_rounding_error(pairs, dataset.provenance, sizes.mean_norm, bond),
        derivatives=derivatives(dataset, geometry.smallest_distance.distance if geometry.smallest_distance else 0.0),
        rdf=rdf,
        geometry=geometry,
        cutoffs=costs,
        recommended_cutoff=_recommended(costs),
        cost_valid_for=VALID_FOR,
    )


def _sample(dataset: Dataset, series: Mapping[str, np.ndarray], order: Arrangement) -> tuple[Frame, np.ndarray]:
    """A typical frame, and the numbers of the frames that samples are taken from, evenly in their order.

    The typical frame is that of the median atom by the mean distance of atoms. Isolated atoms say nothing about
    distances. The order of independent configurations means nothing, so they are sampled in one of their own, and the
    figures do not depend on which is first.
    """
    atoms, volume, forces = (series[name] for name in ("atoms", "volume", "mean_force"))
    several = np.flatnonzero(atoms > 1)
    several = several if len(several) else np.arange(len(atoms))
    dense = several[np.argsort(series["spacing"][several], kind="stable")]
    middle = int(np.searchsorted(np.cumsum(atoms[dense]), atoms[dense].sum() / 2))
    if order.independent:
        several = several[np.lexsort((forces[several], volume[several], atoms[several]))]
    return dataset[int(dense[min(middle, len(dense) - 1)])], several


# --- cutoffs ------------------------------------------------------------------------------------------------------


def _cutoffs(frame: Frame, rdf: RadialDistributions, asked: list[float], reach: float) -> dict[float, str]:
    """Cutoff -> why, ascending: ends of the shells of the pair whose first shell ends last, usual ones, those asked."""
    known = {name: pair.shells for name, pair in rdf.pairs.items() if pair.shells}
    if known:
        name = max(known, key=lambda name: known[name][0])
        ends = enumerate(known[name][:_SHELLS], start=1)
        found = {_rounded_up(end): f"end of shell {number} of {name}" for number, end in ends}
    else:
        found = {cutoff: "usual; no shell is visible" for cutoff in default_cutoffs(frame) if cutoff <= reach}
    found |= {cutoff: "asked for" for cutoff in asked}
    return dict(sorted(found.items()))


def _rounded_up(length: float) -> float:
    """To two digits, upwards: 5.138 -> 5.2; 1.52 -> 1.6."""
    step = 10.0 ** (math.floor(math.log10(length)) - 1)
    return float(f"{math.ceil(length / step - 1e-9) * step:.12g}")


def _recommended(costs: list[CutoffCost]) -> float | None:
    shells = [cost for cost in costs if cost.why.startswith("end of")]
    cheap = [cost.cutoff for cost in shells if cost.edges_per_atom.mean <= MAX_EDGES]
    return cheap[-1] if cheap else shells[0].cutoff if shells else None


def default_cutoffs(frame: Frame) -> tuple[float, ...]:
    """Usual cutoffs for a `frame`.

    Returns:
        Ascending, length unit; undeclared units of dense matter are taken as reduced.
    """
    reduced = frame.units == "lj" or (frame.units is None and len(frame) > _DENSEST * filled_volume(frame))
    return _REDUCED_CUTOFFS if reduced else _CUTOFFS


# --- parts of the report --------------------------------------------------------------------------------------------


def _steps(dataset: Dataset) -> Steps:
    steps, segments = np.asarray(dataset.steps), np.asarray(dataset.segments)
    spacings, counts = np.unique(np.diff(steps)[np.diff(segments) == 0], return_counts=True)
    return Steps(
        first=int(steps[0]),
        last=int(steps[-1]),
        segments=int(segments.max()) + 1,
        spacing=int(spacings[np.argmax(counts)]) if len(spacings) else None,
        regular=len(spacings) <= 1,
    )


def _types(names: Mapping[int, str], atoms: Mapping[int, tuple[int, int]]) -> dict[str, AtomType]:
    return {
        str(number): AtomType(names.get(number, str(number)), most, fewest) for number, (fewest, most) in atoms.items()
    }


def _box(
    first: Frame, last: Frame, series: Mapping[str, np.ndarray], boundaries: Mapping[tuple[str, str, str], int]
) -> Box:
    volumes, lengths = series["volume"], series["lengths"]
    changes = np.ptp(volumes) > 1e-9 * volumes.max() or np.any(np.ptp(lengths, axis=0) > 1e-9 * lengths.max())
    return Box(
        first=first.cell.tolist(),
        last=last.cell.tolist(),
        boundary=list(max((frames, letters) for letters, frames in boundaries.items())[1]),
        changes=bool(changes) or not np.array_equal(first.cell, last.cell),
        volume=Volume(float(volumes.min()), float(volumes.mean()), float(volumes.max())),
        boundaries={" ".join(letters): boundaries[letters] for letters in sorted(boundaries)},
        lengths=[float(lengths.min()), float(lengths.max())],
    )


def _density(series: Mapping[str, np.ndarray], source: str | None) -> Density:
    filled = np.isfinite(series["density"])
    if not np.any(filled):
        return Density(None, None, None)
    atoms, g_cm3 = float(np.mean(series["density"][filled])), series["g_cm3"][filled]
    return Density(atoms, float(np.mean(g_cm3)), source) if np.all(np.isfinite(g_cm3)) else Density(atoms, None, None)


def _forces(statistics: ForceStatistics, type_names: dict[int, str], histogram: Histogram) -> Forces:
    summary = statistics.summary(type_names)
    per_type = {name: ForceSizes(**sizes) for name, sizes in summary["per_type"].items()}
    return Forces(**{**summary, "per_type": per_type}, histogram=histogram)


def _net_force(series: Mapping[str, np.ndarray]) -> NetForce:
    net, mean_force, atoms = series["net_force"], series["mean_force"], series["atoms"]
    whole, mean = mean_force * atoms, float(np.mean(mean_force))
    return NetForce(
        mean=float(net.mean()),
        max=float(net.max()),
        share=float(np.mean(net) / np.mean(whole)) if np.any(whole) else 0.0,
        noise=float(np.mean(net / np.sqrt(atoms))) / mean if mean > 0 else 0.0,
    )


def _geometry(pairs: Sequence[PairSample], close: CloseAtoms, costs: Sequence[CutoffCost]) -> Geometry:
    edges = {f"{cost.cutoff:g}": cost.edges_per_atom for cost in costs}
    return Geometry(len(pairs), close.closest or _closest(pairs), edges, close.overlaps())


def _closest(pairs: Sequence[PairSample]) -> ClosePair | None:
    found = [sampled for sampled in pairs if len(sampled.distances)]
    if not found:
        return None
    sampled = min(found, key=lambda sampled: sampled.distances.min())
    edge, frame = int(sampled.distances.argmin()), sampled.frame
    pair = (int(sampled.receivers[edge]), int(sampled.senders[edge]))
    return ClosePair(
        distance=float(sampled.distances[edge]),
        ids=[int(frame.ids[atom]) for atom in pair],
        names=[str(frame.names[atom]) for atom in pair],
        frame=sampled.index,
        step=frame.step,
    )
