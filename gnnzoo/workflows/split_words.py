"""What a training says of its split: how far its parts are apart, why, and what to doubt."""

from gnnzoo.console import note, warn
from gnnzoo.data.dividing import SplitReport
from gnnzoo.data.frames import Dataset
from gnnzoo.data.splits import Split


def tell_split(dataset: Dataset, split: Split, report: SplitReport) -> None:
    """Print the parts, the gap and its reason, and warn of what makes held-out errors too small or too large."""
    said = (
        f"{dataset.path}: {len(dataset)} frames; {len(split.train)} for training, {len(split.validation)} for "
        f"validation, {len(split.test)} for the test"
    )
    if report.gaps:
        said += f", {report.gaps} left out between them"
    if report.repeats:
        said += f", {report.repeats} because they come twice"
    note(said)
    note(_how(report))
    doubt = _doubt(report)
    if doubt:
        warn(doubt)
    _tell_drift(report)


def _how(report: SplitReport) -> str:
    if report.method == "random":
        return "split at random, without gaps"
    names = {
        "blocks": f"{report.blocks} block{'s' if report.blocks != 1 else ''} along the run",
        "cut": "one cut in time",
        "file": "whole files",
    }
    if not report.adjoining:
        return f"split: {names[report.method]}; no two parts share a run, so there are no gaps"
    steps = f" ({report.gap * report.every:,} timesteps)" if report.every and report.gap else ""
    frames = f"{report.gap} frame{'s' if report.gap != 1 else ''}"
    why = "as the recipe says; " if report.declared else ""
    if report.wanted is not None:
        why += f"structure decorrelates in about {report.wanted} frame{'s' if report.wanted != 1 else ''}"
    elif report.structure is not None:
        why += "the run is too short to know when its structure decorrelates"
    else:
        why += "how fast the structure changes is unknown"
    return f"split: {names[report.method]}, gaps of {frames}{steps}: {why}"


def _doubt(report: SplitReport) -> str | None:
    """A warning where the nearest frames of two parts are still alike; None where they are not."""
    left = _left(report)
    if report.method == "random":
        return (
            "a random split puts neighbouring frames on both sides: validation and test errors come out too small"
            + (f". From one frame to the next {left}" if left else "")
        )
    if not report.adjoining:
        return None
    if report.structure is None:
        return f"{report.reason}: whether a gap of {report.gap} is enough is unknown" if not report.declared else None
    if report.wanted is not None and report.gap >= report.wanted - 1:
        return None
    short = (
        "the run is too short to know how fast its structure changes"
        if report.wanted is None
        else (
            f"the gap that the structure needs, {report.wanted} frames, "
            + ("is not the recipe's" if report.declared else "would take more than a fifth of the frames")
        )
    )
    frames = (
        "neighbouring frames" if report.gap == 0 else f"the gap of {report.gap} frame{'s' if report.gap != 1 else ''}"
    )
    if report.left_at <= report.gap:
        frames = f"{report.left_at} frames, the longest that could be measured,"
    return f"{short}. Across {frames} {left}, so held-out errors may come out too small. A longer run does better"


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
        warn(
            f"{run}, so that one cut trains on {of['train']:.3g} and judges on "
            f"{' and '.join(f'{size:.3g}' for size in held_out)}. --set data.split.method=blocks sees all of it"
        )
    elif report.method == "blocks":
        note(f"{run}: each block gives frames to every part, so that all of them see it")
    else:
        note(run)
