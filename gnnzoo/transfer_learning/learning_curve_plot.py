"""Plot of learning curves with and without transfer: error against frames, time and size of the training set."""

from collections.abc import Sequence
from pathlib import Path

from gnnzoo.evaluation.plots import save_figure
from gnnzoo.transfer_learning.learning_curves import LearningCurve

_STYLES = {"transfer": "-", "scratch": "--"}


def learning_curve_plot(curves: Sequence[LearningCurve], title: str, path: Path, overwrite: bool = False) -> Path:
    """Plot learning curves in three panels: error against frames seen, against seconds, and against training frames.

    Args:
        curves: trainings with any numbers of training frames.
        title: source and target.
        path: a .png.
        overwrite: back up an existing file instead of refusing it.

    Returns:
        `path`.

    Raises:
        UserError: the file exists.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sizes = sorted({curve.frames for curve in curves})
    colors = pyplot.get_cmap("viridis")([0.9 * i / max(1, len(sizes) - 1) for i in range(len(sizes))])
    figure, axes = pyplot.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
    for curve in curves:
        color, style = colors[sizes.index(curve.frames)], _STYLES[curve.start]
        errors = [100 * error for *_, error in curve.points]
        label = f"{curve.frames} frames" if curve.start == "transfer" else None
        for axis, column in ((axes[0], 1), (axes[1], 2)):
            axis.plot([point[column] for point in curve.points], errors, style, color=color, label=label)
    for start, style in _STYLES.items():
        final = sorted((curve.frames, 100 * curve.error) for curve in curves if curve.start == start)
        axes[2].plot(*zip(*final, strict=True), f"o{style}", color="black", label=start)
    zero_shot = [100 * curve.zero_shot for curve in curves if curve.zero_shot is not None]
    for axis in axes:
        axis.axhline(100, color="grey", linewidth=0.8)
        for value in zero_shot[:1]:  # the copied weights are the same for all numbers of frames
            axis.axhline(value, color="tab:red", linewidth=0.8, linestyle=":", label="zero-shot")
        axis.set(xscale="log", yscale="log")
        axis.legend(fontsize=8)
        axis.grid(alpha=0.25, which="both")
    axes[0].set(xlabel="frames seen", ylabel="mean |dF| / mean |F| (%), validation")
    axes[1].set(xlabel="seconds, including compilation")
    axes[2].set(xlabel="training frames", ylabel="mean |dF| / mean |F| (%) of the model")
    figure.suptitle(f"{title}: transfer (solid) and from scratch (dashed); grey: zero forces", fontsize=11)
    return save_figure(figure, path, overwrite)
