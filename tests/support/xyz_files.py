"""Small extended XYZ files: two argon atoms, with any keys and columns."""

from collections.abc import Mapping
from pathlib import Path

LATTICE = 'Lattice="9 0 0 0 8 0 0 0 7"'


def xyz_frame(
    columns: Mapping[str, float | tuple[float, ...]], *words: str, atoms: str = "Ar Ar", lattice=LATTICE, **values
):
    """The text of one frame.

    Args:
        columns: name -> the first of three components, or all components of each atom.
        words: for the comment line.
        atoms: species.
        lattice: the word of the cell.
        values: keys of the comment line.
    """
    full = {name: value if isinstance(value, tuple) else (value, 0.25, -1.0) for name, value in columns.items()}
    properties = "".join(f":{name}:R:{len(value)}" for name, value in full.items())
    keys = [f'{key}="{value}"' for key, value in values.items()]
    comment = " ".join([lattice, f"Properties=species:S:1:pos:R:3{properties}", *words, *keys]).strip()
    rows = [
        " ".join([species, str(1.0 + 3 * index), "2.0", "3.0", *(str(x) for value in full.values() for x in value)])
        for index, species in enumerate(atoms.split())
    ]
    return "\n".join([str(len(rows)), comment, *rows, ""])


def write_xyz(path: str | Path, columns: Mapping[str, float | tuple[float, ...]], *words: str, **values) -> None:
    """Write a file of one frame, see `xyz_frame`."""
    Path(path).write_text(xyz_frame(columns, *words, **values))
