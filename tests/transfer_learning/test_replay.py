"""Old frames when a model is trained on new ones: gone on with, and judged on, so that what is forgotten is known."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import dumps
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import DataError, RecipeError, UserError
from gnnzoo.models.files import load_model
from gnnzoo.recipe.io.load import recipe_from_dict, resolved
from gnnzoo.training.batches import ReplaySampler
from gnnzoo.training.loop import Trainer
from gnnzoo.transfer_learning.replay import forgotten, trained_on, with_old_species
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.steps import fit as fitting
from gnnzoo.workflows.steps.model_info import held_out_errors
from gnnzoo.workflows.train import train
from gnnzoo.workflows.transfer import transfer
from small import WATER, recipe
from transfers import ENCODER, HEAD, MESSAGES, SCALE, SMALL, STACK, argon_h5, begun, stir, target, water_h5

START = {"model": "water.keras", "strategy": "full"}
REPLAY = START | {"replay": 0.5}
RAW = STACK | {"normalization": "none"}  # the scales of the source are kept
EV = 0.0433641  # of a kcal/mol


pytestmark = pytest.mark.usefixtures("few_points")


@pytest.fixture(scope="module")
def argon(workshop):
    return argon_h5(workshop)


@pytest.fixture(scope="module")
def water(workshop):
    """A model that was trained on water, for two steps."""
    data = water_h5(workshop)
    train(recipe(WATER, model=STACK, training={"steps": 2, "augmentation": {}}), data=data, output="water.keras")
    return load_model("water.keras")


@pytest.fixture
def beside(water, workshop, folder):
    """That model in a working folder of its own."""
    shutil.copy(workshop / "water.keras", folder / "water.keras")
    return folder


@pytest.fixture
def away(water, workshop):
    """The water's frames are elsewhere for a while."""
    shutil.move(workshop / "water.h5", workshop / "elsewhere.h5")
    yield
    shutil.move(workshop / "elsewhere.h5", workshop / "water.h5")


def water_frame(workshop):
    return open_dataset(workshop / "water.h5")[0]


# --- going on with the frames of the source -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def replayed(water, argon, workshop):
    """A transfer that goes on with water, and the trainer that made it."""
    trainers = []

    def trainer(*arguments, **options):
        trainers.append(Trainer(*arguments, **options))
        return trainers[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "Trainer", trainer)
        transfer("water.keras", target(), data=argon, strategy="full", replay=0.5, output="replayed.keras")
    return load_model("replayed.keras"), trainers[0]


def test_a_replay_knows_the_species_of_both_each_with_its_own_scale(replayed, water):
    model, _ = replayed
    assert model.species == ["Ar", "O", "H"]
    ours, theirs = model.info["statistics"]["force_rms"], water.network.get_layer(SCALE).factor.numpy()
    assert model.network.get_layer(SCALE).factor.numpy().ravel() == pytest.approx([ours, theirs, theirs], rel=1e-6)
    assert theirs > 10 * ours
    atoms = model.recipe.data.atoms
    assert (atoms["O"], atoms["Ar"].sigma) == (water.recipe.data.atoms["O"], 3.405)
    assert list(model.info["statistics"]["distances"]["counts"]) == ["Ar-Ar"]  # of its own frames alone


def test_a_replay_is_trained_on_the_frames_that_its_source_was_trained_on(replayed, water):
    model, trainer = replayed
    assert isinstance(trainer.feed, ReplaySampler)
    assert trainer.feed.share == 0.5
    assert trainer.feed.old.train.tolist() == water.info["split"]["train"]
    assert trainer.feed.old.source.dataset.path == Path(water.info["dataset"]["path"])
    assert trainer.feed.new.train.tolist() == model.info["split"]["train"]
    assert model.info["training"]["steps"] == 6  # three steps with argon, and as many with water


def test_a_replay_answers_for_frames_of_both(replayed, argon, workshop):
    model, _ = replayed
    for frame in (water_frame(workshop), open_dataset(argon)[0]):
        forces = model.forces(frame)
        assert forces.shape == (len(frame), 3)
        assert np.all(np.isfinite(forces))
        assert np.abs(forces).max() > 0
    assert model.info["origin"]["forgotten"]["how"] == "answers itself"


def test_before_it_is_trained_a_replay_answers_for_the_source_as_the_source_does(water, argon, workshop):
    made = with_old_species(target(REPLAY, model=RAW), water, 1.0)
    model, frame = begun(water, made, argon).model, water_frame(workshop)
    model.info = {"species": ["Ar", "O", "H"], "units": "real"}
    np.testing.assert_allclose(model.forces(frame), water.forces(frame), rtol=1e-4, atol=1e-5)
    found = forgotten(water, model, {}, 1.0, 1.0)
    assert found["how"] == "answers itself"
    assert found["after"] == pytest.approx(found["before"], rel=1e-5)


def test_an_epsilon_of_the_source_is_told_in_the_targets_units(water):
    atoms = with_old_species(target(REPLAY), water, EV).data.atoms
    assert atoms["O"].epsilon == pytest.approx(0.155 * EV)
    assert (atoms["O"].charge, atoms["O"].sigma, atoms["Ar"].epsilon) == (-0.82, 3.165, 0.2378)


def test_a_source_with_several_scales_keeps_them_in_the_next_replay(replayed, workshop):
    source, _ = replayed
    start = {"model": "replayed.keras", "replay": 0.5}
    made = recipe(WATER, model=STACK, training={"start_from": start, "augmentation": {}})
    found = begun(source, with_old_species(made, source, 1.0), workshop / "water.h5").model
    argons = found.network.get_layer(SCALE).factor.numpy().ravel()[2]
    assert argons == pytest.approx(source.network.get_layer(SCALE).factor.numpy().ravel()[0], rel=1e-6)


def test_as_it_is_a_replays_source_answers_with_its_own_scale(replayed, water, argon):
    """The copied network with the force scale of water for argon, too, which is fifty times that of argon."""
    model, _ = replayed
    start = begun(water, with_old_species(target(REPLAY), water, 1.0), argon)
    start.model.network.get_layer(SCALE).factor.assign(np.full(3, water.network.get_layer(SCALE).factor.numpy()))
    found = held_out_errors(start.model, start.prepared, start.prepared.source.dataset, "validation")
    assert model.info["origin"]["zero_shot"] == pytest.approx(found.relative, rel=1e-4)


def refused(error, what, made, argon):
    """The replay ends with this error before any run begins; gives the error."""
    with pytest.raises(error, match=what) as caught:
        transfer("water.keras", made, data=argon, replay=0.5)
    assert not Path("runs").exists()
    return caught.value


def test_a_replay_of_frames_that_are_gone_is_refused(beside, away, argon):
    error = refused(
        DataError, r"the frames that water\.keras was trained on are not there: .*water\.h5", target(), argon
    )
    assert "no replay" in error.hint


def test_a_replay_of_other_frames_is_refused(beside, away, argon, workshop):
    dumps.water_dump(workshop / "other.lammpstrj", frames=10, seed=1)
    path = convert(workshop / "other.lammpstrj", workshop / "water.h5", units="real", types={1: "O", 2: "H"})
    try:
        error = refused(DataError, r"other frames than water\.keras was trained on are in their place", target(), argon)
        assert error.location.file == str(workshop / "water.h5")
    finally:
        path.unlink()


def test_a_replay_with_energies_in_the_loss_is_refused(beside, argon):
    smooth = [layer | {"activation": "silu"} for layer in STACK["layers"][:2]]
    stack = {"layers": [*smooth, {"layer": "energy_decoder", **SMALL}]}
    made = target(model=stack, loss_weights={"energy": 1})
    error = refused(RecipeError, "a replay goes on with forces alone", made, argon)
    assert error.location.key == "training.start_from.replay"


@pytest.mark.parametrize("key", ["charge", "epsilon", "sigma"])
def test_a_species_of_one_name_that_is_another_is_refused(beside, argon, key):
    raw = resolved(target())
    raw["data"]["atoms"]["H"] = {"charge": 0.41, "epsilon": 0.0, "sigma": 0.0} | {key: 0.5}
    error = refused(RecipeError, r"'H' has other parameters in water\.keras", recipe_from_dict(raw), argon)
    assert error.location.key == "data.atoms.H"


def test_a_species_of_one_name_that_is_the_same_is_taken(water):
    raw = resolved(target(REPLAY))
    raw["data"]["atoms"]["H"] = {"charge": 0.41, "epsilon": 0.0, "sigma": 0.0}
    assert with_old_species(recipe_from_dict(raw), water, 1.0).data.atoms["H"] == water.recipe.data.atoms["H"]


# --- what is forgotten --------------------------------------------------------------------------------------------


def untouched(water, made, data):
    """The target's model before any training, its weights, the factor of its units and the gain of its answer."""
    start = begun(water, made, data)
    start.model.info = {"species": ["Ar"], "units": made.data.units}
    return start.model, start.weights, start.factor, start.gain


@pytest.mark.parametrize("model", [RAW, STACK], ids=["kept scales", "own scales"])
def test_weights_that_were_not_trained_have_forgotten_nothing(water, argon, model):
    found = forgotten(water, *untouched(water, target(START, model=model), argon))
    assert found["before"] == water.info["figures"]["test"]["relative"]
    assert found["after"] == pytest.approx(found["before"], rel=1e-5)
    assert (found["frames"], found["part"], found["how"]) == (2, "test", "changes put back")


def test_neither_do_other_units_make_it_forget(water, workshop):
    """Forces of the target are in eV/A, and so is an epsilon where it enters the network."""
    raw = resolved(target(START, model=RAW))
    raw["data"]["units"] = "metal"
    model, *rest = untouched(water, recipe_from_dict(raw), argon_h5(workshop, "metal"))
    assert rest[1] == pytest.approx(EV, rel=1e-5)
    found = forgotten(water, model, *rest)
    assert found["after"] == pytest.approx(found["before"], rel=1e-4)


def test_weights_that_changed_have_forgotten(water, argon):
    model, *rest = untouched(water, target(START, model=RAW), argon)
    stir(model.network, by=1.0)
    found = forgotten(water, model, *rest)
    assert found["after"] > 2 * found["before"]
    for weight in model.network.get_layer(HEAD).trainable_variables:
        weight.assign(weight * 0)
    assert forgotten(water, model, *rest)["after"] == pytest.approx(1.0)  # no forces at all: all of them are missing
    assert found["before"] == water.info["figures"]["test"]["relative"]  # the source itself is as it was


def test_layers_that_began_anew_are_those_of_the_source(water, argon):
    """They took nothing over, so that nothing of it can be forgotten in them."""
    model, *rest = untouched(water, target(START | {"reset": [HEAD]}, model=RAW), argon)
    stir(model.network.get_layer(HEAD), by=1.0)
    found = forgotten(water, model, *rest)
    assert found["after"] == pytest.approx(found["before"], rel=1e-5)


def test_what_is_forgotten_is_told_and_kept(water, argon, beside, capsys):
    moved = transfer("water.keras", target(steps=1), data=argon, freeze=[ENCODER, MESSAGES])
    kept = load_model(moved.path).info["origin"]["forgotten"]
    assert kept["after"] != kept["before"]
    assert kept["before"] == water.info["figures"]["test"]["relative"]
    assert (
        f"on 2 test frames of the source mean |dF| / mean |F| was {kept['before']:.2%} before the transfer and is "
        f"{kept['after']:.2%} after it (changes put back)"
    ) in capsys.readouterr().err


def test_without_the_frames_of_the_source_nobody_knows(beside, away, argon, capsys):
    moved = transfer("water.keras", target(steps=1), data=argon)
    assert json.loads(json.dumps(load_model(moved.path).info["origin"]))["forgotten"] is None
    said = capsys.readouterr().err
    assert "what the source knew of its own substance cannot be judged now" in said
    assert "the frames that water.keras was trained on are not there" in said


def test_the_frames_of_a_training_are_opened_as_they_were_then(water, argon, workshop):
    with trained_on(water) as dataset:
        assert (len(dataset), dataset.units, dataset.type_names) == (10, "real", {1: "O", 2: "H"})
        assert str(dataset.path) == water.info["dataset"]["path"]
    with pytest.raises(UserError, match=r"nobody\.h5"):
        trained_on(type(water)(water.network, water.recipe, water.info | {"dataset": {"path": "nobody.h5"}}))
