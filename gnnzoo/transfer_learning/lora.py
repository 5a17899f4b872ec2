"""Low-rank adapters (LoRA, arXiv 2106.09685): copied matrices are kept and a product of two narrow ones is trained.

A matrix W becomes W + A B with A (inputs, rank) and B (rank, outputs), where B is initially zero (sec. 4.1), by the
adapters of Keras' dense layers. After training the products are added to the matrices, so that the saved model has no
adapters.
"""

from collections.abc import Collection

import keras
import numpy as np

from gnnzoo.layers.registry import derived_seed


def add_adapters(network: keras.Model, names: Collection[str], rank: int, seed: int) -> int:
    """Add adapters to the dense layers of some stack layers, and stop training their matrices.

    Biases and other vectors stay trainable. A matrix that is not wider than `rank` is trained itself.

    Args:
        network: changed in place.
        names: names of the stack layers.
        rank: width of the adapters.
        seed: seed of their initial values.

    Returns:
        Number of adapted matrices.
    """
    count = 0
    for layer in network.layers:
        if layer.name not in names:
            continue
        trained_matrices = []
        for dense in _dense_layers(layer):
            if min(dense.kernel.shape) > rank:
                initializer = keras.initializers.HeUniform(seed=derived_seed(seed, dense.path))
                dense.enable_lora(rank, a_initializer=initializer)
                trained_matrices += [dense.lora_kernel_a.path, dense.lora_kernel_b.path]
                count += 1
            else:
                trained_matrices.append(dense.kernel.path)
        for weight in layer.trainable_weights:
            if len(weight.shape) > 1 and weight.path not in trained_matrices:
                weight.trainable = False  # filters that belong to no dense layer
    return count


def merge_adapters(adapted: keras.Model, plain: keras.Model) -> keras.Model:
    """Copy the weights of a network with adapters into one without, and add the adapters' products to its matrices.

    Args:
        adapted: network with adapters.
        plain: network of the same recipe without adapters; changed in place.

    Returns:
        `plain`.
    """
    values = {weight.path: weight.numpy() for weight in adapted.weights}
    for layer in adapted.layers:
        for dense in _dense_layers(layer):
            values[dense._kernel.path] = np.asarray(dense.kernel)  # `kernel` includes the product
    for weight in plain.weights:
        weight.assign(values[weight.path])
    return plain


def _dense_layers(layer: keras.layers.Layer) -> list[keras.layers.Dense]:
    return [part for part in layer._flatten_layers() if isinstance(part, keras.layers.Dense)]
