"""DeePMD-kit next to models of gnnzoo: error on the same frames, and one evaluation of the same atoms.

    python tools/benchmark/peers.py DATA --evaluate OTHER --deepmd ENVIRONMENT/bin --minutes 8 --models a.keras b.keras

DATA is the dataset that DeePMD-kit is trained on (se_e2_a, cutoff 6 A, forces alone) in the time given, after a short
run that fits the length of its schedule to that time; its model is frozen and compressed, as its manual recommends for
speed. All are evaluated on frames of another run. Then each evaluates the last frame, repeated along each direction by
--repeat, neighbour list included, one after another; medians are reported.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gnnzoo.cli.console import table
from gnnzoo.tensorflow_env import quiet_tensorflow

quiet_tensorflow()

from gnnzoo.data.frames.frame import Dataset, Frame  # noqa: E402
from gnnzoo.data.open_dataset import open_dataset  # noqa: E402
from gnnzoo.deploy.runner import Configuration, open_runner  # noqa: E402
from gnnzoo.testing.frames import replicated  # noqa: E402
from gnnzoo.units import force_unit, mev_factor  # noqa: E402

TRIAL, EVALUATED, WARM, TIMED = 200, 50, 2, 7  # steps of the first run; frames; evaluations: untimed, timed
# Evaluates arrays of configurations in DeePMD-kit's own environment, which cannot be that of gnnzoo.
EVALUATE = """
import json, sys, time
import numpy as np
from deepmd.infer import DeepPot
arrays, out = np.load(sys.argv[2]), {}
model = DeepPot(sys.argv[1])
out["forces"] = model.eval(arrays["coords"], arrays["cells"], arrays["types"].tolist())[1].tolist()
seconds = []
for _ in range(int(sys.argv[3])):
    start = time.perf_counter()
    model.eval(arrays["large"], arrays["large_cell"], arrays["large_types"].tolist())
    seconds.append(time.perf_counter() - start)
out["seconds"] = seconds
json.dump(out, open(sys.argv[4], "w"))
"""


def main() -> None:
    """Parse, train, evaluate, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="dataset of frames of the same atoms, in real or metal units")
    parser.add_argument("--evaluate", type=Path, required=True, help="dataset of the same atoms, not trained on")
    parser.add_argument("--deepmd", type=Path, required=True, help="folder with dp and python of DeePMD-kit")
    parser.add_argument("--minutes", type=float, default=8.0, help="training time of DeePMD-kit")
    parser.add_argument("--models", type=Path, nargs="*", default=[], help=".keras files")
    parser.add_argument("--repeat", type=int, default=1, help="times that the last frame is repeated along x, y and z")
    parser.add_argument("--folder", type=Path, default=Path("peers"))
    given = parser.parse_args()
    shutil.rmtree(given.folder, ignore_errors=True)
    given.folder.mkdir(parents=True)
    dataset = open_dataset([given.data])
    held_out = list(open_dataset([given.evaluate]))[-EVALUATED:]
    expected = np.array([frame.forces for frame in held_out])
    large = replicated(held_out[-1], (given.repeat,) * 3)
    write_systems(dataset, given.folder)
    trained = train(given.deepmd, given.folder, given.minutes)
    rows = []
    for name, model in trained.items():
        forces, seconds = by_deepmd(given.deepmd, model, given.folder, held_out, large, str(dataset.units))
        rows.append((name, forces, seconds))
    for path in given.models:
        runner = open_runner(path)
        forces = np.array([runner.results(configuration(frame))["forces"] for frame in held_out])
        atoms = configuration(large)
        seconds = [timed(lambda runner=runner, atoms=atoms: runner.results(atoms)) for _ in range(WARM + TIMED)]
        rows.append((path.stem, forces, seconds))
    show(rows, expected, len(large.types), dataset, given)


def show(rows: list, expected: np.ndarray, atoms: int, dataset: Dataset, given: argparse.Namespace) -> None:
    """Print the table, and write it as JSON."""
    size = np.linalg.norm(expected, axis=-1).mean()
    found = []
    for name, forces, seconds in rows:
        error = float(np.linalg.norm(forces - expected, axis=-1).mean() / size)
        median = float(np.median(seconds[WARM:]))
        found.append({"name": name, "error": error, "ms": 1e3 * median, "atoms per second": atoms / median})
    slowest = found[0]["atoms per second"]
    shown = [
        (
            one["name"],
            f"{one['error']:.2%}",
            f"{one['ms']:.1f}",
            f"{one['atoms per second'] / 1000:.2f}",
            f"{one['atoms per second'] / slowest:.1f}",
        )
        for one in found
    ]
    unit = force_unit(dataset.units)
    title = f"{len(expected)} frames of {given.evaluate}, mean |F| {size:.4g} {unit}; {atoms:,} atoms"
    table(title, ("model", "mean |dF| / mean |F|", "ms", "katom-steps/s", "times the first"), shown)
    (given.folder / "peers.json").write_text(json.dumps(found, indent=1) + "\n")


def configuration(frame: Frame) -> Configuration:
    """A frame as a runner takes it."""
    return Configuration(frame.names, frame.positions, frame.cell, frame.pbc, frame.molecules)


def timed(run: Callable[[], object]) -> float:
    """Seconds of a call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


# --- DeePMD-kit -------------------------------------------------------------------------------------------------------


def write_systems(dataset: Dataset, folder: Path) -> None:
    """Write training frames as DeePMD-kit reads them: eV and A, one folder of arrays."""
    frames = list(dataset)
    factor = mev_factor(dataset.units) / 1000
    place = folder / "system" / "set.000"
    place.mkdir(parents=True)
    np.save(
        place / "coord.npy", np.array([frame.positions - frame.origin for frame in frames]).reshape(len(frames), -1)
    )
    np.save(place / "force.npy", factor * np.array([frame.forces for frame in frames]).reshape(len(frames), -1))
    np.save(place / "box.npy", np.array([frame.cell for frame in frames]).reshape(len(frames), -1))
    np.save(place / "energy.npy", np.zeros(len(frames)))  # not trained on
    kinds, types = np.unique(frames[0].names, return_inverse=True)
    np.savetxt(folder / "system" / "type.raw", types, fmt="%d")
    (folder / "system" / "type_map.raw").write_text("\n".join(kinds.tolist()) + "\n")


def train(programs: Path, folder: Path, minutes: float) -> dict[str, Path]:
    """Train in the time given; name -> frozen model, as trained and compressed."""
    kinds = (folder / "system" / "type_map.raw").read_text().split()
    network = {"type": "se_e2_a", "rcut": 6.0, "rcut_smth": 0.5, "sel": "auto:1.2", "neuron": [25, 50, 100]}
    seeds = {"seed": 1}
    recipe = {
        "model": {
            "type_map": kinds,
            "descriptor": {**network, "axis_neuron": 16, "resnet_dt": False, **seeds},
            "fitting_net": {"neuron": [240, 240, 240], "resnet_dt": True, **seeds},
        },
        "loss": {
            **{"type": "ener", "start_pref_f": 1, "limit_pref_f": 1},
            **{"start_pref_e": 0, "limit_pref_e": 0, "start_pref_v": 0, "limit_pref_v": 0},
        },
        "training": {"training_data": {"systems": ["system"], "batch_size": 1}, **seeds},
    }
    rate = run_training(programs, folder, recipe, TRIAL)
    steps = max(1, round(60 * minutes * rate / TRIAL)) * TRIAL
    run_training(programs, folder, recipe, steps)
    command(programs, folder, "freeze", "-o", "model.pb")
    command(programs, folder, "compress", "-i", "model.pb", "-o", "compressed.pb")
    names = {"model.pb": "DeePMD-kit", "compressed.pb": "DeePMD-kit, compressed"}
    return {f"{name}, {minutes:g} min": (folder / file).resolve() for file, name in names.items()}


def run_training(programs: Path, folder: Path, recipe: dict, steps: int) -> float:
    """Train for some steps, of which only the last is saved; steps per second without the first ones."""
    for path in [*folder.glob("model.ckpt*"), folder / "checkpoint"]:  # of the run before: freezing takes the newest
        path.unlink(missing_ok=True)
    rate = {"type": "exp", "start_lr": 1e-3, "stop_lr": 1e-6, "decay_steps": max(1, steps // 200)}
    training = recipe["training"] | {"numb_steps": steps, "disp_freq": max(1, steps // 20), "save_freq": TRIAL}
    (folder / "input.json").write_text(json.dumps(recipe | {"learning_rate": rate, "training": training}))
    text = command(programs, folder, "train", "input.json")
    seconds = [float(found) for found in re.findall(r"(?:total )?wall time = ([\d.]+) s", text)]
    intervals = seconds[1 : 1 + 19] or seconds
    return training["disp_freq"] / float(np.median(intervals))


def command(programs: Path, folder: Path, *words: str) -> str:
    """Run dp; its output."""
    done = subprocess.run([programs / "dp", *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"dp {' '.join(words)}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout + done.stderr


def by_deepmd(
    programs: Path, model: Path, folder: Path, frames: list[Frame], large: Frame, units: str
) -> tuple[np.ndarray, list[float]]:
    """Forces on frames, in the unit of the data, and seconds of evaluations of a large frame."""
    kinds = (folder / "system" / "type_map.raw").read_text().split()
    np.savez(
        folder / "frames.npz",
        coords=np.array([frame.positions - frame.origin for frame in frames]).reshape(len(frames), -1),
        cells=np.array([frame.cell for frame in frames]).reshape(len(frames), -1),
        types=np.array([kinds.index(name) for name in frames[0].names]),
        large=large.positions.reshape(1, -1),
        large_cell=large.cell.reshape(1, -1),
        large_types=np.array([kinds.index(name) for name in large.names]),
    )
    words = [
        programs / "python",
        "-c",
        EVALUATE,
        model,
        folder / "frames.npz",
        str(WARM + TIMED),
        folder / "found.json",
    ]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"DeePMD-kit: {done.stderr[-2000:]}")
    found = json.loads((folder / "found.json").read_text())
    return np.array(found["forces"]) / (mev_factor(units) / 1000), found["seconds"]


if __name__ == "__main__":
    main()
