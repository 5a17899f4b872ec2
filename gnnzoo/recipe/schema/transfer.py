"""A training that begins with the weights of a trained model: what moves, and what of it is trained."""

from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field, PositiveInt

from gnnzoo.recipe.schema.base import Fraction, Name, Section

HEADS_FIRST = 0.2  # share of the schedule in which a staged transfer trains the heads alone
Strategy = Literal["full", "heads", "staged", "discriminative", "lora"]


class StartFrom(Section):
    """The trained model with whose weights training begins, so that it is a transfer."""

    model: str
    """A .keras file of gnnzoo, looked up from the working folder, then from the recipe's."""
    strategy: Strategy = "discriminative"
    """`full`: everything is trained. `heads`: the heads alone, and layers that did not move. `staged`: these for the
    first fifth, then everything. `discriminative`: each layer below the heads at a rate 2.6 times lower than the one
    above it (arXiv 1801.06146), activations and normalisations with the layer below them. `lora`: of the layers that
    moved, matrices keep what they were and learn a product of two narrow ones beside it (arXiv 2106.09685), which is
    added to them at the end."""
    freeze: list[str] = Field(default_factory=list)
    """Names or patterns of layers that are not trained, such as "atomic_density_*"."""
    reset: list[str] = Field(default_factory=list)
    """Names or patterns of layers that begin anew instead of with the model's weights."""
    radial: Literal["extend", "stretch"] = "extend"
    """How distances move where cutoff or radial basis differ. `extend`: each function of the distance is kept in length
    units, as well as the target's basis can, and in layers that are linear in it is zero beyond the old cutoff; sums
    over the same neighbours keep their size. `stretch`: distances count in cutoffs, with the n-th radial function for
    the n-th, and sums over neighbours in mean numbers of neighbours."""
    map: dict[Name, Name] = Field(default_factory=dict)
    """For learned embeddings of species: which species of the model each one begins as, such as {"Ar": "O"}; those that
    are in both begin as what they are."""
    rank: PositiveInt = 8
    """Width of the products of `lora`."""
    replay: Fraction = 0.0
    """Share of the steps that go on with the model's own training frames, so that it is not forgotten."""


def matching(patterns: list[str], names: list[str]) -> set[str]:
    """The names that at least one of the patterns stands for; case counts."""
    return {name for name in names for pattern in patterns if fnmatchcase(name, pattern)}
