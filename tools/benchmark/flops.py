"""FLOP of a training step, and the FLOP/s that the machine reaches.

    python tools/benchmark/flops.py MODEL.keras DATASET

TensorFlow's Python API does not report the cost of an XLA program, so the operations of the traced graph are counted,
forward and backward, for the padded batch of one frame: 2 m n k per matrix product, one per output element of other
arithmetic. The machine's rate is that of a large product of float32 matrices.
"""

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.cli.console import table
from gnnzoo.tensorflow_env import quiet_tensorflow

quiet_tensorflow()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

import gnnzoo  # noqa: E402
from gnnzoo import fields  # noqa: E402
from gnnzoo.data.graphs.batch import pad  # noqa: E402
from gnnzoo.data.graphs.graph import graph_of  # noqa: E402

_PRODUCTS = ("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
# Arithmetic operations; others move, compare or reshape.
_OF_OUTPUT = {
    *("Mul", "Add", "AddV2", "Sub", "RealDiv", "DivNoNan", "Maximum", "Minimum", "Neg", "Abs", "Square", "Sqrt"),
    *("Rsqrt", "RsqrtGrad", "SqrtGrad", "Pow", "Exp", "Log", "Sin", "Cos", "Tanh", "TanhGrad", "Sigmoid"),
    *("SigmoidGrad", "AddN", "BiasAdd", "SquaredDifference", "Reciprocal", "Inv", "Erf", "Softplus", "SoftplusGrad"),
}
_OF_INPUT = {"Sum", "Mean", "Max", "Prod", "UnsortedSegmentSum", "SegmentSum", "BiasAddGrad"}


@dataclass(frozen=True)
class Arithmetic:
    """Number of floating-point operations in matrix products, and of others."""

    products: int
    others: int

    @property
    def total(self) -> int:
        return self.products + self.others


def arithmetic_of_a_step(model, frame, frames: int = 1) -> Arithmetic:
    """Count the operations of a padded batch's loss and its gradient by the weights; the optimizer adds little.

    Args:
        model: with forces as output; of two heads the default one is counted.
        frame: a frame of the data.
        frames: number of frames in a batch.
    """
    graph = graph_of(frame, model.species, model.cutoff, model.recipe.graph.bonds)
    batch = pad([graph] * frames, frames, frames * len(frame))
    inputs = {key: tf.convert_to_tensor(batch[key]) for key in fields.MODEL_INPUTS}

    @tf.function
    def step(inputs, target):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.abs(model.network(inputs, training=True)[fields.FORCES] - target))
        return tape.gradient(loss, model.network.trainable_variables)

    traced = step.get_concrete_function(inputs, tf.convert_to_tensor(batch[fields.FORCES]))
    return _counted(traced.graph)


def _counted(graph) -> Arithmetic:
    products = others = 0
    for operation in graph.get_operations():
        kind = operation.type
        if kind in _PRODUCTS:
            products += 2 * _size(operation.outputs[0]) * _inner(operation)
        elif kind == "Einsum":
            products += 2 * _distinct(operation)
        elif kind in _OF_OUTPUT:
            others += _size(operation.outputs[0])
        elif kind in _OF_INPUT:
            others += _size(operation.inputs[0])
        elif kind in ("PartitionedCall", "StatefulPartitionedCall", "While", "StatelessWhile"):
            raise NotImplementedError(f"operations inside {operation.name} are not counted")
    return Arithmetic(products, others)


def _inner(operation) -> int:
    """Length of the summed dimension of a matrix product."""
    turned = operation.get_attr("transpose_a" if operation.type == "MatMul" else "adj_x")
    return int(operation.inputs[0].shape[-2 if turned else -1])


def _distinct(operation) -> int:
    """Product of the lengths of all distinct indices of an Einsum of two tensors."""
    inputs = operation.get_attr("equation").decode().partition("->")[0].split(",")
    if len(inputs) != 2 or "." in "".join(inputs):
        raise NotImplementedError(f"the Einsum {operation.name} is not counted")
    lengths = {}
    for letters, tensor in zip(inputs, operation.inputs, strict=True):
        lengths |= dict(zip(letters, tensor.shape.as_list(), strict=True))
    return math.prod(lengths.values())


def _size(tensor) -> int:
    if not tensor.dtype.is_floating:
        return 0
    return math.prod(tensor.shape.as_list())  # shapes are known: the batch was given


def sgemm_rate(size: int = 2048, repeats: int = 5) -> float:
    """Operations a second of the best of a few products of square float32 matrices."""
    matrix = tf.random.normal((size, size))
    seconds = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        tf.matmul(matrix, matrix).numpy()
        seconds.append(time.perf_counter() - begin)
    return 2 * size**3 / min(seconds[1:])


def main() -> None:
    """Parse, count, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a .keras file of gnnzoo")
    parser.add_argument("data", help="a dataset of its species")
    given = parser.parse_args()
    model = gnnzoo.load_model(given.model)
    with gnnzoo.open_dataset(given.data) as dataset:
        frame = dataset[0]
    found, rate = arithmetic_of_a_step(model, frame), sgemm_rate()
    rows = [
        ("atoms", f"{len(frame):,}"),
        ("products of matrices in a training step", f"{found.products / 1e9:.3f} GFLOP"),
        ("other arithmetic in it", f"{found.others / 1e9:.3f} GFLOP"),
        ("the machine's SGEMM", f"{rate / 1e9:.0f} GFLOP/s"),
        ("a step takes at least", f"{found.products / rate * 1e3:.1f} ms"),
        ("weights", f"{sum(int(np.prod(v.shape)) for v in model.network.trainable_variables):,}"),
    ]
    table(f"{Path(given.model).name} on one frame of {Path(given.data).name}", ("what", "value"), rows)


if __name__ == "__main__":
    main()
