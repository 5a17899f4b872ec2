"""A small network with every symmetry, and networks that break one each.

They break it by about 1e-8, so that the contract must be as strict as that; rounding is 1e-15.
"""

import keras
import numpy as np
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.data.graphs.graph import Graph, graph_of
from gnnzoo.fields import ATOM_MASK, EDGE_MASK, EDGE_VECTORS, GRAPH_INDEX, GRAPH_MASK, RECEIVERS, SENDERS, SPECIES
from gnnzoo.models.build import build_network
from systems import changed

SMALL = 1e-8


class Honest:
    """E = 1/2 sum_ij s_i s_j w(r) exp(-r/c), forces and virial by differentiation; w = (1 - r/c)^3.

    Subclasses break it.
    """

    def __init__(self, cutoff: float):
        self.cutoff = cutoff

    def envelope(self, x):
        return tf.maximum(1 - x, 0) ** 3

    def mask(self, inputs):
        return inputs[EDGE_MASK]

    def __call__(self, inputs):
        vectors, atoms = inputs[EDGE_VECTORS], tf.shape(inputs[SPECIES])[0]
        strength = 1 + tf.cast(inputs[SPECIES], vectors.dtype)
        graph = tf.gather(inputs[GRAPH_INDEX], inputs[RECEIVERS])
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            x = tf.norm(vectors, axis=1) / self.cutoff
            pair = tf.gather(strength, inputs[SENDERS]) * tf.gather(strength, inputs[RECEIVERS])
            each = 0.5 * pair * self.envelope(x) * tf.exp(-x) * self.mask(inputs)
        gradients = tape.gradient(each, vectors)  # dE/d(r_j - r_i)
        forces = tf.math.unsorted_segment_sum(gradients, inputs[RECEIVERS], atoms)
        forces -= tf.math.unsorted_segment_sum(gradients, inputs[SENDERS], atoms)
        graphs = tf.size(inputs[GRAPH_MASK])
        virial = tf.math.unsorted_segment_sum(-vectors[:, :, None] * gradients[:, None, :], graph, graphs)
        energy = tf.math.unsorted_segment_sum(each, graph, graphs)
        outputs = {fields.FORCES: forces, "energy": energy, "virial": virial}
        return self.broken(outputs, inputs)

    def broken(self, outputs: dict, inputs: dict) -> dict:
        """Overridden by subclasses that break it."""
        return outputs


class Scaled(Honest):
    """Multiplies forces by 1 + SMALL * `excess`: (atoms, 1) or (1, 3)."""

    def excess(self, forces, inputs):
        raise NotImplementedError

    def broken(self, outputs, inputs):
        forces = outputs[fields.FORCES]
        return outputs | {fields.FORCES: forces * (1 + SMALL * self.excess(forces, inputs))}


def _column(values, like):
    return tf.cast(values, like.dtype)[:, None]


def _neighbors(forces, inputs):
    """(atoms, 1) how many neighbours each atom has."""
    return tf.math.unsorted_segment_sum(inputs[EDGE_MASK], inputs[RECEIVERS], tf.shape(forces)[0])[:, None]


class OneAxis(Scaled):
    """Forces along z are different."""

    def excess(self, forces, inputs):
        return tf.constant([[0, 0, 1]], forces.dtype)


class Handed(Honest):
    """Rotates with the atoms, but is not mirrored with them: a cross product of two vectors of each atom."""

    def broken(self, outputs, inputs):
        vectors, receivers = inputs[EDGE_VECTORS], inputs[RECEIVERS]
        weight = inputs[EDGE_MASK][:, None] * self.envelope(tf.norm(vectors, axis=1, keepdims=True) / self.cutoff)
        atoms = tf.shape(inputs[SPECIES])[0]
        one, other = (tf.math.unsorted_segment_sum(weight**power * vectors, receivers, atoms) for power in (1, 2))
        return outputs | {fields.FORCES: outputs[fields.FORCES] + 1e-6 * tf.linalg.cross(one, other)}


class ByNumber(Scaled):
    """Every other atom of the list is different."""

    def excess(self, forces, inputs):
        return _column(tf.range(tf.shape(forces)[0]) % 2, forces)


class ByBatch(Scaled):
    """Depends on the number of graphs in the batch."""

    def excess(self, forces, inputs):
        return tf.reduce_sum(inputs[GRAPH_MASK])


class ByPadding(Scaled):
    """Depends on the number of atoms with padding."""

    def excess(self, forces, inputs):
        return tf.cast(tf.shape(forces)[0], forces.dtype)


class Unmasked(Honest):
    """Does not mask padding edges."""

    def mask(self, inputs):
        return tf.ones_like(inputs[EDGE_MASK])


class ForcesOnPadding(Honest):
    """Has forces on padding atoms."""

    def broken(self, outputs, inputs):
        return outputs | {
            fields.FORCES: outputs[fields.FORCES] + _column(1 - inputs[ATOM_MASK], outputs[fields.FORCES])
        }


class OneSided(Scaled):
    """Forces of a pair are not opposite: atoms of many neighbours have larger ones."""

    def excess(self, forces, inputs):
        return _neighbors(forces, inputs)


class Coupled(Scaled):
    """Depends on the number of atoms of the graph, however far away."""

    def excess(self, forces, inputs):
        # (graphs,) -> (atoms,)
        counts = tf.math.unsorted_segment_sum(inputs[ATOM_MASK], inputs[GRAPH_INDEX], tf.size(inputs[GRAPH_MASK]))
        return tf.gather(counts, inputs[GRAPH_INDEX])[:, None]


class Jump(Honest):
    """Energy discontinuous at the cutoff."""

    def envelope(self, x):
        return tf.cast(x < 1, x.dtype)


class Kink(Honest):
    """Slope of the force discontinuous at the cutoff."""

    def envelope(self, x):
        return tf.maximum(1 - x, 0) ** 2


class MeanOverNone(Honest):
    """A mean over neighbours, undefined for an atom without any."""

    def broken(self, outputs, inputs):
        forces = outputs[fields.FORCES]
        count = _neighbors(forces, inputs)
        return outputs | {fields.FORCES: forces * (count / count)}


class Drifting(Honest):
    """A constant force along x."""

    def broken(self, outputs, inputs):
        return outputs | {fields.FORCES: outputs[fields.FORCES] + tf.constant([[1e-6, 0, 0]], tf.float64)}


class NotTheGradient(Honest):
    """Forces that differ from the derivative by 1e-5."""

    def broken(self, outputs, inputs):
        return outputs | {fields.FORCES: outputs[fields.FORCES] * (1 + 1e-5)}


class WrongVirial(Honest):
    """The virial with the opposite sign."""

    def broken(self, outputs, inputs):
        return outputs | {"virial": -outputs["virial"]}


class NoEnergy(Honest):
    """States an energy and returns none."""

    def broken(self, outputs, inputs):
        return {fields.FORCES: outputs[fields.FORCES]}


# --- wrong graphs -----------------------------------------------------------------------------------------------------


def graph_without_images(frame, *arguments, **options) -> Graph:
    """Atoms at their positions in the file, without neighbours across the faces of the box."""
    return graph_of(changed(frame, boundary=("ff", "ff", "ff")), *arguments, **options)


def graph_of_wrapped_atoms_without_images(frame, *arguments, **options) -> Graph:
    """The same with atoms wrapped into the box."""
    inside = (frame.positions @ np.linalg.inv(frame.cell)) % 1 @ frame.cell
    return graph_without_images(changed(frame, positions=inside), *arguments, **options)


def graph_of_nearest_images(frame, *arguments, **options) -> Graph:
    """One edge for each pair of atoms: the minimum image convention in a box that is too small for it."""
    graph = graph_of(frame, *arguments, **options)
    lengths = np.linalg.norm(graph.vectors, axis=1)
    order = np.lexsort((lengths, graph.senders, graph.receivers))
    pairs = np.stack([graph.receivers, graph.senders])[:, order]
    first = np.append(True, np.any(np.diff(pairs), axis=0)) & (pairs[0] != pairs[1])
    kept = np.sort(order[first])
    return Graph(
        graph.species,
        graph.senders[kept],
        graph.receivers[kept],
        graph.vectors[kept],
        graph.edge_class[kept],
        graph.forces,
    )


# --- networks of a recipe that differ when saved, frozen or built again ----------------------------------------------


@keras.saving.register_keras_serializable(package="tests")
class Forgetful(keras.layers.Layer):
    """A factor that `get_config` omits, so that a copy has another."""

    def __init__(self, factor: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def get_config(self):
        return {key: value for key, value in super().get_config().items() if key != "factor"}

    def call(self, forces):
        return forces * self.factor


@keras.saving.register_keras_serializable(package="tests")
class SeesRows(keras.layers.Layer):
    """Depends on the number of edges with padding, which is different when frozen."""

    def call(self, forces, edges):
        rows = keras.ops.cast(keras.ops.shape(edges)[0], forces.dtype)
        return forces * (1 + 1e-3 * rows)


def build_forgetful(recipe, species, scales, dtype="float32") -> keras.Model:
    """A recipe's network with a factor that a saved copy loses."""
    network = build_network(recipe, species, scales, dtype)
    return keras.Model(
        network.input, {fields.FORCES: Forgetful(1.01, dtype=dtype)(network.output[fields.FORCES])}, name="forgetful"
    )


def build_seeing_rows(recipe, species, scales, dtype="float32") -> keras.Model:
    """A recipe's network whose output depends on the padding."""
    network = build_network(recipe, species, scales, dtype)
    forces = SeesRows(dtype=dtype)(network.output[fields.FORCES], network.input[fields.EDGE_MASK])
    return keras.Model(network.input, {fields.FORCES: forces}, name="seeing_rows")


def build_unseeded(recipe, species, scales, dtype="float32") -> keras.Model:
    """A recipe's network with other initial weights each time."""
    network = build_network(recipe, species, scales, dtype)
    variable = network.trainable_variables[0]
    variable.assign(variable + keras.random.normal(variable.shape, dtype=variable.dtype))
    return network
