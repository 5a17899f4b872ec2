"""Provenance of transferred weights: the records that run folders and model files keep of a transfer.

In the JSON files they stand under the key "origin". Nothing here needs TensorFlow.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self, cast

from gnnzoo.file_formats import file_sha256
from gnnzoo.models.info import DatasetInfo, Origin, PairCurveInfo, SourceErrors
from gnnzoo.records import Record

Action = Literal["copied", "copied in part", "reset", "from the target", "from the model", "left behind"]


@dataclass(frozen=True)
class LayerTransfer(Record):
    """What happened to the weights of one layer.

    Attributes:
        layer: name in the stack.
        action: "copied" (all weights that can be), "copied in part", "reset" (random initial weights), "from the
            target" or "from the model" (values such as the force scale, set from the data of one side), or "left
            behind" (a layer of the source that the target does not have).
        copied: number of copied weights (scalars).
        total: number of weights of the layer.
        reason: why not all of it was copied, and other remarks; "" if there are none.
    """

    layer: str
    action: Action
    copied: int
    total: int
    reason: str = ""

    def to_row(self) -> list[str | int]:
        """Convert to a row of the table in the files.

        Returns:
            [layer, action, copied, total, reason].
        """
        return [self.layer, self.action, self.copied, self.total, self.reason]

    @classmethod
    def from_row(cls, row: list[str | int]) -> Self:
        """Read a `row` that `to_row` made.

        Returns:
            The record.
        """
        layer, action, copied, total, reason = row
        # an action of a later version is kept as it is
        return cls(str(layer), cast(Action, action), int(copied), int(total), str(reason))


def copied_layers(layers: Collection[LayerTransfer]) -> set[str]:
    """Names of the layers whose weights were all copied.

    Strategies treat the others like new layers, as their new weights have to be trained at the full rate.

    Args:
        layers: one record for each layer.

    Returns:
        Layer names.
    """
    return {layer.layer for layer in layers if layer.action == "copied"}


@dataclass(frozen=True)
class Forgetting:
    """Errors on the source's held-out frames before and after a transfer.

    Attributes:
        before: mean |dF| / mean |F| of the source model.
        after: the same after training on the target.
        frames: number of frames evaluated.
        part: part of the source's split that they belong to, "test" or "validation".
        how: "predicted directly" if the new model knows the source's species, else "weight changes applied to the
            source"; see `forgetting.measure_forgetting`.
    """

    before: float
    after: float
    frames: int
    part: str
    how: str

    def to_json(self) -> SourceErrors:
        """Convert to plain values.

        Returns:
            Values under the attributes' names.
        """
        return {
            "before": self.before,
            "after": self.after,
            "frames": self.frames,
            "part": self.part,
            "how": self.how,
        }


@dataclass(frozen=True)
class TransferOrigin:
    """Where the initial weights of a transferred model come from and how good they were.

    Attributes:
        model: path of the source model.
        sha256: digest of its file; None if it was not read from a file.
        recipe: name of its recipe.
        dataset: its training dataset, see `models.info.DatasetInfo`.
        origin: the source's own origin as stored in its file, without pair curves; None if it was trained from scratch.
        layers: one record for each layer.
        output_gain: factor applied to the output of the copied weights.
        zero_shot: mean |dF| / mean |F| on validation frames before training, with the source's force scale.
        scale_fitted: force errors before training with scale and gain fitted to training frames.
        pairs: dimer force curves before training.
        forgetting: measured after training; None where it could not be.
        trained: whether training has ended, so that `forgetting` is final.
    """

    model: str
    sha256: str | None
    recipe: str
    dataset: DatasetInfo | None
    origin: Origin | None
    layers: list[LayerTransfer] = field(default_factory=list)
    output_gain: float = 1.0
    zero_shot: float | None = None
    scale_fitted: dict[str, float | None] | None = None
    pairs: list[PairCurveInfo] = field(default_factory=list)
    forgetting: Forgetting | None = None
    trained: bool = False

    def to_json(self) -> Origin:
        """Convert to the form of run.json and model files.

        Returns:
            The value under "origin".
        """
        raw: Origin = {
            "model": self.model,
            "sha256": self.sha256,
            "recipe": self.recipe,
            "dataset": self.dataset,
            "origin": self.origin,
            "moves": [layer.to_row() for layer in self.layers],
            "gain": self.output_gain,
            "zero_shot": self.zero_shot,
            "scale_fitted": self.scale_fitted,
            "pairs": self.pairs,
        }
        if self.trained:
            raw["forgotten"] = None if self.forgetting is None else self.forgetting.to_json()
        return raw

    @classmethod
    def from_json(cls, raw: Origin) -> Self:
        """Read a record of this or an earlier version.

        Args:
            raw: the value under "origin" in run.json or in a model's information.

        Returns:
            The record; what an older file does not have keeps its default.
        """
        forgetting = raw.get("forgotten")
        return cls(
            raw["model"],
            raw.get("sha256"),
            raw["recipe"],
            raw.get("dataset"),
            raw.get("origin"),
            [LayerTransfer.from_row(row) for row in raw.get("moves", [])],
            raw.get("gain", 1.0),
            raw.get("zero_shot"),
            raw.get("scale_fitted"),
            raw.get("pairs") or [],
            None if forgetting is None else Forgetting(**forgetting),
            "forgotten" in raw,
        )

    def after_training(self, forgetting: Forgetting | None) -> Self:
        """Complete the record after training.

        Args:
            forgetting: result of `forgetting.measure_forgetting`; None where it could not be measured.

        Returns:
            The final record.
        """
        return replace(self, forgetting=forgetting, trained=True)


def file_digest(path: Path | None) -> str | None:
    """SHA-256 of the file at `path`.

    Returns:
        Hexadecimal digits; None without a path.
    """
    return file_sha256(path) if path else None
