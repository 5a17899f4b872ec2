"""The JSON schema, the Markdown reference and the summary agree with the code."""

import json

import pytest

from gnnzoo.recipe.checks.stack import layer_names
from gnnzoo.recipe.io.find import installed_recipes, recipe_names
from gnnzoo.recipe.io.load import load_recipe
from gnnzoo.recipe.text.reference import json_schema, markdown
from gnnzoo.recipe.text.summary import summary
from lines import line_with
from small import WATER, recipe

# The original network as in DESIGN: every perceptron, every edge feature, the schedule.
MLP = {"units": 128, "hidden_layers": 2, "dropout": 0.1, "activation": "prelu"}


def test_the_schema_file_is_the_one_of_the_code():
    written = json.loads((installed_recipes() / "recipe.schema.json").read_text())
    assert written == json_schema(), "run: python tools/make_schema.py"


def test_recipes_point_editors_to_the_schema():
    for path in recipe_names().values():
        assert json.loads(path.read_text())["$schema"] == "recipe.schema.json"


def test_every_key_has_a_meaning_in_the_schema_and_in_the_text():
    text = markdown()
    objects = [json_schema(), *json_schema()["$defs"].values()]
    for described in objects:
        for key, value in described["properties"].items():
            if "const" not in value and key != "$schema":
                assert "description" in value or "$ref" in value, key
                assert f"- `{key}`: " in text


def test_the_markdown_has_type_default_and_meaning():
    text = markdown()
    line_with(text, "- `cutoff`", "number > 0", "required", "edges")
    line_with(text, "- `loss`", '"l1" | "l2" | "huber" | "vector"', 'default "l1"', "force components")
    assert '## {"layer": "message_passing"}\n' in text and '## {"prior": "coulomb"}\n' in text
    assert "## training.learning_rate\n" in text


@pytest.mark.parametrize(("name", "cutoff"), [("water-reference", 3.4), ("argon-reference", 4.4)])
def test_the_reference_recipes_are_the_original_network(name, cutoff):
    recipe = load_recipe(name)
    assert (recipe.graph.cutoff, recipe.graph.edges) == (cutoff, ["bond", "distance", "direction"])
    assert not recipe.graph.envelope
    assert recipe.model.normalization == "none"
    message = "message_passing"
    assert [entry.layer for entry in recipe.model.layers] == [
        *("atom_encoder", "edge_encoder", "graph_norm", message, "graph_norm", message, "graph_norm", message),
        "force_decoder",
    ]
    perceptrons = [entry for entry in recipe.model.layers if entry.layer != "graph_norm"]
    assert all({key: getattr(entry, key) for key in MLP} == MLP for entry in perceptrons)
    passes = [entry for entry in recipe.model.layers if entry.layer == message]
    assert [entry.bond_features for entry in passes] == [True, False, False]
    assert [entry.residual for entry in passes] == [False, True, True]
    assert all(entry.combine == "product" for entry in passes)

    training = recipe.training
    assert (training.epochs, training.batch_size, training.loss, training.optimizer) == (50, 16, "l1", "adam")
    assert (training.learning_rate.initial, training.learning_rate.decay) == (1e-3, 0.9)
    assert (training.warmup.epochs, training.warmup.loss) == (5, "nonzero_output")
    assert training.augmentation.rotation
    assert training.checkpoint_every == 6


@pytest.mark.parametrize("water", sorted(name for name in recipe_names() if "water" in name and "-from-" not in name))
def test_recipes_of_one_family_share_the_layers_of_one_name(water):
    """So that a transfer copies them; waves and what follows on them are of water alone."""
    recipes = [load_recipe(each) for each in (water, water.replace("water", "argon"))]
    stacks = [dict(zip(layer_names(each), each.model.layers, strict=True)) for each in recipes]
    shared = stacks[0].keys() & stacks[1].keys()
    assert {name: stacks[0][name] for name in shared} == {name: stacks[1][name] for name in shared}
    assert shared == stacks[1].keys(), "argon has no layer of its own"


def test_the_summary_of_a_recipe(snapshot):
    rows = summary(load_recipe("water-reference"))
    snapshot("summary", "".join(f"{label}: {text}\n" for label, text in rows))


def test_the_summary_of_priors_waves_and_default_entries():
    springs = {
        "bonds": [{"types": ["O", "H"], "k": 500, "length": 1}],
        "angles": [{"types": ["H", "O", "H"], "k": 50, "degrees": 109}],
    }
    layers = [
        {"layer": "atom_encoder", "units": 4, "activation": "silu"},
        {"layer": "wave_message"},
        {"layer": "painn_update", "name": "middle"},
        {"layer": "painn_update"},
        {"layer": "vector_force_decoder", "units": 4},
    ]
    priors = [{"prior": "coulomb", "damping": 0.2}, {"prior": "repulsion"}, {"prior": "harmonic"} | springs]
    graph = {"cutoff": 6, "edges": ["radial"], "waves": 1.7}
    layers.insert(2, {"layer": "atomic_density"})
    made = recipe(WATER, model={"layers": layers, "prior": priors}, graph=graph)
    rows = summary(made)
    lines = dict(rows)
    line_with(lines["graph"], "radial (6 bessel)", "waves", "1.7 1/A")
    assert lines["wave_message_1"] == "channels 8, functions 2", "the defaults"
    assert lines["painn_update_2"] == "no options"
    assert lines["middle"] == "painn_update"
    assert [text for part, text in rows if part == "prior"] == [
        "coulomb, damping 0.2",
        "repulsion",
        "harmonic, bonds O-H, angles H-O-H",
    ]
    assert all(text for _, text in rows)
