"""Fuzzes the readers of every file that gnnzoo reads.

    python tools/fuzz.py dump log extxyz [--inputs 20000] [--seed 0] [--save FOLDER] [--report FILE.json]

Each input is a valid file with a few changes; `tests/support/fuzzers/` has a module for each format, with the reader
that checks what gnnzoo accepts. Each format runs in a process of its own, which is started again where an input ends
it. The exit code is 1, and the inputs are saved, if any error but a `UserError` was raised, an error has no place, an
independent reader reads something else, a file outside the working folder was touched, or an input took too long or too
much memory.
"""

import argparse
import collections
import json
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from fuzzers import FUZZERS, load_fuzzer
from fuzzers.guard import limit_memory

_RENEWED = 500  # inputs after which the memory limit is set again: fragmentation adds up over many thousands of inputs
_OF_A_PROCESS = 1000  # inputs, so that what a library keeps of each does not add up to a limit of memory
_SHOWN = 3  # findings of one kind that are printed
_PATIENCE = 30  # seconds after its timeout until a process that does not react is ended


@dataclass
class Summary:
    """Counts of one format.

    Attributes:
        inputs: number of inputs.
        kinds: how they ended -> number.
        findings: kind of complaint -> number.
        seconds: duration.
        memory: largest resident size, MB.
    """

    inputs: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    findings: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    memory: float = 0.0


def main() -> int:
    """Run the fuzzers and print their counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("formats", nargs="*", default=[*FUZZERS], help=f"of {', '.join(FUZZERS)}; by default all")
    parser.add_argument("--inputs", type=int, default=20_000, help="of each format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seconds", type=float, default=10.0, help="timeout of one input")
    parser.add_argument("--save", type=Path, default=Path("fuzz-findings"), help="folder for inputs with findings")
    parser.add_argument("--report", type=Path, help="JSON file for the counts")
    options = parser.parse_args()
    if unknown := set(options.formats) - set(FUZZERS):
        parser.error(f"no format {', '.join(sorted(unknown))}")
    report = {}
    for name in options.formats:
        report[name] = summary = _run(name, options)
        print(f"{name}: {summary.inputs:,} inputs in {summary.seconds:,.0f} s, {summary.memory:,.0f} MB at most")
        for kinds in (summary.kinds, summary.findings):
            for kind, count in collections.Counter(kinds).most_common(20):
                print(f"{count:9,}  {'FINDING ' if kinds is summary.findings else ''}{kind}", flush=True)
        if options.report:
            options.report.write_text(json.dumps({name: asdict(counts) for name, counts in report.items()}, indent=1))
    return int(any(summary.findings for summary in report.values()))


def _run(name: str, options: argparse.Namespace) -> Summary:
    """Fuzz one format in processes of its own."""
    summary, start, number = Summary(), time.monotonic(), options.first
    context = multiprocessing.get_context("spawn")
    stop = options.first + options.inputs
    with tempfile.TemporaryDirectory(prefix="gnnzoo-fuzz-") as folder:
        while number < stop:
            results, current = context.Queue(), context.Array("d", [number, time.monotonic() + 300], lock=False)
            until = min(stop, number + _OF_A_PROCESS)
            arguments = (name, options, Path(folder), number, until, results, current)
            process = context.Process(target=_work, args=arguments)
            process.start()
            ended = _follow(process, results, current, summary)
            number = until if ended is None else int(current[0])
            if ended is not None:  # by this input
                work = Path(folder) / f"{name}-work" / load_fuzzer(name).file
                story, what = "the process ended", f"the process ended: {ended}"
                _record(summary, summary.findings.copy(), name, options, number, story, [what], work)
                number += 1
    summary.seconds = time.monotonic() - start
    return summary


def _follow(process, results, current, summary: Summary) -> str | None:
    """Add the results of a process; returns how it ended, None where it is done."""
    while True:
        try:
            result = results.get(timeout=1)
        except Exception:  # nothing for a second
            if not process.is_alive():
                return f"exit code {process.exitcode}"
            if time.monotonic() > current[1] + _PATIENCE:
                process.kill()
                process.join()
                return "it did not react"
            continue
        if result is None:
            process.join()
            return None
        _add(summary, *result)


def _add(summary: Summary, kinds: dict[str, int], findings: dict[str, int], memory: float) -> None:
    summary.inputs += sum(kinds.values())
    for counts, more in ((summary.kinds, kinds), (summary.findings, findings)):
        for kind, count in more.items():
            counts[kind] = counts.get(kind, 0) + count
    summary.memory = max(summary.memory, memory)


def _work(name: str, options: argparse.Namespace, folder: Path, first: int, stop: int, results, current) -> None:
    """Read the inputs from `first` on; the counts go to `results`, the number of the input under way to `current`."""
    work = folder / f"{name}-work"
    for part in (folder / "made", work):  # of the process before
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
    fuzzer = load_fuzzer(name)
    fuzzer.prepare(folder / "made")
    os.environ["TMPDIR"] = tempfile.tempdir = str(work)
    path, part, shown = work / fuzzer.file, Summary(), dict[str, int]()
    fuzzer.warm_up(path)
    for number in range(first, stop):
        current[0], current[1] = number, time.monotonic() + options.seconds
        if (number - first) % _RENEWED == 50:
            limit_memory()
        story = fuzzer.write(path, random.Random(f"{options.seed} {number}"))
        verdict = fuzzer.check(path, options.seconds)
        part.kinds[verdict.kind] = part.kinds.get(verdict.kind, 0) + 1
        if verdict.complaints:
            _record(part, shown, name, options, number, story, verdict.complaints, path)
        if (number - first) % 100 == 99 or number == stop - 1:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            results.put((dict(part.kinds), dict(part.findings), memory))
            part = Summary()
    results.put(None)


def _record(
    summary: Summary,
    shown: dict[str, int],
    name: str,
    options: argparse.Namespace,
    number: int,
    story: str,
    complaints: list[str],
    path: Path,
) -> None:
    """Count complaints, and save and print the first inputs of each kind."""
    for complaint in complaints:
        what = complaint.replace(str(path), "INPUT")
        kind = what.split(": ")[0] if not what.startswith("the process ended") else what
        summary.findings[kind] = summary.findings.get(kind, 0) + 1
        shown[kind] = shown.get(kind, 0) + 1
        if shown[kind] <= _SHOWN:
            options.save.mkdir(parents=True, exist_ok=True)
            kept = options.save / f"{name}-{options.seed}-{number}{path.suffix}"
            if path.is_dir():
                shutil.copytree(path, kept, dirs_exist_ok=True)
            elif path.is_file():
                shutil.copyfile(path, kept)
            print(f"{name} {number} ({story}), saved as {kept}: {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
