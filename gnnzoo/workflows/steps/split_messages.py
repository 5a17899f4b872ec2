"""Messages about a split: its parts, the gaps and their reason, and what makes held-out errors unreliable."""

import logging

from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.split.make_split import SplitReport
from gnnzoo.data.split.methods import Split

logger = logging.getLogger(__name__)

# From so many files on, whole ones can be held out: one for validation, one for the test, three to train on.
_FILES = 5

Message = tuple[int, str]  # level of `logging`, and the text


def split_messages(dataset: Dataset, split: Split, report: SplitReport) -> list[Message]:
    """Describe a split.

    Args:
        dataset: that was split.
        split: the parts, after a limit on training frames.
        report: how it was made.

    Returns:
        Notes (`logging.INFO`) on parts, gaps and drift, warnings (`logging.WARNING`) about errors that come out too
        small or too large.
    """
    text = (
        f"{dataset.path}: {len(dataset)} frames; {len(split.train)} for training, {len(split.validation)} for "
        f"validation, {len(split.test)} for the test"
    )
    if report.gap_frames:
        text += f", {report.gap_frames} left out between them"
    if report.duplicates:
        text += f", {report.duplicates} left out as duplicates"
    unused = len(dataset) - sum(map(len, split.parts().values())) - report.gap_frames - report.duplicates
    if unused:
        text += f", {unused} of the training part not used (data.split.frames)"
    messages = [(logging.INFO, text), (logging.INFO, _method(report))]
    if warning := _separation_warning(report):
        messages.append((logging.WARNING, warning))
    return messages + _drift(report)


def report_split(dataset: Dataset, split: Split, report: SplitReport) -> None:
    """Log the `split_messages` of a split.

    Args:
        dataset, split, report: see there.
    """
    for level, text in split_messages(dataset, split, report):
        logger.log(level, text)


def _method(report: SplitReport) -> str:
    if report.configurations:
        order = {"random": "at random", "file": "by whole files"}.get(report.method, "in the order of the file")
        return f"split: {order}, without gaps: independent configurations ({report.reason})"
    if report.method == "random":
        return "split at random, without gaps"
    blocks = f"{_count(report.blocks, 'block')} along the run"
    name = {"blocks": blocks, "cut": "one cut in time", "file": "whole files"}[report.method]
    if report.separation is None:
        return f"split: {name}; no run is in two parts, so there are no gaps"
    steps = f" ({report.gap * report.every:,} timesteps)" if report.every and report.gap else ""
    why = "declared by the recipe; " if report.declared else ""
    if report.required_gap is not None:
        why += f"structure decorrelates in about {_count(report.required_gap, 'frame')}"
    elif report.structure is not None:
        why += "the run is too short to determine its structural autocorrelation time"
    else:
        why += "the structural autocorrelation time is unknown"
    gaps = f"gaps of {_count(report.gap, 'frame')}{steps}" if report.gap_frames else "without gaps"
    return f"split: {name}, {gaps}: {why}"


def _count(number: float, unit: str) -> str:
    return f"{number:,.4g} {unit}{'' if number == 1 else 's'}"


def _separation_warning(report: SplitReport) -> str | None:
    """A warning where the nearest frames of two parts are still correlated, or parts are of other kinds of frames."""
    if report.configurations:
        return _order_warning(report)
    correlated = _correlated(report)
    if report.method == "random":
        warning = "a random split puts neighbouring frames on both sides: validation and test errors come out too small"
        return f"{warning}. From one frame to the next {correlated}" if correlated else warning
    enough = report.required_gap is not None and (report.separation or 0) >= report.required_gap
    if report.separation is None or enough:
        return None
    if report.structure is None:
        return f"whether a gap of {_count(report.gap, 'frame')} is enough is unknown: {report.reason}"
    if report.required_gap is None:
        why = "the run is too short to determine its structural autocorrelation time"
    else:
        limit = "the recipe does not give" if report.declared else "would take more than a fifth of the data"
        why = f"the structure needs a gap of {_count(report.required_gap, 'frame')}, which {limit}"
    across = f"Across the gap of {_count(report.gap, 'frame')}" if report.gap else "From one frame to the next"
    if report.lag < report.separation:
        across = (
            f"The parts are {_count(report.separation, 'frame')} apart; across {_count(report.lag, 'frame')}, the most "
            "that could be measured,"
        )
    # Where there are files enough, whole ones can be held out.
    by_file = ", or --set data.split.method=file" if report.method != "file" and report.files >= _FILES else ""
    return f"{why}. {across} {correlated}, so held-out errors may come out too small. Use a longer run{by_file}"


def _order_warning(report: SplitReport) -> str | None:
    """A warning about parts that are stretches of a file whose frames are no run; None for other parts."""
    if report.method in ("random", "file"):
        return None
    return (
        "the frames are independent configurations, not a run, so frames next to each other in the file may be of one "
        "kind that no other part holds. --set data.split.method=random takes each part from all of them"
    )


def _correlated(report: SplitReport) -> str:
    """How correlated frames are: structure keeps 62 % of its neighbours, forces correlate by 8 %."""
    found = []
    if report.structure_correlation is not None:
        share = f"{max(0.0, report.structure_correlation):.0%}"
        kept = f"structure keeps {share} of its neighbours"
        found.append(kept if report.structure == "neighbours" else f"distances between atoms correlate by {share}")
    if report.force_correlation is not None:
        found.append(f"forces correlate by {report.force_correlation:.0%}")
    return " and ".join(found)


def _drift(report: SplitReport) -> list[Message]:
    """Whether forces grow or shrink along the run, and the consequence for the split."""
    by_fifth, by_part = report.force_by_fifth, report.force_by_part
    if not report.drifts:
        return []
    run = f"mean |F| goes from {by_fifth[0]:.3g} to {by_fifth[-1]:.3g} along the run"
    held_out = [f"{by_part[part]:.3g}" for part in ("validation", "test") if part in by_part]
    if report.method == "cut" and held_out:
        text = f"{run}, so that one cut trains on {by_part['train']:.3g} and evaluates on {' and '.join(held_out)}"
        return [(logging.WARNING, f"{text}. --set data.split.method=blocks takes each part from the whole run")]
    if report.method == "blocks":
        run += ": blocks take each part from the whole run"
    return [(logging.INFO, run)]
