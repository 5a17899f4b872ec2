"""Which quantities were taken from a source, from which of its keys and in how many frames; and what was left."""

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from typing import Self

from gnnzoo.records import Record

MOST_LISTED = 100  # frames that are listed one by one
_SHOWN = 20  # keys that are listed in a line


@dataclass(frozen=True)
class Quantity(Record):
    """A quantity that was taken.

    Attributes:
        name: of the quantity, such as "forces".
        key: in the source.
        frames: number of frames that have it.
        remark: how it was converted, or why it is only in some frames.
    """

    name: str
    key: str
    frames: int
    remark: str | None = None


@dataclass(frozen=True)
class UnusedKey(Record):
    """A key that was not taken.

    Attributes:
        key: in the source.
        frames: number of frames that have it.
        looks_like: the quantity that it resembles, or None.
        remark: why it was not taken, and what takes it.
    """

    key: str
    frames: int
    looks_like: str | None = None
    remark: str | None = None


@dataclass(frozen=True)
class LeftOut(Record):
    """A frame that was left out.

    Attributes:
        frame: number in the source, from 0.
        line: in the source, or None.
        why: in words.
    """

    frame: int
    line: int | None
    why: str


@dataclass(frozen=True)
class QuantitiesReport(Record):
    """What was taken from a source, and what was not; `provenance["quantities"]` of a dataset, as JSON.

    Attributes:
        frames: number of frames in the source.
        taken: quantities.
        unused: other keys.
        left_out: the first frames that were left out.
        n_left_out: how many frames were left out.
        units_from: where the units come from: declared, a key of the source, a convention; None where undeclared.
        units_by_convention: whether the units are only those that such sources usually have.
        has_steps: whether the source has timesteps; without any, frames are numbered.
        groups: `config_type` -> number of frames.
        remarks: what else should be known.
    """

    frames: int
    taken: tuple[Quantity, ...]
    unused: tuple[UnusedKey, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    n_left_out: int = 0
    units_from: str | None = None
    units_by_convention: bool = False
    has_steps: bool = True
    groups: tuple[tuple[str, int], ...] = ()
    remarks: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, held: dict) -> Self:
        """Read what `to_json` wrote.

        Args:
            held: the object.

        Returns:
            The report.
        """
        return cls(
            held["frames"],
            tuple(Quantity(**item) for item in held["taken"]),
            tuple(UnusedKey(**item) for item in held["unused"]),
            tuple(LeftOut(**item) for item in held["left_out"]),
            held["n_left_out"],
            held["units_from"],
            held["units_by_convention"],
            held["has_steps"],
            tuple((name, count) for name, count in held["groups"]),
            tuple(held["remarks"]),
        )

    def units_text(self) -> str:
        """Where the units come from, to follow their name; empty where they were declared or are unknown."""
        if self.units_from in (None, "declared"):
            return ""
        return f": {self.units_from}{', which the file does not state' if self.units_by_convention else ''}"

    def found_text(self) -> str:
        """The quantities in one line: names, keys and frames."""
        return "; ".join(self._taken(quantity) for quantity in self.taken)

    def unused_text(self) -> str:
        """The other keys in one line; those that resemble a quantity last, with the reason. Empty if there are none."""
        plain = [item.key for item in self.unused if item.looks_like is None and item.remark is None]
        others = [
            f"{item.key} ({', '.join(filter(None, (self._looks(item), item.remark)))})"
            for item in self.unused
            if item.looks_like is not None or item.remark is not None
        ]
        more = len(plain) - _SHOWN
        return ", ".join([*plain[:_SHOWN], *([f"{more} more keys"] if more > 0 else []), *others])

    def _taken(self, quantity: Quantity) -> str:
        whole = self.frames - self.n_left_out
        remark = f", {quantity.remark}" if quantity.remark else ""
        return f"{quantity.name} from {quantity.key} ({quantity.frames:,} of {whole:,} frames{remark})"

    def _looks(self, item: UnusedKey) -> str | None:
        if item.looks_like is None:
            return None
        return f"looks like {item.looks_like}, in {item.frames:,} of {self.frames:,} frames"


def merged_report(reports: Sequence[tuple[str, QuantitiesReport]], left_out: Container[str] = ()) -> QuantitiesReport:
    """Combine the reports of several sources.

    Args:
        reports: name of each source with its report, at least one.
        left_out: quantities that were not taken, because not all sources have them.

    Returns:
        One report: frames are added up, and what is of one source has its name.
    """
    taken: dict[tuple[str, str, str | None], int] = {}
    unused: dict[tuple[str, str | None, str | None], int] = {}
    groups: dict[str, int] = {}
    for _, report in reports:
        for quantity in report.taken:
            if quantity.name in left_out:
                absent = (quantity.key, quantity.name, "not in all sources")
                unused[absent] = unused.get(absent, 0) + quantity.frames
                continue
            key = (quantity.name, quantity.key, quantity.remark)
            taken[key] = taken.get(key, 0) + quantity.frames
        for item in report.unused:
            other = (item.key, item.looks_like, item.remark)
            unused[other] = unused.get(other, 0) + item.frames
        for name, count in report.groups:
            groups[name] = groups.get(name, 0) + count
    frames = [replace(item, why=f"{name}: {item.why}") for name, report in reports for item in report.left_out]
    origins = dict.fromkeys(report.units_from for _, report in reports)
    return QuantitiesReport(
        frames=sum(report.frames for _, report in reports),
        taken=tuple(Quantity(name, key, count, remark) for (name, key, remark), count in taken.items()),
        unused=tuple(UnusedKey(key, count, looks, remark) for (key, looks, remark), count in unused.items()),
        left_out=tuple(frames[:MOST_LISTED]),
        n_left_out=sum(report.n_left_out for _, report in reports),
        units_from="; ".join(origin or "undeclared" for origin in origins) if any(origins) else None,
        units_by_convention=any(report.units_by_convention for _, report in reports),
        has_steps=all(report.has_steps for _, report in reports),
        groups=tuple(groups.items()),
        remarks=tuple(f"{name}: {remark}" for name, report in reports for remark in report.remarks),
    )
