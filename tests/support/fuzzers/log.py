"""LAMMPS logs: each energy that gnnzoo finds must stand in the text, at its step, under a heading of energies."""

import random
import re
from pathlib import Path

import numpy as np

import broken_dumps
from fuzzers.fuzzer import Fuzzer
from gnnzoo.data.lammps.log_energies import LogEnergies
from gnnzoo.data.lammps.log_tables import log_tables

_LOOP = "Loop time of 0.1 on 1 procs for 20 steps with 27 atoms\n"
_TABLE = f"   Step Temp PotEng\n 0 300 -10.5\nWARNING: between\n 10 299.5 -11.5\n 20 299 -12.5\n{_LOOP}"
_SUMS = [({"PotEng"}, set()), ({"TotEng"}, {"KinEng"}), ({"E_pair", "E_mol"}, set())]
_WORDS = [
    "Step",
    "PotEng",
    "Loop",
    "units",
    "clear",
    "thermo_modify norm yes",
    "minimize",
    "- [",
    "keywords: ['Step', 'PotEng']",
]


def seeds() -> list[str]:
    """Logs of every style of thermo output."""
    head = "LAMMPS (22 Jul 2025)\nunits real\nthermo_style custom step temp pe\n"
    one = "   Step Temp E_pair E_mol TotEng Press\n 0 300 -10 -0.5 3 1\n 10 299 -11 -0.5 3 1\n"
    multi = "".join(
        f"------------ Step {10 * i:14d} ----- CPU =   0 (sec) -------------\n"
        f"TotEng   =   -1.0 KinEng   =   9.0 Temp     =   300.0 \nPotEng   =   {-10.5 - i} E_bond   =   0.0\n"
        for i in range(3)
    )
    rows = "".join(f"  - [{10 * i}, 300, {-10.5 - i}, ]\n" for i in range(3))
    yaml = f"---\nkeywords: ['Step', 'Temp', 'PotEng', ]\ndata:\n{rows}...\n"
    names = 'thermo_modify colname pe Energy colname step "S"\nS Temp Energy\n 0 1 -2\n 10 1 -3\n'
    minimized = f"Setting up cg style minimization ...\n{_TABLE}Setting up Verlet run ...\n{_TABLE}"
    bodies = [
        _TABLE,
        one + _LOOP,
        multi,
        yaml,
        f"{names}{_LOOP}",
        minimized,
        f"clear\nunits lj\nthermo_modify norm no\n{_TABLE}",
    ]
    return [head + body for body in bodies]


class LogFuzzer(Fuzzer):
    """Logs with changes to bytes, words, and lines."""

    name, file = "log", "log.lammps"

    def prepare(self, folder: Path) -> None:
        self._texts = [text.encode() for text in seeds()]

    def write(self, path: Path, chance: random.Random) -> str:
        data, story = chance.choice(self._texts), []
        for _ in range(chance.choice([1, 1, 2, 3])):
            if chance.random() < 0.15 and data:
                place = chance.randrange(len(data))
                data = data[:place] + chance.choice(_WORDS).encode() + data[place:]
                story.append("word")
            elif data:
                change = chance.choice(broken_dumps.CHANGES)
                data = change(data, chance)
                story.append(change.__name__.strip("_"))
        path.write_bytes(data)
        return ", ".join(story)

    def read(self, path: Path) -> list[str]:
        tables = log_tables(path)
        possible = stated_energies(path.read_bytes().decode(errors="replace"))
        complaints = [
            f"an energy is not in the log: step {step}, {energy}"
            for table in tables
            for step, energy, *_ in table.rows
            if not any(_close(energy, value) for value in possible.get(step, ()))
        ]
        steps, segments = np.array([0, 10, 20]), np.zeros(3, dtype=int)
        joined = LogEnergies([path], "real").of(steps, segments, np.full(3, 27)).energies
        if np.isinf(joined).any():
            complaints.append(f"an energy is infinite: {joined}")
        return complaints


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1e-300)


def stated_energies(text: str) -> dict[int, list[float]]:
    """All energies that any line could mean at its step, under any of the headings; more than LAMMPS means."""
    lines = text.split("\n")
    commands = "\n".join(line for line in lines if line.split()[:1] == ["thermo_modify"])
    renamed = re.findall(r"(?=colname\s+\S+\s+\"?([^\s\"]+)\"?)(?=colname\s+(\S+))", commands)
    default = {"pe": "PotEng", "step": "Step", "etotal": "TotEng", "ke": "KinEng", "epair": "E_pair", "emol": "E_mol"}
    styles = re.findall(r"thermo_style custom ([^\n#]*)", text)
    keywords = styles[-1].split() if styles else ["step", "temp", "epair", "emol", "etotal", "press"]
    names: dict[str, str] = {}
    for heading, quoted in renamed:
        keyword = quoted.strip("'\"")
        if re.fullmatch(r"-?\d{1,3}", keyword) and abs(int(keyword)) <= len(keywords):  # by its number
            keyword = keywords[int(keyword) - (int(keyword) > 0)]
        if keyword in default or heading not in names:  # LAMMPS stops at a command that names no column
            names[heading] = default.get(keyword, keyword)

    def named(words: list[str]) -> list[str]:
        return [names.get(word, word) for word in words]

    headings = [named(line.split()) for line in lines] + [named(re.findall(r"'([^']*)'", line)) for line in lines]
    headings += [line.split() for line in lines]
    headings = [words for words in headings if "Step" in words]
    found: dict[int, list[float]] = {}
    for line in lines:
        words = [word.strip("[],") for word in line.split()[line.split()[:1] == ["-"] :]]
        words = [word for word in words if word]
        for heading in headings:
            if len(heading) == len(words):
                _add(dict(zip(heading, words, strict=True)), found)
    for index, line in enumerate(lines):
        if match := re.match(r"-+ Step\s+(\d+)", line):
            values: dict[str, str] = {"Step": match[1]}
            for later in lines[index + 1 : index + 42]:
                if re.match(r"-+ Step", later):
                    break
                pairs = re.findall(r"(?:^|(?<=\s))(\S+)\s+=\s+(\S+)", later)
                for name, value in pairs:
                    values.setdefault(names.get(name, name), value)
            _add(values, found)
    return found


def _add(values: dict[str, str], found: dict[int, list[float]]) -> None:
    for added, subtracted in _SUMS:
        try:
            step = int(values["Step"])
            energy = sum(float(values[name]) for name in added) - sum(float(values[name]) for name in subtracted)
        except (KeyError, ValueError):
            continue
        found.setdefault(step, []).append(energy)
