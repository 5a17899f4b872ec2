"""Accuracy of a recipe after a training time on your own dumps, and its cost.

    python tools/benchmark/train.py water --train 'N216.[1-8]*' --evaluate 'N216.9*' --time-limit 20m [--set KEY=VALUE]

Trains in a temporary folder (--folder keeps it), evaluates on each dump of --evaluate and on all together, and prints
the sum of |component| errors per atom and mean |dF| / mean |F| next to the zero-force baseline, and seconds per step.
"""

import argparse
import contextlib
import os
import tempfile
from pathlib import Path

from gnnzoo.cli.console import Verbosity, reporting, table
from gnnzoo.tensorflow_env import quiet_tensorflow

quiet_tensorflow()

import numpy as np  # noqa: E402
from steps import seconds_per_step  # noqa: E402

import gnnzoo  # noqa: E402
from gnnzoo.data.data_source import find_files  # noqa: E402
from gnnzoo.units import force_unit  # noqa: E402


def main() -> None:
    """Parse, train, evaluate, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", help="path or name")
    parser.add_argument("--train", nargs="+", required=True, help="dumps, globs or a dataset to train on")
    parser.add_argument("--evaluate", nargs="+", required=True, help="dumps or datasets that are not trained on")
    parser.add_argument("--time-limit", default="20m")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--folder", type=Path, help="working folder; by default a temporary one")
    given = parser.parse_args()
    train, held_out = (_absolute(names) for names in (given.train, given.evaluate))
    if both := set(train) & set(held_out):
        parser.error(f"given for training and for evaluation: {', '.join(map(str, both))}")
    recipe = Path(given.recipe).resolve() if Path(given.recipe).exists() else given.recipe
    with contextlib.ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(contextlib.chdir(folder))
        model = gnnzoo.train(recipe, data=train, time_limit=given.time_limit, overrides=given.overrides)
        results = gnnzoo.evaluate(model, [str(path) for path in held_out], plot=False)
        results = results if isinstance(results, dict) else {str(held_out[0]): results}
        _print(model, {name: result.to_json() for name, result in results.items()}, given)


def _absolute(names: list[str]) -> list[Path]:
    return [path.resolve() for name in names for path in find_files(os.path.abspath(name))]


def _print(model, results: dict, given) -> None:
    rows = [_row(Path(path).name, [result]) for path, result in results.items()]
    if len(rows) > 1:
        rows.append(_row("all", list(results.values())))
    title = f"{model.recipe.name}, trained for {given.time_limit} on {os.cpu_count()} cores, on held-out frames"
    columns = ("data", "frames", "sum of |components|", "zero forces", "unit", "mean |dF| / mean |F|")
    table(title, columns, rows)
    training = model.info["training"]
    seconds = seconds_per_step(Path(training["run"]) / "log.csv")
    batch = model.recipe.training.batch_size
    figures = [
        ("steps", f"{training['steps']:,}"),
        ("seconds a step", f"{seconds:.3f}"),
        ("seconds a frame", f"{seconds / batch:.3f}"),
        ("atoms of a frame", f"{model.info['dataset']['atoms']:,}"),
        ("seconds in all", f"{training['seconds']:,.0f}"),
        ("parameters", f"{model.info['parameters']:,}"),
    ]
    table("cost", ("what", "value"), figures)


def _row(name: str, results: list[dict]) -> tuple[str, ...]:
    """Means over atoms of all results."""
    atoms = np.array([result["atoms"] for result in results], dtype=float)

    def mean(part: str, figure: str) -> float:
        return float(np.average([result[part][figure] for result in results], weights=atoms))

    relative = mean("force", "vector_mae") / mean("baseline", "vector_mae")
    frames = sum(result["frames"] for result in results)
    unit = force_unit(results[0]["units"])
    return (
        name,
        f"{frames:,}",
        f"{mean('force', 'sum_abs'):.4g}",
        f"{mean('baseline', 'sum_abs'):.4g}",
        unit,
        f"{relative:.2%}",
    )


if __name__ == "__main__":
    with reporting(Verbosity()):
        main()
