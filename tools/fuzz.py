"""Fuzzes the dump reader with broken dumps.

    python tools/fuzz.py --inputs 200000 [--seed 0] [--save FOLDER]

Each input is a valid dump with one to three changes, or a damaged compressed one: `tests/support/broken_dumps.py` has
the changes, `tests/support/strict_dumps.py` the reference reader. Counts accepted and refused inputs, by kind. The exit
code is 1, and the inputs are saved, if any error but a `UserError` was raised, an error had no place, a frame was
accepted that LAMMPS could not have written, a frame was left out without a message, or an input took too long or too
much memory.
"""

import argparse
import collections
import gc
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import broken_dumps
import fuzzing

_MEMORY = 1 << 30  # bytes that reading an input may allocate
_RENEWED = 1000  # inputs after which the limit is set again: fragmentation adds up over many thousands of inputs
_SHOWN = 3  # findings of one kind that are printed


def _limit_memory() -> None:
    """Limit the memory of this process to its present use plus `_MEMORY`."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + _MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def main() -> int:
    """Read all inputs and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seconds", type=float, default=5.0, help="timeout of one input")
    parser.add_argument("--save", type=Path, default=Path("fuzz-findings"), help="folder for inputs with findings")
    options = parser.parse_args()
    texts, kinds, found = broken_dumps.seeds(), collections.Counter(), collections.Counter()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "input.lammpstrj"
        for count, number in enumerate(range(options.first, options.first + options.inputs)):
            if count % _RENEWED == 100:
                _limit_memory()
            case = broken_dumps.broken(number, options.seed, texts)
            path.write_bytes(case.data)
            verdict = fuzzing.check_reader(path, options.seconds)
            kinds[verdict.kind] += 1
            for complaint in verdict.complaints:
                what = complaint.replace(str(path), "INPUT")
                kind = what.split(": ")[0]
                found[kind] += 1
                if found[kind] <= _SHOWN:
                    options.save.mkdir(parents=True, exist_ok=True)
                    kept = options.save / f"{options.seed}-{number}"
                    kept.write_bytes(case.data)
                    print(f"input {number} ({case.story}), saved as {kept}: {what}", flush=True)
    seconds = time.monotonic() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{options.inputs:,} inputs in {seconds:,.0f} s, {peak:,.0f} MB resident at most")
    for kind, count in kinds.most_common():
        print(f"{count:9,}  {kind}")
    print("no findings" if not found else "findings:")
    for kind, count in found.most_common():
        print(f"{count:9,}  {kind}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
