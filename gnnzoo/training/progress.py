"""What a run remembers beside its weights: losses not yet told, time, and how long ago the error last fell."""

import math
from dataclasses import asdict, dataclass, field


@dataclass
class Patience:
    """How long ago the validation error was smallest.

    Attributes:
        best: the smallest error so far.
        since: epoch at which it was seen, or at which the waiting began anew.
    """

    best: float = math.inf
    since: float = 0.0

    def exhausted(self, epoch: float, error: float, patience: int) -> bool:
        """Take note of an error; whether it is now `patience` epochs or more that it has not fallen."""
        if error < self.best:
            self.best, self.since = error, epoch
        return epoch - self.since >= patience - 1e-9


@dataclass
class TrainingState:
    """How far a run is; JSON-able, so that a checkpoint holds it.

    Attributes:
        lengths: steps of each stage of the plan.
        follow_every: epochs between validations.
        seconds: spent in earlier sessions and in this one.
        losses: of the steps since the last validation.
        stage: the stage that `plateau` speaks of.
        factor: of the learning rate, brought down by the plateau schedule.
        plateau, stopping: how long the plateau schedule and early stopping have been waiting.
        stopped: whether early stopping has ended the training.
    """

    lengths: list[int]
    follow_every: int = 1
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    stage: int = 0
    factor: float = 1.0
    plateau: Patience = field(default_factory=Patience)
    stopping: Patience = field(default_factory=Patience)
    stopped: bool = False

    def as_dict(self) -> dict:
        """JSON values; `from_dict` takes them back exactly."""
        values = asdict(self)
        for name in ("plateau", "stopping"):  # JSON knows no infinity
            if math.isinf(values[name]["best"]):
                values[name]["best"] = None
        return values

    @classmethod
    def from_dict(cls, values: dict) -> "TrainingState":
        """What `as_dict` gave."""
        values = dict(values)
        for name in ("plateau", "stopping"):
            best = values[name]["best"]
            values[name] = Patience(math.inf if best is None else best, values[name]["since"])
        return cls(**values)

    def enter(self, stage: int, epoch: float) -> None:
        """A new stage begins: the plateau schedule waits anew, and starts from the full learning rate."""
        if stage != self.stage:
            self.stage, self.factor = stage, 1.0
            self.plateau, self.stopping = Patience(since=epoch), Patience(since=epoch)
