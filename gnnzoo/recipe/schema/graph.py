"""Which atoms are neighbours, and the features of their edges."""

from typing import Literal

from pydantic import Field, PositiveFloat, model_validator

from gnnzoo.recipe.layer_traits import EdgeFeature
from gnnzoo.recipe.schema.base import Functions, Name, Section


class Radial(Section):
    """Radial basis in which distances are expanded."""

    basis: Literal["bessel", "gaussian", "exp_normal"] = "bessel"
    """`bessel`: spherical Bessel functions (arXiv 2003.03123, eq. 7). `gaussian`: evenly spaced Gaussians (arXiv
    1706.08566). `exp_normal`: Gaussians of exp(-5 distance/cutoff), narrower at short distances (arXiv 1902.08408)."""
    functions: Functions = 8
    """Number of functions."""


class Graph(Section):
    """Which atoms are neighbours, and the features of their edges."""

    cutoff: PositiveFloat
    """Pairs nearer than this are edges, periodic images included; in the data's length unit."""
    edges: list[EdgeFeature] = Field(default=["bond", "distance", "direction"], min_length=1)
    """Edge features. `bond`: one-hot of {different molecules, bonded, same molecule}. `distance`: one number.
    `direction`: the unit vector (then rotations must be learned). `radial`: the distance in a radial basis."""
    bonds: list[tuple[Name, Name]] | None = None
    """Pairs of species that are bonded when they share a molecule; null: any two different species of one molecule.
    Without molecule ids all pairs are of different molecules."""
    radial: Radial = Field(default_factory=Radial)
    """Used where `edges` holds `radial`."""
    waves: PositiveFloat | None = None
    """Largest wave number of the plane waves that a `wave_message` reads, in the data's inverse length unit: about 10
    over the cutoff. Null: none. The box must be periodic."""
    envelope: bool = False
    """Multiply messages and pair forces by a polynomial that goes smoothly to zero at the cutoff (arXiv 2003.03123, eq.
    8)."""
    envelope_order: int = Field(default=6, ge=3, le=100)
    """The exponent p of the polynomial: the higher, the farther it stays near 1 and the steeper it falls."""

    @model_validator(mode="after")
    def _no_repeats(self) -> "Graph":
        if len(set(self.edges)) != len(self.edges):
            raise ValueError("edges names a feature twice")
        return self
