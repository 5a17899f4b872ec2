"""Conservative models: forces and virial as derivatives of the energy of a network."""

import keras
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.layers.registry import ATOM_ENERGIES, edge_gradients_to_forces, row_count, segment_sum
from gnnzoo.layers.stack_layer import GraphTensors, Tensor

# Inputs that change with the atomic positions or with the box.
_GEOMETRY = (fields.EDGE_VECTORS, fields.POSITIONS, fields.WAVE_VECTORS, fields.WAVE_WEIGHT)


@keras.saving.register_keras_serializable(package="gnnzoo")
class ConservativeModel(keras.Model):
    """Functional network {inputs} -> {"atom_energies", and "forces" of a direct head}, differentiated when called.

    With E the sum of the atom energies and g_ij = dE/dr_ij for the edge vectors r_ij (from receiver i to sender j):

        F_i = sum_j g_ij - sum_j g_ji          over the edges received and sent by atom i
        W   = -sum_ij r_ij (x) g_ij            so that the pressure is (2 K + tr W) / (3 V)

    Derivatives with respect to positions, wave vectors and volume are added where the energy depends on them, see
    `forces_and_virial`. Forces sum to zero and do no work on closed paths.
    """

    def call(
        self, inputs: GraphTensors, training: bool | None = None, mask: None = None, head: str = "energy"
    ) -> GraphTensors:
        """Compute the energy and its derivatives, or the forces of the direct head.

        Args:
            inputs: `fields.MODEL_INPUTS`.
            training: whether dropout is active and running statistics are updated.
            mask: unused.
            head: "energy" or "direct".

        Returns:
            {"forces": (atoms, 3), "energy": (graphs,), "virial": (graphs, 3, 3)}; with the direct head {"forces"}.
        """
        if head == "direct":
            return {fields.FORCES: super().call(inputs, training=training)[fields.FORCES]}
        energies, gradients = self.energies_and_gradients(inputs, training=training)
        return forces_and_virial(gradients, energies, inputs)

    def energies_and_gradients(
        self, inputs: GraphTensors, weights: Tensor | None = None, training: bool | None = None
    ) -> tuple[Tensor, GraphTensors]:
        """Compute the atom energies, and the gradients of their sum.

        Args:
            inputs: `fields.MODEL_INPUTS`.
            weights: (atoms, 1) weight of each atom in the sum; by default 1.
            training: whether dropout is active and running statistics are updated.

        Returns:
            (atoms, 1) energies; gradients with respect to edge vectors, positions, wave vectors and their weights, by
            their names in `fields`.
        """
        inputs = dict(inputs)
        for key in _GEOMETRY:
            inputs[key] = tf.convert_to_tensor(inputs[key])
        with tf.GradientTape() as tape:
            tape.watch([inputs[key] for key in _GEOMETRY])
            energies = super().call(inputs, training=training)[ATOM_ENERGIES]
            total = tf.reduce_sum(energies if weights is None else energies * weights)
        geometry = {key: inputs[key] for key in _GEOMETRY}
        return energies, tape.gradient(total, geometry, unconnected_gradients="zero")


def forces_and_virial(gradients: GraphTensors, atom_energies: Tensor, batch: GraphTensors) -> GraphTensors:
    """Compute forces and virial from the gradients of the energy.

    A strain e takes r to r + r e, a wave vector k to k - k e^T and 1/V to (1 - tr e)/V; the virial is -dE/de.

    Args:
        gradients: of the total energy, with respect to edge vectors, positions, wave vectors and their weights.
        atom_energies: (atoms, 1).
        batch: the inputs at which they were computed.

    Returns:
        {"forces": (atoms, 3), "energy": (graphs,), "virial": (graphs, 3, 3)}.
    """
    graph_index, graphs = batch[fields.GRAPH_INDEX], row_count(batch[fields.GRAPH_MASK])
    by_edges, by_positions = gradients[fields.EDGE_VECTORS], gradients[fields.POSITIONS]
    forces = edge_gradients_to_forces(by_edges, batch, row_count(graph_index)) - by_positions

    def by_graph(rows: Tensor, index: Tensor) -> Tensor:  # (n, 3, 3) -> (graphs, 3, 3)
        return tf.reshape(segment_sum(tf.reshape(rows, (-1, 9)), index, graphs), (-1, 3, 3))

    edges = _outer_products(batch[fields.EDGE_VECTORS], by_edges)
    waves = _outer_products(gradients[fields.WAVE_VECTORS], batch[fields.WAVE_VECTORS])
    by_volume = (batch[fields.WAVE_WEIGHT] * gradients[fields.WAVE_WEIGHT])[:, None, None] * tf.eye(
        3, dtype=waves.dtype
    )
    strain = by_graph(edges, tf.gather(graph_index, batch[fields.RECEIVERS]))
    strain += by_graph(_outer_products(batch[fields.POSITIONS], by_positions), graph_index)
    strain -= by_graph(waves + by_volume, batch[fields.WAVE_GRAPH])
    energy = segment_sum(atom_energies, graph_index, graphs)[:, 0]
    return {fields.FORCES: forces, fields.ENERGY: energy, fields.VIRIAL: -strain}


def _outer_products(first: Tensor, second: Tensor) -> Tensor:
    """Outer products of rows: (n, 3), (n, 3) -> (n, 3, 3)."""
    return first[:, :, None] * second[:, None, :]
