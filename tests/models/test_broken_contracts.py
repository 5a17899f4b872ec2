"""Every check of the contract passes for a network that keeps it, and fails for one that breaks it."""

from dataclasses import replace

import pytest

import broken_networks as broken
from gnnzoo.errors import ModelError
from gnnzoo.models.symmetries import Symmetries, heads, symmetries
from gnnzoo.testing import ModelContract
from small import WATER, recipe
from systems import contract_frame

ALL = Symmetries(rotation=True, smooth_cutoff=True, conservative=True, zero_net_force=True, additive=True)
TINY = recipe(
    WATER,
    graph={"cutoff": 4.0},
    model={
        "layers": [
            {"layer": "atom_encoder", "units": 4, "hidden_layers": 0},
            {"layer": "pair_force_decoder", "units": 4, "hidden_layers": 0, "activation": "silu"},
        ]
    },
)
FRAME = contract_frame(TINY)
OF_ANY_CALLABLE = sorted(
    set(ModelContract.checks()) - {"check_saving", "check_seed", "check_deployment", "check_traits"}
)


def contract(network=broken.Honest, expected=ALL, **options) -> ModelContract:
    return ModelContract(TINY, FRAME, network=network(TINY.graph.cutoff), expected=expected, **options)


@pytest.mark.parametrize("check", OF_ANY_CALLABLE)
def test_a_network_with_every_symmetry_passes(check):
    contract().run(check)


@pytest.mark.parametrize(
    ("check", "network"),
    [
        ("check_permutation", broken.ByNumber),
        ("check_batching_and_padding", broken.ByBatch),
        ("check_batching_and_padding", broken.ByPadding),
        ("check_batching_and_padding", broken.ForcesOnPadding),
        ("check_batching_and_padding", broken.Unmasked),
        ("check_isolated_atom", broken.MeanOverNone),
        ("check_isolated_atom", broken.Drifting),
        ("check_rotation_and_reflection", broken.OneAxis),
        ("check_rotation_and_reflection", broken.Handed),
        ("check_net_force", broken.OneSided),
        ("check_net_force", broken.Drifting),
        ("check_cutoff", broken.Jump),
        ("check_cutoff", broken.Kink),
        ("check_additivity", broken.Coupled),
        ("check_derivatives_of_the_energy", broken.NotTheGradient),
        ("check_derivatives_of_the_energy", broken.WrongVirial),
        ("check_derivatives_of_the_energy", broken.NoEnergy),
    ],
)
def test_a_network_that_breaks_a_symmetry_fails(check, network):
    with pytest.raises(AssertionError):
        contract(network).run(check)


@pytest.mark.parametrize(
    ("check", "graph_of"),
    [
        ("check_wrapping", broken.graph_without_images),
        ("check_translation", broken.graph_of_wrapped_atoms_without_images),
        ("check_periodic_images", broken.graph_of_wrapped_atoms_without_images),
        ("check_periodic_images", broken.graph_of_nearest_images),
    ],
)
def test_a_graph_that_is_wrong_fails(check, graph_of):
    with pytest.raises(AssertionError):
        contract(graph_of=graph_of).run(check)


@pytest.mark.parametrize(
    ("check", "symmetry"),
    [
        ("check_rotation_and_reflection", "rotation"),
        ("check_net_force", "zero_net_force"),
        ("check_cutoff", "smooth_cutoff"),
        ("check_additivity", "additive"),
        ("check_derivatives_of_the_energy", "conservative"),
    ],
)
def test_a_symmetry_that_holds_must_be_stated(check, symmetry):
    with pytest.raises(AssertionError):
        contract(expected=replace(ALL, **{symmetry: False})).run(check)


@pytest.mark.parametrize(
    ("check", "build"),
    [
        ("check_saving", broken.build_forgetful),
        ("check_deployment", broken.build_forgetful),
        ("check_deployment", broken.build_seeing_rows),
        ("check_seed", broken.build_unseeded),
    ],
)
def test_a_network_that_is_not_the_same_everywhere_fails(check, build, tmp_path):
    # a file with another network than that of its recipe is refused
    with pytest.raises((AssertionError, ModelError)):
        ModelContract(TINY, FRAME, build=build).run(check, tmp_path)


def test_a_network_whose_output_is_zero_fails():
    class Zero(broken.Honest):
        def envelope(self, x):
            return 0 * x

    with pytest.raises(AssertionError, match="zero"):
        contract(Zero).run("check_translation")


@pytest.mark.parametrize(
    "wrong",
    [
        {"has_weights": False},
        {"makes_vectors": True},
        {"head": "direct"},
        {"encodes_edges": True},
        {"reads_edges": False},
        {"sets_width": False},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_wrong_traits_fail(wrong, monkeypatch):
    made = ModelContract(stack({"layer": "message_passing", "units": 5, "combine": "sum"}, PAIR))
    made.run("check_traits")
    entry = type(made.recipe.model.layers[1])
    monkeypatch.setattr(entry, "traits", replace(entry.traits, **wrong))
    with pytest.raises(AssertionError, match=next(iter(wrong))):
        made.run("check_traits")


# --- symmetries from the recipe ---------------------------------------------------------------------------------------


def stack(*entries, edges=("radial",), envelope=True):
    layers = [{"layer": "atom_encoder", "units": 4}, *entries]
    return recipe(WATER, graph={"edges": list(edges), "envelope": envelope}, model={"layers": layers})


PAIR = {"layer": "pair_force_decoder", "units": 4}


@pytest.mark.parametrize(
    ("symmetry", "keeping", "breaking"),
    [
        ("rotation", stack(PAIR), stack(PAIR, edges=("distance", "direction"))),
        ("smooth_cutoff", stack(PAIR), stack(PAIR, envelope=False)),
        ("zero_net_force", stack(PAIR), stack(PAIR | {"antisymmetric": False})),
        ("additive", stack(PAIR), stack({"layer": "graph_norm"}, PAIR)),
    ],
)
def test_symmetries_follow_from_the_stack(symmetry, keeping, breaking):
    assert getattr(symmetries(keeping), symmetry)
    assert not getattr(symmetries(breaking), symmetry)


def test_a_stack_of_one_head_is_called_without_naming_it():
    assert heads(stack(PAIR)) == [None]
