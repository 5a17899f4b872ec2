"""Sizes of stored HDF5 data: announced, written, and expanded by decompression."""

import math
import zlib

import h5py

SMALL_BYTES = 1 << 26  # size of numbers in memory that is always allowed
_DEFLATE_RATIO = 1032  # largest expansion of the deflate format (zlib.net, zlib technical details)
_EXPANDED = 1 << 28  # bytes that a chunk may expand to without being decompressed in advance
_SLACK = 1 << 12  # bytes by which a compressed chunk may exceed its numbers, with a 64th of them
_NAMES = {
    h5py.h5z.FILTER_DEFLATE: "gzip",
    h5py.h5z.FILTER_LZF: "lzf",
    h5py.h5z.FILTER_SHUFFLE: "shuffle",
    h5py.h5z.FILTER_FLETCHER32: "fletcher32",
}
KNOWN_FILTERS = set(_NAMES.values())
COMPRESSIONS = {"gzip", "lzf"}


def filters(dataset: h5py.Dataset) -> list[str]:
    """The filters of a `dataset`.

    Returns:
        Names in the order of writing; the number as text of an unknown one.
    """
    plist = dataset.id.get_create_plist()
    numbers = [plist.get_filter(index)[0] for index in range(plist.get_nfilters())]
    return [_NAMES.get(number, str(number)) for number in numbers]


def chunk_bytes(dataset: h5py.Dataset) -> int:
    """The size of the numbers in one chunk of a `dataset`.

    Returns:
        Bytes; 0 where it is not chunked.
    """
    return math.prod(dataset.chunks) * int(dataset.dtype.itemsize) if dataset.chunks else 0


def oversize(dataset: h5py.Dataset, file_size: int, most: int) -> int | None:
    """Compare the numbers that a dataset announces with those that can be in the file.

    Args:
        dataset: any.
        file_size: bytes.
        most: bytes that a chunk may have.

    Returns:
        Bytes that are announced and cannot be meant; None where all is well.
    """
    size, stored = math.prod(dataset.shape) * int(dataset.dtype.itemsize), int(dataset.id.get_storage_size())
    if stored > file_size:
        return stored
    if size > SMALL_BYTES + _DEFLATE_RATIO * stored:
        return size
    return chunk_bytes(dataset) if chunk_bytes(dataset) > most else None


def chunk_problem(dataset: h5py.Dataset, file_size: int, most: int) -> str | None:
    """Find compressed chunks that expand to more than they announce.

    HDF5 decompresses a chunk whole, whatever its size in memory should be.

    Args:
        dataset: with filters of `KNOWN_FILTERS`.
        file_size: bytes.
        most: bytes that may be in memory at a time.

    Returns:
        What is wrong; None where nothing is.
    """
    names, nominal = filters(dataset), chunk_bytes(dataset)
    if not set(names) & COMPRESSIONS:
        return None
    limit, sizes, large = nominal + nominal // 64 + _SLACK, [0], []

    def visit(chunk: h5py.h5d.StoreInfo) -> None:
        sizes[0] = max(sizes[0], chunk.size)
        if chunk.size * _DEFLATE_RATIO > _EXPANDED:
            large.append(chunk.chunk_offset)

    dataset.id.chunk_iter(visit)
    if sizes[0] > min(limit, file_size):
        return f"a compressed chunk of {nominal:,} bytes takes {sizes[0]:,}"
    if large and "gzip" not in names:
        return None if nominal * _DEFLATE_RATIO <= most else f"a chunk of {nominal:,} bytes is too large for lzf"
    problems = (_expansion_problem(dataset, offset, nominal, names.index("gzip")) for offset in large)
    return next((problem for problem in problems if problem is not None), None)


def _expansion_problem(dataset: h5py.Dataset, offset: tuple[int, ...], nominal: int, gzip: int) -> str | None:
    """Decompress a chunk as far as it may expand; `gzip` is the place of that filter."""
    mask, data = dataset.id.read_direct_chunk(offset)
    if mask >> gzip & 1:  # stored as it is
        return None
    try:
        expanded = zlib.decompressobj().decompress(data, nominal + 1)
    except zlib.error as error:
        return f"a compressed chunk is damaged: {error}"
    return f"a chunk of {nominal:,} bytes expands to more" if len(expanded) > nominal else None
