"""The contract itself is held: a network that keeps every promise passes, one that breaks a promise fails its check."""

import inspect
from dataclasses import replace

import pytest

import broken_networks as broken
from contracts import ModelContract
from gnnzoo.models.symmetries import Symmetries, heads, symmetries
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
REPORT = lambda name, value: None  # noqa: E731
OF_ANY_CALLABLE = [
    name
    for name, check in inspect.getmembers(ModelContract)
    if name.startswith("check_") and name not in ("check_saving", "check_seed", "check_deployment")
]


def contract(network=broken.Honest, promised=ALL, **options) -> ModelContract:
    return ModelContract(TINY, FRAME, network=network(TINY.graph.cutoff), promised=promised, **options)


def run(contract: ModelContract, check: str, folder=None) -> None:
    method = getattr(contract, check)
    given = {"report": REPORT, "folder": folder}
    method(**{name: given[name] for name in inspect.signature(method).parameters})


@pytest.mark.parametrize("check", OF_ANY_CALLABLE)
def test_a_network_that_keeps_every_promise_passes(check):
    run(contract(), check)


@pytest.mark.parametrize(
    ("check", "network"),
    [
        ("check_permutation", broken.ByNumber),
        ("check_batching_and_padding", broken.ByBatch),
        ("check_batching_and_padding", broken.ByPadding),
        ("check_batching_and_padding", broken.PaddingFeels),
        ("check_batching_and_padding", broken.Unmasked),
        ("check_isolated_atom", broken.Lonely),
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
def test_a_network_that_breaks_a_promise_fails(check, network):
    with pytest.raises(AssertionError):
        run(contract(network), check)


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
        run(contract(graph_of=graph_of), check)


@pytest.mark.parametrize(
    ("check", "promise"),
    [
        ("check_rotation_and_reflection", "rotation"),
        ("check_net_force", "zero_net_force"),
        ("check_cutoff", "smooth_cutoff"),
        ("check_additivity", "additive"),
        ("check_derivatives_of_the_energy", "conservative"),
    ],
)
def test_what_is_kept_must_be_promised(check, promise):
    with pytest.raises(AssertionError):
        run(contract(promised=replace(ALL, **{promise: False})), check)


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
    with pytest.raises(AssertionError):
        run(ModelContract(TINY, FRAME, build=build), check, tmp_path)


def test_a_network_that_answers_with_zero_fails():
    class Zero(broken.Honest):
        def envelope(self, x):
            return 0 * x

    with pytest.raises(AssertionError, match="answers with zero"):
        run(contract(Zero), "check_translation")


# --- where promises come from -----------------------------------------------------------------------------------------


def stack(*entries, edges=("radial",), envelope=True):
    layers = [{"layer": "atom_encoder", "units": 4}, *entries]
    return recipe(WATER, graph={"edges": list(edges), "envelope": envelope}, model={"layers": layers})


PAIR = {"layer": "pair_force_decoder", "units": 4}


@pytest.mark.parametrize(
    ("promise", "keeping", "breaking"),
    [
        ("rotation", stack(PAIR), stack(PAIR, edges=("distance", "direction"))),
        ("smooth_cutoff", stack(PAIR), stack(PAIR, envelope=False)),
        ("zero_net_force", stack(PAIR), stack(PAIR | {"antisymmetric": False})),
        ("additive", stack(PAIR), stack({"layer": "graph_norm"}, PAIR)),
    ],
)
def test_a_recipe_promises_what_its_stack_keeps(promise, keeping, breaking):
    assert getattr(symmetries(keeping), promise)
    assert not getattr(symmetries(breaking), promise)


def test_a_stack_of_one_head_is_called_without_naming_it():
    assert heads(stack(PAIR)) == [None]
