"""Recipes of earlier versions, converted to today's keys when they are read."""

from collections.abc import Mapping

# Paths of keys that had another name before, with that name.
RENAMED = {("data", "reference"): ("data", "truth")}
# In 0.1.0 the interactions of the data were {"lennard_jones": MIXING, "charges": BOOLEAN, "bonds": [...]}.
_OLD, _OLD_KEYS = "truth", {"lennard_jones", "charges", "bonds"}


def upgraded(raw: dict) -> dict:
    """Convert the keys of a recipe of an earlier version.

    Args:
        raw: what the JSON of a recipe of any version holds, valid or not.

    Returns:
        The same with today's keys; what cannot be converted is left for the validation to report.
    """
    data = raw.get("data")
    if not isinstance(data, dict) or _OLD not in data or "reference" in data:
        return raw
    old = {} if data[_OLD] is None else data[_OLD]
    if not (isinstance(old, dict) and set(old) <= _OLD_KEYS):
        return raw
    kept = {key: value for key, value in data.items() if key != _OLD}
    return {**raw, "data": {**kept, "reference": _reference(old)}}


def _reference(old: Mapping[str, object]) -> list[dict[str, object]]:
    """Interactions of 0.1.0 as a list of prior entries."""
    entries: list[dict[str, object]] = []
    if old.get("lennard_jones") is not None:
        entries.append({"prior": "lennard_jones", "mixing": old["lennard_jones"]})
    if old.get("charges"):
        entries.append({"prior": "coulomb", "damping": 0})
    if old.get("bonds"):
        entries.append({"prior": "harmonic", "bonds": old["bonds"]})
    return entries
