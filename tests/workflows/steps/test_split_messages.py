"""Messages about a split: what they mention, and when they are warnings."""

import logging

import pytest

from correlated_runs import frame, liquid
from gnnzoo.data.split.make_split import make_split
from gnnzoo.data.split.methods import Shares
from gnnzoo.workflows.steps.split_messages import split_messages
from small import MemoryDataset


def messages_of(frames, files=None, names=("memory",), **changes):
    """Notes, warnings, and the report of a split."""
    dataset = MemoryDataset(frames, files, names)
    settings = {"method": "blocks", "blocks": 10, "gap": "auto", "seed": 0} | changes
    split, report = make_split(dataset, Shares(0.8, 0.1, 0.1), **settings)
    messages = split_messages(dataset, split, report)
    notes = " | ".join(text for level, text in messages if level == logging.INFO)
    warnings = " | ".join(text for level, text in messages if level == logging.WARNING)
    assert len(messages) == len(split_messages(dataset, split, report))
    return notes, warnings, report


def test_a_gap_that_fits_is_explained():
    notes, warnings, report = messages_of(liquid(400, 6, 1))
    assert "memory: 400 frames" in notes and f"{report.gap_frames} left out" in notes
    assert f"{report.blocks} blocks" in notes
    assert f"gaps of {report.gap} frames ({10 * report.gap} timesteps)" in notes
    assert f"about {report.required_gap} frames" in notes
    assert not warnings


def test_a_run_too_short_is_warned_of():
    _, warnings, report = messages_of(liquid(100, 300, 2))
    assert "too short" in warnings and f"gap of {report.gap} frames" in warnings
    assert f"keeps {report.structure_correlation:.0%}" in warnings
    assert f"correlate by {report.force_correlation:.0%}" in warnings
    assert "method=file" not in warnings


def test_a_gap_that_does_not_fit_is_warned_of():
    _, warnings, report = messages_of(liquid(200, 40, 1, seed=2))
    assert f"gap of {report.required_gap} frames" in warnings and "a fifth" in warnings
    notes, warnings, report = messages_of(liquid(400, 20, 1), gap=2)
    assert "gaps of 2 frames (20 timesteps): declared" in notes
    assert f"gap of {report.required_gap} frames" in warnings and "recipe" in warnings


def test_a_random_split_is_warned_of():
    _, warnings, report = messages_of(liquid(200, 10, 3), method="random")
    assert "random" in warnings and f"keeps {report.structure_correlation:.0%}" in warnings
    assert f"correlate by {report.force_correlation:.0%}" in warnings


@pytest.mark.parametrize("method", ["blocks", "cut"])
def test_drift_is_a_warning_for_a_single_cut(method):
    frames = [frame(f.positions, f.forces * (1 + n / 50), f.step) for n, f in enumerate(liquid(100, 3, 1))]
    notes, warnings, report = messages_of(frames, method=method)
    line = f"mean |F| goes from {report.force_by_fifth[0]:.3g} to {report.force_by_fifth[-1]:.3g}"
    if method == "blocks":
        assert line in notes
    else:
        sizes = [f"{report.force_by_part[part]:.3g}" for part in ("train", "validation", "test")]
        assert line in warnings and all(size in warnings for size in sizes)


def test_duplicates_and_whole_files():
    runs = [liquid(20, 3, 1, atoms=40, seed=run, segment=run) for run in range(5)]
    twice = [*runs, [frame(f.positions, f.forces, f.step, 5) for f in runs[0]]]
    frames = [one for run in twice for one in run]
    files = [number for number, run in enumerate(twice) for _ in run]
    names = tuple(f"run{number}" for number in range(6))
    notes, _, report = messages_of(frames, files, names)
    assert report.duplicates == 20 and "20 left out as duplicates" in notes
    notes, warnings, _ = messages_of(frames, files, names, method="file")
    assert "whole files" in notes and not warnings


def test_whole_files_are_suggested_where_there_are_enough():
    _, warnings, _ = messages_of(liquid(100, 300, 2), [number // 20 for number in range(100)], tuple("abcde"))
    assert "--set data.split.method=file" in warnings


def test_runs_of_single_frames_and_uneven_steps():
    single = [frame(f.positions, f.forces, 0, n) for n, f in enumerate(liquid(20, 2, 1))]
    notes, warnings, _ = messages_of(single)
    assert "no gaps" in notes and not warnings
    uneven = [frame(f.positions, f.forces, n**3) for n, f in enumerate(liquid(4, 2, 1))]
    assert "1 block " in messages_of(uneven)[0]
