"""Feeds broken dumps to the reader and judges what it makes of them.

    python tools/fuzz.py --inputs 200000 [--seed 0] [--save FOLDER]

Each input is a whole dump that was changed in one to three places, or a compressed one that was damaged: see
`tests/broken_dumps.py` for the changes, `tests/strict_dumps.py` for the judge. Counts what was accepted and what was
refused, by kind. Ends with exit code 1, and saves the inputs, if anything but a user's error came up, a refusal did not
say where, a frame was accepted that LAMMPS could not have written, a frame was left out in silence, or an input took
too long or too much memory.
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

_MEMORY = 1 << 30  # bytes that reading an input may add to what the program has
_RENEWED = 1000  # inputs after which the limit is set anew: small pieces of memory add up over many thousands of inputs
_SHOWN = 3  # findings of one kind that are printed


def _limit_memory() -> None:
    """Refuse this process more memory than it has now and `_MEMORY`."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + _MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def main() -> int:
    """Feed, count, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seconds", type=float, default=5.0, help="that one input may take")
    parser.add_argument("--save", type=Path, default=Path("fuzz-findings"), help="folder for inputs that went wrong")
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
            verdict = fuzzing.judged(path, options.seconds)
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
    print("nothing went wrong" if not found else "went wrong:")
    for kind, count in found.most_common():
        print(f"{count:9,}  {kind}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
