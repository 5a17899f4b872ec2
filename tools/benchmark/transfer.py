"""Benchmark of transfer strategies: one model transferred to argon with each, and training from scratch.

    python tools/benchmark/transfer.py water.keras [--target argon-equivariant] [--frames 3 10] [--steps 1000]
        [--ways full discriminative ...] [--seeds 0 1] [--set KEY=VALUE] [--folder FOLDER]

Every training has the same number of steps; those with one number of frames have the same frames of the simulated argon
of known_data.py. Errors are measured on the 100 frames after the training frames; the best checkpoint of each training
is chosen on 40 validation frames. Prints the errors before and after training as Markdown.
"""

import argparse
import contextlib
import itertools
import tempfile
from pathlib import Path

from gnnzoo.cli.console import Verbosity, note, reporting, say
from gnnzoo.tensorflow_env import quiet_tensorflow

quiet_tensorflow()

from known_data import known_data  # noqa: E402

import gnnzoo  # noqa: E402
from gnnzoo.data.graphs.source import GraphSource  # noqa: E402
from gnnzoo.metrics import force_errors  # noqa: E402
from gnnzoo.models.files import ForceField  # noqa: E402
from gnnzoo.recipe.io.find import find_recipe  # noqa: E402
from gnnzoo.recipe.schema.recipe import Recipe  # noqa: E402
from gnnzoo.training.memory import keep_freed_memory  # noqa: E402
from gnnzoo.training.prepare import Prepared, prepare  # noqa: E402
from gnnzoo.workflows.compare import train_curve  # noqa: E402
from gnnzoo.workflows.transfer import transfer_recipe  # noqa: E402

SPLIT = 'data.split={"method": "blocks", "train": 0.9, "validation": 0.1, "test": 0, "gap": 0}'
WAYS = {
    "scratch": None,
    "discriminative": {"strategy": "discriminative"},
    "full": {"strategy": "full"},
    "heads": {"strategy": "heads"},
    "staged": {"strategy": "staged"},
    "lora": {"strategy": "lora"},
    "discriminative, stretch": {"strategy": "discriminative", "radial": "stretch"},
    "full, stretch": {"strategy": "full", "radial": "stretch"},
}


def main() -> None:
    """Train with each strategy and print the errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--target", default="argon-equivariant", help="recipe of argon, by name or path")
    parser.add_argument("--frames", type=int, nargs="+", default=[3, 10])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=[*WAYS], metavar="WAY", help=", ".join(WAYS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--folder", type=Path, default=Path("benchmark"), help="folder of the data")
    given = parser.parse_args()
    keep_freed_memory()
    source, target = gnnzoo.load_model(given.model), find_recipe(given.target).resolve()
    given.folder.mkdir(parents=True, exist_ok=True)
    train, unseen = known_data("argon", given.folder)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for way, frames in itertools.product(given.ways, given.frames):
            errors = []
            for seed in given.seeds:
                overrides = [SPLIT, f"training.seed={seed}", *given.overrides]
                recipe = transfer_recipe(gnnzoo.load_recipe(target, overrides), source, WAYS[way] or {}, frames)
                folder = Path(place) / f"{len(rows)}-{seed}"
                initial = source if WAYS[way] else None
                errors.append(train_and_test(initial, recipe, train, unseen["argon"], given.steps, folder))
            rows.append((way, frames, *zip(*errors, strict=True)))
            note(row(rows[-1]))
    seeds = f", seeds {', '.join(map(str, given.seeds))}" if len(given.seeds) > 1 else ""
    say(f"mean |dF| / mean |F|, {given.model.stem} -> {given.target}, {given.steps:,} steps{seeds}\n")
    say("\n".join(["| way | frames | before | after |", "|---|---|---|---|", *map(row, rows)]))


def train_and_test(
    source: ForceField | None, recipe: Recipe, train: Path, test: Path, steps: int, folder: Path
) -> tuple[float, float]:
    """Errors on the test dataset before and after one training."""
    with contextlib.ExitStack() as stack:
        train_data, test_data = (stack.enter_context(gnnzoo.open_dataset(path)) for path in (train, test))

        def error(model: ForceField, prepared: Prepared) -> float:
            graphs = GraphSource(test_data, prepared.species, recipe.graph.cutoff, recipe.graph.bonds)
            predictions = model.predictor(map(graphs.graph, range(len(test_data))))
            return force_errors(predictions, prepared.species, test_data.units).overall.relative

        curve = train_curve(source, recipe, train_data, prepare(recipe, train_data), folder, steps, error)
    return curve.before, curve.error


def row(found: tuple) -> str:
    """Line of the table; smallest and largest error of several seeds."""
    way, frames, before, after = found
    ranges = (f"{low:.2%}" if low == high else f"{low:.2%} to {high:.2%}" for low, high in map(ends, (before, after)))
    return f"| {way} | {frames} | {' | '.join(ranges)} |"


def ends(values) -> tuple[float, float]:
    """Smallest and largest value."""
    return min(values), max(values)


if __name__ == "__main__":
    with reporting(Verbosity()):
        main()
