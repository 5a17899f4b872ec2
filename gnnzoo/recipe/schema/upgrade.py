"""Recipes of earlier versions, converted to today's keys when they are read."""

from collections.abc import Mapping

from gnnzoo.recipe.io.json_positions import Path

# In 0.1.0 the interactions of the data were {"lennard_jones": MIXING, "charges": BOOLEAN, "bonds": [...]}.
_OLD, OLD_KEYS = "truth", ("lennard_jones", "charges", "bonds")
OLD_PATH: Path = ("data", _OLD)
_PATH: Path = ("data", "reference")


def upgraded(raw: dict) -> dict:
    """Convert the keys of a recipe of an earlier version.

    Args:
        raw: what the JSON of a recipe of any version holds, valid or not.

    Returns:
        The same with today's keys; what cannot be converted is left for the validation to report.
    """
    return _converted(raw)[0]


def old_paths(raw: dict) -> dict[Path, Path]:
    """Paths of the keys that `upgraded` converts.

    Args:
        raw: as that of `upgraded`.

    Returns:
        Path before the conversion by the path after it; paths within a converted value follow from that of the value.
    """
    return _converted(raw)[1]


def _converted(raw: dict) -> tuple[dict, dict[Path, Path]]:
    """The recipe with today's keys, and the old path of each converted value by its new one."""
    data = raw.get("data")
    if not isinstance(data, dict) or _OLD not in data or "reference" in data:
        return raw, {}
    old = {} if data[_OLD] is None else data[_OLD]
    if not isinstance(old, dict):
        return raw, {}
    entries, paths = list[dict[str, object]](), {_PATH: OLD_PATH}
    for key, (option, entry) in _entries(old).items():
        path = (*_PATH, len(entries))
        paths |= {path: (*OLD_PATH, key), (*path, option): (*OLD_PATH, key)}
        entries.append(entry)
    left = {key: value for key, value in old.items() if not _is_convertible(key, value)}
    kept = {key: value for key, value in data.items() if key != _OLD} | ({_OLD: left} if left else {})
    return {**raw, "data": {**kept, "reference": entries}}, paths


def _entries(old: Mapping[str, object]) -> dict[str, tuple[str, dict[str, object]]]:
    """By the keys of 0.1.0, the prior entry that each becomes, after the name of the option that has its value."""
    entries: dict[str, tuple[str, dict[str, object]]] = {}
    if old.get("lennard_jones") is not None:
        entries["lennard_jones"] = "mixing", {"prior": "lennard_jones", "mixing": old["lennard_jones"]}
    if old.get("charges"):
        entries["charges"] = "damping", {"prior": "coulomb", "damping": 0}
    if old.get("bonds"):
        entries["bonds"] = "bonds", {"prior": "harmonic", "bonds": old["bonds"]}
    return entries


def _is_convertible(key: str, value: object) -> bool:
    """Whether 0.1.0 had the key; values other than that of `charges` are validated in the entries that they become."""
    return key in OLD_KEYS and (key != "charges" or value in (None, False, True))  # 0 and 1 are equal to these
