"""Description of a dataset, as records: what inspection finds."""

from dataclasses import dataclass, field

from gnnzoo.data.inspection.accumulator import Histogram, Outliers, Series, ZeroForces
from gnnzoo.data.inspection.close_atoms import ClosePair, Overlaps
from gnnzoo.data.inspection.cost_estimate import CutoffCost, NeighborCount
from gnnzoo.data.inspection.derivatives import Derivatives
from gnnzoo.data.inspection.drift import Drift
from gnnzoo.data.inspection.rdf import RadialDistributions
from gnnzoo.data.inspection.rounding_error import RoundingError
from gnnzoo.data.inspection.unit_evidence import UnitEvidence
from gnnzoo.data.split.arrangement import Arrangement
from gnnzoo.data.split.correlation import Correlations
from gnnzoo.records import Record


@dataclass(frozen=True)
class AtomsRange(Record):
    """Number of atoms over all frames."""

    min: int
    max: int
    mean: float


@dataclass(frozen=True)
class AtomType(Record):
    """Name of a type, and the largest and smallest number of its atoms in a frame."""

    name: str
    atoms: int
    fewest: int


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
    """Cells of the frames.

    Attributes:
        first, last: (3, 3) rows of the first and last frame.
        boundary: LAMMPS' boundary letters of most frames.
        changes: whether the cell changes.
        volume: over all frames.
        boundaries: boundary letters, such as "pp pp ff" -> number of frames.
        lengths: shortest and longest lattice vector, length unit.
    """

    first: list[list[float]]
    last: list[list[float]]
    boundary: list[str]
    changes: bool
    volume: Volume
    boundaries: dict[str, int]
    lengths: list[float]


@dataclass(frozen=True)
class Density(Record):
    """Mean density of the frames that are periodic in all directions.

    Attributes:
        atoms_per_volume: atoms per cubed length; None without such frames.
        g_cm3: where masses are known.
        masses: where those come from.
    """

    atoms_per_volume: float | None
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
class Geometry(Record):
    """Distances of atoms.

    Attributes:
        frames: number of frames sampled for the edges.
        smallest_distance: closest two atoms of all frames; of the sampled ones where atoms are far apart.
        edges_per_atom: by cutoff (as text).
        overlaps: atoms of all frames that are nearer than any bond.
    """

    frames: int
    smallest_distance: ClosePair | None
    edges_per_atom: dict[str, NeighborCount]
    overlaps: Overlaps


@dataclass(frozen=True)
class DatasetReport(Record):
    """Description of a dataset.

    Lengths, forces and energies are in the units of the data's style, temperatures in K (reduced in `lj`).

    Attributes:
        frames: number of frames.
        arrangement: whether the frames are those of a run or independent configurations.
        atoms: number of atoms of a typical frame.
        atoms_range: of all frames.
        units: style, or None.
        types: by number as text.
        fields: names of what frames, not necessarily all, hold in addition to positions and forces.
        steps, box, density, forces, net_force: over all frames.
        zero_forces, outliers: see `accumulator`.
        equal_to_previous: frames that are exactly the frame before: atoms, positions, cell and forces.
        drift: along the run; None for independent configurations.
        series: along the run, for plots.
        provenance: the data's own record of columns, digits, frames left out.
        correlation: autocorrelation of forces and structure, and the gap that a split needs.
        unit_evidence: verdict on the units.
        rounding_error: of the forces, from the digits printed.
        derivatives: what the energies say about forces and virials.
        rdf: radial distribution functions and shells.
        geometry: closest atoms, edges per atom.
        cutoffs: their costs, ascending.
        recommended_cutoff: one of them, or None.
        cost_valid_for: recipes and machine that the costs hold for.
    """

    frames: int
    arrangement: Arrangement
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
    drift: Drift | None
    series: Series
    provenance: dict[str, object]
    correlation: Correlations
    unit_evidence: UnitEvidence
    rounding_error: RoundingError = field(metadata={"key": "force_floor"})
    derivatives: Derivatives
    rdf: RadialDistributions
    geometry: Geometry
    cutoffs: list[CutoffCost]
    recommended_cutoff: float | None
    cost_valid_for: str = field(metadata={"key": "forecast_holds_for"})
