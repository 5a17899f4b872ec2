"""Archives of models: their members are read within limits, and their information without Keras.

A .keras file is a zip archive. Those of gnnzoo hold one member more, `gnnzoo.json`. Nothing in a file is trusted: every
member is small or as large as the network needs, and none is unpacked to disk.
"""

import contextlib
import os
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from gnnzoo.errors import Location, ModelError
from gnnzoo.json_records import LONGEST, parse_record
from gnnzoo.models.info import ModelInfo, Origin, check_lengths

INFO_MEMBER, CONFIG_MEMBER, WEIGHTS_MEMBER = "gnnzoo.json", "config.json", "model.weights.h5"
# Exceptions that reading a damaged archive raises, depending on where the damage is.
DAMAGE = (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, KeyError, TypeError, OSError, EOFError)
_LONGEST = 200  # characters quoted from another library's message: about two lines of a terminal
_EXPECTED = "a .keras file written by gnnzoo train or gnnzoo transfer"
_LIST = "gnnzoo list shows the models in this folder"
# The end of a zip archive without a comment: signature, ..., size of the table of contents, its offset, no comment.
_END = struct.Struct("<4s4H2LH")
_LARGE_END = 20  # bytes of a second end before it, of archives beyond 4 GB, whose sizes replace those of the first
_LONGEST_TABLE = 1_000_000  # bytes of the table of contents: 10,000 arrays of a checkpoint


@contextlib.contextmanager
def open_archive(path: Path | str) -> Iterator[zipfile.ZipFile]:
    """Open a model's archive for reading.

    Args:
        path: the file.

    Yields:
        The archive; errors of reading it become those of `damaged`.

    Raises:
        ModelError: the file does not exist, is no archive, or is damaged.
    """
    path = Path(path)
    location = Location(file=path)
    if not path.exists():
        raise ModelError("there is no such file", location=location, hint=_LIST)
    if path.is_dir():
        raise ModelError("is a folder, no Keras model", location=location, expected=_EXPECTED, hint=_LIST)
    if path.suffix != ".keras":
        hint = f"mv {path.name} {path.stem}.keras, if it is one"
        raise ModelError("is not called a Keras model", location=location, expected=_EXPECTED, hint=hint)
    other = ModelError("is not a Keras model", location=location, expected=_EXPECTED, hint=_LIST)
    if not path.is_file():
        raise other
    try:
        with path.open("rb") as file:
            if not is_archive(file):
                raise other
            with open_zip(file) as archive:
                yield archive
    except DAMAGE as error:
        raise damaged(path, error) from error


@contextlib.contextmanager
def open_zip(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive of unknown origin for `read_member`.

    Args:
        file: open for reading.

    Yields:
        The archive.

    Raises:
        ValueError: it is no archive, its table of contents is too long, or names a member twice.
    """
    if not is_archive(file):
        raise ValueError("is no archive, or one cut short")
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if len(set(names)) < len(names):
            raise ValueError("holds a member twice")
        yield archive


def is_archive(file: BinaryIO) -> bool:
    """Whether a file ends like a zip archive whose table of contents, which is read as a whole, is short.

    Args:
        file: open for reading.

    Returns:
        True for an archive that may be opened.
    """
    file.seek(max(0, file.seek(0, os.SEEK_END) - _END.size - _LARGE_END))
    tail = file.read()
    if len(tail) < _END.size:
        return False
    signature, _, _, _, _, table, _, comment = _END.unpack(tail[-_END.size :])
    large = tail[: -_END.size].startswith(b"PK\x06\x07")
    return signature == b"PK\x05\x06" and table <= _LONGEST_TABLE and comment == 0 and not large


def read_member(archive: zipfile.ZipFile, name: str, longest: int, packed: bool = True) -> bytes:
    """Read a member into memory.

    Args:
        archive: the archive.
        name: the member.
        longest: bytes at most, when unpacked.
        packed: whether it may be compressed.

    Returns:
        Its bytes, as many as the archive declares.

    Raises:
        ValueError: it is longer, or is stored in another way; zipfile's own errors of a damaged archive.
    """
    member = _member(archive, name)
    if member.flag_bits & 1:
        raise ValueError(f"{name} is encrypted")
    allowed = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) if packed else (zipfile.ZIP_STORED,)
    if member.compress_type not in allowed:  # others may take any memory
        raise ValueError(f"{name} is compressed; Keras stores it as it is")
    if member.file_size > longest:
        raise ValueError(f"{name} has {member.file_size:,} bytes, at most {longest:,} are read")
    with archive.open(member) as file:
        content = file.read(member.file_size + 1)
    if len(content) != member.file_size:
        raise ValueError(f"{name} has {len(content):,} bytes, not {member.file_size:,}")
    return content


def member_size(archive: zipfile.ZipFile, name: str) -> int:
    """Size of a member.

    Args:
        archive: the archive.
        name: the member.

    Returns:
        Bytes that it has in the file, compressed or not.

    Raises:
        ValueError: there is no such member, or the file is too short for it.
    """
    member = _member(archive, name)
    if member.header_offset + member.compress_size > archive.start_dir:
        raise ValueError(f"{name} is announced with {member.compress_size:,} bytes, which the file does not have")
    return member.compress_size


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    try:
        return archive.getinfo(name)
    except KeyError:
        raise ValueError(f"it has no {name}") from None


def read_info(path: Path | str) -> ModelInfo:
    """Read the information in a .keras file, without its network.

    Args:
        path: the file.

    Returns:
        The information, with the recipe under "recipe".

    Raises:
        ModelError: the file does not exist, was not written by gnnzoo, or is damaged.
    """
    with open_archive(path) as archive:
        return info_of(archive, path)


def info_of(archive: zipfile.ZipFile, path: Path | str, required: Collection[str] = ("recipe",)) -> ModelInfo:
    """The information in an open archive.

    Args:
        archive: the archive.
        path: its file, for errors.
        required: keys that it must have.

    Returns:
        The information, with the recipe under "recipe".

    Raises:
        ModelError: gnnzoo did not write it, or the information is not what it should be.
    """
    if INFO_MEMBER not in archive.namelist():
        what = "is not a model of gnnzoo: it holds no recipe"
        raise ModelError(what, location=Location(file=path), expected=_EXPECTED, hint=_LIST)
    content = read_member(archive, INFO_MEMBER, LONGEST)
    try:
        info: ModelInfo = parse_record(content, ModelInfo)
        if missing := [f"'{key}'" for key in required if key not in info]:
            raise ValueError(f"it has no {', '.join(missing)}")
        check_lengths(info)
    except ValueError as error:
        raise damaged(path, error, INFO_MEMBER) from error
    return info


def damaged(path: Path | str, error: Exception, member: str | None = None) -> ModelError:
    """The error to raise for a model that cannot be read.

    Args:
        path: the file.
        error: one of `DAMAGE`, raised while it was read.
        member: the part of the archive that is damaged, where it is known.

    Returns:
        The error: no permission, or damaged.
    """
    location = Location(file=path, key=member)
    if isinstance(error, PermissionError):
        return ModelError("cannot be read: no permission", location=location)
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if len(reason) > _LONGEST:  # Keras quotes the whole configuration
        reason = reason[:_LONGEST] + " ..."
    return ModelError(
        f"is damaged or from another version: {reason}",
        location=location,
        hint="copy it again from where it was made, or train it again",
    )


def origins(info: ModelInfo) -> list[Origin]:
    """The chain of transfers that a model's weights went through.

    Args:
        info: information of the model.

    Returns:
        The origins, the most recent first; empty for a model trained from random weights.
    """
    chain, origin = [], info.get("origin")
    while origin:
        chain.append(origin)
        origin = origin.get("origin")
    return chain


def without_curves(origin: Origin | None) -> Origin | None:
    """Remove the dimer force curves from an origin and from those before it.

    Args:
        origin: of a model, or None.

    Returns:
        A copy for the provenance of another model.
    """
    if origin is None:
        return None
    kept = origin.copy()
    kept.pop("pairs", None)
    kept["origin"] = without_curves(origin.get("origin"))
    return kept
