"""The weights in a .keras file: an HDF5 file that must hold the arrays of one network and nothing else.

Only plain arrays are read. HDF5 can also name other files (external links and storage, virtual datasets), declare
shapes that it does not store, and compress; a network's weights need none of this.
"""

import io
import math
import zipfile
from collections import Counter
from pathlib import Path

import h5py
import keras
import numpy as np

from gnnzoo.data.h5md.guarded_file import heaps_problem
from gnnzoo.models.archive import WEIGHTS_MEMBER, read_member

# Bytes of the HDF5 file other than those of the weights: 1 to 3 kB for each layer and each weight as Keras writes them.
_OVERHEAD, _OVERHEAD_EACH = 1_000_000, 20_000
# Groups and arrays of a file for each weight of its network: a group of the layer, of its variables, those around.
_OBJECTS_EACH, _OBJECTS = 30, 1000


def weight_bytes(network: keras.Model) -> int:
    """Memory of a network's weights.

    Args:
        network: built, even if its weights have no values yet.

    Returns:
        Bytes.
    """
    return sum(math.prod(weight.shape) * np.dtype(weight.dtype).itemsize for weight in network.weights)


def load_weights(archive: zipfile.ZipFile, path: Path | str, network: keras.Model) -> None:
    """Read the weights of a network from an archive.

    Args:
        archive: the archive, open.
        path: its file.
        network: gets the weights; it must be the network that the archive was written from.

    Raises:
        ValueError: the weights are not those of this network, or not real and finite.
    """
    longest = weight_bytes(network) + _OVERHEAD + _OVERHEAD_EACH * len(network.weights)
    content = read_member(archive, WEIGHTS_MEMBER, longest, packed=False)
    if (problem := heaps_problem(content)) is not None:
        raise ValueError(f"{WEIGHTS_MEMBER} cannot be read: {problem}")
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            arrays = _arrays(file, _OBJECTS + _OBJECTS_EACH * len(network.weights))
            _check_layout(arrays, network)
            _check_values(arrays)
    except RuntimeError as error:  # of HDF5, about its own tables
        raise ValueError(f"{WEIGHTS_MEMBER} cannot be read: {error}") from error
    for weight in network.weights:  # a weight that the file misses stays as it is here
        weight.assign(np.full(weight.shape, _unset(weight.dtype), weight.dtype))
    try:
        network.load_weights(Path(path).absolute())
    except (ValueError, KeyError, RuntimeError) as error:
        raise ValueError(f"{WEIGHTS_MEMBER} does not hold the weights in the places of this network") from error
    for weight in network.weights:
        if np.any(_is_unset(weight.numpy())):
            raise ValueError(f"{WEIGHTS_MEMBER} does not hold {weight.path} in its place")


def _unset(dtype: str) -> float:
    """A value that no weight of a model has."""
    return np.nan if np.issubdtype(dtype, np.floating) else np.iinfo(dtype).max


def _is_unset(values: np.ndarray) -> np.ndarray:
    return values == np.iinfo(values.dtype).max if np.issubdtype(values.dtype, np.integer) else np.isnan(values)


def _arrays(file: h5py.File, most: int) -> dict[str, h5py.Dataset]:
    """All arrays by path; ValueError if anything but groups and plain arrays stands in the file."""
    found: dict[str, h5py.Dataset] = {}
    seen, waiting = 0, [("", file["/"])]
    while waiting:
        path, group = waiting.pop()
        for name in group:
            seen += 1
            if seen > most:  # groups may contain themselves
                raise ValueError(f"{WEIGHTS_MEMBER} holds more than {most} objects")
            inner = f"{path}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{WEIGHTS_MEMBER} names another place under {inner}: a link")
            part = group[name]
            if isinstance(part, h5py.Group):
                waiting.append((inner, part))
            elif isinstance(part, h5py.Dataset):
                found[inner] = part
            else:
                raise ValueError(f"{WEIGHTS_MEMBER} holds neither group nor array under {inner}")
    return found


def _check_layout(arrays: dict[str, h5py.Dataset], network: keras.Model) -> None:
    """Shapes and types of the arrays are those of the network's weights, and all of their bytes are in the file."""
    for name, array in arrays.items():
        settings = array.id.get_create_plist()
        if settings.get_external_count() or settings.get_layout() not in (h5py.h5d.CONTIGUOUS, h5py.h5d.COMPACT):
            raise ValueError(f"{WEIGHTS_MEMBER} does not store {name} as a plain array")
        if array.dtype.kind not in "fiu":
            raise ValueError(f"{WEIGHTS_MEMBER} holds {name} as {array.dtype}, which is no real number")
    stored = Counter((array.shape, array.dtype.name) for array in arrays.values())
    expected = Counter((tuple(weight.shape), str(weight.dtype)) for weight in network.weights)
    if stored != expected:
        other = next(iter((stored - expected) or (expected - stored)))
        where = next((name for name, array in arrays.items() if (array.shape, array.dtype.name) == other), None)
        shape = f"an array of shape {other[0]} and type {other[1]}"
        what = f"holds {where}, {shape}" if where and stored - expected else f"misses {shape}"
        raise ValueError(f"{WEIGHTS_MEMBER} {what}: it is not that of the recipe's network")
    for name, array in arrays.items():
        if array.id.get_storage_size() != array.nbytes:
            raise ValueError(f"{WEIGHTS_MEMBER} does not store the values of {name}")


def _check_values(arrays: dict[str, h5py.Dataset]) -> None:
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.all(np.isfinite(array[()])):
            raise ValueError(f"{WEIGHTS_MEMBER} holds values in {name} that are not finite")
