"""Messages in reciprocal space: by hand for one wave vector, and as Ewald's sum for a crystal."""

import math

import numpy as np
import pytest

from gnnzoo import fields
from gnnzoo.data.graphs.wave_vectors import waves_of
from gnnzoo.layers import LAYERS
from gnnzoo.layers.registry import ATOMS, VECTORS
from gnnzoo.layers.wave_message import _NARROWEST, _WIDEST
from tiny_graph import build, tensor, tensors


def layer_for(data, functions=1, largest=2.0):
    layer = LAYERS["wave_message"](
        channels=1, functions=functions, largest_wave=largest, seed=0, name="w", dtype="float64"
    )
    build(layer, data)
    for part in (layer.charges, layer.potential, layer.field):
        part.kernel.assign(np.ones(part.kernel.shape))
    return layer


def crystal(positions, charges, waves, weight):
    n = len(positions)
    return {
        fields.GRAPH_INDEX: np.zeros(n, np.int32),
        fields.ATOM_MASK: np.ones(n),
        fields.GRAPH_MASK: np.ones(1),
        fields.POSITIONS: np.array(positions, float),
        fields.WAVE_VECTORS: np.array(waves, float),
        fields.WAVE_GRAPH: np.zeros(len(waves), np.int32),
        fields.WAVE_WEIGHT: np.full(len(waves), weight),
        ATOMS: np.array(charges, float)[:, None],
    }


def test_one_wave_vector_by_hand():
    # two atoms at x = 0 and x = 1, features 1 and 3, neutralised charges -1 and 1; one wave vector k = 1 along x, 1/2
    # of the largest wave number
    data = crystal([[0, 0, 0], [1, 0, 0]], [1, 3], [[1, 0, 0]], weight=0.8)
    layer = layer_for(data)
    for weights in layer.filters:
        weights.assign([[2.0]])
    result = layer(tensors(data))
    u, alpha = 0.5, _WIDEST
    envelope = 1 - 28 * u**6 + 48 * u**7 - 21 * u**8
    kernel = 4 * math.pi * 0.8 / 8 * envelope / u**2 * 2 * math.exp(-(u**2) / (4 * alpha**2))
    even, odd = -1 + math.cos(1), math.sin(1)
    np.testing.assert_allclose(
        result[ATOMS][:, 0], [1 + kernel * even, 3 + kernel * (math.cos(1) * even + math.sin(1) * odd)]
    )
    # E = -d phi / dx = k (sin(k x) C - cos(k x) S), k counted as 1/2
    field = [-u * kernel * odd, u * kernel * (math.sin(1) * even - math.cos(1) * odd)]
    np.testing.assert_allclose(result[VECTORS][:, :, 0], [[field[0], 0, 0], [field[1], 0, 0]], atol=1e-12)


def test_rock_salt_has_its_madelung_constant(monkeypatch):
    """With one filter the potential is the reciprocal part of Ewald's sum; with its rest it gives 1.747565."""
    monkeypatch.setattr("gnnzoo.layers.wave_message._WIDEST", 0.07)  # so narrow that the envelope cuts nothing off
    edge = 2.0  # nearest neighbours at a distance of 1
    grid = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(-1, 3)
    charges = 1.0 - 2 * (grid.sum(axis=1) % 2)
    largest = 30.0
    waves, weight = waves_of(np.eye(3) * edge, np.ones(3, bool), largest)
    data = crystal(grid, charges, waves, weight)
    layer = layer_for(data, largest=largest)
    layer.filters[0].assign([[1.0]])
    potential = (layer(tensors(data))[ATOMS][:, 0].numpy() - charges) * largest  # back from units of 1 / largest
    alpha = 0.07 * largest
    # the real part: neighbours within a few lengths of erfc(alpha r) / r, and the charge's own Gaussian
    shifts = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    distances = np.linalg.norm(shifts, axis=1)
    signs = 1.0 - 2 * (shifts.sum(axis=1) % 2)
    near = sum(s * math.erfc(alpha * r) / r for s, r in zip(signs, distances, strict=True) if r > 0)
    total = potential[0] + near - 2 * alpha / math.sqrt(math.pi)
    assert total == pytest.approx(-1.747565, rel=5e-4)  # the envelope takes 0.03 %
    assert potential[1] == pytest.approx(-potential[0])


def test_graphs_of_a_batch_do_not_interact():
    random = np.random.default_rng(0)
    one = crystal(random.normal(size=(3, 3)), [1, 2, 3], random.normal(size=(5, 3)), 0.5)
    other = crystal(random.normal(size=(2, 3)), [4, 5], random.normal(size=(4, 3)), 0.7)
    layer = layer_for(one, functions=3, largest=5.0)
    both = {key: np.concatenate([one[key], other[key]]) for key in one}
    both[fields.GRAPH_INDEX][3:] = both[fields.WAVE_GRAPH][5:] = 1
    # and a padding atom and a padding wave vector
    for key, rows in both.items():
        if key == fields.GRAPH_MASK:
            continue
        both[key] = np.concatenate([rows, np.zeros_like(rows[:1])])
    found = layer(tensors(both))
    for key in (ATOMS, VECTORS):
        np.testing.assert_allclose(found[key][:3], layer(tensors(one))[key], rtol=1e-12)
        np.testing.assert_allclose(found[key][3:5], layer(tensors(other))[key], rtol=1e-12)


def test_a_net_charge_changes_nothing():
    random = np.random.default_rng(0)
    data = crystal(random.normal(size=(3, 3)), [1, 2, 3], random.normal(size=(5, 3)), 0.5)
    shifted = data | {ATOMS: data[ATOMS] + 10}
    layer = layer_for(data, functions=3)
    np.testing.assert_allclose(layer(tensors(data))[VECTORS], layer(tensors(shifted))[VECTORS], rtol=1e-10)


def test_widths_lie_between_the_narrowest_and_the_widest():
    data = crystal([[0, 0, 0]], [1], [[1, 0, 0]], weight=0.8)
    layer = layer_for(data, functions=3)
    _, screening = layer._kernel(
        {**data, fields.WAVE_WEIGHT: tensor([0.8], "float64")}, tensor([[0.5, 0, 0]], "float64")
    )
    widths = [_WIDEST, (_NARROWEST * _WIDEST) ** 0.5, _NARROWEST]
    np.testing.assert_allclose(screening[0], [math.exp(-0.25 / (4 * w**2)) for w in widths], rtol=1e-9)
