"""Accuracy of a recipe after a training time, on reproducible simulations of water or argon, and its cost.

    python tools/benchmark/accuracy.py water --time-limit 8m [--set KEY=VALUE] [--seed N] [--folder FOLDER]
    python tools/benchmark/accuracy.py --family water-schnet --time-limit 8m
    python tools/benchmark/accuracy.py --table [--folder FOLDER]

Trains on 400 frames, evaluates on the next 100 and on larger boxes (water) or a hotter liquid (argon), prints the
figures and appends a line to results.jsonl; --table prints all lines as Markdown. Data (see known_data.py) and models
stay in the folder. A tenth of the training frames is for validation and none for a test, because the evaluation frames
come later in time, so no gaps are needed either; --set data.split.gap=auto and the like change that.

Choose between runs, recipes or settings by the error on the validation frames, which is printed first: an error that
was used for a choice is too optimistic, and the evaluation frames are kept for an unbiased one.

--family trains a recipe with the stack of a layer family that has no recipe of its own, from families.json.
"""

import argparse
import contextlib
import json
import os
import statistics
import time
from pathlib import Path

from gnnzoo.cli.console import Verbosity, note, reporting, say, table
from gnnzoo.tensorflow_env import quiet_tensorflow

quiet_tensorflow()

from flops import arithmetic_of_a_step, sgemm_rate  # noqa: E402
from known_data import known_data, substance_of  # noqa: E402
from steps import seconds_per_step  # noqa: E402

import gnnzoo  # noqa: E402
from gnnzoo.recipe.io.find import find_recipe  # noqa: E402

SPLIT = {"method": "blocks", "train": 0.9, "validation": 0.1, "test": 0.0, "gap": 0}
RESULTS = Path("results.jsonl")
FAMILIES = json.loads((Path(__file__).parent / "families.json").read_text())
TIMED = 5  # evaluations, whose median is reported


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    one = parser.add_mutually_exclusive_group()
    one.add_argument("recipe", nargs="?", help="path or name of a recipe for SPC/Fw water or argon")
    one.add_argument("--family", choices=FAMILIES, help="a family of layers instead of a recipe")
    parser.add_argument("--time-limit", default="8m")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--label", help="what the table calls this run; by default the recipe and what was set")
    parser.add_argument("--folder", type=Path, default=Path("benchmark"), help="keeps data, models and results")
    parser.add_argument("--table", action="store_true", help="print all results of the folder as Markdown")
    given = parser.parse_args()
    if given.recipe is None and given.family is None and not given.table:
        parser.error("a recipe, or --family, or --table")
    if given.family is not None:
        given.label = given.label or " ".join([given.family, *given.overrides])
        given.recipe, of_family = family_recipe(given.family)
        given.overrides = [*of_family, *given.overrides]
    recipe = None if given.recipe is None else find_recipe(given.recipe).resolve()
    given.folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(given.folder):
        if recipe is not None:
            result = measured(recipe, given)
            with RESULTS.open("a") as file:
                file.write(json.dumps(result) + "\n")
            table(f"{result['label']}, {os.cpu_count()} cores", ("what", "value"), figures(result))
            table("evaluated on held-out frames", ERRORS, error_rows(result))
        if given.table:
            say("\n\n".join(markdown([json.loads(line) for line in RESULTS.read_text().splitlines()])))


def family_recipe(name: str) -> tuple[str, list[str]]:
    """The recipe that a family is based on, and its overrides."""
    family = FAMILIES[name]
    return family["recipe"], [f"{key}={json.dumps(value)}" for key, value in family["set"].items()]


def measured(path: Path, given) -> dict:
    """Train, evaluate and time a recipe: all figures of a line of the results."""
    overrides = [f"data.split={json.dumps(SPLIT)}", f"training.seed={given.seed}", *given.overrides]
    recipe = gnnzoo.load_recipe(path, overrides)
    substance = substance_of(recipe.data.types)
    if substance is None:
        raise SystemExit(f"{path}: its data.types are neither O and H nor Ar")
    train, evaluation = known_data(substance, Path())
    model = gnnzoo.train(path, data=train, time_limit=given.time_limit, overrides=overrides, output=_output(recipe))
    sets = {}
    for name, data in evaluation.items():
        sets[name] = gnnzoo.evaluate(model, data, plot=False).to_json()
    training = model.info["training"]
    seconds = seconds_per_step(Path(training["run"]) / "log.csv")
    with gnnzoo.open_dataset(train) as dataset:
        frame = dataset[0]
    batch = min(recipe.training.batch_size, len(model.info["split"]["train"]))
    return {
        "label": given.label or " ".join([recipe.name, *given.overrides]),
        "recipe": recipe.name,
        "family": given.family,
        "substance": substance,
        "set": given.overrides,
        "seed": given.seed,
        "cutoff": recipe.graph.cutoff,
        "time_limit": given.time_limit,
        "seconds": training["seconds"],
        "steps": training["steps"],
        "seconds_per_step": seconds,
        "atom_frames_per_second": batch * len(frame) / seconds,
        "parameters": model.info["parameters"],
        "validation": (model.info["figures"]["validation"] or {}).get("relative"),
        "cores": os.cpu_count(),
        "made": time.strftime("%Y-%m-%d %H:%M:%S"),
        "sets": sets,
        **_inference(model, evaluation),
        **_arithmetic(model, frame, batch, seconds),
    }


def _output(recipe) -> Path:
    """An unused name for the model."""
    number = 1
    while (path := Path(f"{recipe.name}-{number:03d}.keras")).exists():
        number += 1
    return path


def _inference(model, evaluation: dict[str, Path]) -> dict:
    """Seconds of one evaluation of a frame including its neighbour list, already compiled: 512 waters, or argon."""
    data = evaluation.get("512-waters", next(iter(evaluation.values())))
    with gnnzoo.open_dataset(data) as dataset:
        frame = dataset[0]
    seconds = []
    for _ in range(TIMED + 1):
        begin = time.perf_counter()
        model.forces(frame)
        seconds.append(time.perf_counter() - begin)
    return {"evaluated_atoms": len(frame), "seconds_per_evaluation": statistics.median(seconds[1:])}


def _arithmetic(model, frame, batch: int, seconds: float) -> dict:
    """FLOP of a training step, counted in the traced graph, and the FLOP/s of step and machine."""
    rate = sgemm_rate()
    try:
        found = arithmetic_of_a_step(model, frame, batch)
    except NotImplementedError as error:
        note(f"FLOP not counted: {error}")
        return {"sgemm": rate}
    return {
        "flop_products": found.products,
        "flop_others": found.others,
        "flop_rate": found.total / seconds,
        "sgemm": rate,
    }


# --- printing ---------------------------------------------------------------------------------------------------------

ERRORS = ("set", "frames", "mean |dF| / mean |F|", "by type", "MAE", "zero forces: MAE", "sum of |components|", "unit")


def figures(result: dict) -> list[tuple[str, str]]:
    """Validation error and costs of one result as rows."""
    rows = [
        ("validation frames: mean |dF| / mean |F|", _validation(result) or "unknown"),
        ("training", f"{result['seconds']:,.0f} s, {result['steps']:,} steps"),
        ("a step", f"{result['seconds_per_step'] * 1e3:.1f} ms"),
        ("atoms x frames a second", f"{result['atom_frames_per_second']:,.0f}"),
        ("parameters", f"{result['parameters']:,}"),
        (f"one evaluation of {result['evaluated_atoms']:,} atoms", f"{result['seconds_per_evaluation'] * 1e3:.0f} ms"),
        ("the machine's SGEMM", f"{result['sgemm'] / 1e9:.0f} GFLOP/s"),
    ]
    if "flop_rate" in result:
        gigas = [result[name] / 1e9 for name in ("flop_products", "flop_others", "flop_rate")]
        rows.append(("arithmetic of a step", f"{gigas[0]:.2f} GFLOP in products of matrices, {gigas[1]:.2f} others"))
        rows.append(("its rate", f"{gigas[2]:.1f} GFLOP/s, {result['flop_rate'] / result['sgemm']:.0%} of SGEMM"))
    return rows


def error_rows(result: dict) -> list[tuple[str, ...]]:
    """Errors of one result as rows of `ERRORS`."""
    return [
        (
            name,
            f"{found['frames']}",
            f"{found['force']['relative']:.2%}",
            _by_type(found),
            f"{found['force']['mae']:.4g}",
            f"{found['baseline']['mae']:.4g}",
            f"{found['force']['sum_abs']:.4g}",
            "kcal/mol/A",
        )
        for name, found in result["sets"].items()
    ]


def _validation(result: dict) -> str:
    """Error on the validation frames, by which to choose; missing in older lines."""
    found = result.get("validation")
    return "" if found is None else f"{found:.2%}"


def _by_type(found: dict) -> str:
    if len(found["per_type"]) < 2:
        return ""
    return ", ".join(f"{name} {errors['relative']:.2%}" for name, errors in found["per_type"].items())


def markdown(results: list[dict]) -> list[str]:
    """One table per substance with one line per run."""
    tables = []
    for substance in dict.fromkeys(result["substance"] for result in results):
        chosen = [result for result in results if result["substance"] == substance]
        sets = list(dict.fromkeys(name for result in chosen for name in result["sets"]))
        atoms = chosen[0]["evaluated_atoms"]
        head = ["recipe", "seed", "time", "steps", "ms a step", "atoms x frames / s", "parameters", "validation", *sets]
        head += [f"ms for {atoms:,} atoms", "GFLOP/s (of SGEMM)"]
        lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        lines += ["| " + " | ".join(_cells(result, sets)) + " |" for result in chosen]
        tables.append("\n".join(lines))
    return tables


def _cells(result: dict, sets: list[str]) -> list[str]:
    rate = result.get("flop_rate")
    return [
        f"`{result['label']}`",
        f"{result['seed']}",
        f"{result['seconds'] / 60:.1f} min",
        f"{result['steps']:,}",
        f"{result['seconds_per_step'] * 1e3:.1f}",
        f"{result['atom_frames_per_second']:,.0f}",
        f"{result['parameters']:,}",
        _validation(result),
        *(f"{result['sets'][name]['force']['relative']:.2%}" if name in result["sets"] else "" for name in sets),
        f"{result['seconds_per_evaluation'] * 1e3:.0f}",
        f"{rate / 1e9:.1f} ({rate / result['sgemm']:.0%})" if rate else "",
    ]


if __name__ == "__main__":
    with reporting(Verbosity()):
        main()
