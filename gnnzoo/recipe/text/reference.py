"""The recipe's schema as JSON schema for editors, and as Markdown for people."""

import json
from functools import cache

from gnnzoo.recipe.layer_registry import registry, warn_about_broken_layers
from gnnzoo.recipe.schema.recipe import Recipe

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES = {"integer": "whole number", "string": "text", "boolean": "true or false"}


@cache
def json_schema() -> dict:
    """JSON schema of a recipe.

    Returns:
        The schema; `recipes/recipe.schema.json` is a copy of it.
    """
    schema = _without_titles(Recipe.model_json_schema())
    assert isinstance(schema, dict)
    return {"$schema": DRAFT, **schema}


def _without_titles(node: object) -> object:
    """Descriptions on one line each, and no titles that only repeat a key."""
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {
        key: _without_titles(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))
    }
    description = kept.get("description")
    if isinstance(description, str):
        kept["description"] = " ".join(description.split())
    return kept


def markdown() -> str:
    """Every key of a recipe with its type, default and meaning, as Markdown.

    Returns:
        A list of keys for the recipe, then one under a heading for each object, layer and prior.
    """
    warn_about_broken_layers()
    lines = ["# Recipe", ""]
    _describe_object(json_schema(), "", lines)
    return "\n".join(lines)


def _describe_object(node: dict, path: str, lines: list[str]) -> None:
    """List the keys of an object, then the objects inside it under headings of their own."""
    required, inside = node.get("required", ()), []
    lines += [node["description"] + _origin(node), ""] if "description" in node else []
    for key, value in node["properties"].items():
        if key == "$schema" or "const" in value:
            continue
        below = _objects_in(value)
        default = "required" if key in required else _default(value, bool(below))
        note = f" ({default})" if default else ""
        meaning = value.get("description") or (below[0].get("description", "") if below else "")
        lines.append(f"- `{key}`: {_type(value)}{note}. {meaning}".rstrip())
        inside += [(_heading(path, key, value, part), part) for part in below]
    lines.append("")
    for heading, part in inside:
        lines += [f"## {heading}", ""]
        _describe_object(part, heading, lines)


def _kind(node: dict, key: str) -> str | None:
    """The value of a key that names the kind of an entry, `layer` or `prior`."""
    return node["properties"].get(key, {}).get("const")


def _origin(node: dict) -> str:
    """For a layer that does not come with gnnzoo, its package."""
    package = registry().packages.get(_kind(node, "layer") or "")
    return f" From the package {package.name} {package.version}." if package else ""


def _heading(path: str, key: str, value: dict, part: dict) -> str:
    """Heading of an object: its path; of a layer or a prior its entry in the list."""
    for name in ("layer", "prior"):
        if kind := _kind(part, name):
            return f'{{"{name}": "{kind}"}}'
    place = f"{path}.{key}".removeprefix(".")
    return f"{place}.NAME" if "additionalProperties" in value or "patternProperties" in value else place


def _objects_in(value: dict) -> list[dict]:
    """The objects with keys of their own that a key may hold."""
    if "$ref" in value:
        return [json_schema()["$defs"][value["$ref"].rpartition("/")[2]]]
    alternatives = [*value.get("anyOf", ()), *value.get("oneOf", ())]
    alternatives += [value[inner] for inner in ("items", "additionalProperties") if isinstance(value.get(inner), dict)]
    alternatives += value.get("patternProperties", {}).values()
    return [found for alternative in alternatives for found in _objects_in(alternative)]


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
        items = value.get("items", {})
        return f"list of {'objects' if '$ref' in items or 'oneOf' in items else _type(items)}"
    return _TYPES.get(kind, kind) + _bounds(value)


def _bounds(value: dict) -> str:
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {value[key]:g}" for key, sign in signs.items() if key in value]
    return f" {' and '.join(bounds)}" if bounds else ""
