"""Schema of `gnnzoo.json`, which describes a folder of TFRecord shards, and checks of what it says of the folder."""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, FiniteFloat, model_validator

from gnnzoo.data.frames.provenance import Sha256, TypeNumber, UnitStyle, WholeNumber, check_provenance, validated
from gnnzoo.errors import DataError, Location
from gnnzoo.file_formats import check_regular

SCHEMA, ABOUT = "schema.pbtxt", "gnnzoo.json"
FORMAT = 1
HOW = "gnnzoo convert SOURCE -o NAME.tfrecord --cutoff R (or --recipe RECIPE)"
_AGAIN = f"write it again: {HOW}"
_RECORD_BYTES = 16  # of a TFRecord, without its content: length, checksum of the length, checksum of the content
_SMALL_BYTES = 1 << 20  # of a description that is always read

Boundary = Annotated[str, Field(pattern=r"\A(pp|[fsm][fsm])\z")]
Step = Annotated[int, Field(ge=-(2**63), lt=2**63)]
SmallNumber = Annotated[int, Field(ge=0, lt=2**31)]


class Shard(BaseModel):
    """A file of the folder."""

    file: Annotated[str, Field(pattern=r"\A[\w.-]+\.tfrecord\z")]
    frames: Annotated[int, Field(gt=0, lt=2**31)]
    bytes: WholeNumber
    sha256: Sha256


class _Format(BaseModel):
    """The version of a description."""

    format: int


class Description(BaseModel):
    """What a GraphSchema cannot hold: units, type names, cutoff, bonds, source, and the exact numbers of each frame."""

    format: int
    units: UnitStyle | None
    type_names: dict[TypeNumber, str]
    cutoff: Annotated[FiniteFloat, Field(gt=0)]
    bonds: list[tuple[str, str]] | None
    fingerprint: Sha256
    provenance: dict[str, Any]
    steps: Annotated[list[Step], Field(min_length=1)]
    segments: list[SmallNumber]
    times: list[FiniteFloat | None]
    boundaries: Annotated[list[tuple[WholeNumber, tuple[Boundary, Boundary, Boundary]]], Field(min_length=1)]
    shards: Annotated[list[Shard], Field(min_length=1)]
    # Missing in folders of the first versions.
    files: list[SmallNumber] | None = None
    energies: list[FiniteFloat | None] | None = None
    groups: list[str | None] | None = None
    gnnzoo: str | None = None

    @model_validator(mode="after")
    def _agree(self) -> "Description":
        frames = len(self.steps)
        for name in ("segments", "times", "files", "energies", "groups"):
            values = getattr(self, name)
            if values is not None and len(values) != frames:
                raise ValueError(f"{name} of {len(values):,} frames, and steps of {frames:,}")
        if sum(shard.frames for shard in self.shards) != frames:
            raise ValueError(
                f"shards of {sum(shard.frames for shard in self.shards):,} frames, and steps of {frames:,}"
            )
        if len({shard.file for shard in self.shards}) < len(self.shards):
            raise ValueError("a shard is listed twice")
        starts = [start for start, _ in self.boundaries]
        if starts[0] != 0 or any(a >= b for a, b in pairwise(starts)):
            raise ValueError(f"boundaries start at the frames {starts[:10]}, which must increase from 0 on")
        return self


def read_description(folder: Path) -> Description:
    """Read `gnnzoo.json` and check that the files it lists exist with the right size.

    Args:
        folder: of the shards.

    Returns:
        The description.

    Raises:
        DataError: the folder is no dataset, its description is invalid, a file is missing, or has another size.
    """
    path = folder / ABOUT
    if not path.is_file():
        shards = any(folder.glob("*.tfrecord"))
        what = "these TFRecord shards were not written by gnnzoo" if shards else "this folder is no dataset"
        hint = f"make one: {HOW}" if shards else f"the dumps in it, by name or by a glob: '{folder}/*.lammpstrj'"
        raise DataError(f"{what}: {ABOUT} is missing", location=Location(folder), hint=hint)
    text = _text(folder, path)
    _check_format(text, path)
    about = validated(Description, text, Location(path), _AGAIN)
    sources = check_provenance(about.provenance, Location(path, None, "provenance"), _AGAIN).get("sources") or []
    if sources and max(about.files or [0]) >= len(sources):
        raise DataError(
            f"a frame is of file {max(about.files or [0])}",
            location=Location(path, None, "files"),
            expected=f"one of {len(sources)} sources",
            hint=_AGAIN,
        )
    check_regular(folder / SCHEMA, "the schema of the shards")
    for name in (SCHEMA, *(shard.file for shard in about.shards)):
        if not (folder / name).is_file():
            raise DataError(f"{name} is missing", location=Location(folder), hint=f"copy it again, or {_AGAIN}")
    for shard in about.shards:
        _check_size(folder / shard.file, shard)
    return about


def _text(folder: Path, path: Path) -> bytes:
    """The JSON text of a description that is no larger than its shards can need."""
    size = path.stat().st_size
    most = _SMALL_BYTES + sum(file.stat().st_size for file in folder.glob("*.tfrecord") if file.is_file())
    if size > most:
        raise DataError(
            f"the description has {size:,} bytes, more than the shards",
            location=Location(path),
            expected=f"at most {most:,} bytes",
            hint=_AGAIN,
        )
    return path.read_bytes()


def _check_format(text: bytes, path: Path) -> None:
    """Refuse descriptions of other versions, before anything else in them is checked."""
    stored = validated(_Format, text, Location(path), _AGAIN).format
    if stored != FORMAT:
        raise DataError(
            f"its format is {stored}",
            location=Location(path, None, "format"),
            expected=f"{FORMAT}, which this version of gnnzoo reads",
            hint=_AGAIN,
        )


def _check_size(path: Path, shard: Shard) -> None:
    """Refuse a shard that is cut short, or too small for its frames."""
    found = path.stat().st_size
    if found != shard.bytes:
        raise DataError(
            f"the shard is damaged: it has {found:,} bytes",
            location=Location(path),
            expected=f"{shard.bytes:,} bytes",
            hint=f"copy the shard again, or write the folder again: {HOW}",
        )
    if found < _RECORD_BYTES * shard.frames:
        raise DataError(
            f"{shard.frames:,} frames are announced, in {found:,} bytes",
            location=Location(path),
            expected=f"at least {_RECORD_BYTES} bytes for each frame",
            hint=_AGAIN,
        )
