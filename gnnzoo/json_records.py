"""JSON that others may have written: bounded in size, parsed, and checked against the record that it should be.

Sizes are limited before anything is parsed: a few megabytes of JSON can become gigabytes of Python objects.
"""

import json
from functools import cache
from typing import Any, NoReturn

from pydantic import TypeAdapter, ValidationError

LONGEST = 12_000_000  # bytes of a JSON file: the split of 1.5 million frames
_MOST_NESTED = 50_000  # lists and objects; an example frame of 3000 atoms holds 6000
_MOST_TEXTS = 50_000  # keys and texts
_QUOTED = 60  # characters of a value that an error quotes


def parse_json(data: bytes, longest: int = LONGEST) -> object:
    """Parse JSON within limits of size, nesting and count.

    Args:
        data: UTF-8 text.
        longest: bytes at most.

    Returns:
        The value.

    Raises:
        ValueError: it is no JSON, or beyond the limits.
    """
    if len(data) > longest:
        raise ValueError(f"{len(data):,} bytes of JSON, at most {longest:,} are read")
    if data.count(b"[") + data.count(b"{") > _MOST_NESTED or data.count(b'"') > 2 * _MOST_TEXTS:
        raise ValueError(f"more than {_MOST_NESTED:,} lists, objects or texts in JSON")
    try:
        return json.loads(data, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def parse_record(data: bytes, kind: Any, longest: int = LONGEST) -> Any:
    """Parse JSON that must be a record of known keys and types.

    Args:
        data: UTF-8 text.
        kind: type of the record, a `TypedDict`; keys that it does not declare are kept.
        longest: bytes at most.

    Returns:
        The record as a plain dict, exactly as it stands in the file.

    Raises:
        ValueError: it is no JSON, beyond the limits, or not such a record; the text names the first wrong key.
    """
    value = parse_json(data, longest)
    check_record(value, kind)
    return value


def check_record(value: object, kind: Any) -> None:
    """Check a parsed value against the type of a record.

    Args:
        value: from JSON.
        kind: type of the record.

    Raises:
        ValueError: a key is missing, or has a value of another type; the text names the first one.
    """
    try:
        _adapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        found = json.dumps(first["input"], default=str)
        if len(found) > _QUOTED:
            found = f"{found[:_QUOTED]} ..."
        given = "" if first["type"] == "missing" else f", not {found}"
        expected = first["msg"].replace("Input should be", "should be").replace("Field required", "is missing")
        raise ValueError(f"{key or 'it'} {expected[:1].lower()}{expected[1:]}{given}") from None


@cache
def _adapter(kind: Any) -> TypeAdapter:
    return TypeAdapter(kind)
