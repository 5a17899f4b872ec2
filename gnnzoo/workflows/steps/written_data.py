"""Result of workflows that write frames to a file."""

from dataclasses import dataclass
from pathlib import Path

from gnnzoo.records import Record


@dataclass(frozen=True)
class WrittenData(Record):
    """A file of frames that was written; can be used in place of its path.

    Attributes:
        path: of the file or folder.
        frames: number of frames.
        size: on disk, bytes.
        seconds: duration of reading and writing.
        notes, doubts: the messages that were logged.
    """

    path: Path
    frames: int
    size: int
    seconds: float
    notes: tuple[str, ...]
    doubts: tuple[str, ...]

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)


def size_on_disk(path: Path) -> int:
    """Size of the file or folder at `path`.

    Returns:
        Bytes.
    """
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)
