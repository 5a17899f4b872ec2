"""Forces as the derivative of an energy: what a network of atom energies needs to be a conservative force field."""

import keras
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.layers.registry import ATOM_ENERGIES, edge_gradients_to_forces, row_count, segment_sum

# Inputs that move with the atoms or with the box.
_MOVED = (fields.EDGE_VECTORS, fields.POSITIONS, fields.WAVES, fields.WAVE_WEIGHT)


@keras.saving.register_keras_serializable(package="gnnzoo")
class ConservativeModel(keras.Model):
    """A functional network {inputs} -> {"atom_energies", and "forces" of a direct head}, whose call derives the energy.

    With E the sum of the atom energies and g_ij = dE/dr_ij for every edge (r_ij points from receiver i to sender j),
    F_i = sum of g over the edges that i receives - sum of g over those that it sends, and the virial
    W = -sum r_ij g_ij, so that the pressure is (2 K + tr W) / (3 V). What reaches the energy through waves instead of
    edges is derived alike, by positions, wave vectors and volume. Forces sum to zero and no work is gained on a
    closed path.
    """

    def call(self, inputs, training=None, mask=None, head: str = "energy"):
        """Energy and its derivatives; or with `head` "direct" the forces of the direct head alone.

        Args:
            inputs: `fields.MODEL_INPUTS`.
            training: whether dropout and moving statistics work.
            mask: unused.
            head: "energy" or "direct".

        Returns:
            {"forces": (atoms, 3), "energy": (graphs,), "virial": (graphs, 3, 3)}, or {"forces"}.
        """
        if head == "direct":
            return {fields.FORCES: super().call(inputs, training=training)[fields.FORCES]}
        inputs = dict(inputs)
        for key in _MOVED:
            inputs[key] = tf.convert_to_tensor(inputs[key])
        with tf.GradientTape() as tape:
            tape.watch([inputs[key] for key in _MOVED])
            outputs = super().call(inputs, training=training)
            total = tf.reduce_sum(outputs[ATOM_ENERGIES])
        slopes = tape.gradient(total, {key: inputs[key] for key in _MOVED}, unconnected_gradients="zero")
        return forces_and_virial(slopes, outputs[ATOM_ENERGIES], inputs)


def forces_and_virial(slopes: dict, atom_energies, batch: dict) -> dict:
    """What follows from the derivatives of the energy by all that moves with the atoms or with the box.

    A strain e takes r to r + r e, a wave vector k to k - k e^T and 1/V to (1 - tr e)/V; the virial is -dE/de.

    Args:
        slopes: derivatives by edge vectors, positions, wave vectors and their weights.
        atom_energies: (atoms, 1).
        batch: the inputs that both came from.

    Returns:
        "forces", "energy" and "virial" as `ConservativeModel.call` says.
    """
    graph_index, graphs = batch[fields.GRAPH_INDEX], row_count(batch[fields.GRAPH_MASK])
    of_edges, of_places = slopes[fields.EDGE_VECTORS], slopes[fields.POSITIONS]
    forces = edge_gradients_to_forces(of_edges, batch, row_count(graph_index)) - of_places

    def by_graph(rows, index):  # (n, 3, 3) -> (graphs, 3, 3)
        return tf.reshape(segment_sum(tf.reshape(rows, (-1, 9)), index, graphs), (-1, 3, 3))

    edges = _products(batch[fields.EDGE_VECTORS], of_edges)
    waves = _products(slopes[fields.WAVES], batch[fields.WAVES])
    shrinking = (batch[fields.WAVE_WEIGHT] * slopes[fields.WAVE_WEIGHT])[:, None, None] * tf.eye(3, dtype=waves.dtype)
    strain = by_graph(edges, tf.gather(graph_index, batch[fields.RECEIVERS]))
    strain += by_graph(_products(batch[fields.POSITIONS], of_places), graph_index)
    strain -= by_graph(waves + shrinking, batch[fields.WAVE_GRAPH])
    energy = segment_sum(atom_energies, graph_index, graphs)[:, 0]
    return {fields.FORCES: forces, fields.ENERGY: energy, fields.VIRIAL: -strain}


def _products(first, second):
    """Outer products of rows: (n, 3), (n, 3) -> (n, 3, 3)."""
    return first[:, :, None] * second[:, None, :]
