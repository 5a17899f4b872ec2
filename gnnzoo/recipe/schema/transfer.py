"""Recipe section `training.start_from`: a training that starts from the weights of a trained model."""

from fnmatch import fnmatchcase

from pydantic import Field

from gnnzoo.choices import RadialTransfer, Strategy
from gnnzoo.recipe.schema.base import Fraction, Name, Place, Section, Width

# Share of the schedule in which a staged transfer trains the heads alone: long enough for new heads to converge on the
# copied features, short enough to leave most of the schedule to all layers. Chosen by hand, not tuned.
HEADS_FIRST = 0.2


class StartFrom(Section):
    """Transfer: training starts from the weights of a trained model."""

    model: Place
    """A .keras file of gnnzoo, searched in the working folder, then in the recipe's folder."""
    strategy: Strategy = "discriminative"
    """Which layers are trained. `full`: all. `heads`: the heads and layers that were not copied. `staged`: these for
    the first fifth of the training, then all. `discriminative`: each layer below the heads with a learning rate 2.6
    times smaller than the one above it (arXiv 1801.06146), activations and normalisations with that of the layer below
    them. `lora`: copied matrices are kept and low-rank adapters are trained (arXiv 2106.09685), which are added to them
    at the end."""
    freeze: list[str] = Field(default_factory=list)
    """Names or patterns of layers that are not trained, such as "atomic_density_*"."""
    reset: list[str] = Field(default_factory=list)
    """Names or patterns of layers that start from random weights instead of the model's."""
    radial: RadialTransfer = "extend"
    """How radial functions are transferred if cutoff or radial basis differ. `extend`: each function of distance is
    refitted in length units with the target's basis, and in layers that are linear in it is zero beyond the old cutoff;
    sums over the same neighbours keep their size. `stretch`: the n-th radial function takes the weights of the n-th, so
    that distances scale with the cutoff, and sums over neighbours with the mean number of neighbours."""
    map: dict[Name, Name] = Field(default_factory=dict)
    """For learned embeddings of species: the model's species that each target species starts as, such as {"Ar": "O"};
    species of both start as themselves."""
    rank: Width = 8
    """Width of the adapters of `lora`."""
    replay: Fraction = 0.0
    """Share of the steps that train on the model's own training frames, so that they are not forgotten."""


def matching(patterns: list[str], names: list[str]) -> set[str]:
    """Names that match at least one pattern.

    Args:
        patterns: names or patterns with `*`, `?` and `[...]`, case-sensitive.
        names: names to choose from.

    Returns:
        The matching names.
    """
    return {name for name in names for pattern in patterns if fnmatchcase(name, pattern)}
