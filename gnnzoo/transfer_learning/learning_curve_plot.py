"""Trainings with and without the weights of another model, drawn: error along the training, and against data."""

from collections.abc import Sequence
from pathlib import Path

from gnnzoo.evaluation.plots import save_figure
from gnnzoo.transfer_learning.learning_curves import LearningCurve

_STYLES = {"transfer": "-", "scratch": "--"}


def learning_curve_plot(courses: Sequence[LearningCurve], title: str, path: Path, overwrite: bool = False) -> Path:
    """Three panels: error against frames seen, against seconds, and the models' errors against training frames.

    Args:
        courses: of any numbers of frames.
        title: what is carried where.
        path: a .png.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sizes = sorted({course.frames for course in courses})
    colors = pyplot.get_cmap("viridis")([0.9 * i / max(1, len(sizes) - 1) for i in range(len(sizes))])
    figure, axes = pyplot.subplots(1, 3, figsize=(15, 4.6), layout="constrained")
    for course in courses:
        color, style = colors[sizes.index(course.frames)], _STYLES[course.start]
        errors = [100 * error for *_, error in course.points]
        label = f"{course.frames} frames" if course.start == "transfer" else None
        for axis, column in ((axes[0], 1), (axes[1], 2)):
            axis.plot([point[column] for point in course.points], errors, style, color=color, label=label)
    for start, style in _STYLES.items():
        chosen = sorted((course.frames, 100 * course.error) for course in courses if course.start == start)
        axes[2].plot(*zip(*chosen, strict=True), f"o{style}", color="black", label=start)
    zero_shot = [100 * course.zero_shot for course in courses if course.zero_shot is not None]
    for axis in axes:
        axis.axhline(100, color="grey", linewidth=0.8)
        for value in zero_shot[:1]:  # the weights are the same at every number of frames
            axis.axhline(value, color="tab:red", linewidth=0.8, linestyle=":", label="zero-shot")
        axis.set(xscale="log", yscale="log")
        axis.legend(fontsize=8)
        axis.grid(alpha=0.25, which="both")
    axes[0].set(xlabel="frames seen", ylabel="mean |dF| / mean |F| (%), validation")
    axes[1].set(xlabel="seconds, compilation included")
    axes[2].set(xlabel="training frames", ylabel="mean |dF| / mean |F| (%) of the model")
    figure.suptitle(f"{title}: transfer (solid) and from scratch (dashed); grey: zero forces", fontsize=11)
    return save_figure(figure, path, overwrite)
