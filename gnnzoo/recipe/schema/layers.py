"""The entries of the layer stack."""

from typing import Literal

from pydantic import Field, PositiveInt

from gnnzoo.recipe.schema.base import Fraction, Name, Section


class Mlp(Section):
    """Dense + activation, then `hidden_layers` x (dropout, dense without bias, activation), then dense."""

    units: PositiveInt = 128
    """Width of every layer of the perceptron."""
    hidden_layers: int = Field(default=2, ge=0)
    """Number of hidden layers after the first."""
    dropout: Fraction = 0.0
    """Share of the activations dropped before each hidden layer during training."""
    activation: Literal["prelu", "silu"] = "prelu"
    """`prelu` learns one slope per channel, from 0.25 (arXiv 1502.01852); `silu` is smooth."""


class Entry(Section):
    """An entry of the layer stack."""

    name: Name | None = None
    """Name in the model, by which transfer finds the layer; by default the layer's kind and its number of that kind."""


class AtomEncoder(Entry, Mlp):
    """Perceptron from what a species is to the atoms' features."""

    layer: Literal["atom_encoder"]
    inputs: Literal["parameters", "species"] = "parameters"
    """`parameters`: charge, epsilon and sigma of `data.atoms`, so that another element is another point of the same
    space. `species`: a one-hot of the species, for substances whose parameters nobody knows; with `"hidden_layers": 0`
    it is a learned embedding: each species has a vector of its own, on which an activation and a linear map follow."""


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


class SchNetConvolution(Entry):
    """x_i' = x_i + MLP(sum_j (U x_j) * MLP(e_ji)): SchNet's continuous-filter convolution (arXiv 1706.08566). The
    second perceptron, of the edge features, is the filter; the activations are shifted softplus. Wants `radial` or
    `distance` among the edge features."""

    layer: Literal["schnet_convolution"]
    units: PositiveInt = 128
    """Width of the atom features before and after, and of the filters."""
    bond_features: bool = False
    """Whether this layer's edge features include the bond one-hot."""


class GamdConvolution(Entry):
    """x_i' = x_i + V s(P h_i + Q sum_j m_ij) with m_ij = h_j * MLP(s(MLP(e_ji) + A h_i + B h_j)), s the activation and
    h the layer-normalised x (arXiv 2112.03383). Wants `radial` or `distance` among the edge features; the paper has
    `direction` too, and learns rotation."""

    layer: Literal["gamd_convolution"]
    units: PositiveInt = 128
    """Width of the atom features before and after, and of the perceptrons."""
    activation: Literal["prelu", "silu"] = "silu"
    """`silu` is smooth; `prelu` learns one slope per channel, from 0.25 (arXiv 1502.01852)."""
    layer_norm: bool = True
    """Whether h is normalised over the channels of each atom; else h = x."""
    bond_features: bool = False
    """Whether this layer's edge features include the bond one-hot."""


class GraphNorm(Entry):
    """Normalisation of the atom features, channel by channel, over many atoms (arXiv 2009.03294)."""

    layer: Literal["graph_norm"]
    statistics: Literal["graph", "running"] = "graph"
    """Whose mean and deviation. `graph`: those of the atoms of each graph, with a learned share of the mean. They join
    atoms however far apart: the force on an atom then depends on the size of the box and on what else is in it, and two
    far systems in one box do not behave as each alone. `running`: moving averages over the batches of training, used
    as they are afterwards; each atom feels its neighbourhood alone, in a box of any size."""
    momentum: Fraction = 0.999
    """With `running`: the share of the old average that a training step keeps; the first 1/(1 - momentum) steps average
    all batches alike. With a short memory (0.9) the weights of the layers below drift."""


class LayerNorm(Entry):
    """Normalisation of each atom's features over their channels (arXiv 1607.06450); joins no atoms."""

    layer: Literal["layer_norm"]


class PReLU(Entry):
    """max(0, x) + a min(0, x), the slope a learned per channel from 0.25 (arXiv 1502.01852)."""

    layer: Literal["prelu"]


class SiLU(Entry):
    """x / (1 + e^-x): a smooth activation."""

    layer: Literal["silu"]


class Residual(Entry):
    """Adds the atom features as they were after an earlier entry of the stack."""

    layer: Literal["residual"]
    of: Name
    """The earlier entry: its `name`, or where it has none its kind and its number of that kind, as `graph_norm_2`."""


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
