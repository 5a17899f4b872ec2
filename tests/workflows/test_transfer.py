"""Transfers from a model of water to argon: weights, provenance, reports, resumption, and what is refused."""

import copy
import json
import os
import shutil
import signal

import numpy as np
import pytest

import dumps
from errors import refused
from gnnzoo.errors import DataError, ModelError, UserError
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField, load_model, save_model
from gnnzoo.outputs import OutputError
from gnnzoo.training.log import read_log
from gnnzoo.training.loop import Interrupted, Trainer
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.evaluate import evaluate
from gnnzoo.workflows.train import train
from gnnzoo.workflows.transfer import transfer
from lines import line_with
from small import ARGON, WATER, recipe

TARGET = recipe(training={"epochs": 1})
TWO = {"epochs": 2, "steps": None, "checkpoint_every": 1}
pytestmark = pytest.mark.usefixtures("few_points")
STACK = ["atom_encoder_1", "graph_norm_1", "message_passing_1", "prelu_1", "pair_force_decoder_1", "force_scale"]


def water_model(units="real", path=None, made=None):
    """A water model with a different number in every weight; its errors do not matter."""
    made = made or recipe(WATER)
    network = build_network(made, ["O", "H"], Scales(force=20.0, neighbors=9.0))
    random = np.random.default_rng(3)
    for variable in network.trainable_variables:
        variable.assign(variable.numpy() + random.normal(scale=0.1, size=variable.shape))
    model = ForceField(
        network,
        made,
        {"species": ["O", "H"], "types": {"1": "O", "2": "H"}, "units": units, "dataset": {"path": "water.h5"}},
    )
    if path is not None:
        save_model(model, path)
    return model


@pytest.fixture(scope="module")
def argon(workshop):
    """A dataset of argon."""
    dumps.argon_dump(workshop / "argon.lammpstrj", frames=21)
    return convert("argon.lammpstrj", units="real", types={1: "Ar"}).path.resolve()


@pytest.fixture(scope="module")
def water(uncompiled):
    return water_model()


@pytest.fixture(scope="module")
def moved(argon, workshop):
    """The model of a transfer from water.keras by names of files."""
    water_model(path="water.keras")
    (workshop / "argon.json").write_text(json.dumps(ARGON | {"name": "argon"}))
    return transfer("water.keras", "argon.json", data=argon, overrides=["training.epochs=1"])


@pytest.fixture
def messages(caplog):
    """Function that returns the messages of the logger so far."""
    caplog.set_level("INFO", "gnnzoo")
    return lambda: caplog.messages


# --- the new model --------------------------------------------------------------------------------------------------


def test_the_new_model_is_named_after_target_and_source(moved, workshop):
    again = load_model(workshop / "argon-from-water.keras")
    assert (again.recipe.name, again.recipe.training.epochs) == ("argon", 1)
    assert (again.species, again.units) == (["Ar"], "real")
    for a, b in zip(again.network.weights, moved.network.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    state = json.loads((workshop / "runs/argon-from-water-001/run.json").read_text())
    assert (state["status"], state["output"]) == ("done", "argon-from-water.keras")


def test_the_model_file_records_the_provenance_of_its_weights(moved, workshop):
    origin = load_model(workshop / "argon-from-water.keras").info["origin"]
    assert list(origin) == [
        *("model", "sha256", "recipe", "dataset", "origin", "moves", "gain", "zero_shot", "scale_fitted", "pairs"),
        "forgotten",
    ]
    assert (origin["model"], origin["recipe"]) == ("water.keras", "tinywater")
    assert (origin["dataset"], origin["origin"]) == ({"path": "water.h5"}, None)
    layers, actions, copied, sizes, reasons = zip(*origin["moves"], strict=True)
    assert list(layers) == STACK
    assert list(actions) == ["copied"] * 5 + ["from the target"]
    assert [total - part for part, total in zip(copied, sizes, strict=True)] == [3, 0, 0, 0, 0, 1]
    assert [bool(reason) for reason in reasons] == [True, False, False, False, False, True]


def test_errors_before_training_are_those_of_the_copied_weights_on_the_validation_frames(moved, argon, workshop):
    source = load_model(workshop / "water.keras")
    split, scales = moved.info["split"], moved.info["statistics"]
    before = build_network(moved.recipe, ["Ar"], Scales(scales["force_rms"], scales["mean_neighbors"]))
    keeping = (1 / 3) / scales["mean_neighbors"] ** -0.5  # sums over neighbours were divided by the root of nine
    factors = {
        "message_passing_1/output": keeping,
        "pair_force_decoder_1/output": keeping * moved.info["origin"]["gain"],
    }
    for weight, copied in zip(before.weights, source.network.weights, strict=True):
        if weight.trainable:
            weight.assign(copied * factors.get(weight.path.rpartition("/")[0], 1))
    untrained = ForceField(before, moved.recipe, moved.info | {"split": split | {"test": []}})
    expected = evaluate(untrained, argon, plot=False)
    assert (expected.part, expected.forces.frames) == ("validation", 4)
    assert moved.info["origin"]["scale_fitted"] == pytest.approx(expected.forces.overall.to_json(), rel=1e-5)
    assert moved.info["figures"]["validation"]["mae"] != moved.info["origin"]["scale_fitted"]["mae"]


def test_the_report_before_training_has_every_layer_and_the_new_cutoff(water, argon, folder, messages):
    target = recipe(ARGON, graph={"cutoff": 5.5}, training={"epochs": 1, "steps": 1})
    reports = []
    origin = transfer(water, target, data=argon, on_report=reports.append).info["origin"]
    assert (folder / "tiny-from-tinywater.keras").exists()
    (report,) = reports
    assert (report.source, report.target, report.strategy) == ("tinywater", "tiny", "discriminative")
    assert [layer.to_row() for layer in report.layers] == origin["moves"]
    assert [layer.training for layer in report.layers][-3:] == ["rate x 0.38", "", ""]
    assert any("cutoff was 6 and is 5.5" in remark for remark in report.remarks)
    assert set(report.remarks) < set(messages())
    (message,) = [text for text in messages() if f"{origin['zero_shot']:.1%}" in text]
    assert f"{origin['scale_fitted']['relative']:.1%}" in message


def raw_forces(base):
    """A recipe on raw forces with learned species: no weight depends on units, so those of the source may differ."""
    raw = copy.deepcopy(base)
    raw["model"]["normalization"] = "none"
    raw["model"]["layers"][0]["inputs"] = "species"
    return recipe(raw, training={"epochs": 1, "steps": 1})


@pytest.mark.parametrize(("units", "scale"), [("real", 20.0), ("metal", 20 / 0.0433641)])
def test_without_normalisation_the_force_scale_of_the_source_is_kept(argon, folder, units, scale):
    """In the target's unit, so that the output of the network keeps its meaning."""
    result = transfer(water_model(units, made=raw_forces(WATER)), raw_forces(ARGON), data=argon)
    assert result.network.get_layer("force_scale").factor.numpy() == pytest.approx(scale, rel=1e-5)
    assert result.network.get_layer("message_passing_1").neighbor_scale == pytest.approx(1 / 3)  # of nine neighbours
    run = json.loads((folder / "runs/tiny-from-tinywater-001/run.json").read_text())
    assert run["scales"]["force"] == pytest.approx(scale, rel=1e-5)
    assert run["scales"]["neighbors"] == pytest.approx(9.0)
    assert run["scales"]["energy_offsets"] is run["scales"]["shortest"] is None


def test_the_loss_is_divided_by_the_force_scale_of_the_network(argon, folder):
    """Half of the scale, twice the loss."""
    losses = []
    for scale in (20.0, 1.0):
        source = water_model(made=raw_forces(WATER))
        source.network.get_layer("force_scale").factor.assign(scale)
        for weight in source.network.get_layer("pair_force_decoder_1").trainable_variables:
            weight.assign(weight * 0)  # the loss is that of zero forces
        transfer(source, raw_forces(ARGON), data=argon, output=f"{scale:g}.keras")
        (row,) = read_log(folder / f"runs/{scale:g}-001/log.csv")
        losses.append(row["loss"])
    assert losses[1] == pytest.approx(20 * losses[0], rel=1e-5)


@pytest.mark.parametrize(("normalization", "what"), [("none", "x 23.0605"), ("training", "target's own forces")])
def test_a_conversion_of_units_is_reported(argon, folder, messages, normalization, what):
    target = copy.deepcopy(raw_forces(ARGON).model_dump(mode="json", by_alias=True, exclude_none=True))
    target["model"]["normalization"] = normalization
    transfer(water_model("metal", made=raw_forces(WATER)), recipe(target), data=argon)
    assert any("metal units" in text and "in real" in text and what in text for text in messages())


def test_weights_that_read_epsilon_are_converted_to_the_target_units(argon, folder, messages):
    """0.2378 kcal/mol enters a network trained with eV as 0.0103."""
    target = transfer(water_model("metal"), recipe(training={"epochs": 1, "steps": 1}), data=argon)
    assert any("epsilon" in text and "0.0433641" in text for text in messages())
    reasons = {layer: reason for layer, _, _, _, reason in target.info["origin"]["moves"]}
    line_with(reasons["atom_encoder_1"], "epsilon", "metal")


# --- resumption -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long(argon, workshop):
    """A transfer on raw forces, whose scales are those of the source: complete, and stopped after its first epoch."""
    made = recipe(raw_forces(ARGON).model_dump(mode="json", by_alias=True, exclude_none=True), training=TWO)
    log_row = Trainer._validate

    def stop(self, *args):
        log_row(self, *args)
        os.kill(os.getpid(), signal.SIGTERM)

    location = workshop / "long"
    location.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(location)
        water_model(path="water.keras", made=raw_forces(WATER))
        whole = transfer("water.keras", made, data=argon, output="whole.keras")
        patch.setattr(Trainer, "_validate", stop)
        with pytest.raises(Interrupted):
            transfer("water.keras", made, data=argon)
    return location, made, whole


@pytest.fixture
def stopped(long, folder):
    """A copy of that folder as the working folder, the recipe, and the model of the complete transfer."""
    location, made, whole = long
    shutil.copytree(location, folder, dirs_exist_ok=True)
    return folder, made, whole


@pytest.mark.parametrize("how", ["transfer", "train"])
def test_a_resumed_transfer_gives_the_same_model(stopped, argon, how):
    folder, made, whole = stopped
    if how == "transfer":
        resumed = transfer("water.keras", made, data=argon, resume=True)
    else:
        resumed = train(made, data=argon, output="tiny-from-water.keras", resume=True)
    for a, b in zip(resumed.network.weights, whole.network.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert resumed.network.get_layer("message_passing_1").neighbor_scale == pytest.approx(1 / 3)
    assert load_model("tiny-from-water.keras").info["origin"] == json.loads(json.dumps(whole.info["origin"]))
    assert {path.name for path in (folder / "runs").iterdir()} == {"tiny-from-water-001", "whole-001"}


def test_resuming_with_another_source_model_is_refused(stopped, argon):
    _, made, _ = stopped
    water_model(path="other.keras", made=raw_forces(WATER))
    with refused(UserError, "water.keras", "other.keras", hint="--resume"):
        transfer("other.keras", made, data=argon, output="tiny-from-water.keras", resume=True)


def test_resuming_with_a_changed_source_model_is_refused(stopped, argon):
    folder, made, _ = stopped
    (folder / "water.keras").unlink()
    water_model("metal", path="water.keras", made=raw_forces(WATER))
    with refused(UserError, "water.keras", "tiny-from-water-001", hint="--resume"):
        transfer("water.keras", made, data=argon, resume=True)


def test_a_transfer_without_a_checkpoint_is_resumed_only_with_its_source(stopped, argon):
    folder, made, whole = stopped
    shutil.rmtree(folder / "runs/tiny-from-water-001/checkpoints")
    (folder / "water.keras").rename("elsewhere.keras")
    with refused(UserError, "water.keras", "checkpoint", hint="gnnzoo transfer"):
        train(made, data=argon, output="tiny-from-water.keras", resume=True)
    (folder / "elsewhere.keras").rename("water.keras")
    resumed = transfer("water.keras", made, data=argon, resume=True)
    for a, b in zip(resumed.network.weights, whole.network.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_training_does_not_resume_the_run_of_a_transfer(stopped, argon):
    _, made, _ = stopped
    with refused(UserError, "'elsewhere'"):
        train(made, data=argon, output="elsewhere.keras", resume=True)


# --- what is refused before training --------------------------------------------------------------------------------


@pytest.fixture
def no_run(uncompiled, folder):
    """An empty working folder in which no run is made."""
    yield folder
    assert not (folder / "runs").exists()


def test_an_existing_output_is_refused(no_run, water, argon):
    (no_run / "tiny-from-tinywater.keras").write_text("precious")
    with refused(OutputError, file="tiny-from-tinywater.keras", hint="--overwrite"):
        transfer(water, TARGET, data=argon)
    assert (no_run / "tiny-from-tinywater.keras").read_text() == "precious"


def test_another_suffix_is_refused(no_run, water, argon):
    with refused(UserError, ".keras", ".h5", hint="-o argon.keras"):
        transfer(water, TARGET, data=argon, output="argon.h5")


def test_a_missing_model_is_refused(no_run, argon):
    with refused(ModelError, file="water.keras"):
        transfer("water.keras", TARGET, data=argon)


def test_a_stack_with_other_layers_is_refused(no_run, water, argon):
    raw = copy.deepcopy(ARGON)
    for number, layer in enumerate(raw["model"]["layers"]):
        layer["name"] = f"other_{number}"
    with refused(ModelError, expected="other_2"):
        transfer(water, recipe(raw), data=argon)


def test_units_without_a_conversion_are_refused(no_run, argon):
    with refused(ModelError, "lj units", "real units", hint="real"):
        transfer(water_model("lj"), TARGET, data=argon)


def test_data_of_other_species_than_the_target_are_refused(no_run, water):
    dumps.water_dump(no_run / "water.lammpstrj", frames=21)
    data = convert("water.lammpstrj", units="real", types={1: "O", 2: "H"})
    with refused(DataError, "type 1", "Ar"):
        transfer(water, TARGET, data=data)


def test_a_setting_of_another_kind_is_refused(no_run, water, argon):
    with pytest.raises(TypeError, match="stratagem"):
        transfer(water, TARGET, data=argon, stratagem="heads")
