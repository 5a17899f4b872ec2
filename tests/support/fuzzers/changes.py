"""Random changes to bytes and to JSON values; all drawn from a given generator, so that each is reproducible."""

import copy
import json
import random
from collections.abc import Callable

Change = Callable[[bytes, random.Random], bytes]

ODD_NUMBERS = [
    *(0, -1, 1, 2, 3, 255, 2**31 - 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**12, 10**18, 10**30),
    *(0.5, -0.0, 1e-320, 1e300, 1e-5, float("nan"), float("inf"), float("-inf")),
]
ODD_TEXTS = [
    *("", " ", "0", "1", "-1", "nan", "1e400", "real", "metal", "lj", "Ar", "\x1b[2J", "\u202e", "é金", "\ud800", "\0"),
    *("../outside", "/etc/passwd", "..", "~", "a/b", "${dump}", '";touch outside;"', "x" * 5000, "{}", "[]", "null"),
]
ODD_VALUES = [None, True, False, *ODD_NUMBERS, *ODD_TEXTS, [], {}, [[]], [None], {"": None}, [1, 2, 3], {"a": 1}]


def _span(data: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + int(chance.expovariate(1 / 20)) + 1)


def flip(data: bytes, chance: random.Random) -> bytes:
    """Flip one bit."""
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]


def cut(data: bytes, chance: random.Random) -> bytes:
    """Cut the end off."""
    return data[: chance.randrange(len(data) + 1)]


def remove(data: bytes, chance: random.Random) -> bytes:
    """Remove a short span."""
    start, stop = _span(data, chance)
    return data[:start] + data[stop:]


def repeat(data: bytes, chance: random.Random) -> bytes:
    """Repeat a short span."""
    start, stop = _span(data, chance)
    return data[:stop] + data[start:]


def fill(data: bytes, chance: random.Random) -> bytes:
    """Overwrite a short span with zeros, ones, or noise."""
    start, stop = _span(data, chance)
    kind = chance.randrange(3)
    new = chance.randbytes(stop - start) if kind == 2 else bytes([255 * kind]) * (stop - start)
    return data[:start] + new + data[stop:]


def number(data: bytes, chance: random.Random) -> bytes:
    """Overwrite 1, 2, 4 or 8 bytes with an odd little-endian integer."""
    width = chance.choice([1, 2, 4, 8])
    place = chance.randrange(max(1, len(data) - width))
    value = int(chance.choice([0, 1, 2**7, 2**15, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1])) % 256**width
    return data[:place] + value.to_bytes(width, "little") + data[place + width :]


BINARY: tuple[Change, ...] = (flip, flip, cut, remove, repeat, fill, number, number)


def change_json(value: object, chance: random.Random) -> tuple[object, str]:
    """Change one node of a JSON value.

    Returns:
        A changed copy, and a description of the change.
    """
    value = copy.deepcopy(value)
    nodes = list(_nodes(value, ()))
    if not nodes:
        return chance.choice(ODD_VALUES), "whole"
    return value, _change_node(nodes, chance)


def _change_node(nodes: list[tuple], chance: random.Random) -> str:
    parent, key, path = chance.choice(nodes)
    kind, story = chance.randrange(7), f"odd {path}"
    if kind == 0:
        del parent[key]
        story = f"without {path}"
    elif kind == 1 and isinstance(parent, dict):
        parent[chance.choice(ODD_TEXTS)] = parent.pop(key)
        story = f"renamed {path}"
    elif kind == 2:
        _, _, other = chance.choice(nodes)
        source = next(p[k] for p, k, where in nodes if where == other) if other != path else parent[key]
        parent[key] = copy.deepcopy(source)
        story = f"{path} = {other}"
    elif kind == 3 and isinstance(parent[key], list):
        parent[key] = parent[key] * 2 if parent[key] else [1]
        story = f"doubled {path}"
    elif kind == 4 and isinstance(parent[key], int | float):
        parent[key] = parent[key] * chance.choice([-1, 2, 1000, 0.5]) + chance.choice([0, 1, -1])
        story = f"number {path}"
    else:
        parent[key] = copy.deepcopy(chance.choice(ODD_VALUES))
    return story


def _nodes(value: object, path: tuple) -> list[tuple]:
    """(container, key, path) of every value within a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for key, item in items:
        found.append((value, key, (*path, key)))
        found += _nodes(item, (*path, key))
    return found


def dump_json(value: object, chance: random.Random) -> bytes:
    """JSON text of a value, now and then with damage to the text."""
    text = json.dumps(value).encode("utf-8", "surrogatepass")
    return chance.choice(BINARY)(text, chance) if text and chance.random() < 0.1 else text
