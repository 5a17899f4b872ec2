"""What a training says of its split, word for word."""

import pytest

from correlated_runs import frame, liquid
from gnnzoo.data.split.make_split import make_split
from gnnzoo.data.split.methods import Shares
from gnnzoo.workflows.steps.split_messages import report_split
from small import MemoryDataset


def told(frames, capsys, files=None, names=("memory",), **changes):
    dataset = MemoryDataset(frames, files, names)
    settings = {"method": "blocks", "blocks": 10, "gap": "auto", "seed": 0} | changes
    split, report = make_split(dataset, Shares(0.8, 0.1, 0.1), **settings)
    report_split(dataset, split, report)
    return " ".join(capsys.readouterr().err.split()), report


def test_a_gap_that_fits_is_explained(capsys):
    said, report = told(liquid(400, 6, 1), capsys)
    assert "memory: 400 frames;" in said and f"{report.gaps} left out between them" in said
    assert (
        f"split: {report.blocks} blocks along the run, gaps of {report.gap} frames ({10 * report.gap} timesteps): "
        f"structure decorrelates in about {report.wanted} frames" in said
    )
    assert "warning" not in said


def test_a_run_too_short_is_warned_of(capsys):
    said, report = told(liquid(100, 300, 2), capsys)
    assert "the run is too short to know how fast its structure changes" in said
    assert (
        f"Across the gap of {report.gap} frames structure keeps {report.structure_left:.0%} of its neighbours and "
        f"forces correlate by {report.forces_left:.0%}, so held-out errors may come out too small" in said
    )
    assert "method=file" not in said


def test_a_gap_that_does_not_fit_is_warned_of(capsys):
    said, report = told(liquid(200, 40, 1, seed=2), capsys)
    assert f"needs a gap of {report.wanted} frames, which would take more than a fifth of the data" in said
    said, report = told(liquid(400, 20, 1), capsys, gap=2)
    assert "gaps of 2 frames (20 timesteps): as the recipe says; structure decorrelates" in said
    assert f"needs a gap of {report.wanted} frames, which the recipe does not give" in said


def test_a_random_split_shows_its_leak(capsys):
    said, report = told(liquid(200, 10, 3), capsys, method="random")
    assert (
        "warning: a random split puts neighbouring frames on both sides: validation and test errors come out too "
        f"small. From one frame to the next structure keeps {report.structure_left:.0%} of its neighbours and forces "
        f"correlate by {report.forces_left:.0%}" in said
    )


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("blocks", "each block gives frames to every part, so that all of them see it"),
        ("cut", "so that one cut trains on {train:.3g} and judges on {validation:.3g} and {test:.3g}"),
    ],
)
def test_heating_is_told(method, message, capsys):
    frames = [frame(f.positions, f.forces * (1 + n / 50), f.step) for n, f in enumerate(liquid(100, 3, 1))]
    said, report = told(frames, capsys, method=method)
    assert f"mean |F| goes from {report.force_along[0]:.3g} to {report.force_along[-1]:.3g} along the run" in said
    assert message.format(**report.force_of) in said


def test_repeats_and_whole_files_are_told(capsys):
    runs = [liquid(20, 3, 1, atoms=40, seed=run, segment=run) for run in range(5)]
    twice = [*runs, [frame(f.positions, f.forces, f.step, 5) for f in runs[0]]]
    frames = [one for run in twice for one in run]
    files = [number for number, run in enumerate(twice) for _ in run]
    names = [f"run{number}" for number in range(6)]
    said, report = told(frames, capsys, files, tuple(names))
    assert report.repeats == 20 and "20 because they come twice" in said
    said, _ = told(frames, capsys, files, tuple(names), method="file")
    assert "split: whole files; no run is in two parts, so there are no gaps" in said
    assert "warning" not in said


def test_files_are_offered_where_there_are_enough(capsys):
    frames = liquid(100, 300, 2)
    said, _ = told(frames, capsys, [number // 20 for number in range(100)], tuple("abcde"))
    assert "A longer run does better, or --set data.split.method=file" in said


def test_a_run_of_single_frames_is_unknown(capsys):
    alone = [frame(f.positions, f.forces, 0, n) for n, f in enumerate(liquid(20, 2, 1))]
    said, _ = told(alone, capsys)
    assert "no run is in two parts, so there are no gaps" in said
    uneven = [frame(f.positions, f.forces, n**3) for n, f in enumerate(liquid(4, 2, 1))]
    assert "split: 1 block along the run" in told(uneven, capsys)[0]
