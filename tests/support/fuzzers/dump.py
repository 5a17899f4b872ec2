"""LAMMPS dumps, against the strict reader in plain Python."""

import random
from pathlib import Path

import broken_dumps
import fuzzing
from fuzzers.fuzzer import Fuzzer
from fuzzers.guard import Verdict, watched


class DumpFuzzer(Fuzzer):
    """Valid dumps of every form with changes to bytes, words, lines and headers, some of them compressed."""

    name, file = "dump", "input.lammpstrj"

    def prepare(self, folder: Path) -> None:
        self._texts = broken_dumps.seeds()

    def write(self, path: Path, chance: random.Random) -> str:
        case = broken_dumps.broken_by(chance, self._texts)
        path.write_bytes(case.data)
        return case.story

    def read(self, path: Path) -> list[str]:
        return fuzzing.check_reader(path).complaints

    def check(self, path: Path, seconds: float) -> Verdict:
        with watched(path.parent) as touched:
            found = fuzzing.check_reader(path, seconds)
        return Verdict(found.kind, [*found.complaints, *touched])
