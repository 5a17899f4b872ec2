"""HDF5 files whose content is not trusted: objects are found link by link and checked before memory is taken.

A file of HDF5 can name other files (external links, external storage, virtual datasets), whose bytes would pass for its
own; it can announce arrays of any size, because what was never written has a fill value; compressed chunks can expand a
thousandfold, and blocks of texts can stall the library. All of these are refused here, so that `contents` reads only
what the file itself holds.
"""

import math
from pathlib import Path
from typing import NoReturn

import h5py
import numpy as np
from numpy.typing import DTypeLike

from gnnzoo.data.h5md.guarded_file import GuardedFile
from gnnzoo.data.h5md.storage import (
    COMPRESSIONS,
    KNOWN_FILTERS,
    SMALL_BYTES,
    chunk_problem,
    filters,
    oversize,
)
from gnnzoo.errors import DataError, Location
from gnnzoo.file_formats import check_regular

REWRITE = "gnnzoo convert SOURCE -o NAME.h5 writes the dataset again"
# What h5py raises on damaged files, including errors of the operating system.
DAMAGE = (OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError)
# Data are at most this many times as large as the file: numbers of simulations compress to a third, and a few arrays
# (zeros, ids) to nothing.
_MOST_PER_BYTE = 20
_ATTRIBUTE_BYTES = 1 << 12  # of an attribute
_MOST_LINKS = 16  # soft links that are followed one after the other
_MOST_NAMES = 10_000  # members of a group that is listed


class CheckedFile:
    """An HDF5 file open for reading, and its objects by path.

    Args:
        path: the file.

    Attributes:
        most_bytes: of numbers that may be in memory at a time.

    Raises:
        DataError: it is no regular file, not HDF5, locked, truncated or unreadable.
    """

    def __init__(self, path: Path):
        check_regular(path, "an HDF5 file written by gnnzoo convert")
        self.path = path
        self.file, self._guarded = _opened(path)
        self._size = path.stat().st_size
        self.most_bytes = SMALL_BYTES + _MOST_PER_BYTE * self._size

    def close(self) -> None:
        """Close the file."""
        self.file.close()
        self._guarded.close()

    def refuse(
        self, what: str, key: str | None = None, expected: str | None = None, hint: str | None = None
    ) -> NoReturn:
        """Raise a `DataError` about an object of this file.

        Args:
            what: what is wrong.
            key: path of the object.
            expected, hint: see `UserError`.
        """
        raise DataError(what, location=Location(self.path, None, key), expected=expected, hint=hint)

    # --- objects ---

    def find(self, name: str, start: h5py.Group | None = None, links: int = 0) -> h5py.Group | h5py.Dataset | None:
        """Find an object.

        Args:
            name: path from `start`, or from the root of the file.
            start: a group.
            links: soft links that were followed on the way.

        Returns:
            A group or a dataset of this file; None where the path does not exist.

        Raises:
            DataError: a link on the way leaves the file, or leads in a circle; the object is neither of the two.
        """
        item: h5py.Group | h5py.Dataset | None = self.file if start is None or name.startswith("/") else start
        for part in name.split("/"):
            if part in ("", "."):
                continue
            if not isinstance(item, h5py.Group) or not item.id.links.exists(part.encode()):
                return None
            item = self._followed(item, part, links)
        return item

    def _followed(self, group: h5py.Group, name: str, links: int) -> h5py.Group | h5py.Dataset | None:
        """The object to which a link of a group leads."""
        key = f"{group.name}/{name}".replace("//", "/")
        link, key_bytes = group.id.links.get_info(name.encode()), name.encode()
        if link.type == h5py.h5l.TYPE_SOFT:
            if links == _MOST_LINKS:
                self.refuse("soft links lead in a circle", key)
            return self.find(group.id.links.get_val(key_bytes).decode("utf-8", "replace"), group, links + 1)
        if link.type != h5py.h5l.TYPE_HARD:
            self._refuse_outside("an external link", key)
        item = group[name]
        if not isinstance(item, h5py.Group | h5py.Dataset):
            self.refuse("this is a named type", key, "a group or a dataset")
        return item

    def _refuse_outside(self, what: str, key: str) -> NoReturn:
        self.refuse(
            f"this is {what}: its data are in another file",
            key,
            "data in the file itself",
            "write all data to one file, with the program that wrote this one",
        )

    def group(self, name: str, start: h5py.Group | None = None) -> h5py.Group | None:
        """Find a group; see `find`."""
        item = self.find(name, start)
        if isinstance(item, h5py.Dataset):
            self.refuse("this is a dataset", item.name, "a group")
        return item

    def names(self, group: h5py.Group) -> list[str]:
        """The names of a `group`'s members.

        Raises:
            DataError: there are more than any program writes.
        """
        if group.id.get_num_objs() > _MOST_NAMES:
            self.refuse(f"the group has {group.id.get_num_objs():,} members", group.name, f"at most {_MOST_NAMES:,}")
        return list(group)

    def dataset(self, name: str, start: h5py.Group | None = None) -> h5py.Dataset | None:
        """Find a dataset whose data are in this file and no larger than it can hold.

        Args:
            name, start: see `find`.

        Returns:
            The dataset; None where the path does not exist.

        Raises:
            DataError: it is a group; its data are elsewhere, or not all written; its filters are unknown.
        """
        item = self.find(name, start)
        if item is None:
            return None
        if isinstance(item, h5py.Group):
            self.refuse("this is a group", item.name, "a dataset")
        if item.shape is None:
            self.refuse("the dataset is empty", item.name, "values")
        plist = item.id.get_create_plist()
        if plist.get_layout() == h5py.h5d.VIRTUAL:
            self._refuse_outside("a virtual dataset", item.name)
        if plist.get_external_count() > 0:
            self._refuse_outside("a dataset with external storage", item.name)
        self._check_filters(item)
        return item

    # --- values ---

    def numbers(self, dataset: h5py.Dataset, kinds: str, shape: tuple[int, ...], as_type: DTypeLike) -> np.ndarray:
        """Read all numbers of a dataset.

        Args:
            dataset: from `dataset`.
            kinds: NumPy kinds of dtype that are accepted, such as "iu".
            shape: expected.
            as_type: dtype of the result.

        Returns:
            The array.

        Raises:
            DataError: dtype or shape differ; the array is too large; a number does not fit the result's dtype.
        """
        self.check_numbers(dataset, kinds, shape)
        if (size := math.prod(shape) * max(dataset.dtype.itemsize, np.dtype(as_type).itemsize)) > self.most_bytes:
            self.refuse_size(size, dataset.name)
        return self.cast(dataset[()], as_type, dataset.name)

    def cast(self, values: np.ndarray, as_type: DTypeLike, key: str) -> np.ndarray:
        """Convert numbers to another dtype, without loss of integers.

        Args:
            values: numbers.
            as_type: dtype of the result.
            key: path of their dataset.

        Returns:
            The array.

        Raises:
            DataError: an integer is out of range.
        """
        target = np.dtype(as_type)
        if target.kind in "iu" and values.dtype != target and values.size:
            limits = np.iinfo(target)
            for value in (int(values.min()), int(values.max())):
                if not limits.min <= value <= limits.max:
                    self.refuse(f"the number {value} is out of range", key, f"{limits.min} to {limits.max}")
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(values).astype(target, copy=False)

    def check_numbers(self, dataset: h5py.Dataset, kinds: str, shape: tuple[int, ...]) -> None:
        """Check that a dataset holds numbers of some kinds in a shape, and holds all of them.

        Args:
            dataset, kinds, shape: see `numbers`.

        Raises:
            DataError: it does not.
        """
        found = self.dtype(dataset)
        if found.kind not in kinds or found.itemsize > 16:
            expected = "integers" if "f" not in kinds else "numbers"
            self.refuse(f"the type of the values is {found}", dataset.name, expected)
        if dataset.shape != shape:
            self.refuse(f"the shape is {dataset.shape}", dataset.name, f"{shape}")
        self._check_storage(dataset)

    def dtype(self, dataset: h5py.Dataset) -> np.dtype:
        """The NumPy dtype of a `dataset`.

        Raises:
            DataError: it has none.
        """
        try:
            return dataset.dtype
        except (TypeError, ValueError) as error:
            self.refuse(f"the type of the values cannot be read: {error}", dataset.name, "numbers")

    def text(self, dataset: h5py.Dataset) -> str:
        """Read a dataset that is a single text.

        Args:
            dataset: from `dataset`.

        Returns:
            The text.

        Raises:
            DataError: it is anything else.
        """
        dtype = self.dtype(dataset)
        if dataset.shape != () or not _is_text(dtype):
            self.refuse(f"this is no text: its shape is {dataset.shape}, its type {dtype}", dataset.name, "one text")
        self._check_storage(dataset)
        return self._decoded(dataset[()], dataset.name)

    def texts(self, dataset: h5py.Dataset) -> list[str]:
        """Read a dataset of one dimension that holds texts; arguments and errors as of `text`."""
        dtype = self.dtype(dataset)
        if len(dataset.shape) != 1 or not _is_text(dtype):
            self.refuse(f"these are no texts: the shape is {dataset.shape}, the type {dtype}", dataset.name, "texts")
        self._check_storage(dataset)
        return [self._decoded(value, dataset.name) for value in dataset[()]]

    def text_attributes(self, item: h5py.Group | h5py.Dataset, name: str) -> list[str] | None:
        """Read an attribute of texts.

        Args:
            item: a group or a dataset.
            name: of the attribute.

        Returns:
            Its texts, one if it is a scalar; None where it is missing.

        Raises:
            DataError: it is no text, or of more than one dimension.
        """
        key = f"{item.name}@{name}"
        dtype, shape = self._attribute(item, name)
        if dtype is None:
            return None
        if not _is_text(dtype) or len(shape) > 1:
            self.refuse(f"the attribute has the type {dtype} and the shape {shape}", key, "text")
        return [self._decoded(value, key) for value in np.atleast_1d(np.asarray(item.attrs[name], dtype=object))]

    def integer_attribute(self, item: h5py.Dataset, name: str) -> int | None:
        """Read an attribute that is one integer.

        Args:
            item: a dataset.
            name: of the attribute.

        Returns:
            The integer; None where the attribute is missing.

        Raises:
            DataError: it is no integer.
        """
        dtype, shape = self._attribute(item, name)
        if dtype is None:
            return None
        if dtype.kind not in "iu" or shape not in ((), (1,)):
            key = f"{item.name}@{name}"
            self.refuse(f"the attribute has the type {dtype} and the shape {shape}", key, "one integer")
        return int(np.ravel(item.attrs[name])[0])

    def _attribute(self, item: h5py.Group | h5py.Dataset, name: str) -> tuple[np.dtype | None, tuple[int, ...]]:
        """dtype and shape of an attribute; None where it is missing."""
        if name not in item.attrs:
            return None, ()
        key = f"{item.name}@{name}"
        attribute = item.attrs.get_id(name)
        try:
            dtype, shape = attribute.dtype, attribute.shape
        except (TypeError, ValueError) as error:
            self.refuse(f"the type of the attribute cannot be read: {error}", key)
        if shape is None or math.prod(shape) * dtype.itemsize > _ATTRIBUTE_BYTES:
            self.refuse(f"the attribute has the shape {shape}", key, "one value, or one for each direction")
        return dtype, shape

    def _decoded(self, value: object, key: str) -> str:
        try:
            # h5py decodes attributes with surrogates in place of what is not UTF-8
            return (value if isinstance(value, bytes) else str(value).encode()).decode()
        except UnicodeError:
            self.refuse("the text is not UTF-8", key)

    # --- sizes ---

    def refuse_size(self, size: int, key: str) -> NoReturn:
        """Raise on data that no file of this size can mean.

        Args:
            size: bytes that they would take.
            key: path of the object.
        """
        self.refuse(
            f"{size:,} bytes of numbers are announced, in a file of {self._size:,} bytes",
            key,
            f"at most {self.most_bytes:,} bytes at a time",
            REWRITE,
        )

    def _check_storage(self, dataset: h5py.Dataset) -> None:
        if (size := oversize(dataset, self._size, self.most_bytes)) is not None:
            self.refuse_size(size, dataset.name)
        if (problem := chunk_problem(dataset, self._size, self.most_bytes)) is not None:
            self.refuse(problem, dataset.name, "chunks that hold what they announce", REWRITE)

    def _check_filters(self, dataset: h5py.Dataset) -> None:
        """Refuse filters but those that h5py itself brings, and several compressions of one another."""
        names = filters(dataset)
        if not set(names) <= KNOWN_FILTERS or len(set(names) & COMPRESSIONS) > 1 or len(names) > len(set(names)):
            self.refuse(
                f"the data went through the HDF5 filters {names}",
                dataset.name,
                "gzip or lzf, with or without shuffle and fletcher32",
                f"h5repack -f GZIP=1 {self.path.name} NEW.h5",
            )


def _is_text(dtype: np.dtype) -> bool:
    """Whether values of a type are texts, of fixed or of any length."""
    return dtype.kind == "S" or h5py.check_string_dtype(dtype) is not None


def _opened(path: Path) -> tuple[h5py.File, GuardedFile]:
    """Open a file, with HDF5's own reason where that fails."""
    guarded: GuardedFile | None = None
    try:
        guarded = GuardedFile(path)
        return h5py.File(guarded, "r"), guarded
    except OSError as error:
        if guarded is not None:
            guarded.close()
        reason = str(error).partition("(")[2].rstrip(")") or str(error)
        what, hint = f"cannot be opened: {reason}", REWRITE
        if "truncated file" in reason:
            what = f"is truncated: {reason}"
        elif "signature not found" in reason:
            what = "is not an HDF5 file"
        elif isinstance(error, BlockingIOError):
            what = f"is locked by another program: {error.strerror}"
            hint = (
                "wait until the program that writes it has ended; or, on a file system without locks, "
                f"HDF5_USE_FILE_LOCKING=FALSE gnnzoo inspect {path}"
            )
        raise DataError(
            f"the dataset {what}",
            location=Location(path),
            expected="an HDF5 file written by gnnzoo convert",
            hint=hint,
        ) from error
