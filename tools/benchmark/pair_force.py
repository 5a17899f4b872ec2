"""The force between two atoms that a model learned, against the Lennard-Jones force that its data were made with.

    python tools/benchmark/pair_force.py argon.keras [--from 3.2] [--points 100] [--plot pair.png]

Two atoms of the first species alone in a wide box, drawn apart from the first distance to the cutoff; epsilon and
sigma are those of the model's recipe. Prints the largest difference, as a share of the largest force in that range.
"""

import argparse
from pathlib import Path

from gnnzoo.console import quiet_tensorflow, table

quiet_tensorflow()

import numpy as np  # noqa: E402

import gnnzoo  # noqa: E402
from gnnzoo.data.frames import Frame  # noqa: E402


def main() -> None:
    """Parse, pull two atoms apart, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--from", dest="first", type=float, default=3.2, help="first distance")
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--plot", type=Path, help="a picture of both forces")
    given = parser.parse_args()
    model = gnnzoo.load_model(given.model)
    distances = np.linspace(given.first, model.cutoff, given.points)
    learned = np.array([force_of_pair(model, distance) for distance in distances])
    atom = model.recipe.data.atoms[model.species[0]]
    true = lennard_jones(distances, atom.epsilon, atom.sigma)
    difference, largest = np.abs(learned - true), np.max(np.abs(true))
    worst = int(np.argmax(difference))
    rows = [
        ("largest force", f"{largest:.4g}"),
        ("largest difference", f"{difference[worst]:.4g} at {distances[worst]:.3f}"),
        ("its share of the largest force", f"{difference[worst] / largest:.2%}"),
        ("mean difference, share of the largest force", f"{difference.mean() / largest:.2%}"),
    ]
    title = f"{given.model}: two {model.species[0]} from {given.first:g} to {model.cutoff:g}"
    table(title, ("what", "value"), rows)
    if given.plot:
        draw(distances, learned, true, given.plot)


def force_of_pair(model, distance: float) -> float:
    """The force that drives two atoms apart, which the model sees alone."""
    edge = 4 * model.cutoff
    number = next(int(number) for number, name in model.info["types"].items() if name == model.species[0])
    frame = Frame(
        step=0,
        positions=np.array([[0.0, 0, 0], [distance, 0, 0]]) + edge / 2,
        forces=np.zeros((2, 3)),
        cell=np.eye(3) * edge,
        ids=np.arange(1, 3),
        types=np.full(2, number, np.int32),
        type_names={number: model.species[0]},
        units=model.units,
    )
    return float(model.forces(frame)[1, 0])


def lennard_jones(r: np.ndarray, epsilon: float, sigma: float) -> np.ndarray:
    """-dU/dr of 4 epsilon ((sigma/r)^12 - (sigma/r)^6)."""
    power = (sigma / r) ** 6
    return 24 * epsilon * power * (2 * power - 1) / r


def draw(distances: np.ndarray, learned: np.ndarray, true: np.ndarray, path: Path) -> None:
    """Both forces against distance."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), constrained_layout=True)
    axes.plot(distances, true, color="black", label="Lennard-Jones")
    axes.plot(distances, learned, "--", label="learned")
    axes.set(xlabel="distance", ylabel="force")
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
