"""The training: length, loss, optimizer, learning rate, stages, and what ends it."""

from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat

from gnnzoo.recipe.schema.base import Number, Section
from gnnzoo.recipe.schema.transfer import StartFrom

Loss = Literal["l1", "l2", "huber", "vector"]
Optimizer = Literal[
    "adam", "adamw", "adamax", "nadam", "lamb", "lion", "muon", "rmsprop", "sgd", "adagrad", "adafactor"
]


class LearningRate(Section):
    """The learning rate after the warm-up: `initial` times a factor that falls along the schedule."""

    initial: PositiveFloat = 1e-3
    """Learning rate at the end of the warm-up."""
    schedule: Literal["exponential", "cosine", "linear", "plateau"] = "exponential"
    """`exponential` is initial x decay^epochs; `cosine` and `linear` come down to zero at the end of the schedule;
    `plateau` multiplies by `factor` whenever the validation error has not fallen for `patience` epochs."""
    decay: float = Field(default=0.9, gt=0, le=1)
    """Factor per epoch, of `exponential`."""
    factor: float = Field(default=0.5, gt=0, lt=1)
    """Factor of `plateau`."""
    patience: Number = 3
    """Epochs without a smaller validation error, of `plateau`."""


class Warmup(Section):
    """The first epochs: a linear ramp of the learning rate, and optionally a loss that keeps the output from zero."""

    epochs: int = Field(default=5, ge=0, le=1_000_000_000)
    """Length; 0 for none."""
    loss: Literal["nonzero_output", "plain"] = "plain"
    """`nonzero_output` adds (sum |target|) / (sum |output|) to the summed loss, which together with PReLU cures dead
    neurons at the end of the network; `plain` adds nothing."""


class Augmentation(Section):
    """Random changes of the training frames, drawn again at each step."""

    rotation: bool = False
    """Turn each graph with its forces and virial by a random rotation, uniform on SO(3), at each step."""
    noise: NonNegativeFloat = 0.0
    """Standard deviation, in the data's length unit, of a normal displacement of each atom along x, y and z; forces,
    energy and virial stay those of the undisturbed frame."""


class LossWeights(Section):
    """Weights of the terms of the loss."""

    forces: NonNegativeFloat = 1.0
    """Weight of the error of the forces, in network units."""
    energy: NonNegativeFloat = 0.0
    """Weight of the error of a graph's energy per atom, in network units of force times length. It needs an energy head
    and energies in the data; frames without one do not contribute."""
    virial: NonNegativeFloat = 0.0
    """Weight of the mean error of the nine components of a graph's virial per atom, in the same units. It needs an
    energy head and virials in the data: of extended XYZ and ASE files, or from a LAMMPS log (`gnnzoo convert --log`).
    Forces alone hardly determine a pressure. Frames without a virial do not contribute."""
    types: dict[str, PositiveFloat] = Field(default_factory=dict)
    """Weight of the force errors by species: {"H": 2}; 1 for the others. The loss is divided by the sum of the atoms'
    weights."""
    groups: dict[str, NonNegativeFloat] = Field(default_factory=dict)
    """Weight of all errors of a frame by its `config_type`: {"liquid": 2}; 1 for the others, 0 leaves a group out. The
    loss is divided by the sum of the frames' weights."""


class Ema(Section):
    """An exponential moving average of the weights."""

    decay: float = Field(default=0.999, gt=0, lt=1)
    """Share of the average that is kept at each step; (1 + step) / (10 + step) where that is smaller."""


class EarlyStopping(Section):
    """Stopping before the end of the schedule."""

    patience: Number = 10
    """Epochs without a smaller validation error after which training ends."""


class Stage(Section):
    """One of several consecutive trainings of the same network."""

    head: Literal["direct", "energy"] | None = None
    """Head of the stack that is trained: that of direct forces, or that of an energy; null where there is one head."""
    share: PositiveFloat | None = None
    """Share of the schedule, of time under a time limit; the shares of all stages make 1. Null where all stages have
    steps: then it is the share of these."""
    steps: Number | None = None
    """Length in steps, whatever the share; of all stages, or of none. `training.steps` is null then."""
    loss: Loss | None = None
    """Loss, if another than `training.loss`."""
    learning_rate: LearningRate | None = None
    """Learning rate, if another than `training.learning_rate`."""
    rates: dict[str, NonNegativeFloat] | None = None
    """Factors of the learning rate by layer, if others than `training.rates`."""


class Training(Section):
    """The training schedule."""

    epochs: Number = 50
    """Length of the schedule in epochs. With `steps` or a time limit the same schedule is stretched or shortened to
    them, and its epochs are shares of the whole."""
    steps: Number | None = None
    """Length of the schedule in steps, instead of `epochs` passes over the data."""
    stop_after: Number | None = None
    """Stop after this many steps of the schedule; repeats a run that a time limit stopped before its end."""
    stages: list[Stage] = Field(default_factory=list)
    """Consecutive trainings, for a stack with a direct head and an energy head: first fast on direct forces, then on
    those of the energy; or for layers that are trained first. Each restarts the learning rate, its warm-up and the
    optimizer; the model is the best of the last one."""
    batch_size: Number = 16
    """Frames per step."""
    loss: Loss = "l1"
    """Over force components: mean absolute, mean square, or Huber with its bend at one network unit, which is the
    training RMS unless `normalization` is `none`. `vector` is the mean length of the error vector, which is what the
    relative error measures."""
    loss_weights: LossWeights = Field(default_factory=LossWeights)
    """Weights of the terms of the loss."""
    optimizer: Optimizer = "adam"
    """Keras optimizer. `muon` moves matrices by orthogonalised momentum, and the rest by Adam."""
    weight_decay: NonNegativeFloat | None = None
    """Share of each weight, times the learning rate, that is taken off at each step; null for the optimizer's own:
    0.004 of `adamw` and `muon`, else none."""
    momentum: float | None = Field(default=None, ge=0, lt=1)
    """Momentum of `sgd`, `rmsprop` and `muon`; null for the optimizer's own: 0, 0 and 0.95."""
    clip_norm: PositiveFloat | None = None
    """Largest norm of the gradient of all weights together; a larger gradient is scaled down to it."""
    ema: Ema | None = None
    """Average of the weights along the training. Validation, checkpoints and the model take the average, while training
    goes on from the weights themselves."""
    learning_rate: LearningRate = Field(default_factory=LearningRate)
    """Learning rate along the schedule."""
    rates: dict[str, NonNegativeFloat] = Field(default_factory=dict)
    """Factors of the learning rate by layer, named or by a pattern, such as {"atomic_density_*": 0.1}; 0 freezes a
    layer, and of several patterns the last one counts."""
    start_from: StartFrom | None = None
    """A trained model whose weights are copied first: a transfer. Null: random initial weights."""
    warmup: Warmup = Field(default_factory=Warmup)
    """The first epochs."""
    augmentation: Augmentation = Field(default_factory=Augmentation)
    """Random changes of the training frames."""
    early_stopping: EarlyStopping | None = None
    """End before the end of the schedule; with `stages`, of the last one."""
    checkpoint_every: Number = 6
    """Epochs between checkpoints; one is always made at the end. The best by validation becomes the model."""
    validation_frames: Number = 16
    """Frames of the validation part, evenly spaced, on which the error is measured during training."""
    validate_every: Number | None = None
    """Epochs between validations; null for every epoch, or under a time limit as often as a twentieth of it allows."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Seed of weights, order of frames, rotations, noise and dropout."""

    def shares(self) -> list[float]:
        """Share of each stage in the schedule: the stated one, or that of its steps.

        Returns:
            One number for each stage, with sum 1.
        """
        shares = [stage.share for stage in self.stages if stage.share is not None]
        if len(shares) == len(self.stages):
            return shares
        steps = [stage.steps or 0 for stage in self.stages]
        return [count / sum(steps) for count in steps]
