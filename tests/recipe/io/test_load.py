"""Recipes are found, read, changed and validated, with errors at their file, line and key."""

import copy
import glob
import json
from pathlib import Path

import pytest

from errors import refused
from gnnzoo.errors import RecipeError, UserError
from gnnzoo.recipe.io.find import find_recipe, find_source_files, installed_recipes, recipe_names
from gnnzoo.recipe.io.load import load_recipe, recipe_from_dict, resolved

SMALL = {
    "name": "small",
    "data": {
        "source": "small.h5",
        "types": {"1": "O", "2": "H"},
        "atoms": {
            "O": {"charge": -0.82, "epsilon": 0.155, "sigma": 3.165},
            "H": {"charge": 0.41, "epsilon": 0, "sigma": 0},
        },
    },
    "graph": {"cutoff": 3.4},
    "model": {
        "layers": [
            {"layer": "atom_encoder", "units": 16},
            {"layer": "edge_encoder", "units": 16},
            {"layer": "graph_norm"},
            {"layer": "message_passing", "units": 16, "bond_features": True},
            {"layer": "prelu"},
            {"layer": "force_decoder", "units": 16},
        ]
    },
}


@pytest.fixture
def small(folder):
    """A recipe's file."""
    path = folder / "small.json"
    path.write_text(json.dumps(SMALL, indent=2))
    return path


def changed(**parts) -> dict:
    """SMALL with whole parts replaced, named as data__atoms=..."""
    raw = copy.deepcopy(SMALL)
    for key, value in parts.items():
        node = raw
        *way, last = key.split("__")
        for step in way:
            node = node[step]
        node[last] = value
    return raw


def stack(*layers) -> dict:
    return changed(model__layers=[{"layer": layer} if isinstance(layer, str) else layer for layer in layers])


# --- finding --------------------------------------------------------------------------------------------------------


def test_a_recipe_is_found_by_path_by_name_and_in_the_folder_recipes(small):
    Path("recipes").mkdir()
    Path("recipes/other.json").write_text(json.dumps(SMALL | {"name": "other"}))
    assert load_recipe(small).name == "small"
    assert load_recipe("small").name == "small"
    assert load_recipe("other").name == load_recipe("other.json").name == "other"


def test_recipes_of_the_working_folder_hide_installed_ones_of_the_same_name(folder):
    assert find_recipe("argon") == installed_recipes() / "argon.json"
    Path("recipes").mkdir()
    Path("recipes/argon.json").write_text("{}")
    assert find_recipe("argon") == Path("recipes/argon.json")
    assert "recipe.schema" not in recipe_names()


def test_the_manual_s_path_works_in_any_folder(folder):
    assert find_recipe("recipes/water.json") == installed_recipes() / "water.json"


def test_the_error_about_an_unknown_name_has_the_nearest_one_and_the_list(folder):
    with refused(RecipeError, "Did you mean 'argon'", expected="water", hint="gnnzoo list"):
        load_recipe("argn")
    with refused(RecipeError, "elsewhere/argon.json"):
        load_recipe("elsewhere/argon.json")


def test_a_source_is_looked_up_in_the_working_folder_then_in_that_of_the_recipe(folder):
    there = folder / "there"
    there.mkdir()
    recipe = recipe_from_dict(changed(data__source="run.*.dump"))
    assert find_source_files(recipe, there / "r.json") == []
    for number in (10, 9, 1):
        (there / f"run.{number}.dump").touch()
    assert [path.name for path in find_source_files(recipe, there / "r.json")] == [
        "run.1.dump",
        "run.9.dump",
        "run.10.dump",
    ]
    Path("run.7.dump").touch()
    assert find_source_files(recipe, there / "r.json") == [Path("run.7.dump")]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("**/a.h5", ["a.h5", "x/a.h5", "x/y/a.h5"]),
        ("x/**", ["x", "x/a.h5", "x/b2.h5", "x/b10.h5", "x/y", "x/y/a.h5"]),
        ("*/b?*.h5", ["x/b2.h5", "x/b10.h5"]),
        ("x/../[ab].h5", ["x/../a.h5"]),
        ("*/z/*", []),
    ],
)
def test_patterns_are_those_of_glob(folder, pattern, found):
    (folder / "x/y").mkdir(parents=True)
    for name in ("a.h5", "x/a.h5", "x/b10.h5", "x/b2.h5", "x/y/a.h5", "x/.b3.h5"):
        (folder / name).touch()
    assert find_source_files(recipe_from_dict(changed(data__source=pattern))) == [Path(name) for name in found]
    assert set(map(Path, glob.glob(pattern, recursive=True))) == {Path(name) for name in found}


@pytest.mark.parametrize("pattern", ["/**/nothing.h5", "*/*/*/*/*/*/*/*/*/*/nothing.h5", "*/../" * 500 + "nothing.h5"])
def test_a_pattern_that_leads_too_far_is_refused(folder, monkeypatch, pattern):
    monkeypatch.setattr("gnnzoo.recipe.io.find._MOST_LOOKED_AT", 5000)
    for number in range(8):
        (folder / f"l{number}").symlink_to(".")
    with refused(RecipeError, key="data.source"):
        find_source_files(recipe_from_dict(changed(data__source=pattern)))


def test_the_folder_of_an_unknown_user_is_missing(folder):
    assert find_source_files(recipe_from_dict(changed(data__source="~no-such-user/a.h5"))) == []


def test_a_source_of_which_a_part_is_missing_is_refused(folder):
    Path("a.dump").touch()
    with refused(RecipeError, "b.dump", key="data.source"):
        find_source_files(recipe_from_dict(changed(data__source=["a.dump", "b.dump"])))


# --- reading --------------------------------------------------------------------------------------------------------


def test_every_problem_is_reported_with_its_line_and_the_nearest_name(folder):
    raw = changed(graph={"cutof": 3}, data__split={"train": 0.9}, training={"loss": "l3", "epochs": 0})
    raw["model"]["layers"][3]["unitz"] = 3
    raw["model"]["layers"][4] = {"layer": "prellu"}
    text = json.dumps(raw, indent=1)
    Path("bad.json").write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe("bad.json")
    expected = {
        "graph.cutof": ('"cutof"', ["Did you mean 'cutoff'?"]),
        "data.split": ('"split"', ["train", "1.1"]),
        "training.loss": ('"l3"', ["l3", "l1"]),
        "training.epochs": ('"epochs"', ["greater than 0"]),
        "model.layers[3].unitz": ('"unitz"', ["Did you mean 'units'?", "hidden_layers"]),
        "model.layers[4].layer": ('"prellu"', ["Did you mean 'prelu'?", "one of atom_encoder, edge_encoder, message"]),
    }
    found = {problem.location.key: problem for problem in caught.value.problems}
    assert found.keys() == expected.keys()
    for key, (fragment, names) in expected.items():
        line = next(number for number, line in enumerate(text.splitlines(), 1) if fragment in line)
        assert str(found[key]).startswith(f"bad.json, line {line}, {key}: ")
        assert all(name in str(found[key]) for name in names)


@pytest.mark.parametrize(
    ("entry", "key", "names"),
    [
        ({"layer": "lennard_jones"}, "model.prior[0]", ['"prior" is missing', '{"prior": ']),
        ({"prior": "lj"}, "model.prior[0].prior", ["'lj'", "one of lennard_jones, coulomb"]),
        ({"prior": "coulomb"}, "model.prior[0].damping", ["is missing", "In inverse length units"]),
    ],
)
def test_priors_are_discriminated_by_their_own_key(folder, entry, key, names):
    with refused(RecipeError, *names, key=key):
        recipe_from_dict(changed(model={"prior": [entry]}))


def test_the_error_about_a_missing_key_states_its_meaning(folder):
    with refused(RecipeError, "missing", key="graph.cutoff", expected="Pairs nearer than this are edges"):
        recipe_from_dict(changed(graph={}))


@pytest.mark.parametrize(
    ("text", "line", "column", "names"),
    [
        ('{\n "name": "x",\n}', 2, 13, ["comma"]),
        ('{\n "name": "x"\n "data": {}}', 3, 2, ["',' or '}'", "'\"'"]),
        ('{\n // no\n "name": "x"}', 2, 2, ["comments"]),
        ("{'name': 1}", 1, 2, ["double quotes"]),
        ('{"name": NaN}', 1, 10, ["a value", "'N'"]),
        ('{"name": 1e999}', 1, 10, ["1e999"]),
        ('{"name": "x', 1, 10, ["Unterminated string"]),
        ('{"a": [1, 2', 1, 12, ["',' or ']'", "end of the text"]),
        ("{} {}", 1, 4, ["'{'"]),
        ("[" * 100_000, 1, None, ["nested"]),
        ("[1]", 1, None, ['{ "name": ']),
        ("", 1, 1, ["a value", "end of the text"]),
    ],
)
def test_invalid_json_is_an_error_with_line_and_column(folder, text, line, column, names):
    Path("bad.json").write_text(text)
    with refused(RecipeError, *names, file="bad.json", line=line, key=column and f"column {column}"):
        load_recipe("bad.json")


def test_a_key_that_stands_twice_is_refused(folder):
    Path("bad.json").write_text('{"name": "x",\n "graph": {"cutoff": 3,\n "cutoff": 4}}')
    with refused(RecipeError, "line 2", file="bad.json", line=3, key="graph.cutoff"):
        load_recipe("bad.json")


@pytest.mark.parametrize("start", [b"ITEM: TIMESTEP\n0\n", b"\x89HDF\r\n", b"\x1f\x8b\x08"])
def test_data_taken_for_a_recipe_lead_to_init(tmp_path, start):
    (tmp_path / "argon.lammpstrj").write_bytes(start)
    with refused(RecipeError, "data", hint=f"gnnzoo init {tmp_path / 'argon.lammpstrj'}"):
        load_recipe(tmp_path / "argon.lammpstrj")


def test_a_binary_file_is_refused(folder):
    Path("bad.json").write_bytes(bytes(range(256)))
    with refused(RecipeError, "not text", file="bad.json"):
        load_recipe("bad.json")


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(folder):
    Path("windows.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(SMALL, indent=1).replace("\n", "\r\n").encode())
    assert load_recipe("windows.json").name == "small"


def test_the_resolved_recipe_is_whole_and_validates_again(small):
    recipe = load_recipe(small)
    whole = resolved(recipe)
    assert whole["training"]["checkpoint_every"] == recipe.training.checkpoint_every
    assert recipe_from_dict(json.loads(json.dumps(whole))) == recipe


# --- overrides ------------------------------------------------------------------------------------------------------


def test_overrides_reach_every_depth(small):
    recipe = load_recipe(
        small,
        [
            "training.warmup.epochs=2",
            "model.layers[3].units=32",
            "data.source=other.h5",
            'data.split={"train": 0.5, "validation": 0.5, "test": 0}',
            "data.split.gap=0",
            "data.atoms.O.charge=-1",
            "data.units=null",
        ],
    )
    assert recipe.training.warmup.epochs == 2
    assert recipe.model.layers[3].units == 32
    assert recipe.data.source == "other.h5"
    assert (recipe.data.split.train, recipe.data.split.gap) == (0.5, 0)
    assert recipe.data.atoms["O"].charge == -1
    assert recipe.data.units is None


@pytest.mark.parametrize(
    ("override", "kind", "names"),
    [
        ("trainin.epochs=3", RecipeError, ["Did you mean 'training'?"]),
        ("training.epoch=3", RecipeError, ["Did you mean 'epochs'?"]),
        ("training.epochs=few", RecipeError, ['"few"', "a whole number"]),
        ("model.layers[9].units=3", RecipeError, ["'9'", "model.layers[0] to model.layers[5]"]),
        ("name.x=3", RecipeError, ['"small"']),
        ("graph[0]=3", RecipeError, ["graph.key"]),
        ("graph.cutoff", UserError, ["key.path=value"]),
        ("data.split={", UserError, ["JSON"]),
    ],
)
def test_the_error_about_an_override_names_the_option(small, override, kind, names):
    with refused(kind, "--set", *names) as found:
        load_recipe(small, [override])
    if kind is RecipeError:
        assert found.error.location.file == f"--set {override}"


# --- what must agree ------------------------------------------------------------------------------------------------

ATOM, EDGE, MESSAGE = {"layer": "atom_encoder"}, {"layer": "edge_encoder"}, {"layer": "message_passing"}
A, DENSE, ADDING = {"layer": "prelu", "name": "a"}, {"layer": "dense", "units": 8}, MESSAGE | {"residual": True}
FORCE, SECOND = "force_decoder", {"layer": "prelu", "name": "prelu_2"}
PLAIN = ["distance", "direction"]


@pytest.mark.parametrize(
    ("raw", "key", "names"),
    [
        (stack(EDGE, ATOM, FORCE), "model.layers[0]", ["begins with edge_encoder", "atom_encoder first"]),
        (stack("prelu", ATOM, FORCE), "model.layers[0]", ["begins with prelu"]),
        (stack(ATOM, ATOM, FORCE), "model.layers[1]", ["second atom_encoder"]),
        (stack(ATOM, EDGE), "model.layers[1]", ["ends with edge_encoder"]),
        (stack(ATOM, FORCE, FORCE), "model.layers[1]", ["two", "force_decoder"]),
        (stack(ATOM, MESSAGE, EDGE, FORCE), "model.layers[2]", ["edge_encoder", "before message_passing"]),
        (stack(ATOM, EDGE, EDGE, MESSAGE, FORCE), "model.layers[2]", ["second edge_encoder"]),
        (stack(ATOM, A, A, FORCE), "model.layers[2].name", ["'a'", "model.layers[1]"]),
        (stack(ATOM, SECOND, "prelu", FORCE), "model.layers[2]", ["'prelu_2'", "model.layers[1]"]),
        (stack(ATOM, DENSE, ADDING, FORCE), "model.layers[2].residual", [8, 128]),
        (changed(graph__edges=PLAIN), "model.layers[3].bond_features", ['"bond" in graph.edges']),
        (
            changed(graph__edges=["bond", "distance"]),
            "model.layers[5]",
            ["force_decoder", '"direction" in graph.edges', "or pair_force_decoder"],
        ),
        (changed(graph__edges=["bond"]), "graph.edges", ['"distance" too']),
        (changed(data__atoms={}), "data.atoms", ['"inputs": "species" in the atom_encoder']),
        (changed(data__types={"1": "O", "2": "D"}), "data.atoms", ["'D' of data.types", "charge, epsilon and sigma"]),
        (changed(graph__bonds=[["O", "C"]]), "graph.bonds[0]", ["'C'", "two of O, H"]),
        (changed(data__isolated_energies={"O": -1.0}), "data.isolated_energies", ["energy_decoder"]),
        (changed(data__isolated_energies={"C": -1.0}), "data.isolated_energies.C", ["'C'", "O, H"]),
        (changed(graph__edges=PLAIN, graph__bonds=[["O", "H"]]), "graph.bonds", ['"bond" in graph.edges']),
        (stack(ATOM, "prelu", FORCE), "model.layers", ["message_passing", "painn_message"]),
        (changed(graph__cutoff=float("inf")), "graph.cutoff", ["Infinity"]),
    ],
)
def test_parts_that_contradict_each_other_are_an_error_at_their_key(raw, key, names):
    raw["graph"].setdefault("cutoff", 3.4)
    with refused(RecipeError, *names, key=key):
        recipe_from_dict(raw)


def test_a_stack_without_edge_encoder_and_parameters_is_possible():
    layers = [{"layer": "atom_encoder", "inputs": "species"}, MESSAGE, {"layer": "pair_force_decoder"}]
    recipe = recipe_from_dict(changed(data__atoms={}, graph__edges=["radial"], model__layers=layers))
    assert recipe.model.layers[0].inputs == "species"


@pytest.mark.parametrize("name", sorted(recipe_names()))
def test_the_recipes_that_come_with_gnnzoo_are_in_order(name, folder):
    assert load_recipe(name).name == name


def test_a_key_that_is_no_text_of_unicode_is_refused(folder):
    (folder / "r.json").write_text('{"name": "r", "\\ud800": 1}')
    with refused(RecipeError, file="r.json"):
        load_recipe("r.json")
