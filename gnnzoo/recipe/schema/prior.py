"""Known interactions: as priors of a network, and as the reference interactions of data."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat

from gnnzoo.recipe.schema.base import Name, Section


class PairParameters(Section):
    """Lennard-Jones parameters of two species that are not the means of those of each, or of one with itself."""

    types: tuple[Name, Name]
    """The two species."""
    epsilon: NonNegativeFloat
    """Depth, energy unit."""
    sigma: PositiveFloat
    """Distance at which the energy is zero, length unit."""


class LennardJonesPrior(Section):
    """4 epsilon ((sigma/r)^12 - (sigma/r)^6) between molecules, epsilon and sigma of `data.atoms` or of `pairs`; energy
    and force are shifted to zero at the cutoff."""

    prior: Literal["lennard_jones"]
    mixing: Literal["arithmetic", "geometric"] = "arithmetic"
    """Mean of the sigma of two species; the mean of epsilon is geometric."""
    pairs: list[PairParameters] = Field(default_factory=list)
    """Pairs of species with parameters of their own, as of the mixture of Kob and Andersen. Where all pairs have some,
    `data.atoms` is not needed."""


class CoulombPrior(Section):
    """Charges of `data.atoms` within the cutoff, by the damped shifted force (Fennell and Gezelter, J. Chem. Phys. 124,
    234104 (2006), eq. 18); pairs of one molecule have the contribution of the shift alone."""

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
    """Screened repulsion of nuclei (Ziegler, Biersack, Littmark, 1985) below the shortest distance of each two species
    in the training frames, or in 256 of them evenly spaced, with a smooth onset: it keeps apart atoms that are closer
    than any the network was trained on. Species must be named by their elements. On frames like those of training it is
    nearly zero."""

    prior: Literal["repulsion"]


# Interactions of the data, which act without cutoff.
ReferenceEntry = Annotated[LennardJonesPrior | CoulombPrior | HarmonicPrior, Field(discriminator="prior")]
PriorEntry = Annotated[LennardJonesPrior | CoulombPrior | HarmonicPrior | RepulsionPrior, Field(discriminator="prior")]
