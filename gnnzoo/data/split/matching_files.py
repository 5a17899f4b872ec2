"""Whole files of a dataset by name, for splits by file."""

import fnmatch
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gnnzoo.errors import DataError, did_you_mean


def matching_files(
    pattern: str, part: str, names: Sequence[str], datasets: Sequence[str], present: np.ndarray
) -> list[int]:
    """Find the files whose name, or that of their dataset, with its folder or without, matches a pattern.

    Args:
        pattern: name or pattern.
        part: that it is for, "validation" or "test".
        names: of all files.
        datasets: that each file came with; none where there is one dataset.
        present: numbers of the files with frames.

    Returns:
        Their numbers.

    Raises:
        DataError: no file matches.
    """
    datasets = datasets or names
    found = [
        number
        for number in present.tolist()
        if any(
            fnmatch.fnmatchcase(text, pattern) or Path(text) == Path(pattern)
            for name in (names[number], datasets[number])
            for text in (name, Path(name).name)
        )
    ]
    if not found:
        short = [Path(names[number]).name for number in present]
        shown = ", ".join(short[:5]) + (f" and {len(short) - 5} more" if len(short) > 5 else "")
        raise DataError(
            f"data.split.{part}_files: no file of the data is named '{pattern}'." + did_you_mean(pattern, short),
            expected=f"one of {shown}, or a pattern such as '*{Path(short[0]).suffix}'",
        )
    return found
