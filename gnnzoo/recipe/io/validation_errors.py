"""Errors of a recipe: pydantic's errors as problems with key, expectation and the nearest valid name."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from pydantic_core import ErrorDetails

from gnnzoo.errors import closest, did_you_mean
from gnnzoo.recipe.io.json_positions import JsonValue, Path
from gnnzoo.recipe.layer_registry import missing_packages, registry
from gnnzoo.recipe.schema.data import VARIABLE_TEXT
from gnnzoo.recipe.schema.recipe import Recipe

_UNKNOWN_KEY, _MISSING = "unknown key", "is missing"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a recipe.

    Attributes:
        path: keys and indices that lead to it from the top of the recipe.
        what: what is wrong, with the value received.
        expected: what was expected there.
        hint: what to do next.
    """

    path: Path
    what: str
    expected: str | None = None
    hint: str | None = None


def dotted(path: Path) -> str:
    """A path as text: ("model", "layers", 3, "units") -> "model.layers[3].units".

    Args:
        path: keys and indices.

    Returns:
        Keys with dots between them, indices in brackets.
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def validation_problems(errors: Iterable[ErrorDetails], raw: JsonValue) -> list[Problem]:
    """Convert pydantic's errors to problems, one for each place.

    Args:
        errors: of a pydantic `ValidationError`.
        raw: the value that was validated.

    Returns:
        Problems whose paths are in `raw`, or one key further where a key is missing.
    """
    by_place: dict[tuple[Path, bool], Problem] = {}
    for error in errors:
        path = _path_in(raw, error["loc"], keep_last=error["type"] == "missing")
        problem = _explain(error, path, raw)
        place = (path, error["loc"][-1:] == ("[key]",))
        if place in by_place:  # an error of each member of a union
            problem = _either(by_place[place], problem)
        by_place[place] = problem
    return _without_misspelt(list(by_place.values()))


def _path_in(raw: JsonValue, location: tuple[str | int, ...], keep_last: bool) -> Path:
    """pydantic's location without the parts that are not in `raw`: names of kinds and of members of a union."""
    path: Path = ()
    for number, part in enumerate(location):
        if _has(raw, part):
            path, raw = (*path, part), _child(raw, part)
        elif keep_last and number == len(location) - 1:
            path = (*path, part)
    return path


def _has(raw: JsonValue, part: str | int) -> bool:
    if isinstance(raw, dict):
        return part in raw
    return isinstance(raw, list) and isinstance(part, int) and part < len(raw)


def _child(raw: JsonValue, part: str | int) -> JsonValue:
    """What stands under a key or an index; None where nothing does."""
    if isinstance(raw, dict):
        return raw.get(str(part))
    return raw[part] if isinstance(raw, list) and isinstance(part, int) and part < len(raw) else None


# --- explanations, by pydantic's type of error ----------------------------------------------------------------------


def _explain(error: ErrorDetails, path: Path, raw: JsonValue) -> Problem:
    explain = _EXPLANATIONS.get(error["type"])
    if explain is not None:
        return explain(error, path, raw)
    expected = _EXPECTED.get(error["type"]) or error["msg"].replace("Input should be ", "")
    return Problem(path, f"{short(error['input'])} is not possible", expected)


def _unknown_key(_error: ErrorDetails, path: Path, raw: JsonValue) -> Problem:
    names = list(_node(path[:-1], raw).get("properties", {}))
    near = did_you_mean(str(path[-1]), names)
    return Problem(path, f"{_UNKNOWN_KEY}.{near}", f"one of {', '.join(names)}")


def _missing(_error: ErrorDetails, path: Path, raw: JsonValue) -> Problem:
    return Problem(path, _MISSING, " ".join(_node(path, raw).get("description", "").split()) or None)


def _unknown_kind(error: ErrorDetails, path: Path, raw: JsonValue) -> Problem:
    kind, key = error["ctx"]["tag"], _kind_key(error)
    kinds = [tag.strip(" '") for tag in error["ctx"]["expected_tags"].split(",")]
    near, hint = did_you_mean(kind, kinds), None
    if key == "layer":
        if kind in registry().broken:
            broken = registry().broken[kind]
            return Problem((*path, key), f"the layer '{kind}' {broken}", hint=f"pip install -U {broken.package.name}")
        hint = _package_hint(raw) or (None if near else _NO_PACKAGE)
    return Problem((*path, key), f"unknown {key} '{kind}'.{near}", f"one of {', '.join(kinds)}", hint)


_NO_PACKAGE = 'if a package adds this layer, install it; "requires": ["PACKAGE"] in the recipe names it for others'


def _package_hint(raw: JsonValue) -> str | None:
    """Command that installs what `requires` names and is missing."""
    required = _child(raw, "requires")
    names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    missing = missing_packages(names)
    return f"pip install {' '.join(missing)}" if missing else None


def _without_kind(error: ErrorDetails, path: Path, _raw: JsonValue) -> Problem:
    key = _kind_key(error)
    return Problem(path, f'the entry does not name its kind: "{key}" is missing', f'{{"{key}": "NAME", ...}}')


def _kind_key(error: ErrorDetails) -> str:
    """The key that discriminates entries of a list: `layer` or `prior`."""
    return str(error["ctx"]["discriminator"]).strip("'")


def _not_among(error: ErrorDetails, path: Path, _raw: JsonValue) -> Problem:
    expected = error["ctx"]["expected"]
    near = did_you_mean(str(error["input"]), re.findall(r"'([^']*)'", expected))
    return Problem(path, f"{short(error['input'])} is not possible.{near}", expected)


def _contradiction(error: ErrorDetails, path: Path, _raw: JsonValue) -> Problem:
    return Problem(path, str(error["ctx"]["error"]))


def _pattern(error: ErrorDetails, path: Path, _raw: JsonValue) -> Problem:
    pattern = error["ctx"]["pattern"]
    return Problem(path, f"{short(error['input'])} is not possible", _PATTERNS.get(pattern, pattern))


# Errors of other types have pydantic's own words.
_EXPLANATIONS: Mapping[str, Callable[[ErrorDetails, Path, JsonValue], Problem]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "union_tag_invalid": _unknown_kind,
    "union_tag_not_found": _without_kind,
    "literal_error": _not_among,
    "value_error": _contradiction,
    "string_pattern_mismatch": _pattern,
}
_EXPECTED = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), 'an object: { "key": value, ... }'),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    "string_type": "a text in quotes",
    "list_type": "a list: [ ..., ... ]",
}
_PATTERNS = {
    r"^[^\x00-\x1f\x7f]*$": "a text without control characters",
    r"^[A-Za-z][A-Za-z0-9_]{0,63}$": "a name of letters, digits and '_'",
    VARIABLE_TEXT: "a plain word such as npt, or numbers with one space between them",
    r"^[1-9][0-9]*$": 'the number of a LAMMPS type, in quotes: "1"',
    r"^[A-Za-z0-9][A-Za-z0-9_.-]*$": "a name of letters, digits, '_', '.' and '-'",
}
_LONGEST = 60  # characters of a value that an error quotes: the message stays on one line


def short(value: object) -> str:
    """A value as JSON on one line, for errors.

    Args:
        value: of the recipe.

    Returns:
        The text, cut where it is long.
    """
    text = json.dumps(value, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


def _either(first: Problem, second: Problem) -> Problem:
    """The first problem with the expectations of both."""
    if first.expected and second.expected and second.expected not in first.expected:
        return Problem(first.path, first.what, f"{first.expected}, or {second.expected}", first.hint)
    return first


def _without_misspelt(problems: list[Problem]) -> list[Problem]:
    """Drop the problem of a missing key where an unknown key next to it is a misspelling of it."""
    unknown = [problem.path for problem in problems if problem.what.startswith(_UNKNOWN_KEY)]

    def misspelt(problem: Problem) -> bool:
        return any(
            path[:-1] == problem.path[:-1] and closest(str(path[-1]), [str(problem.path[-1])]) is not None
            for path in unknown
        )

    return [problem for problem in problems if problem.what != _MISSING or not misspelt(problem)]


# --- the JSON schema of a place -------------------------------------------------------------------------------------


@cache
def _schema() -> dict:
    return Recipe.model_json_schema()


def _node(path: Path, raw: JsonValue) -> dict:
    """The part of the JSON schema that holds at `path` in the value `raw`."""
    node = _resolved(_schema(), raw)
    for part in path:
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(part) or node.get("additionalProperties") or {}
        raw = _child(raw, part)
        node = _resolved(node, raw) | {key: node[key] for key in ("description",) if key in node}
    return node


def _resolved(node: object, raw: JsonValue) -> dict:
    """Follow references; of alternatives take the one of the value's kind, or the one that is an object or a list."""
    if not isinstance(node, dict):
        return {}
    if "$ref" in node:
        return _schema()["$defs"][node["$ref"].rpartition("/")[2]]
    if "oneOf" in node:
        by = node["discriminator"]
        reference = by["mapping"].get(_child(raw, by["propertyName"]))
        return _schema()["$defs"][reference.rpartition("/")[2]] if reference else {}
    for alternative in node.get("anyOf", ()):
        if "$ref" in alternative or alternative.get("type") in ("object", "array"):
            return _resolved(alternative, raw)
    return node
