"""SHA256SUMS of an exported model, in the format of sha256sum: whether a folder is the one that was written."""

import re
from pathlib import Path

from gnnzoo.deploy.exported_folder import REFREEZE, SUMS, not_exported
from gnnzoo.errors import Location, ModelError
from gnnzoo.file_formats import file_sha256

_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_./-]{1,200})")
_LONGEST = 100_000  # bytes of the list, which has about ten lines


def write_checksums(folder: Path) -> None:
    """Write the digest of each file of a folder into it; `sha256sum --check SHA256SUMS` verifies them, too.

    Args:
        folder: complete.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    lines = [f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / SUMS).write_text("".join(lines))


def check_checksums(folder: Path) -> int:
    """Verify the files of a folder.

    Args:
        folder: of an exported model.

    Returns:
        The number of files.

    Raises:
        ModelError: the list is missing or no list; or a file is missing or has changed.
    """
    path = folder / SUMS
    if not folder.is_dir():
        raise not_exported("is no folder" if folder.exists() else "does not exist", folder)
    if not path.is_file() or path.stat().st_size > _LONGEST:
        raise not_exported("is missing or no list of files", path)
    lines = path.read_text(errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        found = _LINE.fullmatch(line)
        if found is None or ".." in Path(found[2]).parts or Path(found[2]).is_absolute():
            raise ModelError(
                "is not a digest and a name",
                location=Location(file=path, line=number),
                expected="a line of sha256sum",
                hint=REFREEZE,
            )
        file = folder / found[2]
        if not file.is_file() or file_sha256(file) != found[1]:
            raise ModelError(
                "is missing" if not file.is_file() else "has changed since it was written",
                location=Location(file=file),
                expected=f"sha256 {found[1][:12]}...",
                hint=REFREEZE,
            )
    return len(lines)
