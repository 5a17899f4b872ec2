"""What a training says of its split: how far its parts are apart, why, and what to doubt."""

import logging

from gnnzoo.data.frames import Dataset
from gnnzoo.data.split.make_split import SplitReport
from gnnzoo.data.split.methods import Split

logger = logging.getLogger(__name__)

# From so many files on, whole ones can be held out.
_FILES = 5


def report_split(dataset: Dataset, split: Split, report: SplitReport) -> None:
    """Print the parts, the gap and its reason, and warn of what makes held-out errors too small or too large."""
    said = (
        f"{dataset.path}: {len(dataset)} frames; {len(split.train)} for training, {len(split.validation)} for "
        f"validation, {len(split.test)} for the test"
    )
    if report.gaps:
        said += f", {report.gaps} left out between them"
    if report.repeats:
        said += f", {report.repeats} because they come twice"
    parts = sum(map(len, (split.train, split.validation, split.test)))
    unused = len(dataset) - parts - report.gaps - report.repeats
    if unused:
        said += f", {unused} of the training part not used (data.split.frames)"
    logger.info(said)
    logger.info(_how(report))
    doubt = _doubt(report)
    if doubt:
        logger.warning(doubt)
    _tell_drift(report)


def _how(report: SplitReport) -> str:
    if report.method == "random":
        return "split at random, without gaps"
    blocks = f"{_count(report.blocks, 'block')} along the run"
    name = {"blocks": blocks, "cut": "one cut in time", "file": "whole files"}[report.method]
    if report.apart is None:
        return f"split: {name}; no run is in two parts, so there are no gaps"
    steps = f" ({report.gap * report.every:,} timesteps)" if report.every and report.gap else ""
    why = "as the recipe says; " if report.declared else ""
    if report.wanted is not None:
        why += f"structure decorrelates in about {_count(report.wanted, 'frame')}"
    elif report.structure is not None:
        why += "the run is too short to know when its structure decorrelates"
    else:
        why += "how fast the structure changes is unknown"
    gaps = f"gaps of {_count(report.gap, 'frame')}{steps}" if report.gaps else "without gaps"
    return f"split: {name}, {gaps}: {why}"


def _count(number: float, what: str) -> str:
    return f"{number:,.4g} {what}{'' if number == 1 else 's'}"


def _doubt(report: SplitReport) -> str | None:
    """A warning where the nearest frames of two parts are still alike; None where they are not."""
    left = _left(report)
    if report.method == "random":
        return (
            "a random split puts neighbouring frames on both sides: validation and test errors come out too small"
            + (f". From one frame to the next {left}" if left else "")
        )
    if report.apart is None or (report.wanted is not None and report.apart >= report.wanted):
        return None
    if report.structure is None:
        return f"whether a gap of {_count(report.gap, 'frame')} is enough is unknown: {report.reason}"
    if report.wanted is None:
        why = "the run is too short to know how fast its structure changes"
    else:
        why = f"the structure needs a gap of {_count(report.wanted, 'frame')}, which " + (
            "the recipe does not give" if report.declared else "would take more than a fifth of the data"
        )
    across = f"Across the gap of {_count(report.gap, 'frame')}" if report.gap else "From one frame to the next"
    if report.left_at < report.apart:
        across = (
            f"The parts are {_count(report.apart, 'frame')} apart; across {_count(report.left_at, 'frame')}, the most "
            "that could be measured,"
        )
    better = "A longer run does better" + (", or --set data.split.method=file" if _by_file_helps(report) else "")
    return f"{why}. {across} {left}, so held-out errors may come out too small. {better}"


def _by_file_helps(report: SplitReport) -> bool:
    """Whether there are files enough that whole ones could be held out."""
    return report.method != "file" and report.files >= _FILES


def _left(report: SplitReport) -> str:
    """How alike frames are: structure keeps 62 % of its neighbours, forces correlate by 8 %."""
    found = []
    if report.structure_left is not None:
        share = f"{max(0.0, report.structure_left):.0%}"
        found.append(
            f"structure keeps {share} of its neighbours"
            if report.structure == "neighbours"
            else f"distances between atoms correlate by {share}"
        )
    if report.forces_left is not None:
        found.append(f"forces correlate by {report.forces_left:.0%}")
    return " and ".join(found)


def _tell_drift(report: SplitReport) -> None:
    """Say where the forces grow or shrink along the run, and what the split makes of it."""
    along, of = report.force_along, report.force_of
    if not report.drifts:
        return
    run = f"mean |F| goes from {along[0]:.3g} to {along[-1]:.3g} along the run"
    held_out = [of[part] for part in ("validation", "test") if part in of]
    if report.method == "cut" and held_out:
        logger.warning(
            f"{run}, so that one cut trains on {of['train']:.3g} and judges on "
            f"{' and '.join(f'{size:.3g}' for size in held_out)}. --set data.split.method=blocks sees all of it"
        )
    elif report.method == "blocks":
        logger.info(f"{run}: each block gives frames to every part, so that all of them see it")
    else:
        logger.info(run)
