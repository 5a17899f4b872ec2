"""The .keras file: saved and loaded unchanged, never overwritten silently, and distinguished from other files."""

import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

from errors import refused
from gnnzoo.errors import ModelError
from gnnzoo.models.archive import INFO_MEMBER, damaged, read_info
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField, load_model, save_model
from gnnzoo.models.predict import Predictor
from gnnzoo.outputs import OutputError
from gnnzoo.recipe.io.load import load_recipe, recipe_from_dict
from small import WATER, recipe
from systems import water_frame

SPECIES = ["O", "H"]
INFO = {"species": SPECIES, "types": {"1": "O", "2": "H"}, "units": "real", "figures": {"test": {"mae": 0.125}}}


@pytest.fixture(scope="module")
def force_field():
    """An untrained water model, every weight moved off its initial value."""
    made = recipe(WATER)
    network = build_network(made, SPECIES, Scales(force=2.5, neighbors=7.0))
    random = np.random.default_rng(1)
    for variable in network.trainable_variables:
        variable.assign(variable.numpy() + random.normal(scale=0.05, size=variable.shape))
    return ForceField(network, made, dict(INFO))


@pytest.fixture
def saved(force_field, folder):
    return save_model(force_field, folder / "water.keras")


def members(path):
    """Name -> bytes of an archive's members."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path, **changes):
    """Rewrite the archive at `path` with some members changed, or left out where they are None."""
    kept = members(path) | changes
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in kept.items():
            if data is not None:
                archive.writestr(name, data)


def assert_refused(path, next_step, *names):
    """Loading raises a `ModelError` that names the file, the cause and what to do next."""
    with refused(ModelError, *names, file=path, hint=next_step):
        load_model(path)


LISTED = "gnnzoo list"
AGAIN = "copy it again"


# --- saving and loading -------------------------------------------------------------------------------------------


def test_a_model_is_saved_and_loaded_unchanged(force_field, saved):
    again = load_model(saved)
    frame = water_frame()
    forces = force_field.forces(frame)
    assert forces.shape == (24, 3)
    assert np.abs(forces).max() > 1e-3
    np.testing.assert_array_equal(again.forces(frame), forces)
    assert again.recipe == force_field.recipe
    assert again.info == force_field.info == INFO
    assert (again.path, force_field.path) == (saved, saved)
    assert (again.species, again.units, again.cutoff) == (SPECIES, "real", 6.0)


def test_the_information_is_read_without_the_network(saved):
    info = read_info(saved)
    assert info.pop("recipe")["name"] == "tinywater"
    assert info == INFO


def test_plain_keras_opens_it(force_field, saved):
    network = keras.models.load_model(saved, compile=False)
    assert [weight.path for weight in network.weights] == [weight.path for weight in force_field.network.weights]
    for found, expected in zip(network.weights, force_field.network.weights, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_a_model_without_an_energy_head_has_no_energy(force_field):
    with refused(ModelError, "forces", "energy", hint="energy_decoder"):
        force_field.energy(water_frame())


def test_energies_include_the_offsets_of_the_species(folder):
    settings = load_recipe("water-equivariant").model_dump(mode="json", by_alias=True, exclude_none=True)
    settings["model"]["layers"][-1] = {"layer": "energy_decoder", "units": 8}
    settings["graph"]["cutoff"], settings["graph"]["waves"] = 3.4, 2.5
    settings = recipe_from_dict(settings)
    model = ForceField(build_network(settings, ["O", "H"]), settings, {**INFO})
    model.predictor = Predictor(model.network, xla=False)  # compilation takes longer than the rest
    frame = water_frame()  # 8 O and 16 H
    own = model.energy(frame)
    assert abs(own) > 1e-3
    model.info["energy_offsets"] = [-50_000.0, 12.0]
    again = load_model(save_model(model, folder / "energy.keras"))
    again.predictor = Predictor(again.network, xla=False)
    assert again.energy(frame) == pytest.approx(8 * -50_000 + 16 * 12 + own, abs=1e-5 * abs(own) + 1e-9)


def test_a_conservative_model_is_loaded_by_a_fresh_process(folder):
    silu = {"units": 4, "hidden_layers": 0, "activation": "silu"}
    layers = [{"layer": "atom_encoder", **silu}, {"layer": "atomic_density"}, {"layer": "energy_decoder", **silu}]
    made = recipe(model={"layers": layers})
    info = {"species": ["Ar"], "types": {"1": "Ar"}, "units": "real"}
    save_model(ForceField(build_network(made, ["Ar"]), made, info), folder / "energy.keras")
    code = "from gnnzoo.models.files import load_model; print(type(load_model('energy.keras').network).__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "ConservativeModel\n", done.stderr


def test_long_messages_of_keras_are_cut():
    message = str(damaged("a.keras", TypeError("no class " + 30_000 * "x")))
    assert "class xxx" in message
    assert len(message) < 500


# --- existing files -----------------------------------------------------------------------------------------------


def test_an_existing_file_is_refused_and_stays(force_field, folder):
    (folder / "water.keras").write_text("precious")
    with refused(OutputError, file="water.keras", hint="--overwrite"):
        save_model(force_field, folder / "water.keras")
    assert (folder / "water.keras").read_text() == "precious"
    assert len(list(folder.iterdir())) == 1


def test_overwriting_keeps_the_old_one(force_field, folder):
    (folder / "water.keras").write_text("precious")
    save_model(force_field, "water.keras", overwrite=True)
    first = (folder / "water.keras").read_bytes()
    save_model(force_field, "water.keras", overwrite=True)
    assert (folder / "water.keras.old-1").read_text() == "precious"
    assert (folder / "water.keras.old-2").read_bytes() == first
    assert load_model("water.keras").info == INFO
    assert len(list(folder.iterdir())) == 3


def test_a_failure_leaves_nothing_behind(force_field, folder):
    unwritable = ForceField(force_field.network, force_field.recipe, INFO | {"figures": object()})
    with pytest.raises(TypeError):
        save_model(unwritable, folder / "water.keras")
    assert not list(folder.iterdir())


# --- other files --------------------------------------------------------------------------------------------------


def test_a_missing_file(folder):
    assert_refused(folder / "none.keras", LISTED)


def test_a_folder(folder):
    (folder / "runs.keras").mkdir()
    assert_refused(folder / "runs.keras", LISTED, "Keras")


@pytest.mark.parametrize("content", [b"", b'{"name": "water"}', b"PK\x03\x04 and no archive after all"])
def test_another_kind_of_file(folder, content):
    (folder / "other.keras").write_bytes(content)
    assert_refused(folder / "other.keras", LISTED, "Keras")


def test_a_keras_model_without_a_recipe(folder):
    inputs = keras.Input((2,))
    keras.Model(inputs, keras.layers.Dense(1)(inputs)).save(folder / "plain.keras")
    assert_refused(folder / "plain.keras", LISTED, "recipe")


# --- damage -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [0.01, 0.5, 0.999])
def test_a_truncated_file(saved, kept):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(kept * len(data))])
    assert_refused(saved, LISTED, "Keras")


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5", INFO_MEMBER])
def test_a_flipped_bit_in_any_part(saved, member):
    data = bytearray(saved.read_bytes())
    data[data.index(members(saved)[member]) + 40] ^= 1
    saved.write_bytes(data)
    assert_refused(saved, AGAIN, "Bad CRC-32", member)


def test_a_broken_table_of_contents(saved):
    data = bytearray(saved.read_bytes())
    data[data.rindex(b"PK\x01\x02")] ^= 1
    saved.write_bytes(data)
    assert_refused(saved, AGAIN, "Bad magic number for central directory")


@pytest.mark.parametrize("member", ["config.json", "model.weights.h5"])
def test_a_missing_part(saved, member):
    rewritten(saved, **{member: None})
    assert_refused(saved, AGAIN, member)


def test_a_recipe_that_this_version_does_not_know(saved):
    info = read_info(saved)
    info["recipe"]["model"]["layers"][0]["layer"] = "from_the_future"
    rewritten(saved, **{INFO_MEMBER: json.dumps(info)})
    assert_refused(saved, AGAIN, "model.layers[0].layer", "from_the_future")
    del info["recipe"]
    rewritten(saved, **{INFO_MEMBER: json.dumps(info)})
    assert_refused(saved, AGAIN, "'recipe'")
