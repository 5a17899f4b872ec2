"""What happens while dumps are read: files, frames that are left out, steps that go back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gnnzoo.data.lammps.dump_file import DumpFile

# Kind of event, as an attribute of `DumpLog` and a key of a dataset's provenance -> what its frames are.
EVENT_KINDS = {
    "truncated": "frames that are cut short and left out",
    "empty": "frames that hold no atom and are left out",
    "repeated": "frames that are repeated and dropped",
    "restarts": "places where the steps go back",
}
_SHOWN = 5  # events of one kind that are listed one by one; more would hide the other messages


@dataclass(frozen=True, slots=True)
class Event:
    """Something about one frame that the user should know."""

    file: Path
    line: int
    step: int | None
    what: str

    def __str__(self) -> str:
        frame = f"the frame of step {self.step}" if self.step is not None else "a frame"
        return f"{self.file}, line {self.line}: {frame} {self.what}"


@dataclass
class DumpLog:
    """Files and events of one trajectory."""

    files: list[DumpFile] = field(default_factory=list)
    truncated: list[Event] = field(default_factory=list)
    empty: list[Event] = field(default_factory=list)
    repeated: list[Event] = field(default_factory=list)
    restarts: list[Event] = field(default_factory=list)

    def to_json(self) -> dict[str, list[str]]:
        """The events as text, by kind.

        Returns:
            Kinds that occurred.
        """
        events = {kind: [str(event) for event in getattr(self, kind)] for kind in EVENT_KINDS}
        return {kind: texts for kind, texts in events.items() if texts}


def event_messages(provenance: Mapping, kinds: Sequence[str] = tuple(EVENT_KINDS)) -> list[str]:
    """Messages about the events of a conversion.

    Args:
        provenance: of a dataset; has the events as `DumpLog.to_json` does.
        kinds: kinds of events that are wanted, see `EVENT_KINDS`.

    Returns:
        Up to five events of each kind in full, and how many more there are.
    """
    lines: list[str] = []
    for kind in kinds:
        events = provenance.get(kind, [])
        lines += events[:_SHOWN]
        if len(events) > _SHOWN:
            lines.append(f"and {len(events) - _SHOWN} more {EVENT_KINDS[kind]}")
    return lines
