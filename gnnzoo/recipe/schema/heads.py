"""Entries of the heads: from features to forces, or to an energy whose derivative they are."""

from typing import ClassVar, Literal

from pydantic import Field

from gnnzoo.recipe.layer_traits import LayerTraits, Option
from gnnzoo.recipe.schema.entry import Entry, Mlp


class ForceDecoder(Entry, Mlp):
    """Perceptron from the atom features to the three force components; rotations must be learned."""

    keras_class: ClassVar = "gnnzoo.layers.heads:ForceDecoder"
    traits: ClassVar = LayerTraits(head="direct", needs_edges=("direction",), sets_width=False, equivariant=False)

    layer: Literal["force_decoder"]


class PairForceDecoder(Entry, Mlp):
    """F_i = sum_j f_ij r_ij/|r_ij|, f_ij from a perceptron over both atoms and their edge: equivariant."""

    keras_class: ClassVar = "gnnzoo.layers.heads:PairForceDecoder"
    traits: ClassVar = LayerTraits(
        head="direct", reads_edges=True, sets_width=False, zero_net_force=Option("antisymmetric")
    )

    layer: Literal["pair_force_decoder"]
    antisymmetric: bool = True
    """f_ij = f_ji, so that forces sum to zero exactly."""


class VectorForceDecoder(Entry, Mlp):
    """Equivariant forces from the vectors of each atom, gated by a perceptron over its scalars."""

    keras_class: ClassVar = "gnnzoo.layers.heads:VectorForceDecoder"
    traits: ClassVar = LayerTraits(head="direct", reads_vectors=True, sets_width=False)

    layer: Literal["vector_force_decoder"]


class EnergyDecoder(Entry, Mlp):
    """Perceptron from the atom features to the energy of each atom. Forces and virial are derivatives of the total
    energy, which molecular dynamics conserves. It stands last; a head of forces may stand before it, for a first stage
    of training (`training.stages`)."""

    keras_class: ClassVar = "gnnzoo.layers.heads:EnergyDecoder"
    traits: ClassVar = LayerTraits(head="energy", sets_width=False, zero_net_force=True)

    layer: Literal["energy_decoder"]
    activation: Literal["silu"] = Field(default="silu")
    """Always smooth: with a kink forces would be discontinuous."""
