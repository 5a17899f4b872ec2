"""State of a run in addition to its weights: losses since the last validation, time, and how long the error has not
fallen."""

import math
from dataclasses import asdict, dataclass, field
from typing import Annotated, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from gnnzoo.json_records import check_record

_Steps = Annotated[int, Field(ge=0, le=1_000_000_000)]


@with_config(ConfigDict(extra="forbid"))
class PatienceInfo(TypedDict):
    """What a checkpoint holds of a `Patience`; null for infinity, which JSON does not have."""

    best: float | None
    since: float


@with_config(ConfigDict(extra="forbid"))
class TrainingStateInfo(TypedDict):
    """What a checkpoint holds of a `TrainingState`; `validate_every` is "follow_every"."""

    lengths: Annotated[list[_Steps], Field(min_length=1, max_length=1000)]
    follow_every: Annotated[int, Field(gt=0, le=1_000_000_000)]
    seconds: float
    losses: Annotated[list[float], Field(fail_fast=True)]
    stage: _Steps
    factor: float
    plateau: PatienceInfo
    stopping: PatienceInfo
    stopped: NotRequired[bool]


@dataclass
class Patience:
    """Waiting for the validation error to fall.

    Attributes:
        best: the smallest error so far.
        since: epoch at which it was reached, or at which the waiting was restarted.
    """

    best: float = math.inf
    since: float = 0.0

    def exhausted(self, epoch: float, error: float, patience: int) -> bool:
        """Register an error.

        Args:
            epoch: epochs done.
            error: validation error then.
            patience: epochs to wait.

        Returns:
            Whether the error has not fallen for `patience` epochs or more.
        """
        if error < self.best:
            self.best, self.since = error, epoch
        return epoch - self.since >= patience - 1e-9  # epochs are fractions of steps, rounded


@dataclass
class TrainingState:
    """How far a run is; a checkpoint holds it as JSON.

    Attributes:
        lengths: steps of each stage of the plan.
        validate_every: epochs between validations.
        seconds: spent in earlier sessions and in this one.
        losses: of the steps since the last validation.
        stage: number of the current stage.
        factor: of the learning rate, from the plateau schedule.
        plateau, stopping: how long the plateau schedule and early stopping have been waiting.
        stopped: whether early stopping has ended the training.
    """

    lengths: list[int]
    validate_every: int = 1
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    stage: int = 0
    factor: float = 1.0
    plateau: Patience = field(default_factory=Patience)
    stopping: Patience = field(default_factory=Patience)
    stopped: bool = False

    def to_json(self) -> dict:
        """The state as JSON values.

        Returns:
            Attributes by name; infinity, which JSON does not have, is null, and `validate_every` is "follow_every".
        """
        values = {("follow_every" if name == "validate_every" else name): v for name, v in asdict(self).items()}
        for name in ("plateau", "stopping"):
            if math.isinf(values[name]["best"]):
                values[name]["best"] = None
        return values

    @classmethod
    def from_json(cls, values: dict) -> "TrainingState":
        """Inverse of `to_json`.

        Args:
            values: as a checkpoint has them.

        Returns:
            The state.

        Raises:
            ValueError: a value is missing or of another type; the text names it.
        """
        check_record(values, TrainingStateInfo)
        values = {("validate_every" if name == "follow_every" else name): v for name, v in values.items()}
        for name in ("plateau", "stopping"):
            best = values[name]["best"]
            values[name] = Patience(math.inf if best is None else best, values[name]["since"])
        return cls(**values)

    def enter_stage(self, stage: int, epoch: float) -> None:
        """At a new stage restart the waiting, and the plateau schedule from the full learning rate.

        Args:
            stage: number of the stage of the next step.
            epoch: epochs done.
        """
        if stage != self.stage:
            self.stage, self.factor = stage, 1.0
            self.plateau, self.stopping = Patience(since=epoch), Patience(since=epoch)
