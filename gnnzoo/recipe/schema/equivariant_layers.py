"""Entries of the stack whose features turn with the atoms, and the heads that go with them."""

from typing import Literal

from pydantic import Field, PositiveInt

from gnnzoo.recipe.schema.base import Section
from gnnzoo.recipe.schema.layers import Entry, Mlp


class RadialReader(Section):
    """A layer that reads the radial basis of `graph.radial`."""

    functions: PositiveInt | None = None
    """How many of the radial functions are read, the first ones, which are the smoothest; null: all."""


class AtomicDensity(Entry, RadialReader):
    """Density of neighbours around each atom in Cartesian tensors (arXiv 2402.07472), mapped to scalars
    and vectors of the width of the atom features, with products of up to three densities. Makes the vectors that later
    layers read."""

    layer: Literal["atomic_density"]
    channels: PositiveInt = 4
    """Channels of the density, linear in the atom features; as many as there are species tell them all apart."""
    rank: Literal[1, 2] = 2
    """Highest rank: 1 for vectors, 2 for tensors beside them."""


class PaiNNMessage(Entry, RadialReader):
    """Scalars and vectors from neighbours, added to those of each atom (arXiv 2102.03150, eqs. 7 and 8)."""

    layer: Literal["painn_message"]
    filters: Literal["channel", "mixing"] = "mixing"
    """`channel`: a radial filter for each channel, as in the paper. `mixing`: each radial function has a matrix from
    channels to channels: more weights, little more time, smaller errors."""


class WaveMessage(Entry):
    """Potential and field of learned charges through the plane waves of the periodic box, added to scalars and vectors:
    what acts beyond the cutoff, as electrostatics do (Ewald message passing, arXiv 2303.04791). Reads `graph.waves`. As
    the second entry its charges are those of the species, and a model serves larger boxes than it was trained in."""

    layer: Literal["wave_message"]
    channels: PositiveInt = 8
    """Number of learned charges of each atom."""
    functions: PositiveInt = 2
    """Number of Gaussians that the filters are made of. Few hold better for the longer waves of larger boxes."""


class PaiNNUpdate(Entry):
    """Scalars and vectors of each atom act on each other (arXiv 2102.03150, eqs. 9 and 10)."""

    layer: Literal["painn_update"]


class VectorForceDecoder(Entry, Mlp):
    """Forces from the vectors of each atom, gated by a perceptron over its scalars: they turn with the atoms."""

    layer: Literal["vector_force_decoder"]


class EnergyDecoder(Entry, Mlp):
    """Perceptron from the atom features to the share of each atom in the energy. Forces are the derivative of the
    energy, so that dynamics conserve it, and a virial comes with them. Stands last; a head of forces may stand before
    it, for a first stage of training (`training.stages`)."""

    layer: Literal["energy_decoder"]
    activation: Literal["silu"] = Field(default="silu")
    """Smooth on purpose: with a kink forces would jump."""
