"""Forces as the derivative of an energy: what a network of atom energies needs to be a conservative force field."""

import keras
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.layers.registry import ATOM_ENERGIES, segment_sum


@keras.saving.register_keras_serializable(package="gnnzoo")
class ConservativeModel(keras.Model):
    """A functional network {inputs} -> {"atom_energies", and "forces" of a direct head}, whose call derives the energy.

    With E the sum of the atom energies and g_ij = dE/dr_ij for every edge (r_ij points from receiver i to sender j),
    F_i = sum of g over the edges that i receives - sum of g over those that it sends, and the virial
    W = -sum r_ij g_ij, so that the pressure is (2 K + tr W) / (3 V). Forces sum to zero and no work is gained on a
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
        vectors = tf.convert_to_tensor(inputs[fields.EDGE_VECTORS])
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            outputs = super().call({**inputs, fields.EDGE_VECTORS: vectors}, training=training)
            total = tf.reduce_sum(outputs[ATOM_ENERGIES])
        gradient = tape.gradient(total, vectors, unconnected_gradients="zero")  # (edges, 3)
        return forces_and_virial(gradient, outputs[ATOM_ENERGIES], {**inputs, fields.EDGE_VECTORS: vectors})


def forces_and_virial(gradient, atom_energies, batch: dict) -> dict:
    """What follows from the derivative of the energy by every edge vector.

    Args:
        gradient: (edges, 3).
        atom_energies: (atoms, 1).
        batch: the inputs that both came from.

    Returns:
        "forces", "energy" and "virial" as `ConservativeModel.call` says.
    """
    receivers, senders, graph_index = (batch[key] for key in (fields.RECEIVERS, fields.SENDERS, fields.GRAPH_INDEX))
    atoms = graph_index.shape[0] or tf.shape(graph_index)[0]
    graphs = batch[fields.GRAPH_MASK].shape[0] or tf.shape(batch[fields.GRAPH_MASK])[0]
    forces = segment_sum(gradient, receivers, atoms) - segment_sum(gradient, senders, atoms)
    products = -batch[fields.EDGE_VECTORS][:, :, None] * gradient[:, None, :]  # (edges, 3, 3)
    of_edge = tf.gather(graph_index, receivers)
    virial = tf.reshape(segment_sum(tf.reshape(products, (-1, 9)), of_edge, graphs), (-1, 3, 3))
    energy = segment_sum(atom_energies, graph_index, graphs)[:, 0]
    return {fields.FORCES: forces, fields.ENERGY: energy, fields.VIRIAL: virial}
