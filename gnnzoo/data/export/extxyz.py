"""Frames as extended XYZ (https://github.com/libAtoms/extxyz), in eV and A, readable by ASE and most fitting codes.

The comment line of a frame holds Lattice, Properties, pbc, energy, virial (see `data.extxyz.quantities`), step, time
(ps), units, Origin (OVITO's name for the corner of the cell) and boundary (LAMMPS' letters); the rows hold species,
pos, forces and the optional fields.
"""

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from gnnzoo.data.export.text_rows import frame_texts, name_column, reals, vector_columns
from gnnzoo.data.frames.blocks import FrameBlock
from gnnzoo.data.frames.frame import known_virial
from gnnzoo.elements import MASSES
from gnnzoo.errors import DataError, Location, UserError
from gnnzoo.units import EV_PER_KCAL_MOL, force_factor

# ASE's unit of time, A sqrt(u / eV), with the constants of CODATA 2014 (ase.units): about 10.18 fs. Momenta are in
# u A per unit of time.
_ASE_TIME_FS = 1e15 * 1e-10 * math.sqrt(1.660539040e-27 / 1.6021766208e-19)
_PS = {"metal": 1.0, "real": 1e-3}  # unit of time of a style, ps
# Field of a block -> property of extended XYZ, in the order of the columns.
_PROPERTIES = {
    "ids": "id:I:1",
    "positions": "pos:R:3",
    "forces": "forces:R:3",
    "momenta": "momenta:R:3",
    "masses": "masses:R:1",
    "molecules": "mol:I:1",
    "charges": "initial_charges:R:1",
    "energies": "energies:R:1",
    "images": "image:I:3",
}


def xyz_texts(
    blocks: Iterable[FrameBlock], units: str | None, type_names: Mapping[int, str], location: Location
) -> Iterator[bytes]:
    """Format the file, frame by frame.

    Args:
        blocks: the frames.
        units: LAMMPS unit style, real or metal.
        type_names: chemical element of each type.
        location: of the data, for errors.

    Yields:
        The text of each frame.

    Raises:
        DataError: a type is not named by a chemical element.
        UserError: the units are neither real nor metal, or undeclared.
    """
    style = check_xyz(units, type_names, location)
    for block in blocks:
        arrays = _converted(block, style, type_names)
        names = [name for name in _PROPERTIES if name in arrays]
        columns = [name_column(block.types, type_names, len(block))]
        columns += [column for name in names for column in vector_columns(arrays[name])]
        properties = ":".join(["species:S:1", *(_PROPERTIES[name] for name in names)])
        for index, rows in enumerate(frame_texts(columns, len(block.ids))):
            yield b"".join((_comment(block, index, style, properties).encode(), rows))


def check_xyz(units: str | None, type_names: Mapping[int, str], location: Location) -> str:
    """Check that data can be converted to eV, A and chemical elements.

    Args:
        units: LAMMPS unit style.
        type_names: name of each type.
        location: of the data, for errors.

    Returns:
        The unit style.

    Raises:
        DataError, UserError: see `xyz_texts`.
    """
    if units is None or units not in _PS:
        what = "the units of the data are undeclared" if units is None else f"the data are in units {units}"
        raise UserError(
            f"{what}, and extended XYZ is in eV and A",
            location=location,
            expected=" or ".join(_PS),
            hint="--units STYLE, as in the line `units` of the LAMMPS input"
            if units is None
            else "export to a .lammpstrj instead",
        )
    unknown = {number: name for number, name in type_names.items() if name not in MASSES}
    if unknown:
        number, name = next(iter(unknown.items()))
        raise DataError(
            f"type {number} has no name" if name == str(number) else f"type {number} is called '{name}'",
            location=location,
            expected="a chemical element for each type",
            hint="--types 1=O,2=H names unnamed types; or export to a .lammpstrj",
        )
    return units


def _converted(block: FrameBlock, units: str, type_names: Mapping[int, str]) -> dict[str, np.ndarray]:
    """The arrays in eV and A, velocities as momenta of ASE; (frames, atoms) or (frames, atoms, 3) each."""
    frames = len(block)
    arrays = {**block.arrays, "ids": np.tile(block.ids, (frames, 1))}
    arrays["forces"] = arrays["forces"] * force_factor(units, "metal")
    if "energies" in arrays:
        arrays["energies"] = arrays["energies"] * energy_factor(units)
    if "velocities" in arrays:
        numbers, inverse = np.unique(block.types, return_inverse=True)
        masses = np.array([MASSES[type_names[int(number)]] for number in numbers])[inverse]
        per_ase_time = _ASE_TIME_FS * 1e-3 / _PS[units]  # A per unit of time -> A per ASE unit of time
        arrays["momenta"] = arrays.pop("velocities") * per_ase_time * masses[:, None]
        arrays["masses"] = np.tile(masses, (frames, 1))
    return arrays


def energy_factor(units: str) -> float:
    """Conversion factor of an energy to eV.

    Args:
        units: "real" or "metal".

    Returns:
        eV per unit of energy.
    """
    return EV_PER_KCAL_MOL if units == "real" else 1.0


def _comment(block: FrameBlock, index: int, units: str, properties: str) -> str:
    """The number of atoms and the comment line."""
    letters = block.boundaries[index]
    words = [
        f'Lattice="{reals(block.cells[index])}"',
        f"Properties={properties}",
        f'pbc="{" ".join("T" if pair == "pp" else "F" for pair in letters)}"',
        f"step={block.steps[index]}",
        f'Origin="{reals(block.origins[index])}"',
        f'boundary="{" ".join(letters)}"',
        "units=metal",
    ]
    if not np.isnan(block.energy[index]):
        words.append(f"energy={reals(block.energy[index] * energy_factor(units))}")
    if block.virial is not None and known_virial(block.virial[index]) is not None:
        columns = block.virial[index].T * energy_factor(units)  # matrices are written column by column
        words.append(f'virial="{reals(columns)}"')
    if block.groups is not None and (group := block.groups[index]) is not None:
        escaped = group.replace("\\", "\\\\").replace('"', '\\"')
        words.append(f'config_type="{escaped}"')
    if not np.isnan(block.times[index]):
        words.append(f"time={reals(block.times[index] * _PS[units])}")
    return f"{len(block.ids)}\n{' '.join(words)}\n"
