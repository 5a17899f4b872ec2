"""Recipes are found, read, changed and refused as whoever wrote them would expect."""

import copy
import json
from pathlib import Path

import pytest

from gnnzoo.errors import RecipeError, UserError
from gnnzoo.recipe.io.find import find_recipe, installed_recipes, recipe_names, resolve_source
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


def refusal(raw) -> str:
    """The message with which a recipe is refused."""
    with pytest.raises(RecipeError) as caught:
        recipe_from_dict(raw)
    return str(caught.value)


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


def test_an_unknown_name_brings_the_nearest_and_the_list(folder):
    with pytest.raises(RecipeError, match="Did you mean 'argon'") as caught:
        load_recipe("argn")
    assert "water" in str(caught.value)
    with pytest.raises(RecipeError, match=r"there is no recipe 'elsewhere/argon\.json'"):
        load_recipe("elsewhere/argon.json")


def test_a_source_is_looked_up_in_the_working_folder_then_beside_the_recipe(folder):
    beside = folder / "there"
    beside.mkdir()
    recipe = recipe_from_dict(changed(data__source="run.*.dump"))
    assert resolve_source(recipe, beside / "r.json") == []
    for number in (10, 9, 1):
        (beside / f"run.{number}.dump").touch()
    assert [path.name for path in resolve_source(recipe, beside / "r.json")] == [
        "run.1.dump",
        "run.9.dump",
        "run.10.dump",
    ]
    Path("run.7.dump").touch()
    assert resolve_source(recipe, beside / "r.json") == [Path("run.7.dump")]


def test_a_source_of_which_a_part_is_missing_is_refused(folder):
    Path("a.dump").touch()
    with pytest.raises(RecipeError, match=r"do not exist: b\.dump"):
        resolve_source(recipe_from_dict(changed(data__source=["a.dump", "b.dump"])))


# --- reading --------------------------------------------------------------------------------------------------------


def test_every_problem_is_told_at_once_with_its_line_and_the_nearest_name(folder):
    raw = changed(graph={"cutof": 3}, data__split={"train": 0.9}, training={"loss": "l3", "epochs": 0})
    raw["model"]["layers"][3]["unitz"] = 3
    raw["model"]["layers"][4] = {"layer": "prellu"}
    text = json.dumps(raw, indent=1)
    Path("bad.json").write_text(text)

    def place(fragment: str, key: str) -> str:
        line = next(number for number, line in enumerate(text.splitlines(), 1) if fragment in line)
        return f"bad.json, line {line}, {key}: "

    with pytest.raises(RecipeError) as caught:
        load_recipe("bad.json")
    message = str(caught.value)
    assert message.startswith("bad.json: 6 problems\n")
    assert place('"cutof"', "graph.cutof") + "unknown key. Did you mean 'cutoff'?" in message
    assert place('"split"', "data.split") + "train, validation and test must sum to 1, not 1.1" in message
    assert place('"l3"', "training.loss") + '"l3" is not possible' in message
    assert place('"epochs"', "training.epochs") + "0 is not possible\n  expected: greater than 0" in message
    assert place('"unitz"', "model.layers[3].unitz") + "unknown key. Did you mean 'units'?" in message
    assert place('"prellu"', "model.layers[4].layer") + "unknown layer 'prellu'. Did you mean 'prelu'?" in message
    assert "one of atom_encoder, edge_encoder, message_passing" in message


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (
            {"layer": "lennard_jones"},
            'does not say its kind: "prior" is missing\n  expected: {"prior": "lennard_jones"',
        ),
        ({"prior": "lj"}, "model.prior[0].prior: unknown prior 'lj'."),
        ({"prior": "coulomb"}, "model.prior[0].damping: is missing\n  expected: In inverse length units"),
    ],
)
def test_priors_are_told_apart_by_their_own_key(folder, entry, told):
    assert told in refusal(changed(model={"prior": [entry]}))


def test_a_missing_key_is_told_with_its_meaning(folder):
    message = refusal(changed(graph={}))
    assert message == (
        "graph.cutoff: is missing\n"
        "  expected: Pairs nearer than this are edges, periodic images included; in the data's length unit."
    )


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ('{\n "name": "x",\n}', "line 2, column 13", "a comma after the last value"),
        ('{\n "name": "x"\n "data": {}}', "line 3, column 2", "expected ',' or '}', found '\"'"),
        ('{\n // no\n "name": "x"}', "line 2, column 2", "JSON has no comments"),
        ("{'name': 1}", "line 1, column 2", "double quotes, not single ones"),
        ('{"name": NaN}', "line 1, column 10", "expected a value, found 'N'"),
        ('{"name": 1e999}', "line 1, column 10", "a number too large"),
        ('{"name": "x', "line 1, column 10", "Unterminated string"),
        ('{"a": [1, 2', "line 1, column 12", "expected ',' or ']', found the end of the text"),
        ("{} {}", "line 1, column 4", "something follows the end"),
        ("[" * 100_000, "line 1", "nested too deeply"),
        ("[1]", "line 1", "is not a recipe"),
        ("", "line 1, column 1", "expected a value, found the end of the text"),
    ],
)
def test_what_is_not_json_is_told_with_line_and_column(folder, text, place, what):
    Path("bad.json").write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe("bad.json")
    assert f"bad.json, {place}" in str(caught.value)
    assert what in str(caught.value)


def test_a_key_that_stands_twice_is_refused(folder):
    Path("bad.json").write_text('{"name": "x",\n "graph": {"cutoff": 3,\n "cutoff": 4}}')
    with pytest.raises(RecipeError, match=r"bad.json, line 3, graph\.cutoff: the key stands twice, first on line 2"):
        load_recipe("bad.json")


@pytest.mark.parametrize("start", [b"ITEM: TIMESTEP\n0\n", b"\x89HDF\r\n", b"\x1f\x8b\x08"])
def test_data_taken_for_a_recipe_lead_to_init(tmp_path, start):
    (tmp_path / "argon.lammpstrj").write_bytes(start)
    with pytest.raises(RecipeError, match="these are data, not a recipe") as caught:
        load_recipe(tmp_path / "argon.lammpstrj")
    assert f"gnnzoo init {tmp_path / 'argon.lammpstrj'}" in caught.value.hint


def test_a_binary_file_is_refused(folder):
    Path("bad.json").write_bytes(bytes(range(256)))
    with pytest.raises(RecipeError, match="is not text"):
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
    ("override", "message"),
    [
        ("trainin.epochs=3", "--set trainin.epochs=3: unknown key. Did you mean 'training'?"),
        ("training.epoch=3", "--set training.epoch=3: unknown key. Did you mean 'epochs'?"),
        ("training.epochs=few", '--set training.epochs=few: "few" is not possible\n  expected: a whole number'),
        ("model.layers[9].units=3", "model.layers has no entry '9'\n  expected: model.layers[0] to model.layers[5]"),
        ("name.x=3", 'name is "small", there is nothing inside it to set'),
        ("graph[0]=3", "graph is no list"),
        ("graph.cutoff", "'--set graph.cutoff' is not understood"),
        ("data.split={", "is not JSON"),
    ],
)
def test_an_override_that_fits_nowhere_is_refused_by_its_own_name(small, override, message):
    with pytest.raises(UserError) as caught:
        load_recipe(small, [override])
    assert message in str(caught.value)


# --- what must agree ------------------------------------------------------------------------------------------------

ATOM, EDGE, MESSAGE = {"layer": "atom_encoder"}, {"layer": "edge_encoder"}, {"layer": "message_passing"}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (stack(EDGE, ATOM, "force_decoder"), "model.layers[0]: the stack begins with edge_encoder"),
        (stack("prelu", ATOM, "force_decoder"), "model.layers[0]: the stack begins with prelu"),
        (stack(ATOM, ATOM, "force_decoder"), "model.layers[1]: a second atom_encoder"),
        (stack(ATOM, EDGE), "model.layers[1]: the stack ends with edge_encoder"),
        (stack(ATOM, "force_decoder", "force_decoder"), "model.layers[1]: two heads of one kind: force_decoder"),
        (stack(ATOM, MESSAGE, EDGE, "force_decoder"), "model.layers[2]: edge_encoder stands after a layer"),
        (stack(ATOM, EDGE, EDGE, MESSAGE, "force_decoder"), "model.layers[2]: a second edge_encoder"),
        (
            stack(ATOM, {"layer": "prelu", "name": "a"}, {"layer": "prelu", "name": "a"}, "force_decoder"),
            "model.layers[2].name: 'a' is the name of model.layers[1] too",
        ),
        (
            stack(ATOM, {"layer": "prelu", "name": "prelu_2"}, "prelu", "force_decoder"),
            "model.layers[2]: 'prelu_2' is the name of model.layers[1] too",
        ),
        (
            stack(ATOM, {"layer": "dense", "units": 8}, {**MESSAGE, "residual": True}, "force_decoder"),
            "model.layers[2].residual: residual: 8 features come in and 128 go out",
        ),
        (
            changed(graph__edges=["distance", "direction"]),
            "model.layers[3].bond_features: edges carry no bond features",
        ),
        (changed(graph__edges=["bond", "distance"]), "model.layers[5]: a force_decoder cannot know where forces point"),
        (changed(graph__edges=["bond"]), "graph.edges: a bond alone"),
        (changed(data__atoms={}), "data.atoms: no species has parameters"),
        (changed(data__types={"1": "O", "2": "D"}), "data.atoms: 'D' of data.types has no charge, epsilon and sigma"),
        (changed(graph__bonds=[["O", "C"]]), "graph.bonds[0]: unknown species 'C'"),
        (
            changed(graph__edges=["distance", "direction"], graph__bonds=[["O", "H"]]),
            "graph.bonds: bonds are named, but edges carry no bond features",
        ),
        (stack(ATOM, "prelu", "force_decoder"), "model.layers: no layer reads an edge"),
        (changed(graph__cutoff=float("inf")), "graph.cutoff: Infinity is not possible"),
    ],
)
def test_parts_that_do_not_agree_are_refused(raw, message):
    raw["graph"].setdefault("cutoff", 3.4)
    assert message in refusal(raw)


def test_a_stack_without_edge_encoder_and_parameters_is_possible():
    layers = [{"layer": "atom_encoder", "inputs": "species"}, MESSAGE, {"layer": "pair_force_decoder"}]
    recipe = recipe_from_dict(changed(data__atoms={}, graph__edges=["radial"], model__layers=layers))
    assert recipe.model.layers[0].inputs == "species"


@pytest.mark.parametrize("name", sorted(recipe_names()))
def test_the_recipes_that_come_with_gnnzoo_are_in_order(name, folder):
    assert load_recipe(name).name == name
