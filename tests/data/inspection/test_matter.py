"""Kinds of matter, each from a little of it."""

import numpy as np
import pytest

from frames_in_memory import Frames
from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.inspection.matter import FAMILIES, kind_of_matter
from systems import changed, few_atoms, replicated, water_frame

DIAMOND = np.array([[0, 0, 0], [2, 2, 0], [2, 0, 2], [0, 2, 2], [1, 1, 1], [3, 3, 1], [3, 1, 3], [1, 3, 3]]) / 4
ROCKSALT = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) / 2


def crystal(fractions, edge, names, **values):
    """Two cubic cells along each axis; the atoms of a cell are named in turn."""
    count = len(fractions)
    kinds = list(dict.fromkeys(names))
    frame = Frame(
        step=0,
        positions=np.asarray(fractions, float) * edge,
        forces=np.ones((count, 3)),
        cell=np.eye(3) * edge,
        ids=np.arange(1, count + 1),
        types=np.array([kinds.index(names[n % len(names)]) + 1 for n in range(count)], np.int32),
        type_names=dict(enumerate(kinds, start=1)),
        units="metal",
        **values,
    )
    return replicated(frame, (2, 2, 2))


def charges(frame, by_name):
    return changed(frame, charges=np.array([by_name[name] for name in frame.names]))


WATER = water_frame(molecules=27, box=9.3)
NO_IDS = changed(WATER, molecules=None)
SALT = crystal(ROCKSALT, 5.6, ["Na", "Cl", "Cl", "Na", "Cl", "Na", "Na", "Cl"])
BEADS = changed(SALT, type_names={1: "A", 2: "B"}, units="lj", cell=SALT.cell / 3, positions=SALT.positions / 3)
VACUUM = changed(few_atoms(WATER, range(12), molecules=None), boundary=("ff", "ff", "ff"))
KINDS = {
    "water with ids": (WATER, "molecular-liquid", "3 atoms by their ids"),
    "water without ids": (NO_IDS, "molecular-liquid", "3 atoms by their distances"),
    "clusters in vacuum": (VACUUM, "molecules", "distances"),
    "silicon": (crystal(DIAMOND, 5.43, ["Si"]), "covalent", "whole box"),
    "copper": (crystal(DIAMOND, 5.1, ["Cu"]), "metal", "Cu"),
    "an alloy": (crystal(ROCKSALT, 5.6, ["Cu", "Ge"]), "metal", "Cu Ge"),
    "salt": (SALT, "ionic", "Na Cl"),
    "argon": (crystal(ROCKSALT, 7.4, ["Ar"]), "pair-fluid", "noble"),
    "beads": (BEADS, "pair-fluid", "no elements"),
    "charged beads": (charges(BEADS, {"A": 1.0, "B": -1.0}), "ionic", "both signs"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(kind):
    frame, family, reason = KINDS[kind]
    found = kind_of_matter(Frames([frame] * 2), periodic=bool(frame.pbc.all()))
    assert found.family == family
    assert reason in found.reason
    assert found.chain is None


def test_every_family_is_recognised_somewhere():
    assert {family for _, family, _ in KINDS.values()} == set(FAMILIES)


def test_chains_of_one_species_have_no_known_bonds():
    chains = changed(BEADS, types=np.ones(len(BEADS), np.int32), type_names={1: "A"}, molecules=np.arange(64) // 16 + 1)
    found = kind_of_matter(Frames([chains] * 2), periodic=True)
    assert "16 atoms of one species" in found.chain
    assert not found.charged


def test_a_molecule_as_large_as_its_box_is_no_network():
    one = changed(few_atoms(WATER, [0, 1, 2], molecules=None), cell=np.eye(3) * 9.3)
    assert kind_of_matter(Frames([one] * 2), periodic=True).family == "molecular-liquid"
