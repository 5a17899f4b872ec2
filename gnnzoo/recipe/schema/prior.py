"""What physics is known beforehand: forces that a recipe declares, to which the network adds the rest."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat

from gnnzoo.recipe.schema.base import Name, Section


class LennardJonesPrior(Section):
    """4 epsilon ((sigma/r)^12 - (sigma/r)^6) between molecules, epsilon and sigma of `data.atoms`; energy and force are
    shifted to zero at the cutoff."""

    prior: Literal["lennard_jones"]
    mixing: Literal["arithmetic", "geometric"] = "arithmetic"
    """How sigma of two species is combined; epsilon is the geometric mean either way."""


class CoulombPrior(Section):
    """Charges of `data.atoms` within the cutoff, by the damped shifted force (Fennell and Gezelter, J. Chem. Phys. 124,
    234104 (2006), eq. 18); pairs of one molecule feel only what the shift makes of them."""

    prior: Literal["coulomb"]
    damping: float = Field(ge=0)
    """In inverse length units; 0.2 per A suits a cutoff of 6 A."""


class Bond(Section):
    """k (r - length)^2 between bonded atoms, without the half, as LAMMPS writes it."""

    types: tuple[Name, Name]
    """The two species."""
    k: PositiveFloat
    """Energy per squared length."""
    length: PositiveFloat
    """Length at rest."""


class Angle(Section):
    """k (theta - degrees)^2 at an atom with exactly two bonds, without the half and in radians, as LAMMPS writes it."""

    types: tuple[Name, Name, Name]
    """The three species, the middle one in the middle."""
    k: PositiveFloat
    """Energy per squared radian."""
    degrees: float = Field(gt=0, le=180)
    """Angle at rest, in degrees."""


class HarmonicPrior(Section):
    """Springs along bonds and angles within molecules; atoms are bonded as `graph.bonds` says."""

    prior: Literal["harmonic"]
    bonds: list[Bond] = Field(min_length=1)
    """Springs along bonds."""
    angles: list[Angle] = Field(default_factory=list)
    """Springs between bonds."""


class RepulsionPrior(Section):
    """Screened repulsion of nuclei (Ziegler, Biersack, Littmark, 1985), which sets in smoothly below the shortest
    distance that the training frames, or 256 of them evenly spaced, hold for each two species: a network that never saw
    closer atoms cannot let them fall into each other. Species must be named by their elements. Next to nothing changes
    on frames like those of training."""

    prior: Literal["repulsion"]


PriorEntry = Annotated[LennardJonesPrior | CoulombPrior | HarmonicPrior | RepulsionPrior, Field(discriminator="prior")]
