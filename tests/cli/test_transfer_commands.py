"""Commands transfer and pairs."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from gnnzoo.choices import COMPARISON_SIZES
from gnnzoo.cli import main
from gnnzoo.cli.train import USELESS_MODEL
from gnnzoo.models.files import load_model
from gnnzoo.recipe.io.load import resolved
from gnnzoo.workflows import transfer as transferring
from lines import line_with
from transfers import ENCODER, HEAD, MESSAGES, STACK, argon_h5, target, water_model


def gnnzoo(*arguments):
    return CliRunner().invoke(main, arguments)


def transfer(*options, target="tiny.json"):
    return gnnzoo("transfer", "water.keras", "--target", target, *options)


@pytest.fixture
def asked(monkeypatch):
    """Arguments with which the command calls the workflow, which does nothing."""
    arguments = {}

    def instead(model, target, settings, **options):
        arguments.update(options, **settings, model=model, target=target)
        info = {"parameters": 1, "species": ["Ar"], "units": None, "figures": {}}
        return transferring.TransferResult(SimpleNamespace(path="made.keras", species=["Ar"], units=None, info=info))

    monkeypatch.setattr(transferring, "transfer_to", instead)
    monkeypatch.setattr("gnnzoo.cli.transfer.check_models", lambda *paths: None)  # there is none
    return arguments


def refused(result, *words):
    """Exit code 2 and an error with these names, without a traceback."""
    assert result.exit_code == 2, result.output
    for text in words:
        assert text in result.stderr
    assert "Traceback" not in result.output
    return result.stderr


# --- options --------------------------------------------------------------------------------------------------------


def test_a_transfer_without_options_leaves_everything_to_the_recipe(asked):
    result = transfer()
    assert result.exit_code == 0, result.output
    assert (asked.pop("model"), asked.pop("target")) == ("water.keras", "tiny.json")
    assert (asked.pop("overrides"), asked.pop("resume"), asked.pop("overwrite")) == ((), False, False)
    assert asked.pop("on_report") and asked.pop("trust") is False
    assert set(asked.values()) == {None}
    assert set(asked) >= {"strategy", "freeze", "reset", "radial", "map", "replay", "frames", "sizes", "data"}
    line_with(result.stdout, "made.keras", "1 parameters", "Ar")


def test_layers_are_listed_with_commas_or_one_by_one(asked):
    transfer("--freeze", "atom_encoder_1, message_*,", "--freeze", "prelu_1", "--reset", "pair_force_decoder_1")
    assert asked["freeze"] == ["atom_encoder_1", "message_*", "prelu_1"]
    assert asked["reset"] == ["pair_force_decoder_1"]


def test_a_map_has_the_species_of_the_model_first(asked):
    for words in (("--map", "O=Ar", "--map", "H=Kr"), ("--map", "O=Ar, H=Kr")):
        transfer(*words)
        assert asked["map"] == {"Ar": "O", "Kr": "H"}


@pytest.mark.parametrize(
    ("options", "sizes"),
    [((), None), (("--compare",), COMPARISON_SIZES), (("--compare", "--sizes", "3, 10,2"), [3, 10, 2])],
    ids=["none", "default", "given"],
)
def test_a_comparison_is_made_only_on_request(asked, options, sizes):
    assert transfer(*options).exit_code == 0
    assert asked["sizes"] == sizes


def test_numbers_and_choices_are_passed_on(asked):
    transfer("--frames", "5", "--strategy", "lora", "--radial", "extend", "--replay", "0.25", "--time-limit", "3m")
    given = {key: asked[key] for key in ("frames", "strategy", "radial", "replay", "time_limit")}
    assert given == {"frames": 5, "strategy": "lora", "radial": "extend", "replay": 0.25, "time_limit": "3m"}


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--map", "O"), "MODEL'S=TARGET'S, such as O=Ar"),
        (("--map", "O:Ar"), "'O:Ar'"),
        (("--map", "=Ar"), "'=Ar'"),
        (("--map", "O="), "'O='"),
        (("--map", "Cu=Pd=Ag"), "'Cu=Pd=Ag'"),
        (("--map", "O=Ar", "--map", "H=Ar"), "'Ar'"),
        (("--sizes", "3,10"), "--compare"),
        (("--compare", "--sizes", "3;10"), "'3;10'"),
        (("--compare", "--sizes", "0,3"), "'0,3'"),
        (("--compare", "--sizes", "3,-1"), "'3,-1'"),
        (("--compare", "--sizes", ""), "''"),
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


def test_a_target_is_required():
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
    """The test runs in that folder, with few points of pair curves."""
    monkeypatch.chdir(workshop)
    monkeypatch.setattr(transferring, "PAIR_POINTS", 3)
    return workshop


@pytest.mark.parametrize("option", ["freeze", "reset"])
def test_an_unknown_layer_is_refused_with_the_nearest_name(inside, option):
    refused(
        transfer("--data", "real.h5", f"--{option}", f"{ENCODER},mesage_passing_1"),
        "'mesage_passing_1'",
        "'message_passing_1'",
        f"training.start_from.{option}[1]",
        f"{ENCODER}, {MESSAGES}, {HEAD}",
    )
    assert not Path("runs").exists()


def test_patterns_that_match_no_layer_or_freeze_all_are_refused(inside):
    refused(transfer("--data", "real.h5", "--freeze", "mesage_passing_*"), "'mesage_passing_*'")
    refused(transfer("--data", "real.h5", "--freeze", "*"), "training.start_from.freeze")


def test_a_map_needs_learned_and_known_species(inside):
    refused(transfer("--data", "real.h5", "--map", "O=Ar"), "training.start_from.map", "atom_encoder")
    learned = ("transfer", "learned.keras", "--target", "learned.json", "--data", "real.h5", "--map")
    refused(gnnzoo(*learned, "Q=Ar"), "'Q'", "one of O, H")
    refused(gnnzoo(*learned, "O=Kr"), "'Kr'", "one of Ar")
    refused(gnnzoo(*learned, "O=Ar=Kr"))
    assert not Path("runs").exists()


def test_a_missing_model_is_refused(inside):
    refused(gnnzoo("transfer", "missing.keras", "--target", "tiny.json"), "missing.keras")


# --- a transfer and its pair curves ---------------------------------------------------------------------------------


def test_a_transfer_with_options_and_its_pair_curves(inside, snapshot):
    result = transfer("--data", "real.h5", "--frames", "2", "--freeze", f"{ENCODER},{MESSAGES}", "--strategy", "full")
    assert result.exit_code == 0, result.output
    model = load_model("tiny-from-water.keras")
    start = model.recipe.training.start_from
    assert (start.model, start.strategy, start.freeze) == ("water.keras", "full", [ENCODER, MESSAGES])
    assert len(model.info["split"]["train"]) == 2
    snapshot("transfer", result.stdout[: result.stdout.index("wrote ")])
    line_with(result.stdout, "tiny-from-water.keras", "657 parameters", "Ar")

    result = gnnzoo("pairs", "tiny-from-water.keras", "--points", "3", "--from", "3", "-o", "a.png", "--csv", "a.csv")
    assert result.exit_code == 0, result.output
    line_with(result.stdout, "wrote", "a.png", "a.csv")
    lines = Path("a.csv").read_text().splitlines()
    assert lines[0].startswith("model,pair,distance,force,") and lines[0].endswith(",training_pairs")
    assert [line.split(",")[:3] for line in lines[1:4]] == [
        ["tiny-from-water.keras", "Ar-Ar", f"{r}"] for r in (3.0, 4.5, 6.0)
    ]
    assert len(lines) == 1 + 3 + 3  # trained, and before training

    refused(gnnzoo("pairs", "tiny-from-water.keras", "-o", "a.png"), "a.png: exists already", "--overwrite")


def test_a_comparison_is_printed_as_a_table_with_a_verdict(inside):
    result = transfer("--data", "real.h5", "--compare", "--sizes", "2,6", "-o", "compared.keras", "--strategy", "full")
    assert result.exit_code == USELESS_MODEL, result.output  # after one step
    raw = json.loads(Path("compared-compare.json").read_text())
    lines = [line.split() for line in result.stdout.splitlines()]
    for gain in raw["gains"]:
        (row,) = [line for line in lines if line[:1] == [str(gain["frames"])]]
        (curve,) = [c for c in raw["runs"] if (c["start"], c["frames"]) == ("transfer", gain["frames"])]
        errors = [f"{curve['zero_shot']:.1%}", f"{curve['before']:.1%}"]
        assert row[1:5] == [*errors, f"{gain['scratch']:.3%}", f"{gain['transfer']:.3%}"]
    assert raw["verdict"] in result.output
    for kind in ("png", "csv", "json"):
        assert f"compared-compare.{kind}" in result.stdout


def test_wrong_options_of_pairs_are_refused(inside):
    refused(gnnzoo("pairs"), "Missing argument 'MODEL...'")
    refused(gnnzoo("pairs", "water.keras", "--points", "1"), "1 is not in the range x>=2")
    refused(gnnzoo("pairs", "water.keras", "--from", "6"), "water.keras")
    refused(gnnzoo("pairs", "missing.keras"), "missing.keras")
    assert not list(Path().glob("*-pairs.*"))
