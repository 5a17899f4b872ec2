"""Speed and memory of converting dumps, next to the rates of the steps that every reader needs.

    python tools/benchmark/convert.py --megabytes 300 [--atoms 648] [--folder /tmp] [--compress]

A dump of the requested size is made from random frames repeated with growing steps, converted in a process of its own,
and deleted together with its dataset. Measured in the same minute on the same machine: reading the file, and parsing
its numbers with pyarrow's CSV reader on one thread and on all.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

_COLUMNS = "id mol type x y z fx fy fz"
_DIFFERENT = 8  # number of distinct frames

_CONVERT = """
import json, resource, sys, time
from pathlib import Path
from gnnzoo.data.convert import to_h5md
start = time.perf_counter()
done = to_h5md([Path(sys.argv[1])], Path(sys.argv[2]), version="0", command="benchmark", compress=sys.argv[3] == "gzip")
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "peak": peak, "frames": done.frames}))
"""


def _rows(n_atoms: int, random: np.random.Generator) -> bytes:
    """Rows as printed by LAMMPS: unsorted atoms, 6 significant digits."""
    numbers = np.column_stack([random.uniform(-20, 20, (n_atoms, 3)), random.normal(scale=10, size=(n_atoms, 3))])
    lines = (
        f"{atom + 1} {atom // 3 + 1} {1 if atom % 3 == 0 else 2} " + " ".join(f"{value:g}" for value in numbers[atom])
        for atom in random.permutation(n_atoms)
    )
    return ("\n".join(lines) + "\n").encode()


def make_dump(path: Path, megabytes: float, n_atoms: int) -> None:
    """A dump of at least this size."""
    random = np.random.default_rng(0)
    bodies = [_rows(n_atoms, random) for _ in range(_DIFFERENT)]
    with path.open("wb") as file:
        frame = 0
        while file.tell() < megabytes * 1e6:
            length = 20 + 0.01 * np.sin(frame)
            bounds = f"{-length:.16e} {length:.16e}\n" * 3
            file.write(
                f"ITEM: TIMESTEP\n{frame * 10}\nITEM: NUMBER OF ATOMS\n{n_atoms}\n"
                f"ITEM: BOX BOUNDS pp pp pp\n{bounds}ITEM: ATOMS {_COLUMNS}\n".encode()
            )
            file.write(bodies[frame % _DIFFERENT])
            frame += 1


def read_rate(path: Path) -> float:
    """MB/s of reading the file and doing nothing with it."""
    start = time.perf_counter()
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 22):
            pass
    return path.stat().st_size / 1e6 / (time.perf_counter() - start)


def parse_rate(n_atoms: int, use_threads: bool) -> float:
    """MB/s of pyarrow's CSV reader on rows alone, all columns as numbers."""
    import pyarrow as pa
    import pyarrow.csv

    rows = _rows(n_atoms, np.random.default_rng(0))
    text = rows * max(1, 16_000_000 // len(rows))
    names = _COLUMNS.split()
    start, repeats = time.perf_counter(), 5
    for _ in range(repeats):
        pa.csv.read_csv(
            pa.BufferReader(text),
            read_options=pa.csv.ReadOptions(column_names=names, use_threads=use_threads),
            parse_options=pa.csv.ParseOptions(delimiter=" ", quote_char=False),
            convert_options=pa.csv.ConvertOptions(
                column_types={name: pa.int64() if name in ("id", "mol", "type") else pa.float64() for name in names}
            ),
        )
    return repeats * len(text) / 1e6 / (time.perf_counter() - start)


def main() -> None:
    """Make, convert, report, delete."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=300)
    parser.add_argument("--atoms", type=int, default=648)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--compress", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gnnzoo-benchmark-", dir=options.folder))
    try:
        dump, output = folder / "dump.lammpstrj", folder / "dump.h5"
        make_dump(dump, options.megabytes, options.atoms)
        size = dump.stat().st_size / 1e6
        print(f"{size:,.0f} MB, {options.atoms} atoms a frame")
        print(f"read                {read_rate(dump):8,.0f} MB/s")
        print(f"parse, one thread   {parse_rate(options.atoms, use_threads=False):8,.0f} MB/s")
        print(f"parse, all threads  {parse_rate(options.atoms, use_threads=True):8,.0f} MB/s")
        arguments = [str(dump), str(output), "gzip" if options.compress else "plain"]
        run = subprocess.run([sys.executable, "-c", _CONVERT, *arguments], check=True, capture_output=True, text=True)
        result = json.loads(run.stdout)
        print(f"convert             {size / result['seconds']:8,.0f} MB/s, {result['frames']:,} frames")
        print(f"peak memory         {result['peak']:8,.0f} MB resident")
        print(f"dataset             {output.stat().st_size / 1e6:8,.0f} MB")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
