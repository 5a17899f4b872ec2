"""Typed view of the information that a .keras file holds next to its network (member `gnnzoo.json`).

The records are plain dicts, exactly as they stand in the file. Every key may be missing: in files of older versions
and in models built in memory.
"""

from typing import TypedDict


class DatasetInfo(TypedDict, total=False):
    """The dataset of a training.

    Attributes:
        path: absolute path of the dataset.
        fingerprint: digest of its frames.
        frames: number of frames.
        atoms: number of atoms in the first frame.
        units: LAMMPS unit style, or None.
        molecules: whether it has molecule ids.
        boundary: LAMMPS boundary letters of the first frame.
        sources: sha256 of the files that it was converted from.
    """

    path: str
    fingerprint: str
    frames: int
    atoms: int
    units: str | None
    molecules: bool
    boundary: list[str]
    sources: list[str]


class PackageInfo(TypedDict):
    """An installed package that a layer comes from: its name and version."""

    package: str
    version: str


class DistanceHistogram(TypedDict):
    """Histogram of pair distances by kind of pair: `bins` bins of equal width up to the cutoff."""

    bins: int
    counts: dict[str, list[int]]


class StatisticsInfo(TypedDict, total=False):
    """Statistics of the training split; see `data.graphs.training_statistics.TrainingStatistics`."""

    force_rms: float
    force_mean_abs: float
    mean_neighbors: float
    max_atoms: int
    max_edges: int
    max_neighbors: int
    shortest: list[list[list[float]]]
    distances: DistanceHistogram
    frames: int


class TrainingInfo(TypedDict, total=False):
    """How a model was trained.

    Attributes:
        run: path of the run folder.
        schedule_steps: length of the learning-rate schedule.
        steps: optimizer steps that were made.
        best_step: step of the weights that were kept.
        seconds: duration.
        command: command line.
    """

    run: str
    schedule_steps: int
    steps: int
    best_step: int
    seconds: float
    command: str


# Force errors on one part of the dataset, in the model's force unit, by name; see `gnnzoo.metrics.ForceMetrics`.
ForceFigures = dict[str, float | None]


class SourceErrors(TypedDict):
    """Errors on the source model's own data before and after a transfer.

    Attributes:
        before, after: mean |dF| / mean |F| on held-out frames of the source.
        frames: number of frames.
        part: the part of the source's split.
        how: by which network they were predicted.
    """

    before: float
    after: float
    frames: int
    part: str
    how: str


class Origin(TypedDict, total=False):
    """The transfer that a model's weights started with.

    Attributes:
        model: path of the source model.
        sha256: digest of its file, or None.
        recipe: name of its recipe.
        dataset: the dataset that it was trained on.
        origin: the transfer that it started with itself, or None.
        moves: for each layer [layer, action, weights copied, weights, reason].
        gain: factor by which the output of the copied weights was scaled.
        zero_shot: mean |dF| / mean |F| on validation frames before training, with the source's force scale.
        scale_fitted: errors on validation frames before training, with the force scale fitted to training frames.
        pairs: dimer force curves before training; see `evaluation.pairs.PairCurve`.
        forgotten: errors on the source's data, where they could be evaluated.
    """

    model: str
    sha256: str | None
    recipe: str
    dataset: DatasetInfo | None
    origin: "Origin | None"
    moves: list[list[str | int]]
    gain: float
    zero_shot: float | None
    scale_fitted: dict[str, float | None] | None
    pairs: list[dict]
    forgotten: SourceErrors | None


class ExampleFrame(TypedDict):
    """A held-out frame with the forces predicted on it, which checks an exported model where the data are gone."""

    positions: list[list[float]]
    cell: list[list[float]]
    pbc: list[bool]
    types: list[int]
    molecules: list[int] | None
    forces: list[list[float]]


class ModelInfo(TypedDict, total=False):
    """All information in a .keras file.

    Attributes:
        gnnzoo: version that wrote the file.
        trained: date and time.
        species: names in the order of the network's species index.
        types: name of each LAMMPS type, by the type number as text.
        units: LAMMPS unit style of lengths, forces and energies, or None.
        cutoff: length unit.
        parameters: number of trainable weights.
        dataset: what it was trained on.
        split: frame numbers of each part.
        split_report: see `data.split.make_split.SplitReport`.
        statistics: statistics of the training split.
        energy_offsets: energy per atom of each species that was subtracted before training, or None.
        training: how it was trained.
        origin: the transfer that it started with; None for random initial weights.
        figures: force errors on the validation and test frames; None for an empty part.
        example: a held-out frame with predicted forces; None for large frames.
        layer_packages: package of each layer that does not come with gnnzoo; in the file only.
        recipe: the complete recipe; in the file only (`ForceField.recipe` in memory).
    """

    gnnzoo: str
    trained: str
    species: list[str]
    types: dict[str, str]
    units: str | None
    cutoff: float
    parameters: int
    dataset: DatasetInfo
    split: dict[str, list[int]]
    split_report: dict[str, object]
    statistics: StatisticsInfo
    energy_offsets: list[float] | None
    training: TrainingInfo
    origin: Origin | None
    figures: dict[str, ForceFigures | None]
    example: ExampleFrame | None
    layer_packages: dict[str, PackageInfo]
    recipe: dict[str, object]
