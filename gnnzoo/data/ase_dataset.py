"""A file that ASE reads, as a dataset: by way of an H5MD file that goes away with it."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from gnnzoo.data.convert import ase_to_h5md
from gnnzoo.data.h5md.reader import H5mdDataset
from gnnzoo.outputs import translate_os_errors


class AseDataset(H5mdDataset):
    """The frames of an .extxyz, .xyz or .traj file; see `ase_files`.

    Args:
        path: the file.
        advance: called with 1 after each frame while the file is read.
    """

    def __init__(self, path: Path | str, advance: Callable[[int], object] | None = None):
        self._folder = tempfile.TemporaryDirectory(prefix="gnnzoo-")
        try:
            copy = Path(self._folder.name) / "frames.h5"
            with translate_os_errors(copy, "TMPDIR=/a/larger/place before the command keeps it elsewhere"):
                ase_to_h5md(Path(path), copy, advance)
            super().__init__(copy)
        except BaseException:
            self._folder.cleanup()
            raise
        self.path = Path(path)

    def close(self) -> None:
        super().close()
        self._folder.cleanup()
