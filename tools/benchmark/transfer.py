"""What the ways of a transfer are worth: one model carried to argon by each of them, beside training from scratch.

    python tools/benchmark/transfer.py water.keras [--target argon-equivariant] [--frames 3 10] [--steps 1000]
        [--ways full discriminative ...] [--seeds 0 1] [--set KEY=VALUE] [--folder FOLDER]

Every training has the same steps, and of one number of frames the same frames of the simulated argon of known_data.py.
All are judged on the 100 frames that follow those of training; the best checkpoint of each is chosen on 40 validation
frames. Prints the errors before and after training as Markdown.
"""

import argparse
import contextlib
import itertools
import tempfile
from pathlib import Path

from gnnzoo.cli.console import note, say
from gnnzoo.tensorflow_env import quiet_tensorflow

quiet_tensorflow()

from known_data import known_data  # noqa: E402

import gnnzoo  # noqa: E402
from gnnzoo.data.graphs.source import GraphSource  # noqa: E402
from gnnzoo.metrics import force_errors  # noqa: E402
from gnnzoo.recipe.io.find import find_recipe  # noqa: E402
from gnnzoo.training.memory import keep_freed_memory  # noqa: E402
from gnnzoo.training.prepare import prepare  # noqa: E402
from gnnzoo.workflows.compare import course  # noqa: E402
from gnnzoo.workflows.transfer import started_from  # noqa: E402

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
    """Parse, train each way, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--target", default="argon-equivariant", help="recipe of argon, by name or path")
    parser.add_argument("--frames", type=int, nargs="+", default=[3, 10])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=[*WAYS], metavar="WAY", help=", ".join(WAYS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--folder", type=Path, default=Path("benchmark"), help="keeps the data")
    given = parser.parse_args()
    keep_freed_memory()
    source, target = gnnzoo.load_model(given.model), find_recipe(given.target).resolve()
    given.folder.mkdir(parents=True, exist_ok=True)
    train, judged = known_data("argon", given.folder)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        for way, frames in itertools.product(given.ways, given.frames):
            errors = []
            for seed in given.seeds:
                overrides = [SPLIT, f"training.seed={seed}", *given.overrides]
                recipe = started_from(gnnzoo.load_recipe(target, overrides), source, frames, WAYS[way] or {})
                folder = Path(place) / f"{len(rows)}-{seed}"
                errors.append(
                    trained(source if WAYS[way] else None, recipe, train, judged["argon"], given.steps, folder)
                )
            rows.append((way, frames, *zip(*errors, strict=True)))
            note(row(rows[-1]))
    seeds = f", seeds {', '.join(map(str, given.seeds))}" if len(given.seeds) > 1 else ""
    say(f"mean |dF| / mean |F|, {given.model.stem} -> {given.target}, {given.steps:,} steps{seeds}\n")
    say("\n".join(["| way | frames | before | after |", "|---|---|---|---|", *map(row, rows)]))


def trained(source, recipe, train: Path, judged: Path, steps: int, folder: Path) -> tuple[float, float]:
    """Errors on the judged frames, before and after one training."""
    with contextlib.ExitStack() as stack:
        data, unseen = (stack.enter_context(gnnzoo.open_dataset(path)) for path in (train, judged))

        def error(model, prepared) -> float:
            graphs = GraphSource(unseen, prepared.species, recipe.graph.cutoff, recipe.graph.bonds)
            predictions = model.predictor(map(graphs.graph, range(len(unseen))))
            return force_errors(predictions, prepared.species, unseen.units).overall.relative

        made = course(source, recipe, data, prepare(recipe, data), folder, steps, error)
    return made.before, made.error


def row(found: tuple) -> str:
    """A line of the table; with several seeds the smallest and the largest error."""
    way, frames, before, after = found
    ranges = (f"{low:.2%}" if low == high else f"{low:.2%} to {high:.2%}" for low, high in map(ends, (before, after)))
    return f"| {way} | {frames} | {' | '.join(ranges)} |"


def ends(values) -> tuple[float, float]:
    """The smallest and the largest."""
    return min(values), max(values)


if __name__ == "__main__":
    main()
