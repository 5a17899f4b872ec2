"""Records of a TFRecord shard: their places in the file, and the checks of the whole file before the first is read.

A record is its length (8 bytes), a checksum of the length (4), the content, and a checksum of the content (4).
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from gnnzoo.data.tfrecord.description import HOW, Shard
from gnnzoo.errors import DataError, Location
from gnnzoo.file_formats import file_sha256

_HEAD_BYTES, _TAIL_BYTES = 12, 4


def record_places(path: Path, shard: Shard) -> list[tuple[int, int]]:
    """Check a shard and find its records.

    Args:
        path: of the shard.
        shard: its description.

    Returns:
        Offset and length of each record.

    Raises:
        DataError: the file is not the one that was written, a record is cut short or damaged, or their number differs.
    """
    if file_sha256(path) != shard.sha256:
        _refuse(path, "its sha256 differs from that of the written shard")
    places = list(_places(path, shard.frames))
    if len(places) != shard.frames:
        _refuse(path, f"it has {len(places):,} records, and {shard.frames:,} frames are announced")
    _check_checksums(path)
    return places


def _places(path: Path, most: int) -> Iterator[tuple[int, int]]:
    """Places of the records; of one more than `most` at the end, if there are more."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for _ in range(most + 1):
            head = file.read(_HEAD_BYTES)
            if not head:
                return
            length = struct.unpack_from("<Q", head)[0] if len(head) == _HEAD_BYTES else size
            if file.tell() + length + _TAIL_BYTES > size:
                _refuse(path, f"the record at byte {file.tell() - len(head):,} is longer than the file")
            yield file.tell(), length
            file.seek(length + _TAIL_BYTES, os.SEEK_CUR)


def _check_checksums(path: Path) -> None:
    """Have TensorFlow read all records, which checks their checksums."""
    import tensorflow as tf

    try:
        for _ in tf.data.TFRecordDataset(str(path), buffer_size=1 << 22):
            pass
    except (tf.errors.DataLossError, tf.errors.OutOfRangeError, tf.errors.InvalidArgumentError) as error:
        _refuse(path, f"the checksum of a record is wrong: {error.message.partition(' [Op')[0]}")


def _refuse(path: Path, why: str) -> NoReturn:
    raise DataError(
        f"the shard is damaged: {why}",
        location=Location(path),
        hint=f"copy the shard again, or write the folder again: {HOW}",
    )
