"""Entries of the stack that work on equivariant features: scalars and vectors of each atom."""

from typing import ClassVar, Literal

from gnnzoo.recipe.layer_traits import LayerTraits
from gnnzoo.recipe.schema.base import Functions
from gnnzoo.recipe.schema.entry import Entry, RadialReader


class AtomicDensity(Entry, RadialReader):
    """Density of neighbours around each atom in Cartesian tensors (arXiv 2402.07472), mapped to scalars
    and vectors of the width of the atom features, with products of two and three densities. Makes the vectors that
    later layers read."""

    keras_class: ClassVar = "gnnzoo.layers.density:AtomicDensity"
    traits: ClassVar = LayerTraits(reads_radial=True, makes_vectors=True)

    layer: Literal["atomic_density"]
    channels: Functions = 4
    """Channels of the density, linear in the atom features; as many as there are species distinguish them all."""
    rank: Literal[1, 2, 3] = 2
    """Highest rank of the tensors, 1 being vectors. 3 resolves the angles between bonds best and has terms of more
    bodies; it takes about 1.4 times as long, and is worth it where frames are few or bonds directed."""


class PaiNNMessage(Entry, RadialReader):
    """Scalars and vectors from neighbours, added to those of each atom (arXiv 2102.03150, eqs. 7 and 8)."""

    keras_class: ClassVar = "gnnzoo.layers.painn:PaiNNMessage"
    traits: ClassVar = LayerTraits(reads_radial=True, makes_vectors=True)

    layer: Literal["painn_message"]
    filters: Literal["channel", "mixing"] = "mixing"
    """`channel`: a radial filter for each channel, as in the paper. `mixing`: each radial function has a matrix from
    channels to channels: more weights, little more time, smaller errors."""


class PaiNNUpdate(Entry):
    """Scalars and vectors of each atom are mixed (arXiv 2102.03150, eqs. 9 and 10)."""

    keras_class: ClassVar = "gnnzoo.layers.painn:PaiNNUpdate"
    traits: ClassVar = LayerTraits(makes_vectors=True, reads_vectors=True)

    layer: Literal["painn_update"]


class WaveMessage(Entry):
    """Potential and field of learned charges from the plane waves of the periodic box, added to scalars and vectors:
    interactions beyond the cutoff, such as electrostatics (Ewald message passing, arXiv 2303.04791). Reads
    `graph.waves`. As the second entry its charges depend on the species alone, and a model is valid in larger boxes
    than those of training."""

    keras_class: ClassVar = "gnnzoo.layers.wave_message:WaveMessage"
    traits: ClassVar = LayerTraits(reads_waves=True, makes_vectors=True, couples_graph=True)

    layer: Literal["wave_message"]
    channels: Functions = 8
    """Number of learned charges of each atom."""
    functions: Functions = 2
    """Number of Gaussians in the filters. Few of them extrapolate better to the longer waves of larger boxes."""
