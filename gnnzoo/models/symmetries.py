"""What a model promises, derived from its recipe: the one place that says which symmetries its stack holds exactly.

Tests hold every recipe to it (`tests/contracts.py`), and whoever describes a model says what it says. A layer or head
that brings a promise, or breaks one, is named here.
"""

from dataclasses import dataclass

from gnnzoo.recipe.schema.entry import Entry
from gnnzoo.recipe.schema.prior import CoulombPrior, LennardJonesPrior
from gnnzoo.recipe.schema.recipe import Recipe

# Priors whose energy and force are shifted to zero at the cutoff, but not the slope of the force.
_SHIFTED = (LennardJonesPrior, CoulombPrior)


@dataclass(frozen=True)
class Symmetries:
    """What holds by construction, whatever the weights.

    Attributes:
        rotation: forces turn with the atoms, and are mirrored with them.
        smooth_cutoff: forces and their slopes are continuous where a pair passes the cutoff.
        conservative: forces are -dE/dx of an energy that the network returns, with its virial.
        zero_net_force: the forces of a graph sum to zero.
        additive: groups of atoms farther apart than the layers reach do not feel each other.
    """

    rotation: bool
    smooth_cutoff: bool
    conservative: bool
    zero_net_force: bool
    additive: bool


def heads(recipe: Recipe) -> list[str | None]:
    """What `head` may be when the recipe's network is called: None of a single one, else "direct" and "energy"."""
    return [None] if len(_heads(recipe)) == 1 else ["direct", "energy"]


def symmetries(recipe: Recipe, head: str | None = None) -> Symmetries:
    """What the forces of a recipe's network promise.

    Args:
        recipe: its `graph` and `model` are read.
        head: of a stack of two, "direct" or "energy"; by default the last.
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


def reads_molecules(recipe: Recipe) -> bool:
    """Whether forces depend on which atoms share a molecule: by bond features of edges, or by any prior.

    Lennard-Jones and charges act otherwise between than within molecules, springs within them alone, and a repulsion
    begins at another distance.
    """
    return "bond" in recipe.graph.edges or bool(recipe.model.prior)


def _heads(recipe: Recipe) -> list[Entry]:
    return [entry for entry in recipe.model.layers if entry.traits.head]
