"""Prove that an exported model works on this machine: its files, and its forces on the stored example."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gnnzoo.deploy.checksums import check_checksums
from gnnzoo.deploy.stored_example import read_example
from gnnzoo.errors import Location, ModelError
from gnnzoo.records import Record

if TYPE_CHECKING:
    from gnnzoo.deploy.runner import Configuration, Runner


@dataclass(frozen=True)
class FunctionCheck(Record):
    """One function of an exported model on the stored example.

    Attributes:
        name: of the signature.
        difference: largest difference of a force component from the stored one, relative to the largest force.
        first_seconds: seconds of the first call, with its compilation.
        seconds: seconds of the second one.
    """

    name: str
    difference: float
    first_seconds: float
    seconds: float


@dataclass(frozen=True)
class CheckResult(Record):
    """An exported model that works.

    Attributes:
        folder: of the model.
        files: number of files whose digests were verified.
        atoms: of the example.
        units: LAMMPS unit style, or None.
        functions: the functions that were run.
    """

    folder: Path
    files: int
    atoms: int
    units: str | None
    functions: tuple[FunctionCheck, ...]


def check(folder: str | Path) -> CheckResult:
    """Verify the files of an exported model, and its forces on the stored example.

    Args:
        folder: written by `freeze`.

    Returns:
        What was verified.

    Raises:
        ModelError: a file has changed, or forces differ from the stored ones.
    """
    folder = Path(folder)
    files = check_checksums(folder)
    example = read_example(folder)
    # what is no such folder is refused before TensorFlow is imported, which takes seconds
    import tensorflow as tf

    from gnnzoo.deploy.comparison import TOLERANCE
    from gnnzoo.deploy.freeze import EDGE_SIGNATURES
    from gnnzoo.deploy.runner import Configuration, exported_runner, load_exported

    largest = float(np.abs(example["forces"]).max())
    exported = load_exported(folder)
    names = ("positions", "cell", "pbc", "types", "molecules")
    arguments = [tf.constant(example[name]) for name in names if name in example]
    checks = [_timed("forces", lambda: exported.module.forces(*arguments).numpy(), example["forces"], largest)]
    for name in EDGE_SIGNATURES:
        runner = exported_runner(exported, name)
        atoms = Configuration(
            runner.names_of(example["types"]),
            example["positions"],
            example["cell"],
            example["pbc"],
            example.get("molecules"),
        )
        forces = functools.partial(_forces, runner, atoms)
        checks.append(_timed(name, forces, example["forces"], largest))
    wrong = next((one for one in checks if not one.difference <= TOLERANCE), None)
    if wrong is not None:
        raise ModelError(
            f"the forces of {wrong.name} on the stored example differ by {wrong.difference:.2g} of the largest force",
            location=Location(file=folder),
            expected=f"at most {TOLERANCE:g}",
            hint="freeze the model again with this TensorFlow",
        )
    return CheckResult(folder, files, len(example["types"]), runner.info.units, tuple(checks))


def _forces(runner: "Runner", atoms: "Configuration") -> np.ndarray:
    return runner.results(atoms)["forces"]


def _timed(name: str, forces: Callable[[], np.ndarray], expected: np.ndarray, largest: float) -> FunctionCheck:
    """Call a function twice, and compare its forces with the expected ones."""
    start = time.monotonic()
    found = forces()
    between = time.monotonic()
    forces()
    end = time.monotonic()
    difference = float(np.abs(found - expected).max()) / largest if found.shape == expected.shape else np.inf
    return FunctionCheck(name, difference, between - start, end - between)
