"""The tables of a LAMMPS log: step and potential energy of each line, and what the input script has set for them.

A log holds a table for each run, in the style `thermo_style` asks for (LAMMPS manual, pages thermo_style and
Howto_structured_data): columns, `multi`, or yaml. It echoes the commands of the input script, those with a variable
once more with its value; so what is true of a table is what the commands before it have said (pages thermo_modify,
units, clear).
"""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gnnzoo.data.lammps.header import real_number
from gnnzoo.errors import DataError, Location

_STEP = re.compile(r"\d{1,18}")
_MULTI = re.compile(r"-+ Step\s+(\d{1,18}) -+")
_LOOP = re.compile(r"Loop time of .* with (\d{1,18}) atoms")
_PAIR = re.compile(r"(\S+)\s+=\s+(\S+)")
# Ways to the potential energy, the first that a table has: columns that are added, columns that are taken away.
_WAYS = ((("PotEng",), ()), (("TotEng",), ("KinEng",)), (("E_pair", "E_mol"), ()))
_HEADINGS = {
    "step": "Step",
    "pe": "PotEng",
    "ke": "KinEng",
    "etotal": "TotEng",
    "epair": "E_pair",
    "emol": "E_mol",
}
_LOGICAL = {word: word in ("yes", "on", "true") for word in ("yes", "on", "true", "no", "off", "false")}
_ONE = ("step", "temp", "epair", "emol", "etotal", "press")  # the style that LAMMPS begins with


@dataclass
class Table:
    """What a run tells.

    Attributes:
        rows: step and potential energy, as it is printed.
        atoms: how many there were at the end; None where the log breaks off.
        minimized: whether it is a minimisation.
        norm: whether LAMMPS was told to divide energies by the number of atoms; None where that follows from the units.
        units: LAMMPS unit style, None where the log does not echo it.
        units_line: where it does.
        line: of the first row.
    """

    minimized: bool
    norm: bool | None
    units: str | None
    units_line: int | None
    line: int
    rows: list[tuple[int, float]] = field(default_factory=list)
    atoms: int | None = None


def log_tables(path: Path) -> list[Table]:
    """The tables of a log that tell potential energies.

    Raises:
        DataError: the log cannot be read.
    """
    try:
        lines = path.read_text(errors="replace").split("\n")
    except OSError as error:
        raise DataError(f"the log cannot be read: {error.strerror}", location=Location(path)) from error
    return _Reader(lines).tables


class _Script:
    """What the commands echoed so far have set for the next table."""

    def __init__(self):
        self.minimized = False
        self.clear()

    def clear(self) -> None:
        """LAMMPS as it begins, and after `clear`."""
        self.units: str | None = None
        self.units_line: int | None = None
        self._new_style(_ONE)

    def _new_style(self, keywords: tuple[str, ...]) -> None:
        """`thermo_style` makes the thermo output anew: what `thermo_modify` had set is forgotten."""
        self.norm: bool | None = None
        self._keywords = keywords
        self.headings: dict[str, str] = {}  # of columns that were given a name -> the name that LAMMPS gives them
        self.step = "Step"

    def obey(self, line: str, number: int) -> bool:
        """Whether the line is a command that matters here; it is noted."""
        command = line.split(maxsplit=1)[0]
        if command not in ("units", "clear", "read_restart", "thermo_style", "thermo_modify", "minimize", "run"):
            return False
        words = _words(line)
        if command == "units" and len(words) == 2 and words[1].isalpha():
            self.units, self.units_line = words[1], number
        elif command == "clear":
            self.clear()
        elif command == "read_restart":  # it brings its own units and does not tell them
            self.units = self.units_line = None
        elif command == "thermo_style":
            self._new_style(tuple(words[2:]) if words[1:2] == ["custom"] else _ONE if words[1:2] == ["one"] else ())
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
        """The column that is meant: by its keyword, or by its number, from the end if it is negative."""
        if not re.fullmatch(r"-?\d{1,9}", word) or any("*" in keyword for keyword in self._keywords):
            return word
        number = int(word) - (int(word) > 0)
        inside = -len(self._keywords) <= number < len(self._keywords)
        return self._keywords[number] if inside else word


class _Reader:
    """Goes through the lines of a log."""

    def __init__(self, lines: list[str]):
        self.tables: list[Table] = []
        self._lines, self._script = lines, _Script()
        self._table: Table | None = None  # the one that is open
        self._names: list[str] = []  # of its columns
        for number, line in enumerate(lines, start=1):
            if line.strip():
                self._line(line, number)

    def _line(self, line: str, number: int) -> None:
        words = line.split()
        if match := _MULTI.match(line):
            self._row(number, int(match[1]), self._named(_block(self._lines[number : number + 40])))
        elif words[0] == "Loop":
            if self._table is not None and (match := _LOOP.match(line)):
                self._table.atoms = int(match[1])
            self._close()
        elif line.startswith(("LAMMPS (", "Per MPI rank memory", "Memory usage per processor")):
            self._close()
            if line.startswith("LAMMPS ("):  # another log follows in the same file
                self._script = _Script()
        elif line.startswith("Setting up"):
            self._script.minimized = "minimization" in line
        elif self._script.obey(line, number):
            self._close()
        elif words[0] == "keywords:":
            self._open(re.findall(r"'([^']*)'", line))
        elif self._script.step in words and not any(map(_is_number, words)):
            self._open(words)
        elif self._names:
            values = [word.strip("[],") for word in (words[1:] if words[0] == "-" else words)]
            values = [value for value in values if value]
            if len(values) == len(self._names):
                told = dict(zip(self._names, values, strict=True))
                if _STEP.fullmatch(told["Step"]):
                    self._row(number, int(told["Step"]), told)

    def _close(self) -> None:
        self._table, self._names = None, []

    def _open(self, words: list[str]) -> None:
        """The columns of the next rows, if they lead to an energy of a step."""
        self._close()
        names = [self._script.headings.get(word, word) for word in words]
        if "Step" in names and any(set(added + taken) <= set(names) for added, taken in _WAYS):
            self._names = names

    def _named(self, values: dict[str, str]) -> dict[str, str]:
        return {self._script.headings.get(name, name): value for name, value in values.items()}

    def _row(self, number: int, step: int, values: dict[str, str]) -> None:
        energy = _potential(values)
        if energy is None:
            return
        if self._table is None:
            script = self._script
            self._table = Table(script.minimized, script.norm, script.units, script.units_line, number)
            self.tables.append(self._table)
        self._table.rows.append((step, energy))


def _words(line: str) -> list[str]:
    """The words of a command, without quotes and comments."""
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # a quote that is not closed
        return line.split()


def _is_number(word: str) -> bool:
    try:
        real_number(word)
    except ValueError:
        return False
    return True


def _block(lines: list[str]) -> dict[str, str]:
    """What the lines of a block of the style `multi` tell, below the one with the step."""
    values = {}
    for line in lines:
        if _MULTI.match(line) or line.startswith("Loop"):
            break
        values |= dict(_PAIR.findall(line))
    return values


def _potential(values: dict[str, str]) -> float | None:
    """The potential energy of a line of a table; None where the line does not tell it."""
    for added, taken in _WAYS:
        if all(name in values for name in (*added, *taken)):
            try:
                sums = [sum(real_number(values[name]) for name in names) for names in (added, taken)]
            except ValueError:  # a warning in the middle of a table
                return None
            energy = sums[0] - sums[1]
            return energy if np.isfinite(energy) else None
    return None
