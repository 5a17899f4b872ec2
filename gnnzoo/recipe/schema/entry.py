"""The base of all entries of the layer stack, and the options that several of them share."""

from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from gnnzoo.recipe.layer_traits import EdgeFeature, LayerTraits, Option, SpeciesInputs
from gnnzoo.recipe.schema.base import Fraction, Functions, Name, Section, Width

SMOOTH_ACTIVATION = "silu"
_MOST_WEIGHTS = 2**26  # of one perceptron: 270 MB


class Mlp(Section):
    """Dense + activation, then `hidden_layers` x (dropout, dense without bias, activation), then dense."""

    units: Width = 128
    """Width of every layer of the perceptron."""
    hidden_layers: int = Field(default=2, ge=0, le=64)
    """Number of hidden layers after the first."""
    dropout: Fraction = 0.0
    """Share of the activations dropped before each hidden layer during training."""
    activation: Literal["prelu", "silu"] = "prelu"
    """`prelu` learns one slope per channel, from 0.25 (arXiv 1502.01852); `silu` is smooth."""

    @model_validator(mode="after")
    def _fits_into_memory(self) -> Self:
        weights = self.units**2 * (self.hidden_layers + 2)
        if weights > _MOST_WEIGHTS:
            raise ValueError(
                f"units {self.units} with {self.hidden_layers} hidden layers are {weights / 1e6:.0f} million weights, "
                f"more than {_MOST_WEIGHTS / 1e6:.0f} million"
            )
        return self


class RadialReader(Section):
    """A layer that reads the radial basis of `graph.radial`."""

    functions: Functions | None = None
    """Number of radial functions that are read, the first and smoothest ones; null: all."""


class Entry(Section):
    """An entry of the layer stack.

    A subclass has a field `layer: Literal[NAME]` with the name that recipes use, its options as further fields, and two
    class attributes.

    Attributes:
        keras_class: "package.module:Class" of the Keras layer, a `layers.stack_layer.StackLayer`; it is imported when
            a network is built, so that recipes are read without TensorFlow.
        traits: what checks, models and transfers must know of the layer.
    """

    keras_class: ClassVar[str]
    traits: ClassVar[LayerTraits] = LayerTraits()

    name: Name | None = None
    """Name in the model, by which transfer finds the layer; by default the layer's kind and its number of that kind."""
    if TYPE_CHECKING:  # a field of each subclass, in the order in which recipes are written
        layer: str

    def has(self, trait: bool | Option) -> bool:
        """Whether a trait holds with the options of this entry.

        Args:
            trait: one of `traits` that an option may decide.

        Returns:
            The trait itself, or whether the entry's option has the value that it names.
        """
        return getattr(self, trait.key) == trait.value if isinstance(trait, Option) else trait

    def species_inputs(self) -> SpeciesInputs:
        """Inputs of an atom encoder for each species.

        Returns:
            Value of the option that the trait `species_inputs` names; "species" without that trait.
        """
        inputs: SpeciesInputs = getattr(self, self.traits.species_inputs) if self.traits.species_inputs else "species"
        return inputs

    def reads_bonds(self, edges: Collection[EdgeFeature]) -> bool:
        """Whether a layer that reads or encodes edges reads the bond one-hot.

        Args:
            edges: `graph.edges`.

        Returns:
            Value of the option `bond_features`; without that option, whether `edges` has "bond".
        """
        return bool(getattr(self, "bond_features", "bond" in edges))

    def radial_functions(self, available: int) -> int:
        """Number of radial functions that a layer reads.

        Args:
            available: `graph.radial.functions`.

        Returns:
            Value of the option `functions` of a layer that `reads_radial`; `available` where it is null, and without
            that option.
        """
        functions: int | None = getattr(self, "functions", None) if self.traits.reads_radial else None
        return functions or available

    def constructor_arguments(self) -> dict[str, object]:
        """Arguments of the Keras class that the entry gives.

        Returns:
            All options but the one that selects species inputs, which determines the argument `table`; a subclass may
            leave out others that the class does not take.
        """
        return self.model_dump(exclude={"layer", "name", self.traits.species_inputs or "layer"})
