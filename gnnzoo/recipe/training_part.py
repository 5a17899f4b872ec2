"""The training schedule."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from gnnzoo.recipe.part import Part


class LearningRate(Part):
    """Exponential decay: initial x decay^epochs after the warm-up."""

    initial: PositiveFloat = 1e-3
    """Learning rate at the end of the warm-up."""
    decay: float = Field(default=0.9, gt=0, le=1)
    """Factor per epoch."""


class Warmup(Part):
    """The first epochs: a linear ramp of the learning rate, and a loss that keeps the output away from zero."""

    epochs: int = Field(default=5, ge=0)
    """Length; 0 for none."""
    loss: Literal["nonzero_output", "plain"] = "plain"
    """`nonzero_output` adds (sum |target|) / (sum |output|) to the summed loss, which together with PReLU cures dead
    neurons at the end of the network; `plain` adds nothing."""


class Augmentation(Part):
    """Random changes of the training frames that leave the physics alone."""

    rotation: bool = False
    """Turn each graph and its forces by a random rotation, uniform on SO(3), at each step."""


class Training(Part):
    """The training schedule."""

    epochs: PositiveInt = 50
    """Length of the schedule in epochs. With `steps` or a time limit the same schedule is stretched or shortened to
    them, and its epochs are shares of the whole."""
    steps: PositiveInt | None = None
    """Length of the schedule in steps, instead of `epochs` passes over the data."""
    stop_after: PositiveInt | None = None
    """Stop after this many steps of the schedule; repeats exactly a run that a time limit stopped before its end."""
    batch_size: PositiveInt = 16
    """Frames per step."""
    loss: Literal["l1", "l2", "huber"] = "l1"
    """Over force components: mean absolute, mean square, or Huber with its bend at one network unit, which is the
    training RMS unless `normalization` is `none`."""
    optimizer: Literal["adam", "adamw", "nadam"] = "adam"
    """Keras optimizer."""
    learning_rate: LearningRate = Field(default_factory=LearningRate)
    """Learning rate along the schedule."""
    warmup: Warmup = Field(default_factory=Warmup)
    """The first epochs."""
    augmentation: Augmentation = Field(default_factory=Augmentation)
    """Random changes of the training frames."""
    checkpoint_every: PositiveInt = 6
    """Epochs between checkpoints; one is always made at the end. The best by validation becomes the model."""
    validation_frames: PositiveInt = 16
    """Frames of the validation part, evenly spaced, on which the error is followed during training."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Seed of weights, order of frames, rotations and dropout."""
