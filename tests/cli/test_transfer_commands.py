"""transfer and pairs, as they are typed."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from gnnzoo.cli import main
from gnnzoo.models.files import load_model
from gnnzoo.recipe.io.load import resolved
from gnnzoo.workflows import transfer as transferring
from gnnzoo.workflows.compare import SIZES
from transfers import ENCODER, HEAD, MESSAGES, STACK, argon_h5, target, water_model


def gnnzoo(*arguments):
    return CliRunner().invoke(main, arguments)


def transfer(*options, target="tiny.json"):
    return gnnzoo("transfer", "water.keras", "--target", target, *options)


@pytest.fixture
def asked(monkeypatch):
    """What the workflow is asked for by a command; nothing is done."""
    told = {}

    def instead(model, target, **options):
        told.update(options, model=model, target=target)
        return SimpleNamespace(
            path="made.keras", info={"parameters": 1, "species": ["Ar"], "units": None, "figures": {}}
        )

    monkeypatch.setattr(transferring, "transfer", instead)
    return told


def refused(result, *words):
    """It is the user's to mend, said in these words and without a traceback."""
    assert result.exit_code == 2, result.output
    for text in words:
        assert text in result.stderr
    assert "Traceback" not in result.output
    return result.stderr


# --- what the options come to -------------------------------------------------------------------------------------


def test_a_transfer_without_options_leaves_everything_to_the_recipe(asked):
    result = transfer()
    assert result.exit_code == 0, result.output
    assert (asked.pop("model"), asked.pop("target")) == ("water.keras", "tiny.json")
    assert (asked.pop("overrides"), asked.pop("resume"), asked.pop("overwrite")) == ((), False, False)
    assert set(asked.values()) == {None}
    assert set(asked) >= {"strategy", "freeze", "reset", "radial", "map", "replay", "frames", "sizes", "data"}
    assert "wrote made.keras: 1 parameters, species Ar" in result.stdout


def test_layers_are_listed_with_commas_or_one_by_one(asked):
    transfer("--freeze", "atom_encoder_1, message_*,", "--freeze", "prelu_1", "--reset", "pair_force_decoder_1")
    assert asked["freeze"] == ["atom_encoder_1", "message_*", "prelu_1"]
    assert asked["reset"] == ["pair_force_decoder_1"]


def test_a_map_says_the_models_species_first(asked):
    transfer("--map", "O=Ar", "--map", "H=Kr")
    assert asked["map"] == {"Ar": "O", "Kr": "H"}


@pytest.mark.parametrize(
    ("options", "sizes"),
    [((), None), (("--compare",), SIZES), (("--compare", "--sizes", "3, 10,2"), [3, 10, 2])],
    ids=["none", "default", "given"],
)
def test_a_comparison_is_made_when_it_is_asked_for(asked, options, sizes):
    assert transfer(*options).exit_code == 0
    assert asked["sizes"] == sizes


def test_numbers_and_choices_are_handed_on(asked):
    transfer("--frames", "5", "--strategy", "lora", "--radial", "extend", "--replay", "0.25", "--time-limit", "3m")
    given = {key: asked[key] for key in ("frames", "strategy", "radial", "replay", "time_limit")}
    assert given == {"frames": 5, "strategy": "lora", "radial": "extend", "replay": 0.25, "time_limit": "3m"}


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--map", "O"), "'O' maps no species; say MODEL'S=TARGET'S, such as O=Ar"),
        (("--map", "O:Ar"), "'O:Ar' maps no species"),
        (("--map", "=Ar"), "'=Ar' maps no species"),
        (("--map", "O="), "'O=' maps no species"),
        (("--map", "O=Ar", "--map", "H=Ar"), "'Ar' is mapped twice"),
        (("--sizes", "3,10"), "--sizes goes with --compare"),
        (("--compare", "--sizes", "3;10"), "'3;10' are no numbers of frames; say 3,10,30"),
        (("--compare", "--sizes", "0,3"), "'0,3' are no numbers of frames"),
        (("--compare", "--sizes", "3,-1"), "'3,-1' are no numbers of frames"),
        (("--compare", "--sizes", ""), "'' are no numbers of frames"),
        (("--frames", "0"), "0 is not in the range x>=1"),
        (("--replay", "1"), "1.0 is not in the range 0<=x<1"),
        (("--strategy", "half"), "'half' is not one of 'full', 'heads', 'staged', 'discriminative', 'lora'"),
        (("--radial", "shrink"), "'shrink' is not one of"),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_options_are_refused_before_anything_is_loaded(asked, options, words):
    refused(transfer(*options), words)
    assert not asked


def test_a_target_has_to_be_named():
    refused(gnnzoo("transfer", "water.keras"), "Missing option '--target'")


@pytest.fixture(scope="module")
def workshop(uncompiled, tmp_path_factory):
    """A folder with a model of water, frames of argon and two recipes."""
    folder = tmp_path_factory.mktemp("workshop")
    species = {"layers": [{**STACK["layers"][0], "inputs": "species"}, *STACK["layers"][1:]]}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        water_model()
        water_model("learned.keras", model=species)
        argon_h5(folder)
        (folder / "tiny.json").write_text(json.dumps(resolved(target(steps=1))))
        (folder / "learned.json").write_text(json.dumps(resolved(target(steps=1, model=species))))
    return folder


@pytest.fixture
def inside(workshop, monkeypatch):
    """The test runs in that folder, and no picture of pairs takes its time."""
    monkeypatch.chdir(workshop)
    monkeypatch.setattr(transferring, "_POINTS", 3)
    return workshop


@pytest.mark.parametrize("option", ["freeze", "reset"])
def test_an_unknown_layer_is_told_with_the_nearest_one(inside, option):
    said = refused(
        transfer("--data", "real.h5", f"--{option}", f"{ENCODER},mesage_passing_1"),
        "no layer is called 'mesage_passing_1'. Did you mean 'message_passing_1'?",
        f"training.start_from.{option}[1]",
    )
    assert f"one of {ENCODER}, {MESSAGES}, {HEAD}" in said
    assert not Path("runs").exists()


def test_a_pattern_that_stands_for_no_layer_is_told_too(inside):
    refused(transfer("--data", "real.h5", "--freeze", "mesage_passing_*"), "no layer is called 'mesage_passing_*'.")
    refused(transfer("--data", "real.h5", "--freeze", "*"), "every layer is frozen: nothing is left to be trained")


def test_a_map_is_for_learned_species_and_for_those_that_are_there(inside):
    refused(
        transfer("--data", "real.h5", "--map", "O=Ar"), "species are mapped, but the atom_encoder knows them by charge"
    )
    learned = ("transfer", "learned.keras", "--target", "learned.json", "--data", "real.h5", "--map")
    refused(gnnzoo(*learned, "Q=Ar"), "the model has no species 'Q' to be mapped", "one of O, H")
    refused(gnnzoo(*learned, "O=Kr"), "the target has no species 'Kr' to be mapped", "one of Ar")
    refused(gnnzoo(*learned, "O=Ar=Kr"))
    assert not Path("runs").exists()


def test_a_model_that_is_none_is_refused(inside):
    refused(gnnzoo("transfer", "missing.keras", "--target", "tiny.json"), "missing.keras: there is no such file")


# --- a transfer, and what it knows of pairs -----------------------------------------------------------------------


def test_a_transfer_is_made_as_it_was_typed(inside):
    result = transfer("--data", "real.h5", "--frames", "2", "--freeze", f"{ENCODER},{MESSAGES}", "--strategy", "full")
    assert result.exit_code == 0, result.output
    model = load_model("tiny-from-water.keras")
    start = model.recipe.training.start_from
    assert (start.model, start.strategy, start.freeze) == ("water.keras", "full", [ENCODER, MESSAGES])
    assert len(model.info["split"]["train"]) == 2
    assert "wrote tiny-from-water.keras: 657 parameters, species Ar" in result.stdout
    assert "copied, frozen" in result.stdout

    result = gnnzoo("pairs", "tiny-from-water.keras", "--points", "3", "--from", "3", "-o", "a.png", "--csv", "a.csv")
    assert result.exit_code == 0, result.output
    assert "wrote a.png and a.csv" in result.stdout
    lines = Path("a.csv").read_text().splitlines()
    assert lines[0] == "model,pair,distance,force,truth,training_pairs"
    assert [line.split(",")[:3] for line in lines[1:4]] == [
        ["tiny-from-water.keras", "Ar-Ar", f"{r}"] for r in (3.0, 4.5, 6.0)
    ]
    assert len(lines) == 1 + 3 + 3  # and before it was trained

    refused(gnnzoo("pairs", "tiny-from-water.keras", "-o", "a.png"), "a.png: exists already", "--overwrite")


def test_wrong_options_of_pairs_are_refused(inside):
    refused(gnnzoo("pairs"), "Missing argument 'MODEL...'")
    refused(gnnzoo("pairs", "water.keras", "--points", "1"), "1 is not in the range x>=2")
    refused(gnnzoo("pairs", "water.keras", "--from", "6"), "6 is no distance within the cutoff of water.keras")
    refused(gnnzoo("pairs", "missing.keras"), "missing.keras: there is no such file")
    assert not list(Path().glob("*-pairs.*"))
