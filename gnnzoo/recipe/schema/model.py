"""The network as a stack of layers."""

from typing import Annotated, Literal

from pydantic import Field

from gnnzoo.recipe.schema.base import Section
from gnnzoo.recipe.schema.equivariant_layers import (
    AtomicDensity,
    EnergyDecoder,
    PaiNNMessage,
    PaiNNUpdate,
    VectorForceDecoder,
    WaveMessage,
)
from gnnzoo.recipe.schema.layers import (
    AtomEncoder,
    Dense,
    Dropout,
    EdgeEncoder,
    ForceDecoder,
    GamdConvolution,
    GraphNorm,
    LayerNorm,
    MessagePassing,
    PairForceDecoder,
    PReLU,
    Residual,
    SchNetConvolution,
    SiLU,
)
from gnnzoo.recipe.schema.prior import PriorEntry

LayerEntry = Annotated[
    AtomEncoder
    | EdgeEncoder
    | MessagePassing
    | SchNetConvolution
    | GamdConvolution
    | GraphNorm
    | LayerNorm
    | PReLU
    | SiLU
    | Dropout
    | Dense
    | Residual
    | AtomicDensity
    | PaiNNMessage
    | PaiNNUpdate
    | WaveMessage
    | ForceDecoder
    | PairForceDecoder
    | VectorForceDecoder
    | EnergyDecoder,
    Field(discriminator="layer"),
]


class Model(Section):
    """The network as a stack of layers, read from top to bottom."""

    layers: list[LayerEntry] = Field(min_length=2)
    """The stack; `layer` names the kind of each entry."""
    prior: list[PriorEntry] = Field(default_factory=list)
    """Physics that is known beforehand; the network learns what it leaves."""
    normalization: Literal["training", "none"] = "training"
    """`training`: forces (less the prior) are scaled by the RMS force component of the training split and sums over
    neighbours by its mean number of neighbours. `none`: raw forces, as the network of origin did."""
