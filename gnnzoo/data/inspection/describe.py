"""Describes a dataset before anything is trained on it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gnnzoo.data.frames.force_statistics import ForceStatistics
from gnnzoo.data.frames.frame import Dataset, Frame
from gnnzoo.data.frames.geometry import filled_volume
from gnnzoo.data.inspection.accumulator import Histogram, Outliers, RunAccumulator, Series, ZeroForces, known_masses
from gnnzoo.data.inspection.cost_estimate import VALID_FOR, CutoffCost, NeighborCount, cutoff_cost
from gnnzoo.data.inspection.drift import Drift, drift
from gnnzoo.data.inspection.pair_sample import PairSample, pair_cutoff, sample_pairs
from gnnzoo.data.inspection.rdf import RadialDistributions, radial_distributions
from gnnzoo.data.inspection.rounding_error import RoundingError, force_rounding_error, stiffest_bond
from gnnzoo.data.inspection.unit_evidence import UnitEvidence, unit_evidence
from gnnzoo.data.lammps.events import EVENT_KINDS
from gnnzoo.data.split.correlation import Correlations, correlations
from gnnzoo.records import Record

# Cutoffs estimated where neither a user nor a shell gives one: usual ones in A, and in reduced units.
_CUTOFFS, _REDUCED_CUTOFFS = (3.4, 4.4, 5.0, 6.0), (1.5, 2.0, 2.5, 3.0)
# Atoms per cubed length from which undeclared lengths are taken as reduced: in A it were denser than diamond (0.18).
_DENSEST = 0.25
# The largest end of a shell with at most so many edges per atom is recommended: beyond, a step on a CPU takes longer
# than the farther atoms improve the model.
MAX_EDGES = 100
_SHELLS = 3  # shells whose ends are estimated as cutoffs; further ones cost hundreds of edges per atom
_PROVENANCE = ("columns", "digits", "sources", "simulation", "doubts", *EVENT_KINDS, "command", "version")
_FIELDS = ("molecules", "charges", "velocities", "images", "energies", "energy", "virial")


@dataclass(frozen=True)
class AtomsRange(Record):
    """Number of atoms over all frames."""

    min: int
    max: int
    mean: float


@dataclass(frozen=True)
class AtomType(Record):
    """Name of a type, and how many atoms of it the first frame has that holds any."""

    name: str
    atoms: int


@dataclass(frozen=True)
class Steps(Record):
    """First and last timestep, number of segments, most common spacing of frames, and whether it is the only one."""

    first: int
    last: int
    segments: int
    spacing: int | None
    regular: bool


@dataclass(frozen=True)
class Volume(Record):
    """Volume of the cell over all frames, cubed length unit."""

    min: float
    mean: float
    max: float


@dataclass(frozen=True)
class Box(Record):
    """Cell rows (3, 3) of the first and last frame, LAMMPS' boundary letters, whether it changes, and its volume."""

    first: list[list[float]]
    last: list[list[float]]
    boundary: list[str]
    changes: bool
    volume: Volume


@dataclass(frozen=True)
class Density(Record):
    """Mean density: atoms per cubed length, g/cm3 where masses are known, and where those come from."""

    atoms_per_volume: float
    g_cm3: float | None
    masses: str | None


@dataclass(frozen=True)
class ForceSizes(Record):
    """Mean |F|, mean of |Fx| + |Fy| + |Fz|, and root mean square component, force unit."""

    mean_norm: float
    mean_sum_abs: float
    rms_component: float


@dataclass(frozen=True)
class Forces(ForceSizes):
    """Sizes of the forces over all atoms, the largest |F|, sizes by name of the type, and the histogram of |F|."""

    max_norm: float
    per_type: dict[str, ForceSizes]
    histogram: Histogram


@dataclass(frozen=True)
class NetForce(Record):
    """Net force of the frames, |sum of F|.

    Attributes:
        mean, max: over frames, force unit.
        share: its mean over atoms times mean |F|.
        noise: its mean over the root of the atoms, over mean |F|: the share of independent noise of each atom.
    """

    mean: float
    max: float
    share: float
    noise: float


@dataclass(frozen=True)
class ClosestPair(Record):
    """The two closest atoms of the sampled frames: distance (length unit), atom ids, names, timestep."""

    distance: float
    ids: list[int]
    names: list[str]
    step: int


@dataclass(frozen=True)
class Geometry(Record):
    """Number of frames sampled, their closest two atoms, and edges per atom by cutoff (as text)."""

    frames: int
    smallest_distance: ClosestPair | None
    edges_per_atom: dict[str, NeighborCount]


@dataclass(frozen=True)
class DatasetReport(Record):
    """Description of a dataset.

    Lengths, forces and energies are in the units of the data's style, temperatures in K (reduced in `lj`).

    Attributes:
        frames: number of frames.
        atoms: number of atoms of the first frame.
        atoms_range: of all frames.
        units: style, or None.
        types: by number as text.
        fields: names of what the frames hold in addition to positions and forces.
        steps, box, density, forces, net_force: over all frames.
        zero_forces, outliers: see `accumulator`.
        equal_to_previous: frames whose positions are exactly those of the frame before.
        drift: along the run.
        series: along the run, for plots.
        provenance: the data's own record of columns, digits, frames left out.
        correlation: autocorrelation of forces and structure, and the gap that a split needs.
        unit_evidence: verdict on the units.
        rounding_error: of the forces, from the digits printed.
        rdf: radial distribution functions and shells.
        geometry: closest atoms, edges per atom.
        cutoffs: their costs, ascending.
        recommended_cutoff: one of them, or None.
        cost_valid_for: recipes and machine that the costs hold for.
    """

    frames: int
    atoms: int
    atoms_range: AtomsRange
    units: str | None
    types: dict[str, AtomType]
    fields: list[str]
    steps: Steps
    box: Box
    density: Density
    forces: Forces
    net_force: NetForce
    zero_forces: ZeroForces
    outliers: Outliers
    equal_to_previous: list[int] = field(metadata={"key": "frames_equal_to_the_one_before"})
    drift: Drift
    series: Series
    provenance: dict[str, object]
    correlation: Correlations
    unit_evidence: UnitEvidence
    rounding_error: RoundingError = field(metadata={"key": "force_floor"})
    rdf: RadialDistributions
    geometry: Geometry
    cutoffs: list[CutoffCost]
    recommended_cutoff: float | None
    cost_valid_for: str = field(metadata={"key": "forecast_holds_for"})


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
    types: dict[int, AtomType] = {}
    for frame in dataset:
        forces.update(frame.forces[None], frame.types)
        run.update(frame)
        for number, count in zip(*np.unique(frame.types, return_counts=True), strict=True):
            types.setdefault(int(number), AtomType(dataset.type_names.get(int(number), str(number)), int(count)))
        if advance is not None:
            advance(1)
    first, last, series = dataset[0], dataset[len(dataset) - 1], run.series()
    sizes = _forces(forces, dataset.type_names, run.histogram())
    counts = series["atoms"]
    atoms = AtomsRange(int(counts.min()), int(counts.max()), float(counts.mean()))
    reach = pair_cutoff(first)
    pairs = sample_pairs(dataset, max(reach, *cutoffs, 0.0))
    bond = stiffest_bond(dataset, pairs)
    rdf = radial_distributions(pairs, dataset.type_names, reach)
    wanted = _cutoffs(first, rdf, sorted(cutoffs), pairs[0].cutoff)
    costs = [cutoff_cost(cutoff, why, pairs, len(dataset), atoms.mean) for cutoff, why in wanted.items()]
    return DatasetReport(
        frames=len(dataset),
        atoms=len(first),
        atoms_range=atoms,
        units=dataset.units,
        types={str(number): types[number] for number in sorted(types)},
        fields=[name for name in _FIELDS if getattr(first, name) is not None],
        steps=_steps(dataset),
        box=_box(first, last, series),
        density=_density(series, source),
        forces=sizes,
        net_force=_net_force(series),
        zero_forces=run.zero_forces(),
        outliers=run.outliers(),
        equal_to_previous=run.equal_to_previous,
        drift=drift(series),
        series=run.sampled_series(dataset.steps),
        provenance={name: dataset.provenance[name] for name in _PROVENANCE if name in dataset.provenance},
        correlation=correlations(dataset),
        unit_evidence=unit_evidence(dataset, pairs=pairs, bond=bond),
        rounding_error=force_rounding_error(pairs, dataset.provenance, sizes.mean_norm, bond),
        rdf=rdf,
        geometry=Geometry(len(pairs), _closest(pairs), {f"{cost.cutoff:g}": cost.edges_per_atom for cost in costs}),
        cutoffs=costs,
        recommended_cutoff=_recommended(costs),
        cost_valid_for=VALID_FOR,
    )


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


def _box(first: Frame, last: Frame, series: Mapping[str, np.ndarray]) -> Box:
    volumes, lengths = series["volume"], series["lengths"]
    changes = np.ptp(volumes) > 1e-9 * volumes.max() or np.any(np.ptp(lengths, axis=0) > 1e-9 * lengths.max())
    return Box(
        first=first.cell.tolist(),
        last=last.cell.tolist(),
        boundary=list(first.boundary),
        changes=bool(changes) or not np.array_equal(first.cell, last.cell),
        volume=Volume(float(volumes.min()), float(volumes.mean()), float(volumes.max())),
    )


def _density(series: Mapping[str, np.ndarray], source: str | None) -> Density:
    atoms = float(np.mean(series["density"]))
    if not np.all(np.isfinite(series["g_cm3"])):
        return Density(atoms, None, None)
    return Density(atoms, float(np.mean(series["g_cm3"])), source)


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


def _closest(pairs: Sequence[PairSample]) -> ClosestPair | None:
    found = [sampled for sampled in pairs if len(sampled.distances)]
    if not found:
        return None
    sampled = min(found, key=lambda sampled: sampled.distances.min())
    edge, frame = int(sampled.distances.argmin()), sampled.frame
    pair = (int(sampled.receivers[edge]), int(sampled.senders[edge]))
    return ClosestPair(
        distance=float(sampled.distances[edge]),
        ids=[int(frame.ids[atom]) for atom in pair],
        names=[str(frame.names[atom]) for atom in pair],
        step=frame.step,
    )
