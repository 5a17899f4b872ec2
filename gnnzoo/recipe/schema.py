"""The recipe's schema: every option in one place with its type, default and meaning.

Nothing else in gnnzoo states a default. The JSON schema for editors, the documentation and the error messages come
from here. No TensorFlow is imported, so that `gnnzoo validate` answers at once.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class Part(BaseModel):
    """A part of a recipe: unknown keys are refused, values are not changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


# --- data ---------------------------------------------------------------------------------------------------------


class AtomParameters(Part):
    """What a species is to the network: a point in the space of force-field parameters, not a label of its own."""

    charge: float
    """Partial charge, in e."""
    epsilon: float = Field(ge=0)
    """Lennard-Jones well depth, in the energy unit of `data.units`."""
    sigma: float = Field(ge=0)
    """Lennard-Jones diameter, in the length unit of `data.units`."""


class Simulation(Part):
    """A LAMMPS run that makes the data when the source is missing; it runs in the working folder's `data/`."""

    input: str
    """LAMMPS input script, looked up from the working folder, then from the recipe's."""
    variables: dict[str, int | float | str] = Field(default_factory=dict)
    """Variables handed to LAMMPS as `-var NAME VALUE`. The script must write its dump to `${dump}`."""


class Split(Part):
    """How frames are divided among training, validation and test."""

    method: Literal["blocks", "cut", "random", "file"] = "blocks"
    """`blocks`: the run is cut into blocks and each block into the three parts, with gaps between them, so that every
    part sees the whole run. `cut`: one cut in time. `random`: frames at random (neighbouring frames leak into the other
    parts). `file`: whole files, those named or as many as the shares say. Frames that come twice are left out once."""
    train: float = Field(default=0.8, gt=0, le=1)
    """Share of the frames for training."""
    validation: Fraction = 0.1
    """Share of the frames for choosing the best checkpoint."""
    test: Fraction = 0.1
    """Share of the frames for the final judgement; may be 0 where it comes from elsewhere."""
    blocks: PositiveInt = 10
    """Number of blocks; fewer are used where the gaps between them would take more than a fifth of the frames."""
    gap: Literal["auto"] | Annotated[int, Field(ge=0)] = "auto"
    """Frames left out between two neighbouring parts of one run. `auto`: as many as the structure needs to become
    another one, measured on the run; where these do not fit, what fits in a fifth of the frames, which is said."""
    validation_files: list[str] = Field(default_factory=list)
    """Names or patterns of the files for validation, such as "run3*.lammpstrj" (with `file` only)."""
    test_files: list[str] = Field(default_factory=list)
    """Names or patterns of the files for the test (with `file` only)."""

    @model_validator(mode="after")
    def _sum_to_one(self):
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError(
                f"train, validation and test must sum to 1, not {self.train + self.validation + self.test:g}"
            )
        return self

    @model_validator(mode="after")
    def _files_by_file(self):
        named = {"validation": self.validation_files, "test": self.test_files}
        if self.method != "file" and any(named.values()):
            raise ValueError(f'validation_files and test_files need method "file", not "{self.method}"')
        for part, files in named.items():
            share = getattr(self, part)
            if files and not share:
                raise ValueError(f"{part}_files names files, but {part} is 0: give it a share, or name none")
            if not files and share and any(named.values()):
                raise ValueError(f"files are named, but {part}_files names none: name some, or set {part} to 0")
        return self


class Data(Part):
    """Where the frames come from and what they mean."""

    source: str | list[str]
    """A dump, a glob of dumps or a list of them, an .h5 dataset or a .tfrecord folder; looked up from the working
    folder, then from the recipe's."""
    simulate: Simulation | None = None
    """Makes the source where it is missing."""
    units: Literal["real", "metal", "lj"] | None = None
    """LAMMPS unit style of the numbers; must agree with what the data say of themselves."""
    types: dict[Annotated[str, Field(pattern=r"^[1-9][0-9]*$")], Name] | None = None
    """Name of each LAMMPS type, such as {"1": "O", "2": "H"}; must agree with what the data say of themselves."""
    columns: dict[str, str] | None = None
    """What dumps call some columns, by what they mean, such as {"energy": "c_pe"}: potential energy of each atom."""
    atoms: dict[Name, AtomParameters] = Field(default_factory=dict)
    """Force-field parameters of each named species: the atom features of the network."""
    split: Split = Field(default_factory=Split)
    """How frames are divided among training, validation and test."""


# --- graph --------------------------------------------------------------------------------------------------------


class Radial(Part):
    """Radial basis in which distances are expanded."""

    basis: Literal["bessel", "gaussian"] = "bessel"
    """`bessel`: spherical Bessel functions (arXiv 2003.03123, eq. 7). `gaussian`: evenly spaced Gaussians (arXiv
    1706.08566)."""
    functions: PositiveInt = 8
    """Number of functions."""


class Graph(Part):
    """Which atoms are neighbours, and what an edge tells about its pair."""

    cutoff: PositiveFloat
    """Pairs nearer than this are edges, periodic images included; in the data's length unit."""
    edges: list[Literal["bond", "distance", "direction", "radial"]] = Field(
        default=["bond", "distance", "direction"], min_length=1
    )
    """Edge features. `bond`: one-hot of {different molecules, bonded, same molecule}. `distance`: one number.
    `direction`: the unit vector (then rotation must be learned). `radial`: the distance in a radial basis."""
    bonds: list[tuple[Name, Name]] | None = None
    """Pairs of species that are bonded when they share a molecule; null: any two different species of one molecule.
    Without molecule ids all pairs count as of different molecules."""
    radial: Radial = Field(default_factory=Radial)
    """Used where `edges` holds `radial`."""
    envelope: bool = False
    """Multiply messages and pair forces by a polynomial that ends smoothly at the cutoff (arXiv 2003.03123, eq. 8)."""

    @model_validator(mode="after")
    def _no_repeats(self):
        if len(set(self.edges)) != len(self.edges):
            raise ValueError("edges names a feature twice")
        return self


# --- model --------------------------------------------------------------------------------------------------------


class Mlp(Part):
    """Dense + activation, then `hidden_layers` x (dropout, dense without bias, activation), then dense."""

    units: PositiveInt = 128
    """Width of every layer of the perceptron."""
    hidden_layers: int = Field(default=2, ge=0)
    """Number of hidden layers after the first."""
    dropout: Fraction = 0.0
    """Share of the activations dropped before each hidden layer during training."""
    activation: Literal["prelu", "silu"] = "prelu"
    """`prelu` learns one slope per channel, from 0.25 (arXiv 1502.01852); `silu` is smooth."""


class Entry(Part):
    """An entry of the layer stack."""

    name: Name | None = None
    """Name in the model, by which transfer finds the layer; by default the layer's kind and its number of that kind."""


class AtomEncoder(Entry, Mlp):
    """Perceptron from what a species is to the atoms' features."""

    layer: Literal["atom_encoder"]
    inputs: Literal["parameters", "species"] = "parameters"
    """`parameters`: charge, epsilon and sigma of `data.atoms`, so that another element is another point of the same
    space. `species`: a one-hot of the species, for substances whose parameters nobody knows."""


class EdgeEncoder(Entry, Mlp):
    """Perceptron from the edge features of `graph.edges` to those that later layers read, if it is there."""

    layer: Literal["edge_encoder"]


class MessagePassing(Entry, Mlp):
    """x_i' = MLP(sum_j MLP((x_i * x_j) || e_ji)), the sum over neighbours (the general shape: arXiv 2112.03383)."""

    layer: Literal["message_passing"]
    combine: Literal["product", "sum"] = "product"
    """How the pair enters the inner perceptron. `product`: (x_i * x_j) || e_ji, as in the network of origin. `sum`:
    A x_i + B x_j + C e_ji, many times cheaper on long neighbour lists."""
    bond_features: bool = False
    """Whether this layer's edge features include the bond one-hot."""
    residual: bool = False
    """Whether the input is added to the output."""


class GraphNorm(Entry):
    """Normalisation over the atoms of each graph, with a learned share of the mean (arXiv 2009.03294)."""

    layer: Literal["graph_norm"]


class PReLU(Entry):
    """max(0, x) + a min(0, x), the slope a learned per channel from 0.25 (arXiv 1502.01852)."""

    layer: Literal["prelu"]


class Dropout(Entry):
    """Sets a share of the atom features to zero during training."""

    layer: Literal["dropout"]
    rate: Fraction = 0.1
    """The share."""


class Dense(Entry):
    """A linear map of the atom features."""

    layer: Literal["dense"]
    units: PositiveInt = 128
    """Width of the output."""
    bias: bool = True
    """Whether a constant is added."""


class ForceDecoder(Entry, Mlp):
    """Perceptron from the atom features to the three force components; rotation must be learned."""

    layer: Literal["force_decoder"]


class PairForceDecoder(Entry, Mlp):
    """F_i = sum_j f_ij r_ij/|r_ij|, f_ij from a perceptron over both atoms and their edge: turns with the atoms."""

    layer: Literal["pair_force_decoder"]
    antisymmetric: bool = True
    """f_ij = f_ji, so that forces sum to zero exactly."""


LayerEntry = Annotated[
    AtomEncoder | EdgeEncoder | MessagePassing | GraphNorm | PReLU | Dropout | Dense | ForceDecoder | PairForceDecoder,
    Field(discriminator="layer"),
]


class Model(Part):
    """The network as a stack of layers, read from top to bottom."""

    layers: list[LayerEntry] = Field(min_length=2)
    """The stack; `layer` names the kind of each entry."""
    normalization: Literal["training", "none"] = "training"
    """`training`: forces are scaled by the RMS force component of the training split and sums over neighbours by its
    mean number of neighbours. `none`: raw forces, as the network of origin did."""


# --- training -----------------------------------------------------------------------------------------------------


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


class Recipe(Part):
    """A whole recipe."""

    schema_: str | None = Field(default=None, alias="$schema")
    """Path of recipe.schema.json, so that an editor completes and checks while typing."""
    name: Name
    """Names the model, its run folder and its files."""
    description: str = ""
    """What this recipe is for, in a sentence."""
    data: Data
    """Where the frames come from and what they mean."""
    graph: Graph
    """Which atoms are neighbours, and what an edge tells about its pair."""
    model: Model
    """The network."""
    training: Training = Field(default_factory=Training)
    """The training schedule."""
