"""Base of the records that library functions return and commands write as JSON."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import PurePath

_LONE_SURROGATE = re.compile(r"(?<!\\ud[89ab][0-9a-f]{2})\\udc[89a-f][0-9a-f]")


@dataclass(frozen=True)
class Record:
    """Frozen dataclass that is written as a JSON object, one key for each field."""

    def to_json(self) -> dict[str, object]:
        """Convert to plain values by key.

        Returns:
            The fields in order, nested records as objects, arrays as lists, paths as texts, infinity and not-a-number
            as None. The key is the field's name, or its `metadata["key"]` where files use another name; a field whose
            key is None is left out.
        """
        keys = {field.name: field.metadata.get("key", field.name) for field in fields(self)}
        return {key: plain(getattr(self, name)) for name, key in keys.items() if key is not None}


def json_text(value: object, indent: int | None = None) -> str:
    """Format plain values as JSON for a file.

    Args:
        value: as `json.dumps` takes it.
        indent: spaces; None for one line.

    Returns:
        ASCII text. Bytes of paths that are no UTF-8, which Python holds as lone surrogates, are "?": readers of JSON
        refuse them.
    """
    return _LONE_SURROGATE.sub("?", json.dumps(value, indent=indent))


def plain(value: object) -> object:
    """Convert a value to what `json` writes.

    Args:
        value: a record, a NumPy array or scalar, a mapping, a sequence, a path, or a plain value.

    Returns:
        Objects, lists, texts, finite numbers, booleans and None.
    """
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return str(value)
    to_list = getattr(value, "tolist", None)  # NumPy, which this module does not import
    return plain(to_list()) if to_list is not None else value
