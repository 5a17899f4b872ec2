"""Training from recipe and data to a model file: output, errors, resuming and repeating."""

import csv
import errno
import hashlib
import itertools
import json
import os
import shutil
import signal
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import dumps
from errors import refused
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import DataError, RecipeError, UserError
from gnnzoo.models.build import build_network
from gnnzoo.models.files import load_model, save_model
from gnnzoo.outputs import OutputError
from gnnzoo.recipe.io.load import resolved
from gnnzoo.training.log import read_log
from gnnzoo.training.loop import Interrupted, Trainer
from gnnzoo.training.runs import Run, unfinished_run
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.steps import fit as fitting
from gnnzoo.workflows.steps import model_info
from gnnzoo.workflows.train import train
from lines import line_with, repeated_options
from small import ARGON, recipe
from trainers import ONE_HEAD

SHORT = {"epochs": 2, "checkpoint_every": 1}  # ten frames by two: ten steps
RECIPE = recipe(training=SHORT)


class StopAfter(keras.callbacks.Callback):
    """Sends the process SIGTERM after an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if epoch == self.epoch:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(scope="module")
def argon(workshop):
    """A dataset without units and names of types."""
    dumps.argon_dump(workshop / "argon.lammpstrj", frames=21)
    return convert("argon.lammpstrj").path.resolve()


@pytest.fixture(scope="module")
def trained(argon, workshop):
    """The recipe's model, trained on the dataset in the module's folder."""
    return train(RECIPE, data=argon)


@pytest.fixture(scope="module")
def interrupted(argon, workshop):
    """A folder with a run for other.keras that was stopped after its first epoch."""
    with pytest.MonkeyPatch.context() as patch:
        location = workshop / "interrupted"
        location.mkdir()
        patch.chdir(location)
        with pytest.raises(Interrupted, match="SIGTERM"):
            train(RECIPE, data=argon, output="other.keras", callbacks=(StopAfter(1),))
    return location


@pytest.fixture
def unfinished(interrupted, folder):
    """A copy of that folder, to work in."""
    shutil.copytree(interrupted, folder, dirs_exist_ok=True)
    return folder


def weights(model):
    return [variable.numpy() for variable in model.network.weights]


def assert_same_weights(found, expected):
    for a, b in zip(weights(found), weights(expected), strict=True):
        np.testing.assert_array_equal(a, b)


def log_of(run):
    """Rows of a run's log without times."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in read_log(run / "log.csv")]


def state_of(run):
    return json.loads((run / "run.json").read_text())


# --- output -------------------------------------------------------------------------------------------------------


def test_model_run_and_log_are_written(trained, argon, workshop):
    assert trained.path == load_model("tiny.keras").path
    assert_same_weights(load_model("tiny.keras"), trained)
    run = workshop / "runs" / "tiny-001"
    assert {path.name for path in run.iterdir()} == {"run.json", "run.lock", "log.csv", "checkpoints", "tensorboard"}
    state = state_of(run)
    assert state["status"] == "done"
    assert state["recipe"] == resolved(RECIPE)
    assert state["output"] == "tiny.keras"
    assert state["dataset"]["path"] == str(argon)
    assert state["dataset"]["fingerprint"] == open_dataset(argon).fingerprint
    log = read_log(run / "log.csv")
    assert [row["step"] for row in log] == [5, 10]
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"step-00000005.npz", "step-00000010.npz"}
    assert trained.info["training"]["best_step"] == min(log, key=lambda row: row["mae"])["step"] == state["best"]


def test_the_weights_have_moved(trained):
    fresh = build_network(RECIPE, ["Ar"])
    still = [
        a.path
        for a, b in zip(trained.network.trainable_weights, fresh.trainable_weights, strict=True)
        if np.array_equal(a.numpy(), b.numpy())
    ]
    assert not still


def test_undeclared_units_and_types_come_from_the_recipe(trained, argon):
    assert open_dataset(argon).units is None
    assert trained.info["units"] == "real"
    assert trained.info["types"] == {"1": "Ar"}
    assert trained.species == ["Ar"]


def test_the_parts_of_the_split_never_overlap(trained):
    parts = trained.info["split"]
    assert {part: len(frames) for part, frames in parts.items()} == {"train": 10, "validation": 4, "test": 4}
    frames = sorted((frame, part) for part, chosen in parts.items() for frame in chosen)
    assert len({frame for frame, _ in frames}) == len(frames)
    assert frames[0][0] >= 0
    assert frames[-1][0] < 21
    for (before, part), (after, other) in itertools.pairwise(frames):
        assert part == other or after - before > 1  # the recipe asks for a gap of a frame


def test_the_model_describes_its_dataset(trained, argon, workshop):
    (source,) = open_dataset(argon).provenance["sources"]
    digest = hashlib.sha256((workshop / "argon.lammpstrj").read_bytes()).hexdigest()
    about = trained.info["dataset"]
    assert (about["molecules"], about["boundary"], about["sources"]) == (False, ["pp", "pp", "pp"], [digest])
    assert source["sha256"] == digest


def test_data_and_network_are_logged(argon, folder, messages):
    made = train(recipe(training=SHORT | {"epochs": 1, "steps": 1}), data=argon)
    logged = messages()
    line_with(logged, "27 Ar", "type 1", "units real")
    steps, parts = open_dataset(argon).steps, made.info["split"]
    nearest = min(abs(int(steps[a] - steps[b])) for a in parts["train"] for b in parts["validation"] + parts["test"])
    assert nearest > steps[1] - steps[0] > 0
    line_with(logged, "held-out", f" {nearest} timesteps")
    line_with(logged, f" {made.info['parameters']:,} parameters")


def test_missing_molecule_ids_are_logged_where_a_prior_reads_them(argon, folder, messages):
    once = SHORT | {"epochs": 1, "steps": 1}
    for prior, logged in (([], False), ([{"prior": "lennard_jones"}], True)):
        train(recipe(model=ONE_HEAD | {"prior": prior}, training=once), data=argon, overwrite=True)
        assert ("no molecule ids" in messages()) == logged


def test_errors_by_species_and_force_and_options_to_repeat_are_logged(argon, folder, messages):
    made = train(recipe(training=SHORT | {"validate_every": 2, "checkpoint_every": 2}), data=argon)
    (row,) = read_log(folder / "runs/tiny-001/log.csv")
    logged = messages()
    bins = [f"{row[f'relative_bin{number}']:.1%}" for number in (1, 2, 3, 4)]
    line = line_with(logged, "mean |dF| / mean |F|", f"Ar {row['relative_Ar']:.1%};", "kcal/mol/A: below ")
    by_force = line.partition("kcal/mol/A: below ")[2]
    assert [part.rpartition(" ")[2] for part in by_force.split("  ")] == bins
    assert repeated_options(logged) == ["--set", "training.steps=10", "--set", "training.validate_every=2"]
    assert made.info["training"]["schedule_steps"] == 10


def test_an_early_end_is_logged_and_stages_are_repeated_by_their_steps(argon, folder, messages):
    stages = [{"head": "direct", "share": 0.5, "loss": "l2"}, {"head": "direct", "share": 0.5, "loss": "vector"}]
    still = {"learning_rate": {"initial": 1e-30}, "early_stopping": {"patience": 1}, "stages": stages}
    train(recipe(model=ONE_HEAD, training=SHORT | still | {"epochs": 6}), data=argon)
    logged = messages()
    line_with(logged, "5 steps early")  # the 5th validation is as good as the 4th
    steps = ["--set", "training.stages[0].steps=15", "--set", "training.stages[1].steps=15"]
    assert repeated_options(logged) == steps


def test_the_command_can_be_typed_again_and_the_network_is_compiled_once(argon, folder, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/usr/bin/gnnzoo", "train", "tiny", "--data", "my run*.h5"])
    monkeypatch.setattr("gnnzoo.training.loop.Predictor", None)  # the model's own serves
    made = train(recipe(training=SHORT | {"epochs": 1, "steps": 1}), data=argon)
    assert made.info["training"]["command"] == "gnnzoo train tiny --data 'my run*.h5'"


def test_scales_come_from_the_training_frames_alone(trained, argon):
    forces = np.concatenate([open_dataset(argon)[frame].forces for frame in trained.info["split"]["train"]])
    rms = np.sqrt(np.mean(forces**2))
    assert trained.info["statistics"]["force_rms"] == pytest.approx(rms, rel=1e-6)
    assert trained.network.get_layer("force_scale").factor.numpy() == pytest.approx(rms, rel=1e-6)


def test_figures_are_the_errors_on_held_out_frames(trained, argon, workshop):
    dataset = open_dataset(argon, units="real", types={1: "Ar"})
    for part in ("validation", "test"):
        frames = [dataset[frame] for frame in trained.info["split"][part]]
        errors = np.concatenate([trained.forces(frame) - frame.forces for frame in frames])
        assert trained.info["figures"][part]["mae"] == pytest.approx(np.mean(np.abs(errors)), rel=1e-5)
    best = trained.info["training"]["best_step"]
    (row,) = [row for row in read_log(workshop / "runs/tiny-001/log.csv") if row["step"] == best]
    assert trained.info["figures"]["validation"]["mae"] == pytest.approx(row["mae"], rel=1e-6)


def test_the_example_is_a_test_frame_with_predicted_forces(trained, argon):
    example = trained.info["example"]
    frame = open_dataset(argon, types={1: "Ar"})[trained.info["split"]["test"][0]]
    assert example["positions"] == frame.positions.tolist()
    assert example["cell"] == frame.cell.tolist()
    np.testing.assert_allclose(example["forces"], trained.forces(frame), rtol=1e-6, atol=1e-7)


# --- repeating ----------------------------------------------------------------------------------------------------


def test_training_again_gives_the_same_weights_and_keeps_the_old_model(trained, argon, folder):
    """From the recipe's file, with an override, replacing an existing file."""
    raw = {**ARGON, "training": ARGON["training"] | SHORT | {"epochs": 7}}
    (folder / "tiny.json").write_text(json.dumps(raw))
    (folder / "tiny.keras").write_text("precious")
    again = train("tiny.json", data=argon, overrides=["training.epochs=2"], overwrite=True)
    assert_same_weights(again, trained)
    assert again.recipe == trained.recipe
    assert (folder / "tiny.keras.old-1").read_text() == "precious"
    assert_same_weights(load_model("tiny.keras"), trained)


def test_shards_give_the_same_losses_as_the_dataset_they_were_made_from(trained, argon, workshop, folder):
    (folder / "tiny.json").write_text(json.dumps(ARGON))
    shards = convert(argon, "argon.tfrecord", recipe="tiny.json")
    again = train(RECIPE, data=shards)
    assert log_of(folder / "runs/tiny-001") == log_of(workshop / "runs/tiny-001")
    assert_same_weights(again, trained)
    assert again.info["split"] == trained.info["split"]
    assert again.info["dataset"]["fingerprint"] == trained.info["dataset"]["fingerprint"]


def test_the_recipes_source_is_converted_once(trained, workshop, folder, messages):
    """The model is the same as from the dataset; a second training finds the conversion."""
    shutil.copy2(workshop / "argon.lammpstrj", folder)
    assert_same_weights(train(RECIPE), trained)
    (dataset,) = (folder / "data").iterdir()
    written = dataset.stat().st_mtime_ns
    messages()
    with refused(DataError, "0.5"):
        train(recipe(graph={"cutoff": 0.5}), output="again.keras")
    line_with(messages(), "already converted", f"data/{dataset.name}")
    assert dataset.stat().st_mtime_ns == written


# --- resuming -----------------------------------------------------------------------------------------------------


def test_an_interrupted_run_is_recorded_and_leaves_no_model(interrupted):
    assert state_of(interrupted / "runs/other-001")["status"] == "interrupted"
    assert {path.name for path in interrupted.iterdir()} == {"runs"}
    assert len(read_log(interrupted / "runs/other-001/log.csv")) == 1


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(trained, argon, workshop, unfinished):
    resumed = train(RECIPE, data=argon, output="other.keras", resume=True)
    assert_same_weights(resumed, trained)
    assert log_of(unfinished / "runs/other-001") == log_of(workshop / "runs/tiny-001")
    assert {path.name for path in unfinished.iterdir()} == {"runs", "other.keras"}
    assert [path.name for path in (unfinished / "runs").iterdir()] == ["other-001"]
    assert state_of(unfinished / "runs/other-001")["status"] == "done"
    (unfinished / "other.keras").unlink()
    with refused(UserError, "'other'", hint="without --resume"):
        train(RECIPE, data=argon, output="other.keras", resume=True)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"training": {**SHORT, "learning_rate": {"initial": 0.02}}}, "training.learning_rate"),
        ({"training": SHORT, "graph": {"cutoff": 5.5}}, "graph.cutoff"),
        ({"training": SHORT, "data": {"split": {"train": 0.5, "validation": 0.1, "test": 0.4}}}, "data.split"),
        ({"training": SHORT, "data": {"atoms": {"Ar": {"charge": 0, "epsilon": 1, "sigma": 1}}}}, "data.atoms"),
    ],
)
def test_a_run_is_not_resumed_with_another_recipe(argon, unfinished, changes, what):
    with refused(UserError, "runs/other-001", what, hint="without --resume"):
        train(recipe(**changes), data=argon, output="other.keras", resume=True)
    assert state_of(unfinished / "runs/other-001")["status"] == "interrupted"


def test_a_run_is_not_resumed_with_other_data(argon, unfinished):
    dumps.argon_dump(unfinished / "other.lammpstrj", frames=21, seed=1)
    with refused(DataError, "runs/other-001", hint=str(argon)):
        train(RECIPE, data=convert("other.lammpstrj"), output="other.keras", resume=True)
    assert state_of(unfinished / "runs/other-001")["status"] == "interrupted"


def test_the_data_may_have_moved_meanwhile(argon, unfinished):
    shutil.copy2(argon, "moved.h5")
    train(recipe(training=SHORT, data={"source": "moved.h5"}), output="other.keras", resume=True)
    state = state_of(unfinished / "runs/other-001")
    assert state["status"] == "done"
    assert state["dataset"]["path"] == str(unfinished / "moved.h5")


def test_a_run_may_end_in_another_place_than_it_was_to(trained, argon, unfinished):
    resumed = train(RECIPE, data=argon, output="elsewhere/another.keras", resume=True)
    assert_same_weights(load_model("elsewhere/another.keras"), trained)
    assert resumed.info["training"]["run"] == "runs/other-001"
    assert state_of(unfinished / "runs/other-001")["output"] == "elsewhere/another.keras"


def test_the_run_of_the_same_output_path_comes_first(unfinished):
    for number, (output, started) in enumerate([("a/other.keras", "2026-01-02"), ("b/other.keras", "2026-01-03")], 2):
        run = unfinished / f"runs/other-{number:03d}"
        run.mkdir()
        known = json.loads((unfinished / "runs/other-001/run.json").read_text())
        (run / "run.json").write_text(json.dumps(known | {"status": "failed", "output": output, "started": started}))
    assert unfinished_run(Path("a/other.keras"), "tiny").folder.name == "other-002"
    assert unfinished_run(Path("b/other.keras"), "tiny").folder.name == "other-003"
    assert unfinished_run(Path("other.keras"), "tiny").folder.name == "other-001"


def test_a_run_of_another_process_is_not_touched(argon, unfinished):
    run = Run(Path("runs/other-001"))
    run.update(status="running")
    with run.lock(), refused(UserError, "runs/other-001", hint="without --resume"):
        train(RECIPE, data=argon, output="other.keras", resume=True)
    assert state_of(run.folder)["status"] == "running"


def test_a_run_is_locked_while_it_trains(argon, unfinished):
    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            with refused(UserError, "runs/other-001", hint="without --resume"):
                unfinished_run(Path("other.keras"), "tiny")

    train(RECIPE, data=argon, output="other.keras", resume=True, callbacks=(Look(),))


def test_no_run_to_resume(argon, folder):
    with refused(UserError, "'tiny'", "runs/", hint="without --resume"):
        train(RECIPE, data=argon, resume=True)


def test_an_interrupt_during_calibration_logs_how_to_resume(argon, folder, messages, monkeypatch):
    run_step = Trainer._run_step

    def stopped(*args):
        os.kill(os.getpid(), signal.SIGINT)
        return run_step(*args)

    monkeypatch.setattr(Trainer, "_run_step", stopped)
    with pytest.raises(Interrupted, match="SIGINT"):
        train(RECIPE, data=argon, time_limit=60)
    assert state_of(folder / "runs/tiny-001")["status"] == "interrupted"
    logged = messages()
    line_with(logged, "nothing", "runs/tiny-001")
    assert "--resume" in logged


def test_ctrl_c_during_the_final_evaluation_loses_nothing(trained, argon, folder, messages, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(model_info, "held_out_errors", interrupt)
        train(RECIPE, data=argon)
    state = state_of(folder / "runs/tiny-001")
    assert (state["status"], state["trained"]) == ("interrupted", 10)
    assert "--resume" in messages()
    assert_same_weights(train(RECIPE, data=argon, resume=True), trained)


def test_a_model_that_cannot_be_saved_is_saved_elsewhere_without_more_steps(
    trained, argon, folder, messages, monkeypatch
):
    def save(model, output, overwrite):
        if Path(output).name == "tiny.keras":
            raise OutputError("the disk is full")
        return save_model(model, output, overwrite)

    monkeypatch.setattr(fitting, "save_model", save)
    with refused(OutputError, "disk"):
        train(RECIPE, data=argon)
    assert state_of(folder / "runs/tiny-001")["status"] == "failed"
    logged = messages()
    line_with(logged, "complete", "runs/tiny-001")
    line_with(logged, "--resume", "-o OTHER.keras")
    monkeypatch.setattr(Trainer, "_run_step", None)  # no more steps
    assert_same_weights(train(RECIPE, data=argon, output="other.keras", resume=True), trained)
    assert state_of(folder / "runs/tiny-001")["status"] == "done"


def test_a_disk_that_fills_up_during_training_is_a_user_error(trained, argon, folder, messages, monkeypatch):
    class Full(csv.DictWriter):
        def writerow(self, row):
            if row["step"] == "step":  # the header
                return super().writerow(row)
            log = Path("runs/tiny-001/log.csv")
            log.write_text(log.read_text() + "5,1.0,0.")  # a torn row
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(csv, "DictWriter", Full)
        with refused(OutputError, "disk", file="runs/tiny-001/log.csv", hint="free some space"):
            train(RECIPE, data=argon)
    assert state_of(folder / "runs/tiny-001")["status"] == "failed"
    logged = messages()
    line_with(logged, "kept", "runs/tiny-001")
    assert "--resume" in logged
    assert_same_weights(train(RECIPE, data=argon, resume=True), trained)


# --- errors before training starts --------------------------------------------------------------------------------


def not_started(kind, *names, recipe=RECIPE, file=None, hint=None, **options):
    """`train` raises this error before it writes anything."""
    before = sorted(os.listdir())
    with refused(kind, *names, file=file, hint=hint):
        train(recipe, **options)
    assert sorted(os.listdir()) == before


def argon_h5(path, spoil=lambda snapshots: None, **declared):
    """An argon dataset at `path`, its snapshots changed by `spoil`."""
    snapshots = dumps.argon(frames=20)
    spoil(snapshots)
    dumps.write_dump(path.with_suffix(".lammpstrj"), snapshots)
    return convert(path.with_suffix(".lammpstrj"), path, **declared)


@pytest.fixture
def sound(uncompiled, folder):
    """A valid dataset that declares units and types."""
    return argon_h5(folder / "sound.h5", units="real", types={1: "Ar"})


def test_an_existing_model_is_refused_first(folder):
    (folder / "tiny.keras").write_text("precious")
    for hint in ("--overwrite", "another name"):
        not_started(OutputError, file="tiny.keras", hint=hint, data="missing.h5")
    assert (folder / "tiny.keras").read_text() == "precious"


def test_an_output_that_cannot_be_written_is_refused_first(folder):
    (folder / "file").write_text("precious")
    not_started(OutputError, file="file/tiny.keras", data="missing.h5", output="file/tiny.keras")


@pytest.mark.parametrize("name", ["model.h5", "model"])
def test_an_output_must_end_in_keras(folder, name):
    not_started(UserError, file=name, hint="-o model.keras", output=name)


def test_an_invalid_time_limit(folder):
    not_started(UserError, "'soon'", hint="--time-limit 8m", time_limit="soon")


def test_an_unknown_recipe(folder):
    not_started(RecipeError, "'tinny'", recipe="tinny")


def test_missing_data(folder):
    not_started(DataError, "argon.lammpstrj", hint="--data")
    not_started(DataError, "argn.h5", data="argn.h5")


def test_data_in_other_units_than_the_recipe(sound):
    not_started(DataError, "real", "metal", recipe=recipe(data={"units": "metal"}), file=sound, data=sound)


def test_a_dump_in_other_units_than_the_recipe(folder):
    dumps.argon_dump(folder / "argon.lammpstrj", frames=20, units="metal")
    with refused(DataError, "metal", "real"):
        train(RECIPE)
    assert not (folder / "runs").exists()


def test_data_with_other_types_than_the_recipe(sound):
    krypton = {"types": {"1": "Kr"}, "atoms": {"Kr": ARGON["data"]["atoms"]["Ar"]}}
    not_started(DataError, "Ar", "Kr", recipe=recipe(data=krypton), file=sound, data=sound)


def test_a_species_that_the_recipe_does_not_declare(folder):
    unnamed = argon_h5(folder / "unnamed.h5")
    not_started(DataError, "'1'", "Ar", recipe=recipe(data={"types": None}), hint="data.types", data=unnamed)


def test_several_datasets(sound, folder):
    other = dumps.argon_dump(folder / "lj.lammpstrj", units="lj")
    with refused(DataError, "lj"):
        train(RECIPE, data=[sound, other])
    assert not (folder / "runs").exists()
    not_started(DataError, "twice", data=[sound, sound])


def test_a_cutoff_without_any_neighbour(sound):
    short = recipe(graph={"cutoff": 0.5})
    not_started(DataError, "cutoff of 0.5", recipe=short, file=sound, hint="graph.cutoff", data=sound)


def test_shards_with_edges_of_another_cutoff(sound):
    not_started(DataError, "5", "6", data=convert(sound, "argon.tfrecord", cutoff=5))


def test_too_few_frames(folder):
    dumps.argon_dump(folder / "few.lammpstrj", frames=2)
    not_started(DataError, "2 frames", hint="more frames", data=convert("few.lammpstrj"))


def test_forces_that_are_all_zero(folder):
    def spoil(snapshots):
        for snapshot in snapshots:
            snapshot.forces[:] = 0

    still = argon_h5(folder / "still.h5", spoil)
    not_started(DataError, "zero", file=still, data=still)


@pytest.mark.parametrize("frame", [2, 7, 17])  # of training, validation and test
def test_a_force_that_is_not_a_number(sound, frame):
    with h5py.File(sound, "a") as file:
        file["particles/all/force/value"][frame, 3, 1] = np.nan
    not_started(DataError, f"frame {frame}", file=sound, hint="gnnzoo convert", data=sound)


@pytest.mark.parametrize("name", ["energy", "virial"])
def test_energies_and_virials_that_the_data_do_not_have(sound, name):
    conservative = {
        "layers": [
            {"layer": "atom_encoder", "units": 4, "activation": "silu"},
            {"layer": "message_passing", "units": 4, "combine": "sum", "activation": "silu"},
            {"layer": "energy_decoder", "units": 4},
        ]
    }
    asked = recipe(model=conservative, training=SHORT | {"loss_weights": {name: 0.1}})
    not_started(DataError, name, recipe=asked, file=sound, hint=f"loss_weights.{name}=0", data=sound)


def test_a_loss_weight_for_a_species_that_the_data_do_not_have(folder):
    unnamed = argon_h5(folder / "unnamed.h5", units="real", types={1: "Ar"})
    loose = {"types": None, "atoms": {}}
    layers = [ARGON["model"]["layers"][0] | {"inputs": "species"}, *ARGON["model"]["layers"][1:]]
    asked = recipe(data=loose, model={"layers": layers}, training=SHORT | {"loss_weights": {"types": {"Arg": 2}}})
    not_started(RecipeError, "'Arg'", "'Ar'", recipe=asked, data=unnamed)


def test_a_force_in_a_dump_that_is_not_a_number(folder):
    def spoil(snapshots):
        snapshots[2].forces[3, 1] = np.nan

    # 27 atoms and 9 lines before them in each frame, 4 of them in this one
    with refused(DataError, line=2 * 36 + 9 + 4):
        argon_h5(folder / "a.h5", spoil)
    assert not (folder / "a.h5").exists()


# --- errors during training ---------------------------------------------------------------------------------------


def test_a_training_that_diverges(sound, folder):
    wild = recipe(training={"epochs": 2, "learning_rate": {"initial": 1e38}, "warmup": {"epochs": 0}})
    with refused(UserError, hint="training.learning_rate.initial="):
        train(wild, data=sound)
    assert state_of(folder / "runs/tiny-001")["status"] == "failed"
    assert not (folder / "tiny.keras").exists()
