"""Exact symmetries of a model, determined from the graph, the layers and the priors of its recipe.

They follow from the traits of the layers (`LayerTraits`); `gnnzoo.testing.ModelContract` checks that they hold.
"""

from dataclasses import dataclass

from gnnzoo.recipe.schema.entry import Entry
from gnnzoo.recipe.schema.prior import CoulombPrior, LennardJonesPrior
from gnnzoo.recipe.schema.recipe import Recipe

# Priors whose energy and force are shifted to zero at the cutoff, but not the slope of the force.
_SHIFTED = (LennardJonesPrior, CoulombPrior)


@dataclass(frozen=True)
class Symmetries:
    """Properties that hold by construction, for any weights.

    Attributes:
        rotation: forces are rotated and reflected with the atoms.
        smooth_cutoff: forces and their slopes are continuous where a pair passes the cutoff.
        conservative: forces are -dE/dx of an energy that the network returns, with its virial.
        zero_net_force: the forces of a graph sum to zero.
        additive: groups of atoms that are farther apart than the layers reach do not interact.
    """

    rotation: bool
    smooth_cutoff: bool
    conservative: bool
    zero_net_force: bool
    additive: bool


def heads(recipe: Recipe) -> list[str | None]:
    """Values that the argument `head` of the recipe's network may have.

    Args:
        recipe: its stack is read.

    Returns:
        [None] for a single head, else ["direct", "energy"].
    """
    return [None] if len(_heads(recipe)) == 1 else ["direct", "energy"]


def symmetries(recipe: Recipe, head: str | None = None) -> Symmetries:
    """Exact symmetries of the forces of a recipe's network.

    Args:
        recipe: its `graph` and `model` are read.
        head: of a stack of two, "direct" or "energy"; by default the last.

    Returns:
        One flag for each symmetry.
    """
    entry = _heads(recipe)[0 if head == "direct" else -1]
    stack = [layer for layer in recipe.model.layers if not layer.traits.head or layer is entry]
    return Symmetries(
        # among the edge features the components of a direction are plain numbers
        rotation="direction" not in recipe.graph.edges and all(layer.traits.equivariant for layer in stack),
        smooth_cutoff=recipe.graph.envelope and not any(isinstance(prior, _SHIFTED) for prior in recipe.model.prior),
        conservative=entry.traits.head == "energy",
        zero_net_force=entry.has(entry.traits.zero_net_force),
        additive=not any(layer.has(layer.traits.couples_graph) for layer in stack),
    )


def is_pairwise(recipe: Recipe) -> bool:
    """Whether forces are sums over pairs, along the line of two atoms, of what depends on species and distance alone.

    Args:
        recipe: its layers are read; molecules, see `reads_molecules`, may distinguish pairs as well.

    Returns:
        True for a direct head of pair forces on atom features that no layer combines with those of others.
    """
    *layers, head = recipe.model.layers
    return (
        head.traits.head == "direct"
        and head.traits.equivariant
        and head.has(head.traits.zero_net_force)
        and not any(layer.traits.head or _reads_neighbors(layer) for layer in layers)
    )


def _reads_neighbors(layer: Entry) -> bool:
    traits = layer.traits
    return (
        traits.reads_edges
        or traits.reads_radial
        or traits.reads_waves
        or traits.encodes_edges
        or layer.has(traits.couples_graph)
    )


def reads_molecules(recipe: Recipe) -> bool:
    """Whether forces depend on which atoms share a molecule: by bond features of edges, or by any prior.

    Lennard-Jones and charges act differently between and within molecules, springs within them alone, and a repulsion
    begins at another distance.

    Args:
        recipe: its `graph.edges` and `model.prior` are read.

    Returns:
        True where molecule ids are needed.
    """
    return "bond" in recipe.graph.edges or bool(recipe.model.prior)


def _heads(recipe: Recipe) -> list[Entry]:
    return [entry for entry in recipe.model.layers if entry.traits.head]
