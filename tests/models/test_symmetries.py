"""What a recipe with a prior promises, and whether it reads molecules."""

import pytest

from gnnzoo.models.symmetries import reads_molecules, symmetries
from small import WATER, recipe

HARMONIC = {"prior": "harmonic", "bonds": [{"types": ["O", "H"], "k": 500.0, "length": 1.0}]}
KINDS = [
    ({"prior": "lennard_jones"}, False),
    ({"prior": "coulomb", "damping": 0.2}, False),
    (HARMONIC, True),
    ({"prior": "repulsion"}, True),
]


def with_prior(*prior, edges=("radial",)):
    return recipe(WATER, graph={"edges": list(edges)}, model={"prior": list(prior)})


@pytest.mark.parametrize(("prior", "smooth"), KINDS, ids=[prior["prior"] for prior, _ in KINDS])
def test_a_shifted_force_ends_with_a_kink(prior, smooth):
    assert symmetries(with_prior(prior)).smooth_cutoff == smooth
    assert symmetries(with_prior(*{prior["prior"]: prior, "harmonic": HARMONIC}.values())).smooth_cutoff == smooth


@pytest.mark.parametrize("prior", [prior for prior, _ in KINDS], ids=[prior["prior"] for prior, _ in KINDS])
def test_every_prior_reads_molecules(prior):
    assert reads_molecules(with_prior(prior))


def test_without_a_prior_bond_features_read_molecules():
    assert reads_molecules(with_prior(edges=("bond", "radial")))
    assert not reads_molecules(with_prior())
