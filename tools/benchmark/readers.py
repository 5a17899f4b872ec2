"""Reading speed of gnnzoo and of other installed dump readers, one after another on the same file.

    python tools/benchmark/readers.py --megabytes 1000 [--python OTHER/bin/python] [--limit 60] [--folder /tmp]

A dump is made and read once, so that it is in the page cache. Each reader runs in a process of its own, iterating over
all frames and accessing the forces where it keeps them. gnnzoo is timed as a command, from its start to the finished
dataset on disk; the others from the end of their import to their last frame, without writing. A reader that exceeds the
limit is stopped, and its time for the whole file is extrapolated from the frames read; such rates are marked. Readers
that hold all frames in memory get the file in pieces, whose cutting is not timed. Memory is the resident memory of all
processes of a reader. Below the table: parsers on the numbers alone, the best of three times each.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from convert import make_dump

_PIECE_BYTES = 10_000_000
_NUMBER_BYTES = 100_000_000  # of bare numbers, for the parsers

# Each defines frames(path), which yields for each frame whether it has forces.
_OURS = {
    "gnnzoo, frames alone": """
from pathlib import Path
from gnnzoo.data.lammps.trajectory import TrajectoryReader, stream
def frames(path):
    for block in stream([Path(path)], TrajectoryReader()):
        for forces in block.arrays["forces"]:
            yield float(forces[0, 0]) == float(forces[0, 0])
""",
}
_READERS = _OURS | {
    "ovito": """
from ovito.io import import_file
def frames(path):
    pipeline = import_file(path)
    for number in range(pipeline.source.num_frames):
        forces = pipeline.compute(number).particles.get("Force")
        yield forces is not None and float(forces[0, 0]) == float(forces[0, 0])
""",
    "ase": """
from ase.io import read
def frames(path):
    for piece in pieces(path):
        for atoms in read(piece, index=":", format="lammps-dump-text"):
            yield atoms.calc is not None and atoms.get_forces().shape == (len(atoms), 3)
""",
    "mdtraj": """
from mdtraj.formats import LAMMPSTrajectoryFile
def frames(path):
    with LAMMPSTrajectoryFile(path) as file:
        while len(file.read(n_frames=1)[0]):
            yield False
""",
    "MDAnalysis": """
import warnings
warnings.simplefilter("ignore")
from MDAnalysis.coordinates.LAMMPS import DumpReader
def frames(path):
    for step in DumpReader(path):
        yield step.has_forces and step.forces.shape == (step.n_atoms, 3)
""",
    "dpdata": """
import dpdata
def frames(path):
    for piece in pieces(path):
        system = dpdata.System(piece, fmt="lammps/dump", type_map=["O", "H"])
        for number in range(len(system)):
            yield "forces" in system.data
""",
}
_WORKER = """
import json, os, sys, tempfile, time
path, limit, folder, piece_bytes = sys.argv[1], float(sys.argv[2]), sys.argv[3], int(sys.argv[4])
paused, in_pieces, done = 0.0, False, True
def elapsed():
    return time.perf_counter() - start - paused
def pieces(path):
    global paused, in_pieces, done
    in_pieces = True
    with open(path, "rb") as file:
        rest = b""
        while block := file.read(piece_bytes):
            if elapsed() > limit:
                done = False
                return
            begin = time.perf_counter()
            text = rest + block
            cut = text.rfind(b"ITEM: TIMESTEP") if len(block) == piece_bytes else len(text)
            text, rest = text[:cut], text[cut:]
            with open(f"{folder}/piece.lammpstrj", "wb") as piece:
                piece.write(text)
            paused += time.perf_counter() - begin
            yield f"{folder}/piece.lammpstrj"
%s
start, count, kept, opened = time.perf_counter(), 0, False, 0.0
for forces in frames(path):
    count, kept = count + 1, forces
    if not in_pieces:
        opened = opened or elapsed()
        if elapsed() > limit:
            done = False
            break
seconds = elapsed()
print(json.dumps({"frames": count, "seconds": seconds, "opened": opened, "forces": bool(kept), "done": done}))
"""

# Each defines parse(path) on a file of numbers alone.
_PYARROW = """
import pyarrow as pa, pyarrow.csv
def parse(path):
    types = {f"f{column}": pa.int64() if column < 3 else pa.float64() for column in range(9)}
    pa.csv.read_csv(path, read_options=pa.csv.ReadOptions(autogenerate_column_names=True, use_threads=%s),
                    parse_options=pa.csv.ParseOptions(delimiter=" ", quote_char=False),
                    convert_options=pa.csv.ConvertOptions(column_types=types))
"""
_PARSERS = {
    "pyarrow csv, all threads": _PYARROW % True,
    "pyarrow csv, one thread": _PYARROW % False,
    "polars": """
import polars
def parse(path):
    polars.read_csv(path, separator=" ", has_header=False, quote_char=None)
""",
    "pandas": """
import pandas
def parse(path):
    pandas.read_csv(path, sep=" ", header=None)
""",
    "numpy.loadtxt": """
import numpy
def parse(path):
    numpy.loadtxt(path)
""",
}
_PARSE = """
import json, sys, time
%s
seconds = []
for _ in range(3):
    start = time.perf_counter()
    parse(sys.argv[1])
    seconds.append(time.perf_counter() - start)
print(json.dumps({"seconds": min(seconds)}))
"""


@dataclass
class Run:
    """A process that came to its end: what it printed, how long it took, what it held in memory at most."""

    output: str
    seconds: float
    megabytes: float
    code: int | None


def run(command: list[str], limit: float | None = None) -> Run:
    """Run a command to its end, or for `limit` seconds, after which `Run.code` is None."""
    start, peak, code = time.perf_counter(), 0, None
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
        while (code := process.poll()) is None:
            peak = max(peak, _resident(process.pid))
            if limit is not None and time.perf_counter() - start > limit:
                process.kill()
                process.wait()
                break
            time.sleep(0.02)
        seconds = time.perf_counter() - start
        output.seek(0)
        return Run(output.read(), seconds, peak / 1e6, code)


def _resident(pid: int) -> int:
    """Bytes that a process and its descendants have resident; pages that they share are counted for each."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it ended meanwhile
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(_resident(int(child)) for child in children)


def numbers_of(dump: Path, numbers: Path) -> int:
    """Write the rows of a dump alone, up to `_NUMBER_BYTES`; returns the number of frames in the dump."""
    frames = written = 0
    with dump.open("rb") as source, numbers.open("wb") as target:
        is_row = False
        for line in source:
            if line.startswith(b"ITEM:"):
                is_row = line.startswith(b"ITEM: ATOMS")
                frames += is_row
            elif is_row and written < _NUMBER_BYTES:
                written += target.write(line)
    return frames


def gnnzoo_row(dump: Path, output: Path, compress: bool) -> tuple:
    """The command from its start to the dataset on disk."""
    command = [sys.executable, "-m", "gnnzoo.cli", "convert", str(dump), "-o", str(output)]
    done = run([*command, "--compress"] if compress else command)
    if done.code != 0:
        sys.exit(f"gnnzoo failed: {' '.join(command)}")
    with_forces = (
        b"force"
        in subprocess.run(
            [sys.executable, "-c", f"import h5py; print(list(h5py.File({str(output)!r})['particles/all']))"],
            check=True,
            capture_output=True,
        ).stdout
    )
    rate = dump.stat().st_size / 1e6 / done.seconds
    note = f"{output.stat().st_size / 1e6:,.0f} MB of dataset"
    output.unlink()
    return "gnnzoo convert" + (" --compress" if compress else ""), rate, done.megabytes, with_forces, note


def reader_row(name: str, python: str, dump: Path, frames: int, limit: float) -> tuple:
    """Time another reader over all frames, or as many as it reads within the limit."""
    arguments = [str(dump), str(limit), str(dump.parent), str(_PIECE_BYTES)]
    done = run([python, "-c", _WORKER % _READERS[name], *arguments], limit=4 * limit + 30)
    if done.code is None:
        return name, None, done.megabytes, None, f"no frame within {done.seconds:.0f} s"
    if done.code != 0:
        return name, None, None, None, "not installed, or it does not read this dump"
    result = json.loads(done.output.splitlines()[-1])
    seconds, note = result["seconds"], f"{result['frames']:,} frames"
    if result["done"] and result["frames"] != frames:
        note += f" of {frames:,}"
    if not result["done"]:
        # Work before the first frame, such as an index of the file, is done once.
        seconds = result["opened"] + (seconds - result["opened"]) * frames / result["frames"]
        note = f"extrapolated from {result['frames']:,} of {frames:,} frames"
    return name, dump.stat().st_size / 1e6 / seconds, done.megabytes, result["forces"], note


def show(rows: list[tuple], ours: float) -> None:
    """Print a table with rates relative to gnnzoo's."""
    print(f"{'':26}{'MB/s':>8}{'gnnzoo is':>11}{'memory':>10}  {'forces kept':12}")
    for name, rate, megabytes, forces, note in rows:
        fast = f"{rate:8,.1f}{ours / rate:9.1f} x" if rate else f"{'-':>8}{'-':>11}"
        memory = f"{megabytes:7,.0f} MB" if megabytes else f"{'-':>10}"
        kept = {True: "yes", False: "no", None: ""}[forces]
        print(f"{name:26}{fast}{memory}  {kept:12} {note}".rstrip(), flush=True)


def main() -> None:
    """Make the dump, time all readers, print, delete."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=1000)
    parser.add_argument("--atoms", type=int, default=648)
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has the other readers")
    parser.add_argument("--limit", type=float, default=60, help="seconds that another reader may take")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gnnzoo-readers-", dir=options.folder))
    try:
        dump, numbers = folder / "dump.lammpstrj", folder / "numbers.txt"
        make_dump(dump, options.megabytes, options.atoms)
        frames, size = numbers_of(dump, numbers), dump.stat().st_size / 1e6
        print(f"{size:,.0f} MB, {frames:,} frames of {options.atoms} atoms, {os.cpu_count()} cores", flush=True)
        plain = gnnzoo_row(dump, folder / "dump.h5", compress=False)
        rows = [
            ("cat", size / run(["sh", "-c", f"cat {dump} > /dev/null"]).seconds, None, None, "reads and does nothing"),
            plain,
        ]
        rows.append(gnnzoo_row(dump, folder / "dump.h5", compress=True))
        rows += [
            reader_row(name, sys.executable if name in _OURS else options.python, dump, frames, options.limit)
            for name in _READERS
        ]
        show(rows, plain[1])
        print(f"\nnumbers alone, {numbers.stat().st_size / 1e6:,.0f} MB of rows")
        rows = []
        for name, code in _PARSERS.items():
            done = run([options.python, "-c", _PARSE % code, str(numbers)], limit=options.limit)
            seconds = json.loads(done.output)["seconds"] if done.code == 0 else None
            rate = numbers.stat().st_size / 1e6 / seconds if seconds else None
            rows.append((name, rate, done.megabytes, None, "" if rate else "not installed, or too slow"))
        show(rows, plain[1])
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
