"""example.npz of an exported model, read as data of another hand: sizes and types are checked before they are used."""

import io
import zipfile
from pathlib import Path

import numpy as np

from gnnzoo.deploy.exported_folder import EXAMPLE, not_exported
from gnnzoo.errors import ModelError
from gnnzoo.file_formats import check_regular
from gnnzoo.models.archive import DAMAGE, open_zip, read_member

_LONGEST = 100_000_000  # bytes of an array: a million atoms
_FLOATS, _INTEGERS, _BOOLEANS = "f", "iu", "b"  # kinds of numpy's types
_KINDS = {
    "positions": _FLOATS,
    "forces": _FLOATS,
    "cell": _FLOATS,
    "pbc": _BOOLEANS,
    "types": _INTEGERS,
    "molecules": _INTEGERS,
}
_OPTIONAL = "molecules"


def read_example(folder: Path) -> dict[str, np.ndarray]:
    """Read the example of an exported model.

    Args:
        folder: of the exported model.

    Returns:
        positions (atoms, 3), length unit, forces (atoms, 3), force unit, cell (3, 3), pbc (3,), types (atoms,), and
        molecules (atoms,) where the model reads them.

    Raises:
        ModelError: it is missing, no archive of arrays, or an array is missing, too long, not finite, or of another
            type or shape.
    """
    path = folder / EXAMPLE
    check_regular(path, "the example of an exported model", ModelError)
    try:
        with path.open("rb") as file, open_zip(file) as archive:
            stored = {member.removesuffix(".npy") for member in archive.namelist()}
            arrays = {
                name: _read_array(archive, name, kinds)
                for name, kinds in _KINDS.items()
                if name in stored or name != _OPTIONAL
            }
        _check_shapes(arrays)
    except DAMAGE as error:
        raise not_exported(f"cannot be read: {error}", path, "the example of ") from error
    return arrays


def _read_array(archive: zipfile.ZipFile, name: str, kinds: str) -> np.ndarray:
    """The array `name`, of one of numpy's `kinds` of types."""
    content = read_member(archive, f"{name}.npy", _LONGEST)
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"{name} is of another version of numpy's format than 1.0")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.kind not in kinds:
        raise ValueError(f"{name} has numbers of type {dtype}")
    values = np.frombuffer(content, dtype, offset=stream.tell())  # as many as are there, whatever the header states
    if not np.all(np.isfinite(values)):
        raise ValueError(f"{name} is not finite")
    return values.reshape(shape, order="F" if by_columns else "C")


def _check_shapes(arrays: dict[str, np.ndarray]) -> None:
    atoms = len(arrays["types"]) if arrays["types"].ndim else 0
    if not atoms:
        raise ValueError("it has no atoms")
    fixed: dict[str, tuple[int, ...]] = {"positions": (atoms, 3), "forces": (atoms, 3), "cell": (3, 3), "pbc": (3,)}
    for name, array in arrays.items():
        expected = fixed.get(name, (atoms,))
        if array.shape != expected:
            raise ValueError(f"{name} has the shape {array.shape}, not {expected}")
