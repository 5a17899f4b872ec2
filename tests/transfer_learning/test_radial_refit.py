"""Refit of radial weights: the function of distance is kept with another cutoff, basis or number of neighbours."""

import numpy as np
import pytest

from gnnzoo.data.graphs.graph import graph_of
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField
from gnnzoo.models.predict import Predictor
from gnnzoo.recipe.schema.graph import Graph
from gnnzoo.transfer_learning.copy_weights import copy_weights
from gnnzoo.transfer_learning.radial_refit import refit_radial_weights
from small import WATER, recipe
from systems import water_frame

pytestmark = pytest.mark.usefixtures("uncompiled")

SHORTEST = 0.6  # no two atoms come nearer


def graph(cutoff=6.0, functions=6, basis="bessel", envelope=True):
    return Graph(cutoff=cutoff, radial={"basis": basis, "functions": functions}, envelope=envelope)


def values(made, distance, count, with_envelope):
    """(distances, count) values of the first functions of a basis, zero beyond the cutoff."""
    x, total = distance[:, None] / made.cutoff, made.radial.functions
    n = np.arange(total)
    if made.radial.basis == "bessel":
        found = np.sin((n + 1) * np.pi * x) / x
    elif made.radial.basis == "gaussian":
        found = np.exp(-0.5 * (x * (total - 1) - n) ** 2)
    else:
        last = np.exp(-5)
        centres = last + (1 - last) * n / (total - 1)
        found = np.exp(-((np.exp(-5 * x) - centres) ** 2) * (total / 2 / (1 - last)) ** 2)
    if with_envelope and made.envelope:
        found = found * (1 - 28 * x**6 + 48 * x**7 - 21 * x**8)  # p = 6
    return np.where(x <= 1, found, 0)[:, :count]


def compared(source, target, functions, with_envelope, weights=None):
    """Distances, functions of distance in source and target, and the relative error that the refit returns.

    Args:
        weights: (source functions, columns); by default each function of the basis by itself.
    """
    there, here = functions
    weights = np.eye(there) if weights is None else weights
    settings = {"with_envelope": with_envelope, "shortest": SHORTEST}
    found, lost = refit_radial_weights(weights, source, target, functions, "extend", **settings)
    assert found.shape == (here, weights.shape[1])
    distance = np.linspace(SHORTEST, max(source.cutoff, target.cutoff), 1777)  # not the points of the fit
    wanted = values(source, distance, there, with_envelope) @ weights
    return distance, wanted, values(target, distance, here, with_envelope) @ found, lost


def rms(numbers):
    return np.sqrt(np.mean(numbers**2))


def worst(wanted, found):
    """The largest relative error of any combination of the functions: max |(found - wanted) w| / |wanted w| over w."""
    return np.linalg.norm((found - wanted) @ np.linalg.inv(np.linalg.qr(wanted)[1]), 2)


# --- functions of the distance --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("basis", "with_envelope"),
    # without an envelope Gaussians end in a step at the cutoff, which no smooth basis can fit
    [("bessel", True), ("bessel", False), ("gaussian", True)],
)
def test_a_wider_basis_keeps_any_function_and_is_zero_beyond_the_old_cutoff(basis, with_envelope):
    source, target = graph(6.0, 6, basis), graph(8.0, 56, basis)
    distance, wanted, found, lost = compared(source, target, (6, 56), with_envelope)
    assert worst(wanted, found) < 0.01
    assert np.max(np.abs(found[distance > 6.05])) < 0.01 * np.max(np.abs(wanted))
    assert rms(wanted[distance > 3]) > 0.1 * rms(wanted)  # the functions are not small near the cutoff
    assert lost < 0.01


@pytest.mark.parametrize(
    ("there", "here", "functions"),
    [("gaussian", "bessel", 40), ("bessel", "gaussian", 40), ("exp_normal", "bessel", 80)],  # sharpest near zero
)
def test_another_kind_of_basis_keeps_the_function(there, here, functions):
    _, wanted, found, _ = compared(graph(6.0, 6, there), graph(8.0, functions, here), (6, functions), True)
    assert worst(wanted, found) < 0.01


@pytest.mark.parametrize("with_envelope", [True, False])
@pytest.mark.parametrize(
    ("source", "target"),
    [
        (graph(6.0, 8), graph(8.0, 6)),
        (graph(6.0, 8), graph(4.0, 8)),
        (graph(6.0, 8), graph(6.0, 5)),
        (graph(6.0, 8), graph(6.0, 8, "gaussian")),
        (graph(5.0, 6, "exp_normal"), graph(7.0, 12, "exp_normal")),
        (graph(6.0, 6, envelope=False), graph(6.0, 6)),
    ],
    ids=["wider", "narrower", "fewer", "gaussian", "exp_normal", "enveloped"],
)
def test_the_returned_error_is_that_of_the_fit(source, target, with_envelope):
    functions = source.radial.functions, target.radial.functions
    weights = np.random.default_rng(0).normal(size=(functions[0], 3))
    _, wanted, found, lost = compared(source, target, functions, with_envelope, weights)
    assert lost == pytest.approx(rms(found - wanted) / rms(wanted), rel=0.01, abs=1e-4)


def test_the_returned_error_depends_on_the_fitted_functions():
    """The first function is smooth, so that five others fit it far better than the last."""
    lost = [compared(graph(6.0, 6), graph(7.0, 5), (6, 5), True, np.eye(6)[:, [number]])[-1] for number in (0, 5)]
    assert lost[0] < 0.1 * lost[1]


def test_fewer_functions_lose_more():
    lost = [compared(graph(6.0, 6), graph(8.0, here), (6, here), True)[-1] for here in (16, 12, 10, 8, 6, 4)]
    assert lost == sorted(lost)
    assert lost[0] < 0.001 and lost[-1] > 0.1


def test_a_layer_that_reads_fewer_functions_reads_the_first_ones():
    """Four of the source's eight, fitted by ten of the target's twelve."""
    _, wanted, found, lost = compared(graph(6.0, 8), graph(7.0, 12), (4, 10), True)
    assert worst(wanted, found) < 0.01
    assert lost == pytest.approx(rms(found - wanted) / rms(wanted), rel=0.01)


@pytest.mark.parametrize(
    ("there", "here"),
    [((6.0, 6), (9.0, 6)), ((6.0, 6), (9.0, 8)), ((6.0, 8), (4.0, 6))],
    ids=["as many", "more", "fewer"],
)
@pytest.mark.parametrize("basis", ["bessel", "gaussian"])
def test_stretch_keeps_the_weight_of_the_nth_function(there, here, basis):
    functions = there[1], here[1]
    random, settings = (
        np.random.default_rng(0).normal(size=(there[1], 3)),
        {"with_envelope": True, "shortest": SHORTEST},
    )
    moved, lost = refit_radial_weights(random, graph(*there), graph(*here, basis), functions, "stretch", **settings)
    assert moved.shape == (here[1], 3)
    kept = min(functions)
    np.testing.assert_array_equal(moved[:kept], random[:kept])
    np.testing.assert_array_equal(moved[kept:], 0)
    assert (lost == 0) == (here[1] >= there[1])


@pytest.mark.parametrize("with_envelope", [True, False])
@pytest.mark.parametrize("more", [6, 9])
def test_more_functions_of_the_same_basis_are_exact(more, with_envelope):
    _, wanted, found, lost = compared(graph(6.0, 6), graph(6.0, more), (6, more), with_envelope)
    np.testing.assert_array_equal(found, wanted)
    assert lost == 0


@pytest.mark.parametrize("basis", ["gaussian", "exp_normal"])
def test_more_functions_with_other_centres_are_refitted(basis):
    """The n-th function depends on their number here."""
    _, wanted, found, lost = compared(graph(6.0, 6, basis), graph(6.0, 12, basis), (6, 12), True)
    assert lost == pytest.approx(rms(found - wanted) / rms(wanted), rel=0.01, abs=1e-4)
    assert rms(found - wanted) < 0.02 * rms(wanted)


# --- networks -------------------------------------------------------------------------------------------------------

PLAIN = {"units": 8, "hidden_layers": 0, "activation": "silu"}
ATOMS, PAIRS = {"layer": "atom_encoder", **PLAIN}, {"layer": "pair_force_decoder", **PLAIN}
UPDATE, VECTORS = {"layer": "painn_update"}, {"layer": "vector_force_decoder", **PLAIN}
SUM = {"layer": "message_passing", "combine": "sum", **PLAIN}
MIXING, CHANNEL = {"layer": "painn_message"}, {"layer": "painn_message", "filters": "channel", "functions": 5}
STACKS = {
    "density": [ATOMS, {"layer": "atomic_density", "channels": 3}, UPDATE, VECTORS],
    "painn": [ATOMS, MIXING, CHANNEL, UPDATE, VECTORS],
    "sum": [ATOMS, SUM | {"residual": True}, PAIRS],
    "product": [ATOMS, SUM | {"combine": "product", "bond_features": True}, PAIRS],
    "pairs": [ATOMS, PAIRS],
    "schnet": [ATOMS, {"layer": "schnet_convolution", "units": 8}, PAIRS],
    "gamd": [ATOMS, {"layer": "gamd_convolution", "units": 8, "bond_features": True}, PAIRS],
    "encoder": [ATOMS, {"layer": "edge_encoder", **PLAIN}, SUM, PAIRS],
}
FRAME = water_frame(seed=3)


def stacked(name, radial="extend", cutoff=4.0, functions=6, edges=("bond", "distance", "radial"), read=5):
    """A recipe of one of the stacks; `read` radial functions enter the layers that do not read all."""
    layers = [entry | ({"functions": read} if "functions" in entry else {}) for entry in STACKS[name]]
    return recipe(
        WATER,
        model={"layers": layers},
        graph={"cutoff": cutoff, "edges": list(edges), "radial": {"functions": functions}},
        training={"start_from": {"model": "water.keras", "radial": radial}},
    )


def trained(made, neighbors):
    """A model whose weights all differ from their initial values."""
    network, random = build_network(made, ["O", "H"], Scales(neighbors=neighbors)), np.random.default_rng(7)
    for variable in network.trainable_variables:
        variable.assign(variable + random.normal(scale=0.2, size=variable.shape))
    return ForceField(network, made, {"species": ["O", "H"], "units": "real"})


def carried(source, target, neighbors):
    """The target network with the weights of the source."""
    network = build_network(target, ["O", "H"], Scales(neighbors=neighbors))
    copy_weights(source, network, target, ["O", "H"])
    return network


def forces(network, cutoff=4.0):
    return Predictor(network, xla=False).forces(graph_of(FRAME, ["O", "H"], cutoff, None))


@pytest.mark.parametrize("name", STACKS)
def test_extend_keeps_the_forces_with_another_number_of_neighbours(name):
    source = trained(stacked(name), neighbors=9.0)
    network = carried(source, stacked(name), neighbors=4.0)
    before, after = forces(source.network), forces(network)
    size = np.max(np.abs(before))
    assert size > 0.01
    np.testing.assert_allclose(after, before, rtol=0, atol=2e-5 * size)
    network.set_weights(source.network.get_weights())  # without rescaling, sums are larger by 3/2
    assert np.max(np.abs(forces(network) - before)) > 0.05 * size


@pytest.mark.parametrize("name", ["density", "painn"])
def test_extend_keeps_the_forces_of_a_network_linear_in_radial_functions_with_a_larger_cutoff(name):
    source = trained(stacked(name, edges=["radial"]), neighbors=9.0)
    wider = {"cutoff": 5.5, "functions": 32, "edges": ["radial"], "read": 28}
    before = forces(source.network)
    extended, stretched = (
        forces(carried(source, stacked(name, radial, **wider), neighbors=20.0), 5.5) - before
        for radial in ("extend", "stretch")
    )
    assert rms(extended) < 0.01 * rms(before)
    assert rms(stretched) > 0.1 * rms(before)
