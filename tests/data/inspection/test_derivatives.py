"""Energies against forces and virials: an exact potential, and the same data with what people get wrong."""

from dataclasses import replace

import numpy as np
import pytest

from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.inspection.derivatives import Derivatives, derivatives, disagreement
from small import MemoryDataset

SPACING = 3.0  # of the lattice: the smallest distance
KCAL = 23.0605


def morse(positions, cell, pbc, depth=1.0, stiffness=1.2, shortest=SPACING):
    """Energy, forces and -dE/d(strain) of a Morse potential between all pairs, the nearest image of each."""
    vectors = positions[None] - positions[:, None]  # (i, j, 3): from i to j
    if pbc:
        vectors -= np.round(vectors @ np.linalg.inv(cell)) @ cell
    lengths = np.linalg.norm(vectors, axis=-1) + np.eye(len(positions))
    decay = np.exp(-stiffness * (lengths - shortest)) * (1 - np.eye(len(positions)))
    energy = 0.5 * np.sum(depth * (decay**2 - 2 * decay))
    slope = depth * -2 * stiffness * (decay**2 - decay)  # dE/dr of each pair
    along = (slope / lengths)[..., None] * vectors
    return energy, along.sum(axis=1), -0.5 * np.einsum("ija,ijb->ab", vectors, along)


def frames(count=24, pbc=True, strain=0.01, noise=0.02, seed=0):
    """Disordered crystals of 27 atoms, each displaced by a little from the one before, and strained at random."""
    chance = np.random.default_rng(seed)
    lattice = SPACING * np.stack(np.meshgrid(*[np.arange(3.0)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    places = lattice + 0.25 * chance.normal(size=lattice.shape)
    made = []
    for number in range(count):
        stretch = np.eye(3) + strain * chance.normal(size=(3, 3)) * pbc
        cell = 3 * SPACING * np.eye(3) @ stretch
        places = places + noise * chance.normal(size=lattice.shape)
        positions = places @ stretch
        if pbc:
            positions = positions + chance.normal(size=3) @ cell  # a drift of the whole, which no energy feels
        else:
            turn = np.linalg.qr(chance.normal(size=(3, 3)))[0]
            positions = positions @ (turn * np.sign(np.linalg.det(turn)))
        energy, forces, virial = morse(positions, cell, pbc)
        made.append(
            Frame.from_arrays(
                ["Ar"] * len(lattice),
                positions,
                cell if pbc else None,
                forces=forces,
                energy=energy,
                virial=virial if pbc else None,
            )
        )
        made[-1] = replace(made[-1], step=number)
    return made


def found(made) -> Derivatives:
    return derivatives(MemoryDataset(made), SPACING)


@pytest.mark.parametrize("pbc", [True, False], ids=["crystal", "turned clusters"])
def test_derivatives_of_one_potential_agree(pbc):
    made = found(frames(pbc=pbc))
    assert made.forces.value == pytest.approx(1, abs=0.03)
    assert made.forces.error < 0.03 and made.forces.pairs >= 12
    if pbc:
        assert made.virials.value == pytest.approx(1, abs=0.03) and made.virials.error < 0.03
    else:
        assert made.virials is None
    assert disagreement(made) == []


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        (lambda f: {"virial": -f.virial}, "virials", "sign"),
        (lambda f: {"forces": -f.forces}, "forces", "sign"),
        (lambda f: {"virial": f.virial / KCAL}, "virials", "kcal/mol and eV"),
        (lambda f: {"virial": -f.virial * 1602.177}, "virials", "kbar"),
        (lambda f: {"energy": f.energy / KCAL, "virial": f.virial / KCAL}, "forces", "kcal/mol and eV"),
        (lambda f: {"forces": np.roll(f.forces, 1, axis=0)}, "forces", "unrelated"),
    ],
    ids=["sign of virials", "sign of forces", "virials in kcal/mol", "kbar", "energies in kcal/mol", "other atoms"],
)
def test_what_is_wrong_is_named(change, name, words):
    made = found([replace(frame, **change(frame)) for frame in frames()])
    (sentence,) = disagreement(made)
    assert sentence.startswith(name) and words in sentence


def test_frames_far_from_each_other_say_nothing():
    assert found(frames(noise=0.6, strain=0.0)) == Derivatives(None, None)


def test_without_energies_nothing_is_compared():
    assert found([replace(frame, energy=None) for frame in frames()]) == Derivatives(None, None)
    assert found(frames()[:1] * 5) == Derivatives(None, None)  # repeats of one frame


def test_a_long_run_is_sampled_where_frames_follow_one_another():
    made = found(frames(count=1) * 200 + frames(count=60, seed=1) * 5)
    assert made.forces.value == pytest.approx(1, abs=0.03)
