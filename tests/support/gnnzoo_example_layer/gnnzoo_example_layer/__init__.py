"""A layer of another package: its recipe entry, which is read without TensorFlow. See `keras_layer` for the layer."""

from typing import ClassVar, Literal

from gnnzoo.recipe.layer_traits import LayerTraits, Option
from gnnzoo.recipe.schema.entry import Entry


class FilteredSum(Entry):
    """x_i' = x_i + sum_j w_ij (F R(r_ij)) * x_j: features of neighbours filtered by their distance."""

    keras_class: ClassVar = "gnnzoo_example_layer.keras_layer:FilteredSum"
    traits: ClassVar = LayerTraits(reads_radial=True, adds_input=Option("residual"))

    layer: Literal["filtered_sum"]
    residual: bool = True
    """Whether the input is added to the output."""
