"""Live and exported models refuse what has no forces, in place of forces that look calm."""

import numpy as np
import pytest
import tensorflow as tf

from errors import refused
from gnnzoo.data.graphs.frame_checks import MAX_IMAGES, FrameError, images_within
from gnnzoo.deploy.freeze import save
from gnnzoo.errors import ModelError
from gnnzoo.models.build import build_network
from gnnzoo.models.files import ForceField
from small import argon_dataset, recipe
from systems import changed

BOX = 8.0

pytestmark = pytest.mark.usefixtures("uncompiled")  # the exported model is the one that runs compiled


@pytest.fixture(scope="module")
def model():
    stack = recipe()
    return ForceField(build_network(stack, ["Ar"]), stack, {"species": ["Ar"], "types": {"1": "Ar"}, "units": "real"})


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    save(model, folder)
    return tf.saved_model.load(str(folder))


@pytest.fixture(scope="module")
def frame():
    return argon_dataset(frames=1)[0]


def with_value(values, value, index=(0, 0)):
    values = np.array(values, dtype=np.float64)
    values[index] = value
    return values


def arguments(frame):
    return [
        tf.constant(frame.positions, tf.float64),
        tf.constant(frame.cell, tf.float64),
        tf.constant(frame.pbc),
        tf.constant(frame.types, tf.int32),
    ]


WRONG = {
    "position nan": (lambda f: {"positions": with_value(f.positions, np.nan)}, "position"),
    "all positions nan": (lambda f: {"positions": np.full_like(f.positions, np.nan)}, "position"),
    "position infinite": (lambda f: {"positions": with_value(f.positions, -np.inf, (3, 2))}, "position"),
    "position far away": (lambda f: {"positions": with_value(f.positions, 1e15 * BOX, (2, 1))}, "position"),
    "cell nan": (lambda f: {"cell": with_value(f.cell, np.nan)}, "cell"),
    "cell infinite": (lambda f: {"cell": with_value(f.cell, np.inf, (1, 1))}, "cell"),
    "cell zero": (lambda f: {"cell": np.zeros((3, 3))}, "flat"),
    "cell with a zero vector": (lambda f: {"cell": with_value(f.cell, 0, (2, 2))}, "flat"),
    "cell with parallel vectors": (lambda f: {"cell": f.cell[[0, 0, 2]]}, "flat"),
    "cell almost flat": (lambda f: {"cell": with_value(f.cell, 1e-7, (2, 2))}, "flat"),
    "no atoms": (
        lambda f: {name: getattr(f, name)[:0] for name in ("positions", "types", "ids", "forces")},
        "atoms",
    ),
    "two atoms at one place": (lambda f: {"positions": with_value(f.positions, f.positions[1], 0)}, "same place"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_has_no_forces_is_an_error_live_and_exported(model, exported, frame, case):
    change, word = WRONG[case]
    wrong = changed(frame, **change(frame))
    with refused(FrameError, word):
        model.forces(wrong)
    with pytest.raises(tf.errors.InvalidArgumentError, match=word):
        exported.forces(*arguments(wrong))


def test_lengths_that_differ_are_an_error_of_the_exported_model(exported, frame):
    positions, cell, pbc, types = arguments(frame)
    for wrong in (types[:-1], tf.concat([types, types[:1]], 0)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="types and positions"):
            exported.forces(positions, cell, pbc, wrong)
    with pytest.raises(tf.errors.InvalidArgumentError, match="molecules and positions"):
        exported.forces(positions, cell, pbc, types, tf.zeros(3, tf.int64))


def test_edges_of_a_caller_are_checked(exported, frame):
    types = tf.constant(frame.types[:2], tf.int32)
    good = ([1, 0], [0, 1], [[3.0, 0.0, 0.0], [-3.0, 0.0, 0.0]], [0, 0])
    for place, wrong, words in (
        (0, [1, 2], "senders of the edges"),
        (1, [-1, 0], "receivers of the edges"),
        (1, [0], "receivers and vectors differ in length"),
        (2, [[3.0, 0.0, 0.0], [np.nan, 0.0, 0.0]], "vector of an edge"),
        (2, [[3.0, 0.0, 0.0], [0.0, 0.0, 0.0]], "same place"),
        (3, [0, 9], "edge_class of the edges"),
    ):
        edges = [tf.constant(wrong if index == place else part) for index, part in enumerate(good)]
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            exported.forces_from_edges(types, *edges)
    assert np.isfinite(exported.forces_from_edges(types, *map(tf.constant, good))).all()


def test_directions_without_images_need_no_height(model, exported, frame):
    """A cell whose vectors are zero along directions that are not periodic, as ASE has it for molecules."""
    for letters in (("ff", "ff", "ff"), ("pp", "ff", "pp")):
        keep = np.array([pair == "pp" for pair in letters])
        alone = changed(frame, cell=frame.cell * keep[:, None], boundary=letters)
        forces = exported.forces(*arguments(alone)).numpy()
        np.testing.assert_allclose(forces, model.forces(alone), atol=1e-5 * np.abs(forces).max())


def test_weights_that_overflow_are_an_error(model, exported, frame):
    before = model.network.get_weights()
    try:
        model.network.set_weights([np.full_like(weight, 1e38) for weight in before])
        with refused(ModelError, "not finite"):
            model.forces(frame)
    finally:
        model.network.set_weights(before)


def test_images_are_counted_by_the_heights_of_the_cell():
    tilted = np.array([[4.0, 0, 0], [3.0, 5.0, 0], [0, 0, 10.0]])
    heights = np.array([4 * 5 / np.hypot(3, 5), 5, 10])
    np.testing.assert_allclose(images_within(tilted, np.array([True, True, True]), 6.0), 6.0 / heights)
    np.testing.assert_allclose(images_within(tilted, np.array([True, False, False]), 6.0), [1.5, 0, 0])
    assert not images_within(np.zeros((3, 3)), np.zeros(3, bool), 6.0).any()
    assert np.all(images_within(np.diag([4.0, 4.0, 0]), np.ones(3, bool), 6.0) > MAX_IMAGES)
