"""Sets of independent configurations are recognised by their frames; runs stay runs."""

import numpy as np
import pytest

import frames_in_memory as inspected
from correlated_runs import crystal, liquid
from gnnzoo.data.split.arrangement import arrangement
from gnnzoo.data.split.correlation import correlations
from gnnzoo.data.split.make_split import make_split
from gnnzoo.data.split.methods import Shares
from small import MemoryDataset
from systems import changed


def counted(frames, segment=0):
    """The frames without timesteps: numbered from 0."""
    return [changed(f, step=number, segment=segment, time=None) for number, f in enumerate(frames)]


def rattled(count, atoms=8, seed=0, types=1, size=0.1, box=6.0):
    """Independent displacements of all atoms from their sites."""
    random = np.random.default_rng(seed)
    sites = random.uniform(0, box, (atoms, 3))
    return [
        inspected.frame(
            sites + random.normal(scale=size, size=sites.shape),
            random.normal(size=sites.shape),
            np.eye(3) * box,
            number,
            types=np.full(atoms, types, np.int32),
        )
        for number in range(count)
    ]


def independent(frames):
    return arrangement(MemoryDataset(frames)).independent


def test_timesteps_make_a_run():
    assert not independent([changed(f, step=10 * f.step) for f in rattled(40)])


@pytest.mark.parametrize("run", [liquid(60, 8, 1), liquid(60, 50, 1), crystal(60, 6)])
def test_positions_that_continue_make_a_run_without_timesteps(run):
    assert not independent(counted(run))


@pytest.mark.parametrize("count", [7, 12, 60, 400])
def test_independent_displacements(count):
    assert independent(rattled(count, atoms=32))


def test_the_frames_of_a_run_in_any_order_are_independent():
    run = liquid(60, 20, 1)
    assert independent(counted([run[i] for i in np.random.default_rng(0).permutation(60)]))


def test_mixed_sizes_and_the_order_of_the_frames():
    frames = [
        f for n in range(20) for f in (*rattled(1, 8, seed=n), *rattled(1, 5, seed=n, types=2), *rattled(1, 1, seed=n))
    ]
    assert independent(counted(frames))
    assert independent(counted(frames[::-1]))
    assert independent(counted(sorted(frames, key=len)))


def test_species_and_cells_that_alone_differ():
    sites = inspected.fcc(side=2, jitter=0.0, frames=1)[0]
    random = np.random.default_rng(0)
    alloys = [changed(sites, types=random.integers(1, 3, len(sites)).astype(np.int32)) for _ in range(20)]
    assert independent(counted(alloys))
    scales = [0.9 + 0.01 * n for n in range(20)]
    assert independent(counted([changed(sites, positions=sites.positions * s, cell=sites.cell * s) for s in scales]))


def test_steps_that_never_rise():
    assert independent([changed(f, step=0, segment=number) for number, f in enumerate(rattled(20))])


def test_files_without_timesteps_are_each_counted_from_the_start():
    assert independent([*counted(rattled(20)), *counted(rattled(20, seed=1), segment=1)])
    run = liquid(60, 8, 1)
    assert not independent([*counted(run[:30]), *counted(run[30:], segment=1)])


def test_independent_configurations_have_no_autocorrelation_time_gap_or_drift():
    dataset = MemoryDataset(rattled(60))
    measured = correlations(dataset)
    assert not measured.curves and measured.gap == 0 and not measured.too_short
    settings = {"method": "random", "blocks": 10, "gap": "auto", "seed": 0}
    split, report = make_split(dataset, Shares(0.8, 0.1, 0.1), **settings)
    assert report.configurations and not report.drifts and not report.force_by_fifth
    assert (report.gap_frames, report.structure) == (0, None)
    assert sum(map(len, split.parts().values())) == 60
    _, blocks = make_split(dataset, Shares(0.8, 0.1, 0.1), **settings | {"method": "blocks"})
    assert blocks.gap == blocks.gap_frames == 0


def test_what_a_source_says_of_its_frames_is_evidence():
    dataset = MemoryDataset(rattled(4))  # too few to be measured
    assert not arrangement(dataset).independent
    dataset.provenance["quantities"] = {"has_steps": False, "groups": [["bulk", 3], ["surface", 1]]}
    assert arrangement(dataset).independent and "2 values of config_type" in arrangement(dataset).reason
