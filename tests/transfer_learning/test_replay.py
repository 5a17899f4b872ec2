"""Replay: training on the source's own frames as well as on the target's."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import dumps
from errors import refused
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.errors import DataError, RecipeError
from gnnzoo.models.files import load_model
from gnnzoo.recipe.io.load import recipe_from_dict, resolved
from gnnzoo.training.batches import ReplaySampler
from gnnzoo.training.loop import Trainer
from gnnzoo.transfer_learning.forgetting import measure_forgetting
from gnnzoo.transfer_learning.replay import add_source_species, open_training_dataset
from gnnzoo.workflows.convert import convert
from gnnzoo.workflows.steps import fit as fitting
from gnnzoo.workflows.steps.model_info import held_out_errors
from gnnzoo.workflows.transfer import transfer
from small import WATER, recipe
from transfers import SCALE, SMALL, STACK, target, transfer_start

REPLAY = {"model": "water.keras", "strategy": "full", "replay": 0.5}
RAW = STACK | {"normalization": "none"}  # keeps the scales of the source
EV = 0.0433641  # 1 kcal/mol in eV

pytestmark = pytest.mark.usefixtures("few_points")


@pytest.fixture
def missing_data(water, workshop):
    """The training data of the water model are moved away during the test."""
    shutil.move(workshop / "water.h5", workshop / "elsewhere.h5")
    yield
    shutil.move(workshop / "elsewhere.h5", workshop / "water.h5")


def water_frame(workshop):
    return open_dataset(workshop / "water.h5")[0]


@pytest.fixture(scope="module")
def replayed(water, argon, workshop):
    """The model of a transfer with replay, and its trainer."""
    trainers = []

    def trainer(*arguments, **options):
        trainers.append(Trainer(*arguments, **options))
        return trainers[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "Trainer", trainer)
        transfer("water.keras", target(), data=argon, strategy="full", replay=0.5, output="replayed.keras")
    return load_model("replayed.keras"), trainers[0]


# --- models and their training data ---------------------------------------------------------------------------------


def test_the_model_has_the_species_of_both_sides_each_with_its_own_force_scale(replayed, water):
    model, _ = replayed
    assert model.species == ["Ar", "O", "H"]
    argon_scale, water_scale = model.info["statistics"]["force_rms"], water.network.get_layer(SCALE).factor.numpy()
    scales = model.network.get_layer(SCALE).factor.numpy().ravel()
    assert scales == pytest.approx([argon_scale, water_scale, water_scale], rel=1e-6)
    assert water_scale > 10 * argon_scale
    atoms = model.recipe.data.atoms
    assert (atoms["O"], atoms["Ar"].sigma) == (water.recipe.data.atoms["O"], 3.405)
    assert list(model.info["statistics"]["distances"]["counts"]) == ["Ar-Ar"]  # of the target's frames only


def test_half_of_the_steps_use_the_training_frames_of_the_source(replayed, water):
    model, trainer = replayed
    assert isinstance(trainer.sampler, ReplaySampler)
    assert trainer.sampler.share == 0.5
    assert trainer.sampler.old.train.tolist() == water.info["split"]["train"]
    assert trainer.sampler.old.source.dataset.path == Path(water.info["dataset"]["path"])
    assert trainer.sampler.new.train.tolist() == model.info["split"]["train"]
    assert model.info["training"]["steps"] == 6  # three steps with argon, and three with water


def test_the_model_predicts_frames_of_both_sides(replayed, argon, workshop):
    model, _ = replayed
    for frame in (water_frame(workshop), open_dataset(argon)[0]):
        forces = model.forces(frame)
        assert forces.shape == (len(frame), 3)
        assert np.all(np.isfinite(forces))
        assert np.abs(forces).max() > 0
    assert model.info["origin"]["forgotten"]["how"] == "predicted directly"


def test_before_training_predictions_for_the_source_are_those_of_the_source(water, argon, workshop):
    made = add_source_species(target(REPLAY, model=RAW), water, 1.0)
    model, frame = transfer_start(water, made, argon).model, water_frame(workshop)
    model.info = {"species": ["Ar", "O", "H"], "units": "real"}
    np.testing.assert_allclose(model.forces(frame), water.forces(frame), rtol=1e-4, atol=1e-5)
    found = measure_forgetting(water, model, {}, 1.0, 1.0)
    assert found.how == "predicted directly"
    assert found.after == pytest.approx(found.before, rel=1e-5)


def test_epsilon_of_the_source_is_converted_to_the_target_units(water):
    atoms = add_source_species(target(REPLAY), water, EV).data.atoms
    assert atoms["O"].epsilon == pytest.approx(0.155 * EV)
    assert (atoms["O"].charge, atoms["O"].sigma, atoms["Ar"].epsilon) == (-0.82, 3.165, 0.2378)


def test_a_source_with_several_force_scales_keeps_them_in_the_next_replay(replayed, workshop):
    source, _ = replayed
    start = {"model": "replayed.keras", "replay": 0.5}
    made = recipe(WATER, model=STACK, training={"start_from": start, "augmentation": {}})
    model = transfer_start(source, add_source_species(made, source, 1.0), workshop / "water.h5").model
    scales, source_scales = (m.network.get_layer(SCALE).factor.numpy().ravel() for m in (model, source))
    assert scales[2] == pytest.approx(source_scales[0], rel=1e-6)  # argon


def test_the_zero_shot_error_is_that_of_the_source_force_scale(replayed, water, argon):
    """The copied network with the force scale of water for argon as well, which is fifty times that of argon."""
    model, _ = replayed
    start = transfer_start(water, add_source_species(target(REPLAY), water, 1.0), argon)
    start.model.network.get_layer(SCALE).factor.assign(np.full(3, water.network.get_layer(SCALE).factor.numpy()))
    errors = held_out_errors(start.model, start.prepared, start.prepared.source.dataset, "validation")
    assert model.info["origin"]["zero_shot"] == pytest.approx(errors.relative, rel=1e-4)


def test_the_training_dataset_is_opened_with_its_units_and_types(water, workshop):
    with open_training_dataset(water) as dataset:
        assert (len(dataset), dataset.units, dataset.type_names) == (10, "real", {1: "O", 2: "H"})
        assert str(dataset.path) == water.info["dataset"]["path"]
    with refused(DataError, "absent.h5"):
        open_training_dataset(type(water)(water.network, water.recipe, water.info | {"dataset": {"path": "absent.h5"}}))


def test_a_species_with_the_same_parameters_on_both_sides_is_accepted(water):
    raw = resolved(target(REPLAY))
    raw["data"]["atoms"]["H"] = {"charge": 0.41, "epsilon": 0.0, "sigma": 0.0}
    assert add_source_species(recipe_from_dict(raw), water, 1.0).data.atoms["H"] == water.recipe.data.atoms["H"]


# --- what is refused before training --------------------------------------------------------------------------------


@pytest.fixture
def no_run():
    """No run folder is made in the test."""
    yield
    assert not Path("runs").exists()


def test_a_replay_without_the_source_data_is_refused(model_copy, missing_data, argon, no_run):
    with refused(DataError, "water.keras", "water.h5", hint="without replay"):
        transfer("water.keras", target(), data=argon, replay=0.5)


def test_a_replay_with_changed_source_data_is_refused(model_copy, missing_data, argon, workshop, no_run):
    dumps.water_dump(workshop / "other.lammpstrj", frames=10, seed=1)
    made = convert(workshop / "other.lammpstrj", workshop / "water.h5", units="real", types={1: "O", 2: "H"})
    try:
        with refused(DataError, "water.keras", file=workshop / "water.h5", hint="without replay"):
            transfer("water.keras", target(), data=argon, replay=0.5)
    finally:
        made.path.unlink()


def test_a_replay_with_energies_in_the_loss_is_refused(model_copy, argon, no_run):
    smooth = [layer | {"activation": "silu"} for layer in STACK["layers"][:2]]
    stack = {"layers": [*smooth, {"layer": "energy_decoder", **SMALL}]}
    with refused(RecipeError, "energies", key="training.start_from.replay"):
        transfer("water.keras", target(model=stack, loss_weights={"energy": 1}), data=argon, replay=0.5)


@pytest.mark.parametrize("key", ["charge", "epsilon", "sigma"])
def test_a_species_with_different_parameters_is_refused(model_copy, argon, no_run, key):
    raw = resolved(target())
    raw["data"]["atoms"]["H"] = {"charge": 0.41, "epsilon": 0.0, "sigma": 0.0} | {key: 0.5}
    with refused(RecipeError, "'H'", "water.keras", key="data.atoms.H"):
        transfer("water.keras", recipe_from_dict(raw), data=argon, replay=0.5)
