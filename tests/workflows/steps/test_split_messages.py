"""Messages about a split: what they mention, and when they are warnings."""

import logging

import numpy as np
import pytest

from correlated_runs import frame, liquid
from gnnzoo.data.split.make_split import make_split
from gnnzoo.data.split.methods import Shares
from gnnzoo.workflows.steps.split_messages import split_messages
from lines import line_with
from small import MemoryDataset


def messages_of(frames, files=None, names=("memory",), **changes):
    """Notes, warnings, and the report of a split."""
    dataset = MemoryDataset(frames, files, names)
    settings = {"method": "blocks", "blocks": 10, "gap": "auto", "seed": 0} | changes
    split, report = make_split(dataset, Shares(0.8, 0.1, 0.1), **settings)
    messages = split_messages(dataset, split, report)
    notes = "\n".join(text for level, text in messages if level == logging.INFO)
    warnings = "\n".join(text for level, text in messages if level == logging.WARNING)
    assert len(messages) == len(split_messages(dataset, split, report))
    return notes, warnings, report


def test_a_gap_that_fits_is_explained():
    notes, warnings, report = messages_of(liquid(400, 6, 1))
    line_with(notes, "memory", "400 frames", f"{report.gap_frames} left out")
    gaps = f"gaps of {report.gap} frames", f" {report.required_gap} frames"
    line_with(notes, f"{report.blocks} blocks", *gaps, f"({10 * report.gap} timesteps)")
    assert not warnings


def test_a_run_too_short_is_warned_of():
    _, warnings, report = messages_of(liquid(100, 300, 2))
    structure, forces = f"structure keeps {report.structure_correlation:.0%}", f"by {report.force_correlation:.0%}"
    line_with(warnings, "too short", f"gap of {report.gap} frames", structure, forces)
    assert "method=file" not in warnings


def test_a_gap_that_does_not_fit_is_warned_of():
    _, warnings, report = messages_of(liquid(200, 40, 1, seed=2))
    line_with(warnings, f"gap of {report.required_gap} frames", "a fifth")
    notes, warnings, report = messages_of(liquid(400, 20, 1), gap=2)
    line_with(notes, "gaps of 2 frames", "20 timesteps", "declared")
    line_with(warnings, f"gap of {report.required_gap} frames", "recipe")


def test_a_random_split_is_warned_of():
    _, warnings, report = messages_of(liquid(200, 10, 3), method="random")
    structure, forces = f"structure keeps {report.structure_correlation:.0%}", f"by {report.force_correlation:.0%}"
    line_with(warnings, "random", structure, forces)


@pytest.mark.parametrize("method", ["blocks", "cut"])
def test_drift_is_a_warning_for_a_single_cut(method):
    frames = [frame(f.positions, f.forces * (1 + n / 50), f.step) for n, f in enumerate(liquid(100, 3, 1))]
    notes, warnings, report = messages_of(frames, method=method)
    drift = "mean |F|", f"from {report.force_by_fifth[0]:.3g}", f"to {report.force_by_fifth[-1]:.3g}"
    if method == "blocks":
        line_with(notes, *drift)
    else:
        line_with(warnings, *drift, *(f"{report.force_by_part[part]:.3g}" for part in ("train", "validation", "test")))


def test_duplicates_and_whole_files():
    runs = [liquid(20, 3, 1, atoms=40, seed=run, segment=run) for run in range(5)]
    twice = [*runs, [frame(f.positions, f.forces, f.step, 5) for f in runs[0]]]
    frames = [one for run in twice for one in run]
    files = [number for number, run in enumerate(twice) for _ in run]
    names = tuple(f"run{number}" for number in range(6))
    notes, _, report = messages_of(frames, files, names)
    assert report.duplicates == 20
    line_with(notes, "20 left out", "duplicates")
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
    line_with(messages_of(uneven)[0], " 1 block ")


def test_blocks_of_independent_configurations_are_warned_of():
    random = np.random.default_rng(0)
    frames = [
        frame(random.uniform(0, 10, (20, 3)), random.normal(size=(20, 3)), step=number, segment=0)
        for number in range(40)
    ]
    for method in ("blocks", "cut"):
        notes, warnings, _ = messages_of(frames, method=method)
        line_with(warnings, "independent configurations", "--set data.split.method=random")
        assert "gaps of" not in notes
    notes, warnings, _ = messages_of(frames, method="random")
    line_with(notes, "at random", "independent configurations")
    assert not warnings
