"""The file under an HDF5 file of unknown origin: blocks that would stall the HDF5 library are refused as it reads them.

Strings of variable length lie in blocks called global heap collections (HDF5 File Format Specification 3.0, section
III.E): a header and objects one after the other. The library follows the sizes of the objects; one of size zero that is
not the last keeps it at the same place for ever, in a call that no signal ends.
"""

import fcntl
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

_SIGNATURE = b"GCOL\x01\x00\x00\x00"
_HEADER = 16  # bytes of the header of a collection, and of that of an object
_UNLOCKED = ("FALSE", "0")  # of the environment variable HDF5_USE_FILE_LOCKING


class GuardedFile(io.FileIO):
    """A file for reading by HDF5, locked as HDF5 locks files that it opens itself.

    Args:
        path: the file.

    Attributes:
        problem: what was wrong with a block that was read; None so far.

    Raises:
        BlockingIOError: another program writes it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "r")
        self.problem: str | None = None
        if os.environ.get("HDF5_USE_FILE_LOCKING", "").upper() not in _UNLOCKED:
            try:
                fcntl.flock(self, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                self.close()
                raise
            except OSError:  # a file system without locks
                pass

    def __del__(self) -> None:
        self.close()  # HDF5 closes its files in silence, too

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except OverflowError as error:  # a damaged address
            raise OSError(f"the address {offset} lies outside of the file") from error

    def readinto(self, buffer: "Buffer") -> int:
        count = super().readinto(buffer) or 0
        view = memoryview(buffer).cast("B")[:count]
        if view[: len(_SIGNATURE)] == _SIGNATURE and (problem := heap_problem(view)) is not None:
            self.problem = problem
            raise OSError(problem)
        return count


def heap_problem(block: memoryview) -> str | None:
    """Check the sizes of the objects of a global heap collection.

    Args:
        block: from the signature on; the library reads a part first, whose rest follows in a second call.

    Returns:
        What is wrong; None where nothing is, as far as the block goes.
    """
    end = int.from_bytes(block[8:16], "little")
    at = _HEADER
    while at + _HEADER <= min(end, len(block)):
        index, size = int.from_bytes(block[at : at + 2], "little"), int.from_bytes(block[at + 8 : at + 16], "little")
        taken = size if index == 0 else _HEADER + -(-size // 8) * 8  # object 0 is the free space, its header included
        if taken == 0 or at + taken > end:
            return f"object {index} of a block of texts has the impossible size {size:,}"
        at += taken
    return None


def heaps_problem(content: bytes) -> str | None:
    """Check all global heap collections of a file in memory.

    Args:
        content: the file.

    Returns:
        What is wrong with the first that is not right; None where all are.
    """
    view = memoryview(content)  # whose slices are no copies: a file may hold thousands of blocks
    at = content.find(_SIGNATURE)
    while at >= 0:
        if (problem := heap_problem(view[at:])) is not None:
            return problem
        at = content.find(_SIGNATURE, at + 1)
    return None
