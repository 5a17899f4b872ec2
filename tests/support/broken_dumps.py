"""Broken dumps for fuzzing: valid dumps of every form with changes to their bytes, lines, numbers and headers.

All changes are drawn from numbered seeds, so that each broken dump is reproducible.
"""

import bz2
import gzip
import lzma
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

import dumps

# Words without blanks.
NUMBERS = [
    *("nan", "-nan", "inf", "-inf", "infinity", "1e400", "-1e400", "1e308", "1e-400", "1.#IND", "NULL", "true"),
    *("-5", "0", "-0", "1", "2", "8", "9", "1000000000000", "9999999999999999999", "9223372036854775807", "4294967297"),
    *("1.0", "1.5", "1e3", "1e5", ".5", "5.", "007", "+7", "--7", "1e", "1e+", ".", "-", "+", "e5", "1d3", "1,5", "1L"),
    *("0x10", "0x1p3", "0b1", "1_000", "1_0.5", "1e1_0", '"1"', "'1'", "1;2", "1\0", "", "-9223372036854775809"),
    # digits and blanks that Unicode knows and LAMMPS does not
    *("\u0661\u0662", "\uff11", "\u00b2", "1\u00a02", "1\u20282", "1\x0b2", "1\x0c2", "1\x1c2", "1\x852", "1\r2"),
]
PIECES = [
    *(
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        " ",
        "\t",
        "\x0b",
        "\x0c",
        "\x1c",
        "\u0085",
        "\u00a0",
        "\u2028",
        "\ufeff",
        "\0",
        "\\",
    ),
    *("#", '"', "I", "ITEM:", "ITEM: ", "ITEM: TIMESTEP\n", "ITEM: ATOMS id type x y z fx fy fz\n", "ITEM: TIME\n"),
]
BOUNDARIES = [
    *("pp pp pp", "pp ff ss", "fs mm pp", "pf pp pp", "p p p", "pp pp", "", "xx", "xy xz yz pp pp pp", "abc origin"),
]

Change = Callable[[bytes, random.Random], bytes]


def _span(text: bytes, chance: random.Random) -> tuple[int, int]:
    """Start and stop of a range that is mostly short."""
    start = chance.randrange(len(text) + 1)
    return start, min(len(text), start + int(chance.expovariate(1 / 20)) + 1)


def _flip(text: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(text))
    return text[:place] + bytes([text[place] ^ (1 << chance.randrange(8))]) + text[place + 1 :]


def _cut(text: bytes, chance: random.Random) -> bytes:
    return text[: chance.randrange(len(text) + 1)]


def _without(text: bytes, chance: random.Random) -> bytes:
    start, stop = _span(text, chance)
    return text[:start] + text[stop:]


def _doubled(text: bytes, chance: random.Random) -> bytes:
    start, stop = _span(text, chance)
    return text[:stop] + text[start:]


def _moved(text: bytes, chance: random.Random) -> bytes:
    start, stop = _span(text, chance)
    rest, place = text[:start] + text[stop:], chance.randrange(len(text) - (stop - start) + 1)
    return rest[:place] + text[start:stop] + rest[place:]


def _inserted(text: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(text) + 1)
    return text[:place] + chance.choice(PIECES).encode() + text[place:]


def _number(text: bytes, chance: random.Random) -> bytes:
    words = list(re.finditer(rb"[^\s]+", text))
    word = chance.choice(words) if words else re.match(rb"", text)
    return text[: word.start()] + chance.choice(NUMBERS).encode() + text[word.end() :]


def _header_number(text: bytes, chance: random.Random) -> bytes:
    """A number below one of the headers."""
    words = list(re.finditer(rb"(?<=\n)[-+.0-9e]+(?=[ \n][^\n]{0,60}\n?(?:[^\n]*\n){0,2}ITEM)", text))
    word = chance.choice(words) if words else re.match(rb"", text)
    return text[: word.start()] + chance.choice(NUMBERS).encode() + text[word.end() :]


def _lines(change: Callable[[list[bytes], random.Random], object]) -> Change:
    def changed(text: bytes, chance: random.Random) -> bytes:
        lines = text.split(b"\n")
        change(lines, chance)
        return b"\n".join(lines)

    changed.__name__ = change.__name__
    return changed


@_lines
def _line_gone(lines: list[bytes], chance: random.Random) -> None:
    del lines[chance.randrange(len(lines))]


@_lines
def _line_twice(lines: list[bytes], chance: random.Random) -> None:
    lines.insert(chance.randrange(len(lines)), chance.choice(lines))


@_lines
def _lines_swapped(lines: list[bytes], chance: random.Random) -> None:
    a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]


@_lines
def _spaced(lines: list[bytes], chance: random.Random) -> None:
    place, blank = chance.randrange(len(lines)), chance.choice([b"  ", b"\t", b" \t ", b"\r", b"\x0b", b"\x0c", b""])
    form = chance.randrange(3)
    line = lines[place]
    lines[place] = [blank + line, line + blank, line.replace(b" ", blank)][form]


@_lines
def _rows_shortened(lines: list[bytes], chance: random.Random) -> None:
    """One value fewer in some lines, one more in others."""
    place = chance.randrange(len(lines))
    stop = place + chance.randrange(1, 12)
    for number in range(place, min(stop, len(lines))):
        words = lines[number].split(b" ")
        lines[number] = b" ".join(words[:-1] if chance.random() < 0.5 else [*words, b"1"])


@_lines
def _columns_changed(lines: list[bytes], chance: random.Random) -> None:
    headers = [number for number, line in enumerate(lines) if line.startswith(b"ITEM: ATOMS")]
    if not headers:
        return
    number = chance.choice(headers)
    columns = lines[number].split()[2:]
    if not columns:
        return
    a, b = chance.randrange(len(columns)), chance.randrange(len(columns))
    form = chance.randrange(4)
    if form == 0:
        columns[a], columns[b] = columns[b], columns[a]
    elif form == 1:
        del columns[a]
    elif form == 2:
        columns[a] = columns[b]
    else:
        columns[a] = chance.choice([b"xs", b"xu", b"q", b"mol", b"c_1", b"ix", b"element", b"fx\xff", b"vx", b"id"])
    lines[number] = b" ".join([b"ITEM: ATOMS", *columns])


@_lines
def _boundaries_changed(lines: list[bytes], chance: random.Random) -> None:
    headers = [number for number, line in enumerate(lines) if line.startswith(b"ITEM: BOX")]
    if headers:
        lines[chance.choice(headers)] = b"ITEM: BOX BOUNDS " + chance.choice(BOUNDARIES).encode()


@_lines
def _sections_swapped(lines: list[bytes], chance: random.Random) -> None:
    starts = [number for number, line in enumerate(lines) if line.startswith(b"ITEM:")]
    if len(starts) < 2:
        return
    first = chance.randrange(len(starts) - 1)
    second = min(len(starts) - 1, first + chance.choice([1, 1, 2, 4]))
    ends = [*starts[1:], len(lines)]
    parts = [lines[starts[n] : ends[n]] for n in range(len(starts))]
    parts[first], parts[second] = parts[second], parts[first]
    lines[starts[0] :] = [line for part in parts for line in part]


CHANGES: tuple[Change, ...] = (
    *(_flip, _cut, _without, _doubled, _moved, _inserted, _number, _number, _header_number, _header_number),
    *(_line_gone, _line_twice, _lines_swapped, _spaced, _rows_shortened, _columns_changed, _boundaries_changed),
    _sections_swapped,
)
DAMAGES: tuple[Change, ...] = (_flip, _cut, _without, _doubled, _moved, _inserted)


def _pack_zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(data)
    return sink.getvalue().to_pybytes()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, 6, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": _pack_zstd,
}


def seeds() -> list[bytes]:
    """Valid dumps of the forms that LAMMPS writes."""
    argon, water = dumps.argon(frames=3, side=2), dumps.water(frames=2, side=2)
    chance = np.random.default_rng(0)
    rich = dumps.argon(frames=2, side=2, seed=1)
    for snapshot in rich:
        snapshot.columns = {name: chance.normal(size=8) for name in ("vx", "vy", "vz", "q", "c_pe")}
        snapshot.columns |= {name: chance.integers(-3, 3, size=8) for name in ("ix", "iy", "iz")}
        snapshot.columns |= {"element": np.array(["Ar"] * 8), "mol": np.arange(8)}
    tilted = dumps.argon(frames=2, side=2, seed=2)
    for snapshot in tilted:
        snapshot.cell = snapshot.cell + np.array([[0, 0, 0], [-1.5, 0, 0], [0.5, -2.0, 0]])
        snapshot.origin = np.array([-3.0, 1.0, 2.5])
    scaled = ("id", "type", "xs", "ys", "zs", *("fx", "fy", "fz"))
    changing = [dumps.argon(1, side, seed=3, first=10 * side)[0] for side in (1, 2, 1)]
    texts = [
        dumps.dump_text(argon),
        dumps.dump_text(argon, shuffle=1, trailing=" ", boundary="pp ff ss"),
        dumps.dump_text(water, dumps.WATER_COLUMNS, units="real", times=[0.0, 10.0], number="%.9g"),
        dumps.dump_text(rich, (*dumps.ARGON_COLUMNS, *rich[0].columns), shuffle=2, number="%20.15g"),
        dumps.dump_text(tilted, scaled, shuffle=3),
        dumps.dump_text(tilted, dumps.ARGON_COLUMNS[::-1], newline="\r\n"),
        dumps.dump_text(changing, separator="\t"),
        dumps.dump_text(argon[:1]) + dumps.dump_text(argon[:1]) + dumps.dump_text(argon[1:]),
        dumps.dump_text(argon[:2]).replace("BOUNDS pp pp pp", "BOUNDS"),
    ]
    lines = dumps.dump_text(argon[:1], units="metal").splitlines()
    lines[6:10] = ["ITEM: BOX BOUNDS abc origin pp ff pp", "0 8 0 -1", "-8 1 0 -2", "0 0 8 -3"]
    return [text.encode() for text in [*texts, "\n".join([*lines, ""])]]


@dataclass(frozen=True)
class Broken:
    """A broken file: its bytes and the changes that made it."""

    data: bytes
    story: str


def broken(number: int, seed: int = 0, texts: list[bytes] | None = None) -> Broken:
    """Broken dump number `number` of a seed: the same at each call."""
    return broken_by(random.Random(f"{seed} {number}"), texts or seeds())


def broken_by(chance: random.Random, texts: list[bytes]) -> Broken:
    """A broken dump whose changes are drawn from a generator."""
    form = chance.randrange(len(texts))
    data, story = texts[form], [f"seed {form}"]
    packing = chance.choice([None] * 16 + list(PACKERS))
    if packing is not None:
        data, changes = PACKERS[packing](data), DAMAGES
        story.append(packing)
    else:
        changes = CHANGES
    for _ in range(1 if packing else chance.choice([1, 1, 1, 2, 3])):
        change = chance.choice(changes)
        data = change(data, chance) if data else data
        story.append(change.__name__.strip("_"))
    return Broken(data, ", ".join(story))
