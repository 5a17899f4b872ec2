"""The schema told to others: as JSON schema for editors, as text for people."""

import json
from functools import cache

from gnnzoo.recipe.schema.recipe import Recipe

DRAFT = "https://json-schema.org/draft/2020-12/schema"


@cache
def json_schema() -> dict:
    """JSON schema of a recipe; `recipes/recipe.schema.json` holds the same."""
    return {"$schema": DRAFT, **_tidy(Recipe.model_json_schema())}


def _tidy(node):
    """Descriptions on one line each, and no titles that only repeat a key."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidy = {key: _tidy(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if isinstance(tidy.get("description"), str):
        tidy["description"] = " ".join(tidy["description"].split())
    return tidy


def markdown() -> str:
    """Every key of a recipe with its type, default and meaning, as Markdown."""
    lines = ["# Recipe", ""]
    _describe_object(json_schema(), "", lines)
    return "\n".join(lines)


def _describe_object(node: dict, path: str, lines: list[str]) -> None:
    """The keys of one object, then the objects inside it under headings of their own."""
    required, inside = node.get("required", ()), []
    lines += [node["description"], ""] if "description" in node else []
    for key, value in node["properties"].items():
        if key == "$schema" or "const" in value:
            continue
        below = _objects_in(value)
        default = "required" if key in required else _default(value, bool(below))
        note = f" ({default})" if default else ""
        meaning = value.get("description") or (below[0].get("description", "") if below else "")
        lines.append(f"- `{key}`: {_type(value)}{note}. {meaning}".rstrip())
        inside += [(_below(path, key, value, part), part) for part in below]
    lines.append("")
    for place, part in inside:
        lines += [f"## {place}", ""]
        _describe_object(part, place, lines)


def _below(path: str, key: str, value: dict, part: dict) -> str:
    """Heading of an object: its path, or of a layer or a prior its entry in the list."""
    for name in ("layer", "prior"):
        if kind := part["properties"].get(name, {}).get("const"):
            return f'{{"{name}": "{kind}"}}'
    place = f"{path}.{key}".removeprefix(".")
    return f"{place}.NAME" if "additionalProperties" in value or "patternProperties" in value else place


def _objects_in(value: dict) -> list[dict]:
    """The objects with keys of their own that stand under a key."""
    if "$ref" in value:
        return [_definition(value)]
    alternatives = [*value.get("anyOf", ()), *value.get("oneOf", ())]
    for inner in ("items", "additionalProperties"):
        if isinstance(value.get(inner), dict):
            alternatives.append(value[inner])
    alternatives += value.get("patternProperties", {}).values()
    return [found for alternative in alternatives for found in _objects_in(alternative)]


def _definition(value: dict) -> dict:
    return json_schema()["$defs"][value["$ref"].rpartition("/")[2]]


def _default(value: dict, has_keys: bool) -> str | None:
    if "default" not in value or (has_keys and value["default"] is not None):
        return None
    return f"default {json.dumps(value['default'])}"


def _type(value: dict) -> str:
    """A type in a few words."""
    if "enum" in value:
        return " | ".join(f'"{choice}"' for choice in value["enum"])
    if "anyOf" in value:
        return " or ".join(_type(alternative) for alternative in value["anyOf"])
    if "prefixItems" in value:
        return f"[{', '.join(_type(item) for item in value['prefixItems'])}]"
    if "$ref" in value or "oneOf" in value:
        return "object"
    kind = value.get("type", "anything")
    if kind == "array":
        return f"list of {_plural(value.get('items', {}))}"
    words = {"integer": "whole number", "string": "text", "boolean": "true or false"}
    return words.get(kind, kind) + _bounds(value)


def _plural(items: dict) -> str:
    return "objects" if "$ref" in items or "oneOf" in items else _type(items)


def _bounds(value: dict) -> str:
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    found = [f"{sign} {value[key]:g}" for key, sign in signs.items() if key in value]
    return f" {' and '.join(found)}" if found else ""
