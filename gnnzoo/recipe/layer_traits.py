"""The record that a layer states about itself, next to its recipe entry; checks, models and transfers read it."""

from dataclasses import dataclass
from typing import Literal

EdgeFeature = Literal["bond", "distance", "direction", "radial"]  # in the order in which they are concatenated
SpeciesInputs = Literal["parameters", "species"]


@dataclass(frozen=True)
class Option:
    """A trait that one option of the entry decides: it holds where the entry's `key` has this value."""

    key: str
    value: bool | str = True


@dataclass(frozen=True, kw_only=True)
class LayerTraits:
    """Properties of a layer that other parts of gnnzoo must know; by default those of a layer on atom features alone.

    Four options have the same meaning in every entry that has them, and need no trait:
    - `units`: width of the atom features after the layer, see `sets_width`.
    - `activation`: must be smooth under an energy head.
    - `bond_features`: whether a layer that reads or encodes edges reads the bond one-hot; without the option it does
      where `graph.edges` has "bond" (`Entry.reads_bonds`).
    - `functions`: of a layer that `reads_radial`, number of radial functions that it reads; without the option, or
      where it is null, all of `graph.radial` (`Entry.radial_functions`).

    Attributes:
        encodes_atoms: makes the atom features from the species; such a layer stands first, and only there.
        species_inputs: of a layer that encodes atoms, the option that selects what its argument `table` holds for each
            species: "parameters" for charge, epsilon and sigma, "species" for a one-hot. Without this trait a one-hot.
        encodes_edges: replaces the edge features; it stands before the layers that read them.
        activation: a function of each number of the atom features by itself.
        head: "direct" for a head that returns forces, "energy" for one that returns atom energies.
        reads_edges: reads the edge features of `graph.edges`, encoded where an edge encoder stands before it.
        reads_radial: reads the radial basis itself; its weights are linear in the radial functions.
        reads_waves: reads the plane waves of `graph.waves`.
        needs_edges: edge features of which `graph.edges` must have at least one.
        makes_vectors: creates vectors of the width of the atom features, or adds to those that there are.
        reads_vectors: needs vectors from a layer before it.
        sets_width: its option `units`, where it has one, is the width of the atom features after it.
        adds_input: adds the atom features that come in to those that go out.
        adds_output_of: option that names an earlier layer, after which the atom features are added.
        has_weights: has trainable weights.
        mixes_channels: combines channels of an atom or its neighbours with each other.
        smooth: has continuous derivatives, as an energy needs that is differentiated; an option `activation` is checked
            apart.
        couples_graph: connects all atoms of a graph, whatever their distance.
        equivariant: its output rotates with its input; with `direction` among the edge features nothing does.
        zero_net_force: of a head: its forces sum to zero.
    """

    encodes_atoms: bool = False
    species_inputs: str | None = None
    encodes_edges: bool = False
    activation: bool = False
    head: Literal["direct", "energy"] | None = None
    reads_edges: bool = False
    reads_radial: bool = False
    reads_waves: bool = False
    needs_edges: tuple[EdgeFeature, ...] = ()
    makes_vectors: bool = False
    reads_vectors: bool = False
    sets_width: bool = True
    adds_input: bool | Option = False
    adds_output_of: str | None = None
    has_weights: bool = True
    mixes_channels: bool = True
    smooth: bool = True
    couples_graph: bool | Option = False
    equivariant: bool = True
    zero_net_force: bool | Option = False
