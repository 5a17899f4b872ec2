"""Schema of the provenance that datasets store: the border at which JSON from a file becomes a trusted mapping.

Keys that other versions of gnnzoo add are kept as they are; those that commands read are checked here.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from gnnzoo.data.frames.quantities import QuantitiesReport
from gnnzoo.errors import DataError, Location
from gnnzoo.records import json_text
from gnnzoo.units import STYLES

# Types are 32-bit numbers, steps 64-bit ones, in LAMMPS' usual build.
TypeNumber = Annotated[int, Field(ge=-(2**31), lt=2**31)]
WholeNumber = Annotated[int, Field(ge=0, lt=2**63)]
Sha256 = Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]
UnitStyle = Annotated[str, Field(pattern=rf"\A({'|'.join(STYLES)})\z")]

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)


class SourceFile(BaseModel):
    """A file that frames were read from; `dataset` is the one of several datasets that it came with."""

    model_config = ConfigDict(extra="allow")

    file: str
    size: WholeNumber | None = None
    sha256: str | None = None
    frames: WholeNumber | None = None
    dataset: str | None = None


class SimulationRecord(BaseModel):
    """The simulation that made the frames."""

    model_config = ConfigDict(extra="allow")

    input: str
    sha256: str
    variables: dict[str, int | float | str]


class JoinedLogs(BaseModel):
    """Logs whose energies were joined to the frames."""

    model_config = ConfigDict(extra="allow")

    files: list[str]
    frames: WholeNumber
    without: WholeNumber
    per_atom: WholeNumber


class Provenance(BaseModel):
    """What commands read of a dataset's provenance; every key is optional."""

    model_config = ConfigDict(extra="allow")

    units: UnitStyle | None = None
    type_names: dict[TypeNumber, str] | None = None
    fingerprint: Sha256 | None = None
    version: str | None = None
    command: str | None = None
    source: str | None = None
    converted_from: str | None = None
    sources: list[SourceFile] | None = None
    simulation: SimulationRecord | None = None
    logs: JoinedLogs | None = None
    columns: list[str] | None = None
    digits: dict[str, WholeNumber] | None = None
    masses: dict[TypeNumber, FiniteFloat] | None = None
    atoms: dict[str, WholeNumber] | None = None
    doubts: list[str] | None = None
    quantities: QuantitiesReport | None = None
    groups: list[str] | None = None
    truncated: list[str] | None = None
    empty: list[str] | None = None
    repeated: list[str] | None = None
    restarts: list[str] | None = None


def check_provenance(stored: Mapping[str, Any], location: Location, hint: str) -> dict[str, Any]:
    """Check the provenance of a file.

    Args:
        stored: parsed JSON.
        location: of the provenance; its key precedes those of the values.
        hint: what to do about a file with an invalid one.

    Returns:
        The same values, without those that are null; units may be, where they are undeclared.

    Raises:
        DataError: a value that commands read is of another kind than they expect.
    """
    validated(Provenance, json_text(stored), location, hint)
    return {key: value for key, value in stored.items() if value is not None or key == "units"}


def validated(schema: type[M], text: str | bytes, location: Location, hint: str) -> M:
    """Check a JSON text against a schema; numbers written as text, and the like, are not accepted.

    Args:
        schema: a pydantic model.
        text: JSON.
        location: of the JSON; its key precedes that of the value.
        hint: what to do about an invalid file.

    Returns:
        The model's instance.

    Raises:
        DataError: the text is no JSON; a value is missing or wrong; the first one, with its key.
    """
    try:
        return schema.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        parts = [*([location.key] if location.key else []), *first["loc"]]
        key = ".".join(str(part) for part in parts if part != "[key]")
        raise DataError(
            f"{first['msg'][:1].lower()}{first['msg'][1:]}{_received(first)}",
            location=Location(location.file, location.line, key or None),
            expected="a file as gnnzoo convert writes it",
            hint=hint,
        ) from None


def _received(error: "ErrorDetails") -> str:
    """The value that was received, shortened; nothing where it is missing, or a whole object."""
    if error["type"] in ("missing", "json_invalid") or isinstance(error["input"], dict | list):
        return ""
    return f", not {error['input']!r:.80}"
