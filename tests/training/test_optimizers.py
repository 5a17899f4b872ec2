"""Every optimizer that a recipe can name: compiled by XLA it lowers a loss, and goes on exactly from a checkpoint."""

from typing import get_args

import keras
import numpy as np
import pytest
import tensorflow as tf

from gnnzoo.recipe.schema.training import Optimizer, Training
from gnnzoo.training.checkpoints import load_checkpoint, save_checkpoint
from gnnzoo.training.optimizers import make_optimizer

X = tf.constant(np.random.default_rng(0).normal(size=(16, 3)), tf.float32)
Y = X @ tf.constant([[1.0], [-2.0], [0.5]]) + 1


def network():
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="silu"), keras.layers.Dense(1)])
    for number, variable in enumerate(made.trainable_variables):
        variable.assign(0.5 * np.random.default_rng(number).normal(size=variable.shape))
    return made


def step_of(model, optimizer):
    @tf.function(jit_compile=True)
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(X) - Y))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    return step


@pytest.mark.parametrize("name", get_args(Optimizer))
def test_each_lowers_a_loss_and_goes_on_exactly(name, tmp_path):
    settings = Training(optimizer=name, clip_norm=10, learning_rate={"initial": 0.02})
    model = network()
    optimizer = make_optimizer(settings, model.trainable_variables)
    step = step_of(model, optimizer)
    losses = [float(step()) for _ in range(4)]
    checkpoint = save_checkpoint(tmp_path, 4, model, optimizer, {})
    losses += [float(step()) for _ in range(4)]
    assert losses[-1] < losses[0]

    other = network()
    resumed = make_optimizer(settings, other.trainable_variables)
    load_checkpoint(checkpoint, other, resumed)
    again = step_of(other, resumed)
    assert [float(again()) for _ in range(4)] == losses[4:]


def test_a_gradient_longer_than_the_clip_is_brought_down_to_it():
    variable = keras.Variable([0.0, 0.0])
    optimizer = make_optimizer(Training(optimizer="sgd", clip_norm=1.0, learning_rate={"initial": 1.0}), [variable])
    optimizer.apply([tf.constant([3.0, 4.0])], [variable])
    np.testing.assert_allclose(variable.numpy(), [-0.6, -0.8], rtol=1e-6)


def test_options_reach_the_optimizer():
    def made(**settings):
        return make_optimizer(Training(**settings), network().trainable_variables)

    assert made(optimizer="sgd", momentum=0.8).momentum == 0.8
    assert made(optimizer="adamw").weight_decay == 0.004
    muon = made(optimizer="muon", weight_decay=0.1)
    assert (muon.weight_decay, muon.adam_weight_decay) == (0.1, 0.1)
