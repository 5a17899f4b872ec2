"""Compiling once for each shape."""

import tensorflow as tf

from gnnzoo.models.predict import ShapeSpecializedFunction


def test_a_function_is_traced_once_for_each_shape_and_knows_its_sizes():
    sizes = []

    def double(batch, factor):
        sizes.append(batch["x"].shape[0])
        return batch["x"] * factor

    function = ShapeSpecializedFunction(double, xla=True)
    for length in (3, 5, 3, 5, 3):
        found = function({"x": tf.ones(length)}, tf.constant(2.0))
        assert found.numpy().tolist() == [2.0] * length
    assert sizes == [3, 5]
    assert len(function) == 2
