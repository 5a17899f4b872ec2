"""Typed view of the information that a .keras file holds next to its network (member `gnnzoo.json`).

The records are plain dicts, exactly as they stand in the file. Every key may be missing: in files of older versions
and in models built in memory. `archive.read_info` holds what it reads to these types; keys that they do not declare, of
later versions, are kept.
"""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, with_config
from typing_extensions import TypedDict  # that of `typing` cannot be checked by pydantic before Python 3.12

Units = Annotated[str, Field(pattern="^(real|metal|lj)$")]
Count = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00-\x1f\x7f]*$")]
TypeNumber = Annotated[str, Field(pattern="^[1-9][0-9]{0,8}$")]
PackageName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+!-]{0,99}$")]  # part of a command to type
# Long lists are refused at their first wrong value.
Numbers = Annotated[list[float], Field(fail_fast=True)]
Counts = Annotated[list[Count], Field(fail_fast=True)]
Vectors = Annotated[list[Annotated[list[float], Field(min_length=3, max_length=3)]], Field(fail_fast=True)]
_open = with_config(ConfigDict(extra="allow"))  # keys of later versions


def _split(parts: dict[str, list[int]]) -> dict[str, list[int]]:
    if missing := {"train", "validation", "test"} - set(parts):
        raise ValueError(f"must name the frames of {', '.join(sorted(missing))}")
    return parts


def _layer_transfer(row: list[str | int]) -> list[str | int]:
    if [type(value) for value in row] != [str, str, int, int, str]:
        raise ValueError("must be [layer, action, copied, total, reason]")
    return row


def _pair_curve(curve: "PairCurveInfo") -> "PairCurveInfo":
    columns = [values for values in curve.values() if isinstance(values, list)]
    if len({len(column) for column in columns}) != 1:
        raise ValueError("must have as many distances as forces and counts")
    return curve


@_open
class PartInfo(TypedDict):
    """One of several datasets of a training: absolute path, digest of its frames, and their number."""

    path: str
    fingerprint: str
    frames: Count


@_open
class DatasetInfo(TypedDict, total=False):
    """The dataset of a training.

    Attributes:
        path: absolute path of the dataset, of the first one where it consists of several.
        fingerprint: digest of its frames.
        frames: number of frames.
        atoms: number of atoms in the first frame.
        units: LAMMPS unit style, or None.
        molecules: whether it has molecule ids.
        boundary: LAMMPS boundary letters of the first frame.
        sources: sha256 of the files that it was converted from.
        parts: the datasets that it consists of, in the order of their frames; left out where it is a single one.
    """

    path: str
    fingerprint: str
    frames: Count
    atoms: Count
    units: Units | None
    molecules: bool
    boundary: list[str]
    sources: list[str]
    parts: list[PartInfo]


def dataset_paths(info: DatasetInfo) -> list[str]:
    """Paths of the data of a training.

    Args:
        info: what a model stores about them.

    Returns:
        Absolute paths, one for each part; none where the model stores none.
    """
    if "parts" in info:
        return [part["path"] for part in info["parts"]]
    return [info["path"]] if "path" in info else []


@_open
class PackageInfo(TypedDict):
    """An installed package that a layer comes from: its name and version."""

    package: PackageName
    version: PackageName


@_open
class DistanceHistogram(TypedDict):
    """Histogram of pair distances by kind of pair: `bins` bins of equal width up to the cutoff."""

    bins: Annotated[int, Field(ge=1, le=100_000)]
    counts: dict[str, Counts]


@_open
class StatisticsInfo(TypedDict, total=False):
    """Statistics of the training split; see `data.graphs.training_statistics.TrainingStatistics`."""

    force_rms: float
    force_mean_abs: float
    mean_neighbors: float
    max_atoms: Count
    max_edges: Count
    max_neighbors: Count
    shortest: list[list[Numbers]]
    distances: DistanceHistogram
    frames: int


@_open
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


@_open
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


# A dimer force curve; see `evaluation.pairs.PairCurve`, whose `reference` has an older name here.
PairCurveInfo = TypedDict(  # noqa: UP013  # a key that the glossary keeps out of names
    "PairCurveInfo",
    {"name": str, "distances": Numbers, "forces": Numbers, "truth": Numbers | None, "counts": Counts},
)


@_open
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
    moves: list[Annotated[list[str | int], AfterValidator(_layer_transfer)]]
    gain: float
    zero_shot: float | None
    scale_fitted: dict[str, float | None] | None
    pairs: list[Annotated[PairCurveInfo, AfterValidator(_pair_curve)]] | None
    forgotten: SourceErrors | None


@_open
class ExampleFrame(TypedDict):
    """A held-out frame with the forces predicted on it, which checks an exported model where the data are gone."""

    positions: Vectors
    cell: Annotated[Vectors, Field(min_length=3, max_length=3)]
    pbc: Annotated[list[bool], Field(min_length=3, max_length=3)]
    types: Counts
    molecules: Annotated[list[int], Field(fail_fast=True)] | None
    forces: Vectors


@_open
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
        energy_origins: where each of these is from, see `data.graphs.energy_offsets.EnergyOffsets`.
        energy_undetermined: differences of compositions whose energy is arbitrary, see there.
        training: how it was trained.
        origin: the transfer that it started with; None for random initial weights.
        figures: force errors on the validation and test frames; None for an empty part.
        example: a held-out frame with predicted forces; None for large frames.
        layer_packages: package of each layer that does not come with gnnzoo; in the file only.
        recipe: the complete recipe; in the file only (`ForceField.recipe` in memory).
    """

    gnnzoo: str
    trained: str
    species: list[Text]
    types: dict[TypeNumber, Text]
    units: Units | None
    cutoff: float
    parameters: Count
    dataset: DatasetInfo
    split: Annotated[dict[str, Counts], AfterValidator(_split)]
    split_report: dict[str, object]
    statistics: StatisticsInfo
    energy_offsets: Numbers | None
    energy_origins: list[Text]
    energy_undetermined: list[Numbers]
    training: TrainingInfo
    origin: Origin | None
    figures: dict[str, ForceFigures | None]
    example: ExampleFrame | None
    layer_packages: dict[str, PackageInfo]
    recipe: dict[str, object]


def check_lengths(info: ModelInfo) -> None:
    """Check the information of a file in which lengths and numbers must agree.

    Args:
        info: of the right types.

    Raises:
        ValueError: some do not; the text names the key.
    """
    species, frames = len(info.get("species", [])), (info.get("dataset") or {}).get("frames")
    offsets, example, statistics = info.get("energy_offsets"), info.get("example"), info.get("statistics") or {}
    if "species" in info and len(set(info["species"])) != species:
        raise ValueError("species names one of them twice")
    if offsets is not None and len(offsets) != species:
        raise ValueError(f"energy_offsets has {len(offsets)} numbers for {species} species")
    largest = max((max(part, default=-1) for part in info.get("split", {}).values()), default=-1)
    if frames is not None and largest >= frames:
        raise ValueError(f"split has a frame {largest}, dataset.frames are {frames}")
    origin = info.get("origin")
    while origin is not None:
        if missing := {"model", "recipe"} - set(origin):
            raise ValueError(f"origin has no {', '.join(sorted(missing))}")
        origin = origin.get("origin")
    if distances := statistics.get("distances"):
        for name, counts in distances["counts"].items():
            if len(counts) != distances["bins"] or not any(counts):
                raise ValueError(f"statistics.distances.counts.{name} does not have {distances['bins']} bins")
    if example is not None:
        lengths = {len(example[key] or ()) for key in ("positions", "types", "forces")}
        if example["molecules"] is not None:
            lengths.add(len(example["molecules"]))
        if len(lengths) != 1 or not set(map(str, example["types"])) <= set(info.get("types", {})):
            raise ValueError("example has arrays of different lengths, or types that the model does not have")
