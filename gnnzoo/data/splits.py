"""How frames are divided among training, validation and test so that nothing leaks from one into another.

Neighbouring frames of a run are nearly the same frame. A random split therefore judges a model on what it has seen; a
single cut in time judges it on another state than it was trained on when the run drifts. Blocks do neither: the run is
cut into blocks, each block into parts, and the frames between two parts are left out.
"""

from dataclasses import dataclass

import numpy as np

from gnnzoo.errors import DataError

# A held-out stretch shorter than this many gaps would spend more training frames on gaps than it holds out.
_GAPS_PER_STRETCH = 3


@dataclass(frozen=True)
class Split:
    """Frame indices of each part, ascending; disjoint."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def as_dict(self) -> dict[str, list[int]]:
        """Plain lists, for JSON."""
        return {part: getattr(self, part).tolist() for part in ("train", "validation", "test")}

    @classmethod
    def from_dict(cls, parts: dict[str, list[int]]) -> "Split":
        """The inverse of `as_dict`."""
        return cls(**{part: np.asarray(parts[part], dtype=np.int64) for part in ("train", "validation", "test")})


def split_frames(
    n_frames: int, *, method: str, train: float, validation: float, test: float, blocks: int, gap: int, seed: int
) -> Split:
    """Divide frames 0 .. n_frames - 1.

    Args:
        method: `blocks`, `cut` or `random`.
        train, validation, test: shares, summing to 1; gaps are taken from the training share.
        blocks: number of blocks at the most (`blocks` only).
        gap: frames left out between neighbouring parts (not for `random`).
        seed: for `random`.

    Raises:
        DataError: a part that should hold frames would hold none.
    """
    if method == "random":
        order = np.random.default_rng(seed).permutation(n_frames)
        n_validation, n_test = _share(n_frames, validation), _share(n_frames, test)
        parts = np.split(order, [n_frames - n_validation - n_test, n_frames - n_test])
        split = Split(*(np.sort(part) for part in parts))
    else:
        count = 1 if method == "cut" else _number_of_blocks(n_frames, validation, test, blocks, gap)
        labels = np.full(n_frames, "train", dtype=object)
        for start, stop in np.lib.stride_tricks.sliding_window_view(
            np.linspace(0, n_frames, count + 1).round().astype(int), 2
        ):
            _label_block(labels[start:stop], validation, test, method == "cut", gap)
        _open_gaps(labels, gap)
        split = Split(*(np.flatnonzero(labels == part) for part in ("train", "validation", "test")))
    for part, share in (("train", train), ("validation", validation), ("test", test)):
        if share > 0 and len(getattr(split, part)) == 0:
            raise DataError(
                f"{n_frames} frames are too few for a {part} part of {share:.0%} with gaps of {gap}",
                hint=f"more frames, or --set data.split.gap=0, or --set data.split.{part}=0",
            )
    return split


def _share(n_frames: int, share: float) -> int:
    return max(1, round(n_frames * share)) if share > 0 else 0


def _number_of_blocks(n_frames: int, validation: float, test: float, blocks: int, gap: int) -> int:
    held_out = [share for share in (validation, test) if share > 0]
    if not held_out:
        return 1
    shortest = n_frames * min(held_out)
    return max(1, min(blocks, int(shortest // max(1, _GAPS_PER_STRETCH * gap))))


def _label_block(labels: np.ndarray, validation: float, test: float, cut: bool, gap: int) -> None:
    """Label one block in place: train, validation, train, test; or train, validation, test for a single cut."""
    n = len(labels)
    n_validation, n_test = _share(n, validation), _share(n, test)
    if cut:
        between = gap if n_validation and n_test else 0
        first = max(0, n - n_validation - between - n_test)
        labels[first:] = "gap"
    else:
        first = (max(0, n - n_validation - n_test) + 1) // 2
    labels[first : first + n_validation] = "validation"
    labels[n - n_test :] = "test"


def _open_gaps(labels: np.ndarray, gap: int) -> None:
    """Leave out the training frames that are nearer than `gap` to a held-out one."""
    held_out = np.flatnonzero((labels == "validation") | (labels == "test"))
    for offset in range(-gap, gap + 1):
        near = held_out + offset
        near = near[(near >= 0) & (near < len(labels))]
        labels[near[labels[near] == "train"]] = "gap"
