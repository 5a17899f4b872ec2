"""Duplicate frames: overlaps of restarts, frames present twice, and frames that only look alike."""

import numpy as np
import pytest

from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.split.duplicates import duplicate_frames, same_frames
from small import MemoryDataset
from systems import changed

BOX = 12.0


def walk(frames, seed, start=None, first=0, segment=0, atoms=60, size=0.1):
    """A run in which every atom moves a little from frame to frame."""
    random = np.random.default_rng(seed)
    positions = random.uniform(0, BOX, (atoms, 3)) if start is None else start
    made = []
    for number in range(frames):
        made.append(frame(positions, first + 10 * number, segment))
        positions = positions + random.normal(scale=size, size=positions.shape)
    return made


def frame(positions, step=0, segment=0, ids=None):
    n = len(positions)
    return Frame(
        step=step,
        positions=positions,
        forces=np.zeros((n, 3)),
        cell=np.eye(3) * BOX,
        ids=np.arange(1, n + 1) if ids is None else ids,
        types=np.ones(n, dtype=np.int32),
        segment=segment,
    )


def again(frames, segment, change=lambda positions, number: positions):
    """The same frames in another segment, with their positions changed."""
    return [frame(change(f.positions, n), f.step, segment, f.ids) for n, f in enumerate(frames)]


def found(*runs):
    return duplicate_frames(MemoryDataset([one for run in runs for one in run])).tolist()


def test_the_overlap_of_a_restart():
    first = walk(20, seed=1)
    restart = again(first[12:], 1) + walk(10, seed=2, start=first[-1].positions, first=200, segment=1)[1:]
    assert found(first, restart) == [*range(20), *range(12, 20), *range(28, 28 + 9)]


def test_duplicates_up_to_rounding_and_lattice_vectors():
    first = walk(10, seed=1)
    random = np.random.default_rng(0)
    wrapped = again(first, 1, lambda x, _: np.round(x, 4) + BOX * random.integers(-2, 3, x.shape))
    assert found(first, wrapped) == [*range(10), *range(10)]


def test_a_diverging_restart_is_a_duplicate_while_it_is_near():
    first = walk(40, seed=1)
    direction = np.random.default_rng(3).normal(size=(60, 3))
    restart = again(first, 1, lambda x, n: x + 1e-6 * direction * 2.0**n)
    # the walk goes 0.1 x 3^0.5 a frame; half of that is 0.1 x 3^0.5 / 2: 1e-6 x 2^n stays below 0.05 up to n = 15
    assert found(first, restart) == [*range(40), *range(16), *range(56, 80)]


def test_independent_runs_with_the_same_steps():
    assert found(walk(10, seed=1), walk(10, seed=2, segment=1), walk(10, seed=3, segment=2)) == [*range(30)]


def test_independent_crystals_on_one_lattice():
    random = np.random.default_rng(0)
    sites = np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3) * BOX / 4
    runs = [
        [frame(sites + random.normal(scale=0.1, size=sites.shape), 10 * n, segment) for n in range(10)]
        for segment in range(3)
    ]
    assert found(*runs) == [*range(30)]


def test_replicas_share_their_first_frame():
    start = np.random.default_rng(9).uniform(0, BOX, (60, 3))
    runs = [walk(5, seed=seed, start=start, segment=seed) for seed in range(3)]
    assert found(*runs) == [0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14]


def test_three_copies():
    first = walk(4, seed=1)
    assert found(first, again(first, 1), again(first, 2)) == [0, 1, 2, 3] * 3


def test_only_frames_of_the_same_atoms_are_the_same():
    first = walk(6, seed=1)
    fewer = [frame(f.positions[:50], f.step, 1, f.ids[:50]) for f in first]
    assert found(first, fewer) == [*range(12)]
    others = [changed(f, segment=1, types=f.types + 1) for f in first]
    assert found(first, others) == [*range(12)]


def displaced(atoms, each, size=0.01, origin=0.0, stiffness=5.0):
    """Single frames of step 0: a lattice of which another atom is displaced in each, drawn back by harmonic springs."""
    side = round(atoms ** (1 / 3))
    sites = np.stack(np.meshgrid(*[np.arange(side)] * 3), axis=-1).reshape(-1, 3) * BOX / side + origin
    made = []
    for segment, atom in enumerate(each):
        moved = np.zeros((atoms, 3))
        moved[atom, 0] = size
        made.append(changed(frame(sites + moved, 0, segment), forces=-stiffness * moved))
    return made


@pytest.mark.parametrize("stiffness", [5.0, 0.0])
def test_finite_displacements_are_not_duplicates(stiffness):
    # all forces have one signature, and all atoms but two are where they were
    frames = displaced(1000, range(0, 1000, 25), stiffness=stiffness)
    assert found(frames) == [*range(40)]
    one_run = [changed(f, segment=0, step=10 * number) for number, f in enumerate(frames)]
    assert found(one_run) == [*range(40)]
    assert not same_frames(MemoryDataset(one_run), 0, 1)


def test_a_displacement_in_a_large_box_counts_if_it_exceeds_the_printed_digits():
    frames = [changed(f, cell=np.eye(3) * 1000.0) for f in displaced(27, [3, 3, 4], origin=900.123)]
    frames[1] = changed(frames[1], positions=frames[1].positions + 1000.0)  # its last digit is 0.01
    dataset = MemoryDataset(frames)
    dataset.provenance["digits"] = {"positions": 6, "forces": 6}
    assert duplicate_frames(dataset).tolist() == [0, 0, 2]
    assert not same_frames(dataset, 0, 2)


def with_forces(frames, seed=0):
    random = np.random.default_rng(seed)
    return [changed(f, forces=random.normal(size=f.positions.shape)) for f in frames]


def test_copies_with_other_steps_are_found():
    first = with_forces(walk(60, seed=1))
    second = [changed(f, step=f.step + 600) for f in first]
    assert found(first, second) == [*range(60)] * 2


def test_copies_of_single_frames_of_one_step_are_found():
    frames = with_forces(walk(60, seed=1))
    twice = [changed(frames[number // 2], step=0, segment=number) for number in range(120)]
    assert found(twice) == [2 * (number // 2) for number in range(120)]


def test_frames_with_other_forces_are_not_duplicates():
    first = with_forces(walk(10, seed=1))
    turned = [changed(f, segment=1, forces=-f.forces) for f in first]  # of equal signature
    assert found(first, turned) == [*range(20)]


def test_a_copy_among_many_runs_is_found():
    runs = [with_forces(walk(3, seed=seed, segment=seed, atoms=5), seed) for seed in range(60)]  # 1770 pairs of runs
    last = [changed(f, segment=60) for f in runs[0]]
    assert found(*runs, last) == [*range(180), 0, 1, 2]


@pytest.mark.parametrize("same", ["TFTFTFTFTFTFTFTFTFTF", "FTTTTTFFTTTTTTTF", "TTTTFFFFFFTTTT"])
@pytest.mark.parametrize("forces", [True, False])
def test_copies_at_any_frames_of_a_run(same, forces):
    n = len(same)
    first, other = walk(n, seed=1), walk(n, seed=2)
    if forces:
        first, other = with_forces(first), with_forces(other, 1)
    second = [changed(f if letter == "T" else g, segment=1) for f, g, letter in zip(first, other, same, strict=True)]
    expected = [number if letter == "T" else n + number for number, letter in enumerate(same)]
    assert found(first, second) == [*range(n), *expected]


def test_copies_printed_with_other_digits():
    first = with_forces(walk(8, seed=1))
    short = [changed(f, segment=1, forces=np.round(f.forces, 5), positions=np.round(f.positions, 3)) for f in first]
    assert found(first, short[3:]) == [*range(8), *range(3, 8)]


@pytest.mark.parametrize("forces", [True, False])
def test_number_of_reads_per_frame(forces):
    class Counted(MemoryDataset):
        reads = 0

        def read(self, index):
            self.reads += 1
            return self.frames[index]

    runs = [walk(100, seed=seed, segment=seed, atoms=5) for seed in range(6)]
    dataset = Counted([one for run in runs for one in (with_forces(run, run[0].segment) if forces else run)])
    duplicate_frames(dataset)
    assert dataset.reads <= 3 * 600


@pytest.mark.parametrize(("moved", "same"), [(0.0, True), (BOX, True), (5e-5, True), (1e-2, False)])
def test_same_positions_within_rounding(moved, same):
    (one,) = walk(1, seed=1)
    dataset = MemoryDataset([one, frame(one.positions + moved, 10), frame(one.positions[:-1], 20)])
    assert same_frames(dataset, 0, 1) is same
    assert not same_frames(dataset, 0, 2)


def test_frames_of_which_only_the_species_the_cell_or_the_periodic_directions_differ():
    sites = np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3) * BOX / 3
    random = np.random.default_rng(0)
    alloys = [changed(frame(sites, n), types=random.integers(1, 3, 27).astype(np.int32)) for n in range(60)]
    assert found(alloys) == [*range(60)]
    atoms = [changed(frame(np.zeros((1, 3)), n), types=np.array([n + 1], np.int32)) for n in range(60)]
    assert found(atoms) == [*range(60)]
    volumes = [changed(frame(np.zeros((1, 3)), n), cell=np.eye(3) * (3 + 0.01 * n)) for n in range(60)]
    assert found(volumes) == [*range(60)]
    slab = [frame(sites), changed(frame(sites, 1), boundary=("pp", "pp", "ff"))]
    assert found(slab) == [0, 1]
    again_later = [changed(f, step=f.step + 60) for f in (*alloys, *volumes)]
    assert found(alloys, volumes, again_later) == [*range(120)] * 2
    for frames in (alloys, atoms, volumes):
        assert not same_frames(MemoryDataset(frames), 0, 1)
