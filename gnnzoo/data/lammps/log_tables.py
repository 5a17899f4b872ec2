"""Thermo tables of LAMMPS logs: potential energy and virial of each step, and the settings of the script for them.

A log has a table for each run (LAMMPS manual, pages thermo_style and Howto_structured_data): in columns, in the style
`multi`, or in yaml. It echoes the commands of the input script, those with a variable a second time with its value; so
the settings of a table follow from the commands before it (pages thermo_modify, units, clear).

LAMMPS' own reader, `lammps.formats.LogFile`, cannot replace this module: it ignores the echoed commands (units, norm,
minimize, colname, restarts) and the number of atoms, needs Step as first column, and drops a run that was interrupted.
"""

import itertools
import re
import shlex
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from gnnzoo.data.lammps.header import real_number
from gnnzoo.errors import DataError, Location
from gnnzoo.file_formats import check_regular

_STEP = re.compile(r"[0-9]{1,18}")
_MULTI = re.compile(r"-+ Step\s+([0-9]{1,18}) -+")
_LOOP = re.compile(r"Loop time of .* with ([0-9]{1,18}) atoms")
_PAIR = re.compile(r"(?<!\S)(\S+)\s+=\s+(\S+)")
_LINE_LENGTH = 1 << 16  # longest line; LAMMPS reads commands of at most a few thousand characters
_MULTI_LINES = 40  # lines in which the values of a block of style `multi` are searched; LAMMPS prints about ten
# Columns that give the potential energy, in order of preference: added, subtracted.
_SUMS = ((("PotEng",), ()), (("TotEng",), ("KinEng",)), (("E_pair", "E_mol"), ()))
_HEADINGS = {
    "step": "Step",
    "pe": "PotEng",
    "ke": "KinEng",
    "etotal": "TotEng",
    "epair": "E_pair",
    "emol": "E_mol",
}
_LOGICAL = {word: word in ("yes", "on", "true") for word in ("yes", "on", "true", "no", "off", "false")}
_PRINTED = 1e-6  # relative rounding of printed numbers
_STYLE_ONE = ("step", "temp", "epair", "emol", "etotal", "press")  # LAMMPS' default


class Row(NamedTuple):
    """One line of a table.

    Attributes:
        step: of the run.
        energy: potential energy, as printed.
        virial: xx, yy, zz, xy, xz, yz of the virial's share of the pressure, as printed; None where it is not.
        kinetic: whether they are the whole pressure, of moving atoms.
    """

    step: int
    energy: float
    virial: tuple[float, ...] | None = None
    kinetic: bool = False


@dataclass
class Table:
    """Potential energies of one run.

    Attributes:
        minimized: whether the run is a minimisation.
        norm: whether LAMMPS divides energies by the number of atoms; None where the default of the units applies.
        units: LAMMPS unit style, None where the log does not echo it.
        units_line: line of the log that does.
        line: of the first row.
        rows: its lines.
        atoms: number at the end of the run; None where the log ends before.
    """

    minimized: bool
    norm: bool | None
    units: str | None
    units_line: int | None
    line: int
    rows: list[Row] = field(default_factory=list)
    atoms: int | None = None


def log_tables(path: Path, virial: str | None = None) -> list[Table]:
    """Read the tables with potential energies.

    Args:
        path: of the log.
        virial: columns NAME[1] to NAME[6] are the virial, those of `compute ... pressure NULL virial`.

    Returns:
        Tables in the order of the log.

    Raises:
        DataError: the log cannot be read.
    """
    check_regular(path, "a LAMMPS log")
    reader = _Reader(virial)
    try:
        with path.open(errors="replace", newline="\n") as file:
            reader.read(_lines(file, path))
    except OSError as error:
        raise DataError(f"the log cannot be read: {error.strerror}", location=Location(path)) from error
    return reader.tables


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    """The lines of a log, without their ends."""
    number = 0
    while line := file.readline(_LINE_LENGTH + 1):
        number += 1
        if len(line) > _LINE_LENGTH:
            raise DataError(
                f"the line is longer than {_LINE_LENGTH:,} characters",
                location=Location(path, number),
                expected="a log of LAMMPS",
            )
        yield line.removesuffix("\n")


class _Settings:
    """Settings of the echoed commands for the next table."""

    def __init__(self) -> None:
        self.minimized = False
        self._clear()

    def _clear(self) -> None:
        """Defaults of LAMMPS, also after `clear`."""
        self.units: str | None = None
        self.units_line: int | None = None
        self._set_style(_STYLE_ONE)

    def _set_style(self, keywords: tuple[str, ...]) -> None:
        """`thermo_style` resets what `thermo_modify` has set."""
        self.norm: bool | None = None
        self._keywords = keywords
        self.headings: dict[str, str] = {}  # heading set by colname -> LAMMPS' default heading
        self.step = "Step"

    def apply(self, line: str, number: int) -> bool:
        """Whether the line is a command that matters here; it is applied."""
        command = line.split(maxsplit=1)[0]
        if command not in ("units", "clear", "read_restart", "thermo_style", "thermo_modify", "minimize", "run"):
            return False
        words = _words(line)
        if command == "units" and len(words) == 2 and words[1].isalpha():
            self.units, self.units_line = words[1], number
        elif command == "clear":
            self._clear()
        elif command == "read_restart":  # restores its own units without printing them
            self.units = self.units_line = None
        elif command == "thermo_style":
            style = words[1:2]
            self._set_style(tuple(words[2:]) if style == ["custom"] else _STYLE_ONE if style == ["one"] else ())
        elif command == "thermo_modify":
            self._modify(words)
        else:
            self.minimized = command == "minimize"
        return True

    def _modify(self, words: list[str]) -> None:
        for number, word in enumerate(words):
            value = words[number + 1 : number + 3]
            if word == "norm" and value and value[0] in _LOGICAL:
                self.norm = _LOGICAL[value[0]]
            elif word == "colname" and value[:1] == ["default"]:
                self.headings, self.step = {}, "Step"
            elif word == "colname" and len(value) == 2:
                keyword = self._keyword(value[0])
                self.headings[value[1]] = _HEADINGS.get(keyword, keyword)
                if keyword == "step":
                    self.step = value[1]

    def _keyword(self, word: str) -> str:
        """The column meant by its keyword, or by its number, from the end if negative."""
        if not re.fullmatch(r"-?[0-9]{1,9}", word) or any("*" in keyword for keyword in self._keywords):
            return word
        number = int(word) - (int(word) > 0)
        inside = -len(self._keywords) <= number < len(self._keywords)
        return self._keywords[number] if inside else word


class _Reader:
    """Reads the lines of a log in order."""

    def __init__(self, virial: str | None) -> None:
        self.tables: list[Table] = []
        self._virial = [] if virial is None else [f"{virial}[{number}]" for number in range(1, 7)]
        self._settings = _Settings()
        self._next: deque[str] = deque()  # lines after the current one
        self._table: Table | None = None  # the current one
        self._names: list[str] = []  # of its columns

    def read(self, lines: Iterator[str]) -> None:
        """Read the `lines` of a log, holding no more than the next ones in memory."""
        self._next.extend(itertools.islice(lines, _MULTI_LINES))
        number = 0
        while self._next:
            number, line = number + 1, self._next.popleft()
            self._next.extend(itertools.islice(lines, 1))
            if line.strip():
                self._line(line, number)

    def _line(self, line: str, number: int) -> None:
        words = line.split()
        if match := _MULTI.match(line):
            self._add_row(number, int(match[1]), self._multi_values())
        elif words[0] == "Loop":
            if self._table is not None and (match := _LOOP.match(line)):
                self._table.atoms = int(match[1])
            self._close()
        elif line.startswith(("LAMMPS (", "Per MPI rank memory", "Memory usage per processor")):
            self._close()
            if line.startswith("LAMMPS ("):  # another log follows in the same file
                self._settings = _Settings()
        elif line.startswith("Setting up"):
            self._settings.minimized = "minimization" in line
        elif self._settings.apply(line, number):
            self._close()
        elif words[0] == "keywords:":
            self._open(re.findall(r"'([^']*)'", line))
        elif self._settings.step in words and not any(map(_is_number, words)):
            self._open(words)
        elif self._names:
            values = [word.strip("[],") for word in (words[1:] if words[0] == "-" else words)]
            values = [value for value in values if value]
            if len(values) == len(self._names):
                row = dict(zip(self._names, values, strict=True))
                if _STEP.fullmatch(row["Step"]):
                    self._add_row(number, int(row["Step"]), row)

    def _close(self) -> None:
        self._table, self._names = None, []

    def _open(self, words: list[str]) -> None:
        """Set the columns of the next rows, if they give energies by step."""
        self._close()
        names = [self._settings.headings.get(word, word) for word in words]
        if "Step" in names and any({*added, *subtracted} <= set(names) for added, subtracted in _SUMS):
            self._names = names

    def _multi_values(self) -> dict[str, str]:
        """Values of a block of the style `multi`, below its line with the step."""
        values: dict[str, str] = {}
        for line in self._next:
            if line.startswith(("---", "Loop")):  # the next block, even if its first line is damaged
                break
            pairs = _PAIR.findall(line)
            names = {name for name, _ in pairs}
            if len(names) < len(pairs) or names & values.keys():  # a block has each name once: this is another one
                break
            values |= dict(pairs)
        return {self._settings.headings.get(name, name): value for name, value in values.items()}

    def _add_row(self, number: int, step: int, values: dict[str, str]) -> None:
        energy = _potential(values)
        if energy is None:
            return
        if self._table is None:
            script = self._settings
            self._table = Table(script.minimized, script.norm, script.units, script.units_line, number)
            self.tables.append(self._table)
        virial = self._virial_of(values)
        self._table.rows.append(Row(step, energy, virial, virial is not None and _is_pressure(virial, values)))

    def _virial_of(self, values: dict[str, str]) -> tuple[float, ...] | None:
        """The components of the virial in a line; None where it has not all of them."""
        if not self._virial or not all(name in values for name in self._virial):
            return None
        try:
            found = tuple(real_number(values[name]) for name in self._virial)
        except ValueError:
            return None
        return found if np.all(np.isfinite(found)) else None


def _words(line: str) -> list[str]:
    """The words of a command, without quotes and comments; LAMMPS knows no backslashes."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.escape = True, ""
    try:
        return list(lexer)
    except ValueError:  # a quote that is not closed
        return line.split()


def _is_number(word: str) -> bool:
    try:
        real_number(word)
    except ValueError:
        return False
    return True


def _is_pressure(virial: tuple[float, ...], values: dict[str, str]) -> bool:
    """Whether the mean of xx, yy, zz is the pressure of the line, of a temperature above zero."""
    try:
        pressure, temperature = (real_number(values.get(name, "nan")) for name in ("Press", "Temp"))
    except ValueError:
        return False
    mean = sum(virial[:3]) / 3
    return temperature > 0 and abs(mean - pressure) <= _PRINTED * max(map(abs, virial[:3]))


def _potential(values: dict[str, str]) -> float | None:
    """The potential energy of a line of a table; None where it has none."""
    for added, subtracted in _SUMS:
        if all(name in values for name in (*added, *subtracted)):
            try:
                sums = [sum(real_number(values[name]) for name in names) for names in (added, subtracted)]
            except ValueError:  # a warning in the middle of a table
                return None
            energy = sums[0] - sums[1]
            return energy if np.isfinite(energy) else None
    return None
