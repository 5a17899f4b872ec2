"""Tables that `gnnzoo transfer` and `gnnzoo train` print about a transfer."""

from typing import TYPE_CHECKING

from gnnzoo.cli.console import say, table, warn

if TYPE_CHECKING:
    from gnnzoo.transfer_learning.report import TransferReport
    from gnnzoo.workflows.compare import ComparisonResult


def print_transfer(report: "TransferReport") -> None:
    """Print what was copied layer by layer, before training."""
    rows = [
        [
            layer.layer,
            layer.action,
            f"{layer.copied:,} of {layer.total:,}" if layer.total else "",
            layer.training,
            layer.reason,
        ]
        for layer in report.layers
    ]
    title = f"{report.source} -> {report.target}, strategy {report.strategy}"
    table(title, ["layer", "initial weights", "copied", "training", "remarks"], rows)


def print_comparison(result: "ComparisonResult") -> None:
    """Print gains and verdict of a comparison with training from scratch."""
    transfers = {curve.frames: curve for curve in result.runs if curve.start == "transfer"}
    rows = []
    for gain in result.gains:
        curve = transfers[gain.frames]
        rows.append(
            [
                str(gain.frames),
                "" if curve.zero_shot is None else f"{curve.zero_shot:.1%}",
                f"{curve.before:.1%}",
                f"{gain.scratch:.3%}",
                f"{gain.transfer:.3%}",
                f"{gain.error:.2f}",
                "" if gain.data is None else f"{'> ' if gain.data_is_lower_bound else ''}{gain.data:.2g}",
                "never" if gain.steps is None else f"{gain.steps:.2g}",
                "never" if gain.seconds is None else f"{gain.seconds:.2g}",
            ]
        )
    columns = (
        "frames",
        "zero-shot",
        "scale fitted",
        "from scratch",
        "transfer",
        "x less error",
        "x less data",
        "x fewer steps",
        "x less time",
    )
    title = (
        f"{result.source} -> {result.target}, strategy {result.strategy}: mean |dF| / mean |F| on {result.held_out} "
        f"frames after {result.steps:,} steps (zero forces: 100 %)"
    )
    table(title, columns, rows)
    (say if any(gain.error > 1 for gain in result.gains) else warn)(result.verdict)
    say(f"wrote {result.files['png']}, {result.files['csv']} and {result.files['json']}")
