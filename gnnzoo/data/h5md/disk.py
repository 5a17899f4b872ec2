"""The file under an HDF5 file that is being written, which survives a full disk.

The HDF5 library crashes when it cannot close a file because the disk is full.
"""

import io
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class UnfailingFile(io.FileIO):
    """A file whose writes never fail, so that HDF5 can always close it; `check` raises the first error.

    After the first failed write all further data stay in memory, can be read back, and are discarded on closing.
    """

    _error: OSError | None = None
    _late: list[tuple[int, bytes]] | None = None  # data not on disk, in order: offset and bytes

    def write(self, data: "Buffer") -> int:
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view) and self._late is None:  # a nearly full disk accepts a part
            try:
                done += super().write(view[done:])
            except OSError as error:
                self._error = error
                self.give_up()
        if self._late is not None:
            self._late.append((self.tell(), bytes(view[done:])))
            self.seek(len(view) - done, os.SEEK_CUR)
        return len(view)

    def readinto(self, buffer: "Buffer") -> int:
        if self._late is None:
            return super().readinto(buffer)
        start, view = self.tell(), memoryview(buffer).cast("B")
        view[:] = bytes(len(view))
        super().readinto(buffer)
        for offset, data in self._late:
            first, last = max(start, offset), min(start + len(view), offset + len(data))
            if first < last:
                view[first - start : last - start] = data[first - offset : last - offset]
        self.seek(start + len(view))
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if self._late and whence == os.SEEK_END:
            ends = [start + len(data) for start, data in self._late]
            return super().seek(max(super().seek(0, os.SEEK_END), *ends) + offset)
        return super().seek(offset, whence)

    def truncate(self, size: int | None = None) -> int:
        return super().truncate(size) if self._late is None else self.tell()

    def give_up(self) -> None:
        """Write nothing more to disk."""
        self._late = self._late or []

    def check(self) -> None:
        """Raise the first error of writing, if there was one.

        Raises:
            OSError: as the system reported it.
        """
        if self._error is not None:
            raise self._error
