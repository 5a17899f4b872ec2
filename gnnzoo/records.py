"""Base of the records that library functions return and commands write as JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Record:
    """Frozen dataclass that is written as a JSON object, one key for each field."""

    def to_json(self) -> dict[str, object]:
        """Convert to plain values by key.

        Returns:
            The fields in order, nested records as objects, arrays as lists, infinity and not-a-number as None. The key
            is the field's name, or its `metadata["key"]` where files use another name.
        """
        return {field.metadata.get("key", field.name): plain(getattr(self, field.name)) for field in fields(self)}


def plain(value: object) -> object:
    """Convert a value to what `json` writes.

    Args:
        value: a record, a NumPy array or scalar, a mapping, a sequence, or a plain value.

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
    to_list = getattr(value, "tolist", None)  # NumPy, which this module does not import
    return plain(to_list()) if to_list is not None else value
