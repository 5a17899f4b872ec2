"""The network as a stack of layers."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from gnnzoo.recipe.layer_registry import registry
from gnnzoo.recipe.schema.base import Section
from gnnzoo.recipe.schema.entry import Entry
from gnnzoo.recipe.schema.prior import PriorEntry

if TYPE_CHECKING:
    LayerEntry = Entry
else:  # a union of all entries, discriminated by `layer`
    LayerEntry = Annotated[reduce(or_, registry().entries.values()), Field(discriminator="layer")]

_MOST_HIDDEN_LAYERS = 512  # of all perceptrons; a network of so many is built within seconds


class Model(Section):
    """The network as a stack of layers, read from top to bottom."""

    layers: list[LayerEntry] = Field(min_length=2, max_length=256)
    """The stack; `layer` names the kind of each entry."""
    prior: list[PriorEntry] = Field(default_factory=list, max_length=16)
    """Known interactions; the network learns the rest of the forces."""
    normalization: Literal["training", "none"] = "training"
    """`training`: forces (less the prior) are scaled by the RMS force component of the training split and sums over
    neighbours by its mean number of neighbours. `none`: raw forces, as in the original network."""

    @model_validator(mode="after")
    def _not_too_deep(self) -> Self:
        hidden = sum(getattr(entry, "hidden_layers", 0) for entry in self.layers)
        if hidden > _MOST_HIDDEN_LAYERS:
            raise ValueError(f"{hidden} hidden layers in all, more than {_MOST_HIDDEN_LAYERS}")
        return self
