"""A recipe's errors in the words of whoever wrote it: line, key, what was expected, the nearest valid name."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from gnnzoo.errors import closest, did_you_mean
from gnnzoo.recipe.io.json_positions import Path
from gnnzoo.recipe.schema.recipe import Recipe


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a recipe; `path` leads to it from the top of the recipe."""

    path: Path
    what: str
    expected: str | None = None
    hint: str | None = None


def dotted(path: Path) -> str:
    """("model", "layers", 3, "units") -> "model.layers[3].units"."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def validation_problems(errors: Iterable[Mapping], raw: object) -> list[Problem]:
    """pydantic's errors about the JSON value `raw` as problems, one for each place."""
    by_place: dict[tuple[Path, bool], Problem] = {}
    for error in errors:
        path = _written_path(error["loc"], raw, keep_last=error["type"] == "missing")
        problem = _explain(error, path, raw)
        place = (path, error["loc"][-1] == "[key]")
        if place in by_place:  # the members of a union, each with its own complaint
            problem = _either(by_place[place], problem)
        by_place[place] = problem
    return _without_misspelt(by_place.values())


def _written_path(location: tuple, raw: object, keep_last: bool) -> Path:
    """pydantic's location without what does not stand in the text: names of layer kinds and of union members."""
    path = []
    for number, part in enumerate(location):
        inside = (isinstance(raw, dict) and part in raw) or (
            isinstance(raw, list) and isinstance(part, int) and part < len(raw)
        )
        if inside:
            path.append(part)
            raw = raw[part]
        elif keep_last and number == len(location) - 1:
            path.append(part)
    return tuple(path)


def _explain(error: Mapping, path: Path, raw: object) -> Problem:
    explain = _EXPLANATIONS.get(error["type"])
    if explain is not None:
        return explain(error, path, raw)
    expected = _EXPECTED.get(error["type"]) or error["msg"].replace("Input should be ", "")
    return Problem(path, f"{_short(error['input'])} is not possible", expected)


def _unknown_key(_error: Mapping, path: Path, raw: object) -> Problem:
    names = list(_node(path[:-1], raw).get("properties", {}))
    return Problem(path, "unknown key." + did_you_mean(path[-1], names), f"one of {', '.join(names)}")


def _missing(_error: Mapping, path: Path, raw: object) -> Problem:
    return Problem(path, "is missing", _meaning(path, raw))


def _unknown_kind(error: Mapping, path: Path, _raw: object) -> Problem:
    kind, key = error["ctx"]["tag"], _kind_key(error)
    kinds = [tag.strip(" '") for tag in error["ctx"]["expected_tags"].split(",")]
    return Problem((*path, key), f"unknown {key} '{kind}'." + did_you_mean(kind, kinds), f"one of {', '.join(kinds)}")


def _without_kind(error: Mapping, path: Path, _raw: object) -> Problem:
    key = _kind_key(error)
    return Problem(path, f'the entry does not name its kind: "{key}" is missing', f'{{"{key}": "NAME", ...}}')


def _kind_key(error: Mapping) -> str:
    """The key that tells entries of a list apart: `layer` or `prior`."""
    return error["ctx"]["discriminator"].strip("'")


def _not_among(error: Mapping, path: Path, _raw: object) -> Problem:
    expected = error["ctx"]["expected"]
    near = did_you_mean(str(error["input"]), re.findall(r"'([^']*)'", expected))
    return Problem(path, f"{_short(error['input'])} is not possible." + near, expected)


def _disagreement(error: Mapping, path: Path, _raw: object) -> Problem:
    return Problem(path, str(error["ctx"]["error"]))


def _pattern(error: Mapping, path: Path, _raw: object) -> Problem:
    pattern = error["ctx"]["pattern"]
    return Problem(path, f"{_short(error['input'])} is not possible", _PATTERNS.get(pattern, pattern))


# By pydantic's types of error; of the others its own words are shown.
_EXPLANATIONS = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "union_tag_invalid": _unknown_kind,
    "union_tag_not_found": _without_kind,
    "literal_error": _not_among,
    "value_error": _disagreement,
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
    r"^[1-9][0-9]*$": 'the number of a LAMMPS type, in quotes: "1"',
    r"^[A-Za-z0-9][A-Za-z0-9_.-]*$": "a name of letters, digits, '_', '.' and '-'",
}


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:56]} ..."


def _either(first: Problem, second: Problem) -> Problem:
    if first.expected and second.expected and second.expected not in first.expected:
        return Problem(first.path, first.what, f"{first.expected}, or {second.expected}", first.hint)
    return first


def _without_misspelt(problems: Iterable[Problem]) -> list[Problem]:
    """Drop what is said to be missing where an unknown key beside it is its misspelling."""
    problems = list(problems)
    unknown = {problem.path for problem in problems if problem.what.startswith("unknown key")}
    return [
        problem
        for problem in problems
        if problem.what != "is missing"
        or not any(
            path[:-1] == problem.path[:-1] and closest(path[-1], [str(problem.path[-1])]) is not None
            for path in unknown
        )
    ]


# --- what the schema says of a place --------------------------------------------------------------------------------


@cache
def _schema() -> dict:
    return Recipe.model_json_schema()


def _node(path: Path, raw: object) -> dict:
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


def _child(raw: object, part: str | int) -> object:
    try:
        return raw[part]
    except (KeyError, IndexError, TypeError):
        return None


def _resolved(node: object, raw: object) -> dict:
    """Follow references, and of alternatives the one that the value's kind names or that is an object."""
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


def _meaning(path: Path, raw: object) -> str | None:
    """What the schema says about a key, in one line."""
    text = _node(path, raw).get("description", "")
    return " ".join(text.split()) or None
