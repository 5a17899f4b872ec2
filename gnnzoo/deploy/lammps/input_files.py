"""A LAMMPS input script and data file next to an exported model, ready to run: units, types and masses filled in."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gnnzoo.data.frames.frame import Frame
from gnnzoo.deploy.edge_model import edge_results
from gnnzoo.deploy.exported_folder import DATA, SCRIPT
from gnnzoo.deploy.freeze import known_types
from gnnzoo.elements import MASSES
from gnnzoo.models.files import ForceField
from gnnzoo.models.symmetries import reads_molecules

# By unit style: timestep with hydrogen and without, and its unit.
_STEPS = {"real": (0.5, 1.0, "fs"), "metal": (0.0005, 0.001, "ps"), "lj": (0.002, 0.002, "tau")}
_TEMPERATURE, _REDUCED_TEMPERATURE = 300.0, 1.0  # K, reduced
_LIGHT = 2.5  # g/mol: hydrogen and its isotopes move within a shorter time


def write_input_files(model: ForceField, folder: Path, frame: Frame) -> None:
    """Write in.lammps and start.data; not for a left-handed cell or undeclared units, which LAMMPS does not have.

    Args:
        model: the live model.
        folder: of the exported model.
        frame: the first configuration of the run.
    """
    if model.units in _STEPS and np.linalg.det(frame.cell) > 0:
        (folder / DATA).write_text(_data(model, frame))
        (folder / SCRIPT).write_text(_script(model, frame))


def first_timestep(species: Iterable[str], units: str) -> float:
    """Timestep of a first run, shorter for hydrogen.

    Args:
        species: names of the atoms.
        units: LAMMPS unit style of the result; "real" for fs.

    Returns:
        The timestep, time unit of the style.
    """
    short, long, _ = _STEPS[units]
    light = any(MASSES.get(name, np.inf) < _LIGHT for name in species)
    return short if light else long


def _types(model: ForceField) -> dict[int, str]:
    """Name of each LAMMPS type from 1 to the last one of the model; the others are named NULL."""
    known = known_types(model)
    return {number: known.get(number, "NULL") for number in range(1, max(known) + 1)}


def _molecules(model: ForceField, frame: Frame) -> np.ndarray | None:
    """Molecule ids that the model reads."""
    return frame.molecules if reads_molecules(model.recipe) else None


def _data(model: ForceField, frame: Frame) -> str:
    """The data file, in a restricted triclinic cell (LAMMPS manual, pages read_data and Howto_triclinic)."""
    rotation, cell = _restricted(frame.cell)
    positions = (frame.positions - frame.origin) @ rotation
    skews = [cell[1, 0], cell[2, 0], cell[2, 1]]
    lines = [
        f"{model.recipe.name}: written by gnnzoo freeze",
        "",
        f"{len(frame)} atoms",
        f"{len(_types(model))} atom types",
        "",
        *(f"0 {cell[axis, axis]:.16g} {name}lo {name}hi" for axis, name in enumerate("xyz")),
        *([f"{' '.join(f'{skew:.16g}' for skew in skews)} xy xz yz"] if np.any(skews) else []),
        "",
        f"Atoms # {_style(model, frame)}",
        "",
    ]
    numbers = _molecules(model, frame)
    molecules = [""] * len(frame) if numbers is None else [f"{number} " for number in numbers]
    rows = zip(frame.ids, molecules, frame.types, positions, strict=True)
    lines += [f"{one} {molecule}{kind} {' '.join(f'{x:.12g}' for x in row)}" for one, molecule, kind, row in rows]
    return "\n".join(lines) + "\n"


def _style(model: ForceField, frame: Frame) -> str:
    return "atomic" if _molecules(model, frame) is None else "molecular"


def _restricted(cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A rotation, and the cell after it: a along x, b in the xy plane, c with positive z.

    Args:
        cell: (3, 3) right-handed, rows are lattice vectors.

    Returns:
        (3, 3) rotation for rows of positions; (3, 3) lower triangular cell.
    """
    q, r = np.linalg.qr(cell.T)  # cell = r^T q^T, with r^T lower triangular
    signs = np.where(np.diag(r) < 0, -1.0, 1.0)
    rotation = q * signs
    return rotation, np.tril(cell @ rotation)


def _script(model: ForceField, frame: Frame) -> str:
    """The input script: a short run at constant energy."""
    units, types = str(model.units), _types(model)
    has = edge_results(model)
    *_, time = _STEPS[units]
    columns = ["step", "temp", *(["pe", "etotal"] if has.energy else []), *(["press"] if has.virial else [])]
    masses = [
        f"mass {number} {MASSES[name]:g}  # {name}" if name in MASSES else f"mass {number} 1.0  # {name}: not known"
        for number, name in types.items()
    ]
    boundary = " ".join(("p" if periodic else "s") for periodic in frame.pbc)
    lines = [
        "# Written by gnnzoo freeze. Here: gnnzoo lammps .   From elsewhere: gnnzoo lammps FOLDER",
        "variable model index .",
        "# of the first velocities: choose one for your substance",
        f"variable T index {_REDUCED_TEMPERATURE if units == 'lj' else _TEMPERATURE:g}",
        "variable steps index 100",
        "",
        f"units {units}",
        f"atom_style {_style(model, frame)}",
        f"boundary {boundary}",
        "read_data ${model}/" + DATA,
        *masses,
        "",
        "pair_style gnnzoo ${model}",
        f"pair_coeff * * {' '.join(types.values())}",
        *([] if _molecules(model, frame) is None else ["special_bonds lj/coul 1 1 1"]),
        "",
        f"timestep {first_timestep(known_types(model).values(), units):g}  # {time}",
        "velocity all create ${T} 4711 mom yes rot no",
        "fix move all nve",
        f"thermo_style custom {' '.join(columns)}",
        "thermo 10",
        "run ${steps}",
    ]
    return "\n".join(lines) + "\n"
