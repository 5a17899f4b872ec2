"""Entries of the stack that work on invariant features: encoders, message passing, normalisations, activations."""

from typing import ClassVar, Literal

from gnnzoo.recipe.layer_traits import LayerTraits, Option
from gnnzoo.recipe.schema.base import Fraction, Name, Width
from gnnzoo.recipe.schema.entry import Entry, Mlp


class AtomEncoder(Entry, Mlp):
    """Perceptron from the parameters or the one-hot of a species to the atom features."""

    keras_class: ClassVar = "gnnzoo.layers.encoders:AtomEncoder"
    traits: ClassVar = LayerTraits(encodes_atoms=True, species_inputs="inputs")

    layer: Literal["atom_encoder"]
    inputs: Literal["parameters", "species"] = "parameters"
    """`parameters`: charge, epsilon and sigma of `data.atoms`, so that another element is another point of the same
    space. `species`: a one-hot of the species, for substances with unknown parameters; with `"hidden_layers": 0`
    it is a learned embedding: each species has a vector of its own, followed by an activation and a linear map."""


class EdgeEncoder(Entry, Mlp):
    """Perceptron from the edge features of `graph.edges` to those that later layers read; optional."""

    keras_class: ClassVar = "gnnzoo.layers.encoders:EdgeEncoder"
    traits: ClassVar = LayerTraits(encodes_edges=True, sets_width=False)

    layer: Literal["edge_encoder"]


class MessagePassing(Entry, Mlp):
    """x_i' = MLP(sum_j MLP((x_i * x_j) || e_ji)), the sum over neighbours (the general shape: arXiv 2112.03383)."""

    keras_class: ClassVar = "gnnzoo.layers.message_passing:MessagePassing"
    traits: ClassVar = LayerTraits(reads_edges=True, adds_input=Option("residual"))

    layer: Literal["message_passing"]
    combine: Literal["product", "sum"] = "product"
    """How the pair enters the inner perceptron. `product`: (x_i * x_j) || e_ji, as in the original network. `sum`:
    A x_i + B x_j + C e_ji, many times cheaper on long neighbour lists."""
    bond_features: bool = False
    """Whether this layer's edge features include the bond one-hot."""
    residual: bool = False
    """Whether the input is added to the output."""


class SchNetConvolution(Entry):
    """x_i' = x_i + MLP(sum_j (U x_j) * MLP(e_ji)): SchNet's continuous-filter convolution (arXiv 1706.08566). The
    second perceptron, of the edge features, is the filter; the activations are shifted softplus. Needs `radial` or
    `distance` among the edge features."""

    keras_class: ClassVar = "gnnzoo.layers.convolutions:SchNetConvolution"
    traits: ClassVar = LayerTraits(reads_edges=True, needs_edges=("radial", "distance"), adds_input=True)

    layer: Literal["schnet_convolution"]
    units: Width = 128
    """Width of the atom features before and after, and of the filters."""
    bond_features: bool = False
    """Whether this layer's edge features include the bond one-hot."""


class GamdConvolution(Entry):
    """x_i' = x_i + V s(P h_i + Q sum_j m_ij) with m_ij = h_j * MLP(s(MLP(e_ji) + A h_i + B h_j)), s the activation and
    h the layer-normalised x (arXiv 2112.03383). Needs `radial` or `distance` among the edge features; the paper uses
    `direction` too, and learns rotations."""

    keras_class: ClassVar = "gnnzoo.layers.convolutions:GamdConvolution"
    traits: ClassVar = LayerTraits(reads_edges=True, needs_edges=("radial", "distance"), adds_input=True)

    layer: Literal["gamd_convolution"]
    units: Width = 128
    """Width of the atom features before and after, and of the perceptrons."""
    activation: Literal["prelu", "silu"] = "silu"
    """`silu` is smooth; `prelu` learns one slope per channel, from 0.25 (arXiv 1502.01852)."""
    layer_norm: bool = True
    """Whether h is normalised over the channels of each atom; else h = x."""
    bond_features: bool = False
    """Whether this layer's edge features include the bond one-hot."""


class GraphNorm(Entry):
    """Normalisation of the atom features, channel by channel, over many atoms (arXiv 2009.03294)."""

    keras_class: ClassVar = "gnnzoo.layers.normalization:GraphNorm"
    traits: ClassVar = LayerTraits(mixes_channels=False, couples_graph=Option("statistics", "graph"))

    layer: Literal["graph_norm"]
    statistics: Literal["graph", "running"] = "graph"
    """Source of mean and standard deviation. `graph`: the atoms of each graph, with a learned share of the mean. This
    couples atoms at any distance: the force on an atom then depends on the size and the content of the box, and two
    distant systems in one box differ from each alone. `running`: moving averages over the batches of training, constant
    afterwards; each atom depends on its neighbourhood alone, in a box of any size."""
    momentum: Fraction = 0.999
    """With `running`: the share of the old average that a training step keeps; the first 1/(1 - momentum) steps average
    all batches equally. With a small value (0.9) the weights of the layers below drift."""


class LayerNorm(Entry):
    """Normalisation of each atom's features over their channels (arXiv 1607.06450), independent of other atoms."""

    keras_class: ClassVar = "gnnzoo.layers.normalization:LayerNorm"
    traits: ClassVar = LayerTraits(mixes_channels=False)

    layer: Literal["layer_norm"]


class PReLU(Entry):
    """max(0, x) + a min(0, x), the slope a learned per channel from 0.25 (arXiv 1502.01852)."""

    keras_class: ClassVar = "gnnzoo.layers.basic:PReLU"
    traits: ClassVar = LayerTraits(activation=True, mixes_channels=False, smooth=False)

    layer: Literal["prelu"]


class SiLU(Entry):
    """x / (1 + e^-x): a smooth activation."""

    keras_class: ClassVar = "gnnzoo.layers.basic:SiLU"
    traits: ClassVar = LayerTraits(activation=True, mixes_channels=False, has_weights=False)

    layer: Literal["silu"]


class Dropout(Entry):
    """Sets a share of the atom features to zero during training."""

    keras_class: ClassVar = "gnnzoo.layers.basic:Dropout"
    traits: ClassVar = LayerTraits(mixes_channels=False, has_weights=False)

    layer: Literal["dropout"]
    rate: Fraction = 0.1
    """The share."""


class Dense(Entry):
    """A linear map of the atom features."""

    keras_class: ClassVar = "gnnzoo.layers.basic:Dense"

    layer: Literal["dense"]
    units: Width = 128
    """Width of the output."""
    bias: bool = True
    """Whether a constant is added."""


class Residual(Entry):
    """Adds the atom features as they were after an earlier entry of the stack."""

    keras_class: ClassVar = "gnnzoo.layers.basic:Residual"
    traits: ClassVar = LayerTraits(adds_output_of="of", mixes_channels=False, has_weights=False)

    layer: Literal["residual"]
    of: Name
    """The earlier entry: its `name`, or where it has none its kind and its number of that kind, as `graph_norm_2`."""
