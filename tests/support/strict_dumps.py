"""Reference reader of LAMMPS text dumps: slow, strict, in plain Python, written independently of gnnzoo's reader.

It accepts only what LAMMPS can write, and what editors and file transfers do to text: blank lines, CRLF, other blanks
between the values.
"""

import re

import numpy as np

from gnnzoo.data.frames.frame import Frame

_INT = re.compile(rb"[+-]?[0-9]+\Z")
_FLOAT = re.compile(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
_BOUNDARY = re.compile(rb"(pp|[fsm][fsm])\Z")
_STYLES = {b"lj", b"real", b"metal", b"si", b"cgs", b"electron", b"micro", b"nano"}
_BLANK = b" \t\r"
_POSITIONS = ("x", "xu", "xs", "xsu")
_FIELDS = {
    "ids": ("id",),
    "types": ("type",),
    "forces": ("fx", "fy", "fz"),
    "molecules": ("mol",),
    "charges": ("q",),
    "velocities": ("vx", "vy", "vz"),
    "images": ("ix", "iy", "iz"),
}
_WHOLE = {"ids": (1, 2**63), "types": (1, 2**31), "molecules": (-(2**63), 2**63), "images": (-(2**31), 2**31)}


class Unwritten(Exception):
    """LAMMPS could not have written this."""


def _require(condition: object, why: str) -> None:
    if not condition:
        raise Unwritten(why)


def _words(line: bytes) -> list[bytes]:
    return [word for word in re.split(rb"[ \t]+", line.strip(_BLANK)) if word]


def _whole(word: bytes, low: int, stop: int) -> int:
    _require(_INT.match(word), f"no whole number: {word!r}")
    _require(low <= int(word) < stop, f"out of range: {word!r}")
    return int(word)


def _real(word: bytes) -> float:
    _require(_FLOAT.match(word), f"no number: {word!r}")
    value = float(word)
    _require(abs(value) < float("inf"), f"not finite: {word!r}")
    return value


class _Lines:
    """The lines of a text from `number` on, counted from 0; the first begins at its `ITEM:`, which may follow a
    truncated row.
    """

    def __init__(self, lines: list[bytes], number: int):
        self._lines, self.number, self._first = lines, number, True

    def next(self) -> bytes:
        """The next line, without its end, which must exist."""
        _require(self.number + 1 < len(self._lines), "the text ends")
        line = self._lines[self.number]
        self.number += 1
        if self._first:
            line, self._first = line[line.index(b"ITEM:") :], False
        return line.rstrip(_BLANK)

    def next_row(self) -> bytes:
        """The next line that is not blank."""
        while not (line := self.next()).strip(_BLANK):
            pass
        return line

    def rest_has_row(self) -> bool:
        """Whether another row follows before the next header."""
        for line in self._lines[self.number :]:
            if line.strip(_BLANK):
                return not line.lstrip(_BLANK).startswith(b"ITEM:"[: len(line.lstrip(_BLANK))])
        return False


def frame_at(lines: list[bytes], number: int) -> dict:
    """The frame whose header begins in this line.

    Raises:
        Unwritten: there is none that LAMMPS could have written.
    """
    text = _Lines(lines, number)
    frame: dict = {"line": number + 1, "units": None, "time": None}
    item = text.next()
    if item == b"ITEM: UNITS":
        frame["units"] = text.next().strip(_BLANK)
        _require(frame["units"] in _STYLES, "unknown units")
        item = text.next()
    if item == b"ITEM: TIME":
        frame["time"] = _real(text.next().strip(_BLANK))
        item = text.next()
    _require(item == b"ITEM: TIMESTEP", "no timestep")
    frame["step"] = _whole(text.next().strip(_BLANK), 0, 2**63)
    _require(text.next() == b"ITEM: NUMBER OF ATOMS", "no number of atoms")
    n_atoms = _whole(text.next().strip(_BLANK), 0, 2**63)
    bounds = text.next()
    _require(bounds.startswith(b"ITEM: BOX BOUNDS"), "no box")
    frame |= _box(_words(bounds)[3:], [_words(text.next()) for _ in range(3)])
    atoms = text.next()
    _require(atoms.startswith(b"ITEM: ATOMS "), "no atoms")
    frame["rows_line"] = text.number + 1
    columns = [word.decode("utf-8", "replace") for word in _words(atoms)[2:]]
    rows = []
    for _ in range(n_atoms):
        rows.append(_words(text.next_row()))
        _require(len(rows[-1]) == len(columns), f"not {len(columns)} values: {rows[-1]}")
    _require(not text.rest_has_row(), "more rows")
    return frame | _atoms(columns, rows, frame)


def _box(words: list[bytes], rows: list[list[bytes]]) -> dict:
    """Cell, origin and boundary from the header line and the three lines below, by the manual's Howto_triclinic."""
    general, tilted = words[:2] == [b"abc", b"origin"], words[:3] == [b"xy", b"xz", b"yz"]
    letters = words[2:] if general else words[3:] if tilted else words
    _require(not letters or len(letters) == 3, "boundaries")
    _require(all(_BOUNDARY.match(pair) for pair in letters), "boundaries")
    _require(all(len(row) == (4 if general else 3 if tilted else 2) for row in rows), "bounds")
    a, b, c = ([_real(word) for word in row] for row in rows)
    if general:
        cell, origin = [a[:3], b[:3], c[:3]], [a[3], b[3], c[3]]
    else:
        xy, xz, yz = (a[2], b[2], c[2]) if tilted else (0.0, 0.0, 0.0)
        low = [a[0] - min(0.0, xy, xz, xy + xz), b[0] - min(0.0, yz), c[0]]
        high = [a[1] - max(0.0, xy, xz, xy + xz), b[1] - max(0.0, yz), c[1]]
        _require(all(bottom < top for bottom, top in zip(low, high, strict=True)), "volume")
        lengths = [top - bottom for bottom, top in zip(low, high, strict=True)]
        cell, origin = [[lengths[0], 0.0, 0.0], [xy, lengths[1], 0.0], [xz, yz, lengths[2]]], low
    volume = (
        cell[0][0] * (cell[1][1] * cell[2][2] - cell[1][2] * cell[2][1])
        - cell[0][1] * (cell[1][0] * cell[2][2] - cell[1][2] * cell[2][0])
        + cell[0][2] * (cell[1][0] * cell[2][1] - cell[1][1] * cell[2][0])
    )
    _require(0 < volume < float("inf"), "volume")
    boundary = tuple(pair.decode() for pair in letters) or ("pp", "pp", "pp")
    return {"cell": cell, "origin": origin, "boundary": boundary}


def _atoms(columns: list[str], rows: list[list[bytes]], frame: dict) -> dict:
    """The fields of the atoms, ordered by id."""
    _require(len(set(columns)) == len(columns), "a column appears twice")
    fields = {name: names for name, names in _FIELDS.items() if set(names) <= set(columns)}
    _require("forces" in fields and ("types" in fields or "element" in columns), "columns missing")
    kinds = [kind for kind in _POSITIONS if {kind, kind.replace("x", "y"), kind.replace("x", "z")} <= set(columns)]
    _require(kinds, "positions missing")
    fields["positions"] = tuple(kinds[0].replace("x", axis) for axis in "xyz")
    values: dict[str, list] = {}
    for name, names in fields.items():
        places = [columns.index(column) for column in names]
        if name in _WHOLE:
            read = [[_whole(row[place], *_WHOLE[name]) for place in places] for row in rows]
        else:
            read = [[_real(row[place]) for place in places] for row in rows]
        values[name] = [row[0] for row in read] if len(names) == 1 else read
    values.setdefault("ids", list(range(1, len(rows) + 1)))  # without ids the rows are numbered
    if "types" not in fields:  # then elements are types
        values["names"] = [row[columns.index("element")].decode() for row in rows]
    _require(len(set(values["ids"])) == len(rows), "an atom appears twice")
    order = sorted(range(len(rows)), key=values["ids"].__getitem__)
    values = {name: [column[row] for row in order] for name, column in values.items()}
    if "s" in kinds[0]:
        cell, origin = frame["cell"], frame["origin"]
        values["positions"] = [
            [origin[axis] + sum(part[row] * cell[row][axis] for row in range(3)) for axis in range(3)]
            for part in values["positions"]
        ]
    _require(all(abs(value) < float("inf") for place in values["positions"] for value in place), "a position overflows")
    return values | {"scaled": "s" in kinds[0]}


def frames_written(text: bytes) -> tuple[list[dict], list[str]]:
    """All valid frames of a text, wherever they begin; and why the others are invalid."""
    lines, frames, reasons, number = text.split(b"\n"), [], [], 0
    while number < len(lines):
        if b"ITEM:" in lines[number]:
            try:
                frames.append(frame_at(lines, number))
                number = frames[-1].pop("rows_line") - 1
                continue
            except Unwritten as why:
                reasons.append(f"line {number + 1}: {why}")
        number += 1
    return frames, reasons


def same(frame: Frame, written: dict) -> bool:
    """Whether gnnzoo's frame equals one of the reference reader, up to rounding in the box and in scaled positions."""
    exact = [
        "ids",
        *([] if "names" in written else ["types"]),
        "forces",
        "molecules",
        "charges",
        "velocities",
        "images",
    ]
    exact += ["names"] * ("names" in written) + ["positions"] * (not written["scaled"])
    for name in exact:
        found = getattr(frame, name)
        if (found is None) != (name not in written):
            return False
        if found is not None and not np.array_equal(found, np.array(written[name])):
            return False
    longest = max(np.abs(written["cell"]).max(), np.abs(written["origin"]).max())
    near = [(frame.cell, written["cell"], longest), (frame.origin, written["origin"], longest)]
    if written["scaled"]:
        near.append((frame.positions, written["positions"], max(longest, np.abs(written["positions"]).max(initial=0))))
    return (frame.step, frame.time, frame.boundary) == (written["step"], written["time"], written["boundary"]) and all(
        np.allclose(a, b, rtol=0, atol=1e-12 * size) for a, b, size in near
    )
