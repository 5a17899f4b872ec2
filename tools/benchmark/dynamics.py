"""Milliseconds of a step of dynamics with a frozen folder: in LAMMPS by plugin and by Python, in ASE, and by `forces`.

    python tools/benchmark/dynamics.py FOLDER [--sizes 1 2 3 4] [--steps 20] [--temperature 90] [--json FILE]

The box of the folder's start.data is repeated along each direction; each size is run for some steps after a first one,
in which networks are compiled, and the first steps are not timed. Sizes are run in ascending order, because
memory is the largest so far.
"""

import argparse
import json
import re
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from gnnzoo.tensorflow_env import quiet_tensorflow

quiet_tensorflow()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from ase import Atoms, units  # noqa: E402
from ase.md.verlet import VelocityVerlet  # noqa: E402

import gnnzoo  # noqa: E402
from gnnzoo.choices import LammpsInterface  # noqa: E402
from gnnzoo.cli.console import table  # noqa: E402
from gnnzoo.deploy.exported_folder import CARD, DATA, EXAMPLE, SCRIPT  # noqa: E402
from gnnzoo.deploy.runner import load_exported  # noqa: E402
from gnnzoo.deploy.stored_card import read_card  # noqa: E402


@dataclass(frozen=True)
class Figures:
    """Milliseconds of a step of one size.

    Attributes:
        atoms: number of atoms.
        lammps, python, ase, forces: in LAMMPS by the plugin and by `fix external`, by the calculator, by the function
            `forces`; ms.
        memory: largest resident size of LAMMPS so far, MB.
    """

    atoms: int
    lammps: float
    python: float
    ase: float
    forces: float
    memory: float


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="written by gnnzoo freeze")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 3, 4], help="repetitions along each direction")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--temperature", type=float, default=90.0, help="of the first velocities, K")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = [measured(given.folder, size, given.steps, given.temperature) for size in sorted(given.sizes)]
    headings = (
        "atoms",
        "LAMMPS ms/step",
        "us/atom",
        "by Python ms",
        "ASE ms/step",
        "ASE / LAMMPS",
        "forces ms",
        "LAMMPS MB",
    )
    rows = [
        (
            f"{one.atoms:,}",
            f"{one.lammps:.1f}",
            f"{1e3 * one.lammps / one.atoms:.1f}",
            f"{one.python:.1f}",
            f"{one.ase:.1f}",
            f"{one.ase / one.lammps:.2f}",
            f"{one.forces:.1f}",
            f"{one.memory:.0f}",
        )
        for one in found
    ]
    table(f"{given.folder}, {given.steps} steps", headings, rows)
    if given.json is not None:
        given.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")


def measured(folder: Path, size: int, steps: int, temperature: float) -> Figures:
    """Measure one size.

    Args:
        folder: of the frozen model.
        size: repetitions of the box along each direction.
        steps: that are timed.
        temperature: of the first velocities, K.

    Returns:
        The figures.
    """
    atoms = repeated(folder, size)
    widths = np.sqrt(atoms.get_masses() * units.kB * temperature)[:, None]
    atoms.set_momenta(widths * np.random.default_rng(0).normal(size=(len(atoms), 3)))
    lammps = in_lammps(folder, size, steps, temperature, "plugin")
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    python = in_lammps(folder, size, steps, temperature, "python")
    return Figures(len(atoms), lammps, python, in_ase(folder, atoms, steps), by_forces(folder, atoms), memory)


def repeated(folder: Path, size: int) -> Atoms:
    """The example of a folder, repeated; LAMMPS types are the array `types`."""
    frame = np.load(folder / EXAMPLE)
    names = read_card(folder / CARD)["types"]
    symbols = [names[str(kind)] for kind in frame["types"].tolist()]
    atoms = Atoms(symbols, positions=frame["positions"], cell=frame["cell"], pbc=frame["pbc"])
    atoms.set_array("types", frame["types"])
    count = len(atoms)
    atoms = atoms * (size, size, size)
    if "molecules" in frame:
        copies = np.arange(len(atoms)) // count
        ids = np.tile(frame["molecules"], size**3)
        atoms.set_array("molecules", ids + copies * (int(frame["molecules"].max()) + 1))
    return atoms


def in_lammps(folder: Path, size: int, steps: int, temperature: float, through: LammpsInterface) -> float:
    """Milliseconds of a step in LAMMPS, by its own clock, in a second run of the same script."""
    script = (folder / SCRIPT).read_text()
    read = f"read_data ${{model}}/{DATA}"
    script = script.replace(read, f"{read}\nreplicate {size} {size} {size}").replace("thermo 10\n", "thermo 1000\n")
    script = script.replace("run ${steps}", "run 2\nrun ${steps}")
    with tempfile.TemporaryDirectory() as temporary:
        path, log = Path(temporary) / "in.lammps", Path(temporary) / "log.lammps"
        path.write_text(script)
        options = ["-var", "steps", str(steps), "-var", "T", str(temperature), "-log", str(log), "-screen", "none"]
        gnnzoo.lammps(folder, path, options, through=through)
        *_, last = re.finditer(r"Loop time of (\S+) on", log.read_text())
    return 1e3 * float(last[1]) / steps


def in_ase(folder: Path, atoms: Atoms, steps: int) -> float:
    """Milliseconds of a step in ASE."""
    atoms = atoms.copy()
    atoms.calc = gnnzoo.Calculator(folder)
    dynamics = VelocityVerlet(atoms, 0.5 * units.fs)
    dynamics.run(2)
    return timed(lambda: dynamics.run(steps)) / steps


def by_forces(folder: Path, atoms: Atoms) -> float:
    """Milliseconds of the second call of the function `forces`, with its neighbour search."""
    module = load_exported(folder).module
    arguments = [
        tf.constant(atoms.positions),
        tf.constant(atoms.cell.array),
        tf.constant(atoms.pbc),
        tf.constant(atoms.arrays["types"], tf.int32),
    ]
    if "molecules" in atoms.arrays:
        arguments.append(tf.constant(atoms.arrays["molecules"], tf.int64))
    module.forces(*arguments)
    return timed(lambda: module.forces(*arguments).numpy())


def timed(run: Callable[[], object]) -> float:
    """Milliseconds of a call."""
    start = time.monotonic()
    run()
    return 1e3 * (time.monotonic() - start)


if __name__ == "__main__":
    main()
