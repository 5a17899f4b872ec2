"""From a model of water to one of argon: what moves, where it begins, what it is called, what is refused."""

import copy
import json
import os
import shutil
import signal

import numpy as np
import pytest

import dumps
from gnnzoo.errors import DataError, ModelError, UserError
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField, load_model, save_model
from gnnzoo.training.log import read_log
from gnnzoo.training.loop import Interrupted, Trainer
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.evaluate import evaluate
from gnnzoo.workflows.train import train
from gnnzoo.workflows.transfer import transfer
from small import ARGON, WATER, recipe

TARGET = recipe(training={"epochs": 1})
TWO = {"epochs": 2, "steps": None, "checkpoint_every": 1}
STACK = ["atom_encoder_1", "graph_norm_1", "message_passing_1", "prelu_1", "pair_force_decoder_1", "force_scale"]


def water_model(units="real", path=None, made=None):
    """A model of water with a number of its own in every weight; nothing here asks how good it is."""
    made = made or recipe(WATER)
    network = build_network(made, ["O", "H"], Scales(force=20.0, neighbors=9.0))
    random = np.random.default_rng(3)
    for variable in network.trainable_variables:
        variable.assign(variable.numpy() + random.normal(scale=0.1, size=variable.shape))
    model = ForceField(network, made, {"species": ["O", "H"], "units": units, "dataset": {"path": "water.h5"}})
    if path is not None:
        save_model(model, path)
    return model


@pytest.fixture(scope="module")
def argon(workshop):
    """A dataset of argon."""
    dumps.argon_dump(workshop / "argon.lammpstrj", frames=20)
    return convert("argon.lammpstrj", units="real", types={1: "Ar"}).resolve()


@pytest.fixture(scope="module")
def water(uncompiled):
    return water_model()


@pytest.fixture(scope="module")
def moved(argon, workshop):
    """What a transfer from water.keras makes, by names of files alone."""
    water_model(path="water.keras")
    (workshop / "argon.json").write_text(json.dumps(ARGON | {"name": "argon"}))
    return transfer("water.keras", "argon.json", data=argon, overrides=["training.epochs=1"])


# --- what it makes ------------------------------------------------------------------------------------------------


def test_the_result_is_named_after_both(moved, workshop):
    again = load_model(workshop / "argon-from-water.keras")
    assert (again.recipe.name, again.recipe.training.epochs) == ("argon", 1)
    assert (again.species, again.units) == (["Ar"], "real")
    for a, b in zip(again.network.weights, moved.network.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    state = json.loads((workshop / "runs/argon-from-water-001/run.json").read_text())
    assert (state["status"], state["output"]) == ("done", "argon-from-water.keras")


def test_it_says_where_its_weights_came_from(moved, workshop):
    origin = load_model(workshop / "argon-from-water.keras").info["origin"]
    assert (origin["model"], origin["recipe"]) == ("water.keras", "tinywater")
    assert (origin["dataset"], origin["origin"]) == ({"path": "water.h5"}, None)
    layers, actions, copied, sizes, reasons = zip(*origin["moves"], strict=True)
    assert list(layers) == STACK
    assert list(actions) == ["copied"] * 5 + ["from the target"]
    assert [total - part for part, total in zip(copied, sizes, strict=True)] == [3, 0, 0, 0, 0, 1]
    assert list(reasons) == ["species from the target", "", "", "", "", "scale from the target"]


def test_zero_shot_is_the_error_of_the_copied_weights_on_the_validation_part(moved, argon, workshop, folder):
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
    judged = ForceField(before, moved.recipe, moved.info | {"split": split | {"test": []}})
    expected = evaluate(judged, argon, plot=False)
    assert (expected["part"], expected["frames"]) == ("validation", 4)
    assert moved.info["origin"]["scale_fitted"] == pytest.approx(expected["force"], rel=1e-5)
    assert moved.info["figures"]["validation"]["mae"] != moved.info["origin"]["scale_fitted"]["mae"]


def test_what_moved_is_shown(water, argon, folder, capsys):
    target = recipe(ARGON, graph={"cutoff": 5.5}, training={"epochs": 1, "steps": 1})
    origin = transfer(water, target, data=argon).info["origin"]
    assert (folder / "tiny-from-tinywater.keras").exists()
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "tinywater -> tiny, strategy discriminative"
    for layer, action, part, total, _ in origin["moves"]:
        (line,) = [line for line in lines if line.split()[:1] == [layer]]
        assert f"{action}  " in line
        assert f"{part:,} of {total:,}" in line
    assert "the cutoff was 6 and is 5.5" in said.err
    assert f"zero-shot, with the model's own force scale: mean |dF| / mean |F| {origin['zero_shot']:.1%} on" in said.err
    assert f"fitted to training frames {origin['scale_fitted']['relative']:.1%}" in said.err


def raw_forces(base):
    """A recipe on raw forces, its species one-hot: nothing in it has a unit, so that those of a source may differ."""
    raw = copy.deepcopy(base)
    raw["model"]["normalization"] = "none"
    raw["model"]["layers"][0]["inputs"] = "species"
    return recipe(raw, training={"epochs": 1, "steps": 1})


@pytest.mark.parametrize(("units", "scale"), [("real", 20.0), ("metal", 20 / 0.0433641)])
def test_without_normalisation_the_force_scale_of_the_source_is_kept(argon, folder, units, scale):
    """In the target's unit, so that the network's own output means what it meant in the source."""
    result = transfer(water_model(units, made=raw_forces(WATER)), raw_forces(ARGON), data=argon)
    assert result.network.get_layer("force_scale").factor.numpy() == pytest.approx(scale, rel=1e-5)
    assert result.network.get_layer("message_passing_1").neighbor_scale == pytest.approx(1 / 3)  # of nine neighbours
    run = json.loads((folder / "runs/tiny-from-tinywater-001/run.json").read_text())
    assert run["scales"]["force"] == pytest.approx(scale, rel=1e-5)
    assert run["scales"]["neighbors"] == pytest.approx(9.0)
    assert run["scales"]["energy_offsets"] is run["scales"]["shortest"] is None  # of the target: it needs none


def test_the_loss_is_measured_in_the_units_of_the_network(argon, folder):
    """The scale that the network got is the one by which the loss divides: half of it, twice the loss."""
    losses = []
    for scale in (20.0, 1.0):
        source = water_model(made=raw_forces(WATER))
        source.network.get_layer("force_scale").factor.assign(scale)
        for weight in source.network.get_layer("pair_force_decoder_1").trainable_variables:
            weight.assign(weight * 0)  # no output: the loss is that of zero forces
        transfer(source, raw_forces(ARGON), data=argon, output=f"{scale:g}.keras")
        (row,) = read_log(folder / f"runs/{scale:g}-001/log.csv")
        losses.append(row["loss"])
    assert losses[1] == pytest.approx(20 * losses[0], rel=1e-5)


@pytest.mark.parametrize("normalization", ["none", "training"])
def test_a_conversion_is_told_where_there_is_one(argon, folder, capsys, normalization):
    target = copy.deepcopy(raw_forces(ARGON).model_dump(mode="json", by_alias=True, exclude_none=True))
    target["model"]["normalization"] = normalization
    transfer(water_model("metal", made=raw_forces(WATER)), recipe(target), data=argon)
    said = capsys.readouterr().err
    how = (
        "forces are converted, x 23.0605" if normalization == "none" else "the force scale is that of the target's own"
    )
    assert f"the model is in metal units, the target in real: {how}" in said


def test_an_epsilon_in_other_units_means_what_it_meant(argon, folder, capsys):
    """0.2378 kcal/mol enters a network that learned from eV as 0.0103."""
    target = transfer(water_model("metal"), recipe(training={"epochs": 1, "steps": 1}), data=argon)
    assert "an epsilon counts x 0.0433641 where it enters the network" in capsys.readouterr().err
    moves = {layer: reason for layer, _, _, _, reason in target.info["origin"]["moves"]}
    assert moves["atom_encoder_1"] == "species from the target; epsilon in metal units there"


def test_another_prior_is_told(argon, folder, capsys):
    target = recipe(ARGON, model=ARGON["model"] | {"prior": [{"prior": "lennard_jones"}]}, training={"epochs": 1})
    transfer(water_model(), target, data=argon)
    assert "the prior was none and is lennard_jones: the terms of the target are taken" in capsys.readouterr().err


# --- it goes on after a stop --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long(argon, workshop):
    """A transfer on raw forces, whose scales are its source's: run whole, and stopped after its first epoch."""
    made = recipe(raw_forces(ARGON).model_dump(mode="json", by_alias=True, exclude_none=True), training=TWO)
    follow = Trainer._log_row

    def stop(self, *args):
        follow(self, *args)
        os.kill(os.getpid(), signal.SIGTERM)

    location = workshop / "long"
    location.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(location)
        water_model(path="water.keras", made=raw_forces(WATER))
        whole = transfer("water.keras", made, data=argon, output="whole.keras")
        patch.setattr(Trainer, "_log_row", stop)
        with pytest.raises(Interrupted):
            transfer("water.keras", made, data=argon)
    return location, made, whole


@pytest.fixture
def stopped(long, folder):
    """A copy of that folder to work in, the recipe and what the whole transfer made."""
    location, made, whole = long
    shutil.copytree(location, folder, dirs_exist_ok=True)
    return folder, made, whole


@pytest.mark.parametrize("how", ["transfer", "train"])
def test_a_stopped_transfer_goes_on_to_the_same_end(stopped, argon, how):
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


def test_a_transfer_goes_on_from_no_other_model(stopped, argon):
    _, made, _ = stopped
    water_model(path="other.keras", made=raw_forces(WATER))
    with pytest.raises(UserError, match=r"was begun from water\.keras, not from other\.keras"):
        transfer("other.keras", made, data=argon, output="tiny-from-water.keras", resume=True)


def test_a_transfer_without_a_checkpoint_goes_on_with_its_source_only(stopped, argon):
    folder, made, whole = stopped
    shutil.rmtree(folder / "runs/tiny-from-water-001/checkpoints")
    (folder / "water.keras").rename("elsewhere.keras")
    with pytest.raises(UserError, match=r"begun with the weights of water\.keras, and no checkpoint") as caught:
        train(made, data=argon, output="tiny-from-water.keras", resume=True)
    assert "gnnzoo transfer" in caught.value.hint
    (folder / "elsewhere.keras").rename("water.keras")
    resumed = transfer("water.keras", made, data=argon, resume=True)
    for a, b in zip(resumed.network.weights, whole.network.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_training_takes_no_transfers_run_for_its_own(stopped, argon):
    _, made, _ = stopped
    with pytest.raises(UserError, match="no run of 'elsewhere'"):
        train(made, data=argon, output="elsewhere.keras", resume=True)


# --- what is refused before training starts -----------------------------------------------------------------------


@pytest.fixture
def refused(uncompiled, folder):
    """`transfer` ends with an error of a kind and with these words, and begins no run; gives the error."""

    def check(error, what, model, **options):
        with pytest.raises(error, match=what) as caught:
            transfer(model, options.pop("target", TARGET), **options)
        assert not (folder / "runs").exists()
        return caught.value

    return check


def test_an_existing_output_is_refused(refused, water, argon, folder):
    (folder / "tiny-from-tinywater.keras").write_text("precious")
    error = refused(UserError, "exists already", water, data=argon)
    assert str(error.location) == "tiny-from-tinywater.keras"
    assert "--overwrite" in error.hint
    assert (folder / "tiny-from-tinywater.keras").read_text() == "precious"


def test_another_ending_is_refused(refused, water, argon):
    assert refused(UserError, "ends in .keras", water, data=argon, output="argon.h5").hint == "-o argon.keras"


def test_a_model_that_is_none_is_refused(refused, argon):
    assert refused(ModelError, "there is no such file", "water.keras", data=argon).location.file.name == "water.keras"


def test_a_stack_that_has_nothing_in_common_is_refused(refused, water, argon):
    raw = copy.deepcopy(ARGON)
    for number, layer in enumerate(raw["model"]["layers"]):
        layer["name"] = f"other_{number}"
    error = refused(ModelError, "no layer of the model fits", water, target=recipe(raw), data=argon)
    assert "other_2" in error.expected


def test_units_that_cannot_be_compared_are_refused(refused, argon):
    error = refused(ModelError, "in lj units, the target's data in real units", water_model("lj"), data=argon)
    assert "real" in error.hint


def test_data_that_are_not_the_targets_are_refused(refused, water, folder):
    dumps.water_dump(folder / "water.lammpstrj", frames=20)
    data = convert("water.lammpstrj", units="real", types={1: "O", 2: "H"})
    refused(DataError, "type 1 is O in the data, but Ar was declared", water, data=data)
