"""Reproducible simulated data for comparing recipes, made once in a folder by the LAMMPS inputs of gnnzoo.

Each substance has a run whose first 400 frames are for training and whose next 100 are for evaluation, and sets for
evaluation only: larger boxes of the same liquid, or a hotter one.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import gnnzoo
from gnnzoo.cli.console import note
from gnnzoo.data.lammps.run import run_lammps, script_digest
from gnnzoo.recipe.io.find import installed_recipes

TRAINED_ON = 400  # frames; the later ones of the run are for evaluation


@dataclass(frozen=True)
class Simulated:
    """A simulation: the input in recipes/simulations, and its variables."""

    script: str
    variables: dict


@dataclass(frozen=True)
class Substance:
    """Simulations by name, the first of them for training; `types` are those of the dumps."""

    types: dict[str, str]
    runs: dict[str, Simulated]


def _waters(nx: int, ny: int, nz: int, **variables) -> Simulated:
    return Simulated("water-box.in", {"nx": nx, "ny": ny, "nz": nz, **variables})


SUBSTANCES = {
    # 0.997 g/cm3 and 300 K in every box, so that errors differ by size only
    "water": Substance(
        {"1": "O", "2": "H"},
        {
            "64-waters": _waters(4, 4, 4, frames=500, spacing=50),
            "512-waters": _waters(8, 8, 8, frames=10, spacing=500, settle=5000, seed=4712),
            "1600-waters": _waters(10, 10, 16, frames=5, spacing=500, settle=4000, seed=4713),
        },
    ),
    # 500 atm keep it a liquid at 130 K, far above its vapour pressure there: 1.29 g/cm3, 1.31 at 90 K
    "argon": Substance(
        {"1": "Ar"},
        {
            "argon": Simulated("argon.in", {"T": 90, "P": 3, "frames": 500}),
            "hot-argon": Simulated("argon.in", {"T": 130, "P": 500, "frames": 100, "seed": 4712}),
        },
    ),
}


def substance_of(types: dict[str, str] | None) -> str | None:
    """The substance with the species of a recipe; None if there is none."""
    named = set((types or {}).values())
    return next((name for name, substance in SUBSTANCES.items() if set(substance.types.values()) == named), None)


def known_data(substance: str, folder: Path) -> tuple[Path, dict[str, Path]]:
    """Simulate what is missing in the folder.

    Args:
        substance: key of `SUBSTANCES`.
        folder: holds the data; a run whose input or variables have changed is simulated again.

    Returns:
        The dataset for training, and those for evaluation by name.
    """
    chosen = SUBSTANCES[substance]
    first, *others = chosen.runs
    made = {name: _made(name, run, chosen.types, folder, name == first) for name, run in chosen.runs.items()}
    train, evaluation = made[first]
    return train, {first: evaluation, **{name: made[name][0] for name in others}}


def _made(name: str, run: Simulated, types: dict, folder: Path, divided: bool) -> list[Path]:
    """The dataset of a run, or the two parts of it."""
    outputs = [folder / f"{name}-{part}.h5" for part in ("train", "evaluation")] if divided else [folder / f"{name}.h5"]
    script = installed_recipes() / "simulations" / run.script
    record, path = {"sha256": script_digest(script), "variables": run.variables}, folder / f"{name}.json"
    if all(output.exists() for output in outputs) and path.exists() and json.loads(path.read_text()) == record:
        return outputs
    note(f"simulating {name} with LAMMPS, log in {folder / name}.log")
    dump = folder / f"{name}.lammpstrj"
    run_lammps(script, dump, run.variables, folder / f"{name}.log")
    for part, output in zip(_parts(dump, TRAINED_ON) if divided else [dump], outputs, strict=True):
        output.unlink(missing_ok=True)
        gnnzoo.convert(part, output, types=types)
        part.unlink()
    dump.unlink(missing_ok=True)
    path.write_text(json.dumps(record))
    return outputs


def _parts(dump: Path, frames: int) -> list[Path]:
    """Split a dump into its first frames and the rest; LAMMPS writes the units before the first frame only."""
    parts = [dump.with_name(f"{dump.stem}-{part}.lammpstrj") for part in ("first", "rest")]
    with dump.open() as lines, parts[0].open("w") as first, parts[1].open("w") as rest:
        seen, into, in_atoms = 0, first, True
        for line in lines:
            if line.startswith("ITEM: UNITS"):
                units = line + next(lines)
                first.write(units)
                rest.write(units)
                continue
            if line.startswith("ITEM:"):
                seen += in_atoms  # a frame starts with the line after the atoms of the previous one
                in_atoms = line.startswith("ITEM: ATOMS")
                into = first if seen <= frames else rest
            into.write(line)
    return parts
