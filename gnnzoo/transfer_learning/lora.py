"""Low-rank adapters: matrices of a trained network keep what they were and learn a narrow product beside it.

W + A B with A (inputs, rank) and B (rank, outputs), B zero at first (arXiv 2106.09685, sec. 4.1), by Keras' own dense
layers. Afterwards the products are added to the matrices, so that nothing of it is left in the model.
"""

from collections.abc import Collection

import keras
import numpy as np

from gnnzoo.layers.registry import derived_seed


def adapt(network: keras.Model, names: Collection[str], rank: int, seed: int) -> int:
    """Give the matrices of some layers adapters, and train of these layers nothing else but vectors.

    Args:
        network: changed in place.
        names: of layers in the stack.
        rank: width of the products; of a matrix that is not wider than it, nothing is gained, and it is trained whole.
        seed: of the products.

    Returns:
        How many matrices were adapted.
    """
    count = 0
    for layer in network.layers:
        if layer.name not in names:
            continue
        narrow, adapted = [], []
        for part in _dense(layer):
            if min(part.kernel.shape) > rank:
                start = keras.initializers.HeUniform(seed=derived_seed(seed, part.path))
                part.enable_lora(rank, a_initializer=start)
                adapted += [part.lora_kernel_a.path, part.lora_kernel_b.path]
                count += 1
            else:
                narrow.append(part.kernel.path)
        for weight in layer.trainable_weights:
            if len(weight.shape) > 1 and weight.path not in (*narrow, *adapted):
                weight.trainable = False  # filters, which are no matrix of a dense layer
    return count


def merged(adapted: keras.Model, plain: keras.Model) -> keras.Model:
    """`plain`, a network of the same recipe without adapters, with the weights of `adapted`, products included."""
    values = {weight.path: weight.numpy() for weight in adapted.weights}
    for layer in adapted.layers:
        for part in _dense(layer):
            values[part._kernel.path] = np.asarray(part.kernel)
    for weight in plain.weights:
        weight.assign(values[weight.path])
    return plain


def _dense(layer: keras.layers.Layer) -> list[keras.layers.Dense]:
    return [part for part in layer._flatten_layers() if isinstance(part, keras.layers.Dense)]
