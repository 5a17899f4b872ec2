"""The network as a function of a neighbour list that the caller has made: what LAMMPS, ASE and `gnnzoo md` call.

Atoms may be those of a box, with edges to their periodic images, or those of a part of a larger box and the copies of
atoms around it. `owned` marks the atoms whose energies count; in a part of a box these are its own. Forces are then
those on all atoms, copies included, by the energy of the owned ones, and add up over the parts.

The network is compiled by XLA for a few sizes: arrays are padded here, and all padding is masked.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.deploy.neighbors import edge_slots
from gnnzoo.deploy.wave_vectors import empty_wave_inputs, wave_inputs
from gnnzoo.layers.registry import EDGE_GRADIENTS, edge_gradients_to_forces, segment_sum
from gnnzoo.layers.stack_layer import ConfiguredLayer, StackLayer
from gnnzoo.models.build import build_network
from gnnzoo.models.conservative import forces_and_virial
from gnnzoo.models.files import ForceField
from gnnzoo.models.predict import largest_wave
from gnnzoo.models.stored_network import stored_scales
from gnnzoo.models.symmetries import symmetries
from gnnzoo.recipe.checks.stack import layer_names

Tensors = dict[str, tf.Tensor]

_ATOM_STEP, _EDGE_STEP, _WAVE_STEP = 32, 256, 64  # sizes are padded to multiples of these, or of 1/16 of their size


@dataclass(frozen=True)
class EdgeResults:
    """Results of a model in addition to its forces.

    Attributes:
        energy: energies of the atoms.
        virial: the virial of the box.
        atom_virials: a share of the virial for each atom.
    """

    energy: bool
    virial: bool
    atom_virials: bool


def edge_results(model: ForceField) -> EdgeResults:
    """Find the results that a model has from edges.

    Args:
        model: the trained model.

    Returns:
        The results; those of wave vectors belong to no atom.
    """
    energy = symmetries(model.recipe).conservative
    layers = {layer.name: layer for layer in model.network.layers if isinstance(layer, StackLayer)}
    entries = zip(layer_names(model.recipe), model.recipe.model.layers, strict=True)
    heads = [name for name, entry in entries if entry.traits.head]
    forces = [layers[name] for name in (*heads, fields.FORCE_SCALE, fields.PRIOR) if name in layers]
    virial = energy or all(layer.returns_pairs for layer in forces)
    return EdgeResults(energy, virial, atom_virials=virial and not largest_wave(model.network))


def rebuilt(model: ForceField, dtype: str) -> keras.Model:
    """Build the network of a model again, with the same weights.

    Args:
        model: the trained model.
        dtype: "float32" or "float64".

    Returns:
        The network; one with pair forces returns "edge_gradients" as well.
    """
    layers = {layer.name: layer.get_config() for layer in model.network.layers if isinstance(layer, ConfiguredLayer)}
    scales = stored_scales(layers, len(model.species))
    network = build_network(model.recipe, model.species, scales, dtype, pairs=True)
    if [weight.path for weight in network.weights] != [weight.path for weight in model.network.weights]:
        raise RuntimeError("the network built from the recipe has other weights than the model")
    network.set_weights(model.network.get_weights())
    return network


class EdgeModel(tf.Module):
    """Forces, energies and virials from a neighbour list.

    Args:
        model: the trained model.
        dtype: of the computation, "float32" or "float64".
    """

    def __init__(self, model: ForceField, dtype: str) -> None:
        super().__init__(name="edge_model")
        network = rebuilt(model, dtype)
        self.weights = [variable.value for variable in network.variables]
        self.results, self.largest_wave = edge_results(model), largest_wave(network)
        self._dtype = tf.as_dtype(dtype)
        self._offsets = tf.constant(model.energy_offsets)
        evaluate = _evaluation(network, self.results, bool(self.largest_wave))
        compiled = tf.function(evaluate, jit_compile=True, autograph=False)
        # a partial, because a tf.function that is an attribute of a module is traced again when the module is saved
        self._compiled = functools.partial(compiled)

    def __call__(
        self,
        species: tf.Tensor,
        owned: tf.Tensor,
        senders: tf.Tensor,
        receivers: tf.Tensor,
        vectors: tf.Tensor,
        edge_class: tf.Tensor,
        positions: tf.Tensor | None = None,
        cell: tf.Tensor | None = None,
    ) -> Tensors:
        """Evaluate the network.

        Args:
            species: (atoms,) int32, index of the model's species.
            owned: (atoms,) bool.
            senders, receivers: (edges,) int32, in any order; fast if receivers are ascending.
            vectors: (edges, 3) float64 from receiver to sender, length unit.
            edge_class: (edges,) int32.
            positions, cell: (atoms, 3) and (3, 3) float64, length unit, of models with reciprocal-space layers.

        Returns:
            "forces" (atoms, 3); where the model has them "energies" (atoms,), zero on atoms that are not owned,
            "virial" (3, 3), -dE/d(strain), and "virials" (atoms, 3, 3), which sum to it. float64, model's units.
        """
        atoms, edges = tf.size(species), tf.size(senders)
        senders, receivers, vectors, edge_class = by_receiver(senders, receivers, vectors, edge_class)
        if self.largest_wave:
            assert positions is not None and cell is not None
            waves = _padded_waves(wave_inputs(positions, cell, tf.fill([3], True), self.largest_wave))
        else:
            waves = empty_wave_inputs(species)
        padded_atoms = padded_size(atoms, _ATOM_STEP)
        padded_edges = padded_size(edges + 1, _EDGE_STEP)  # at least one, which empty slots refer to
        batch = {
            fields.SPECIES: _pad(species, padded_atoms),
            fields.GRAPH_INDEX: tf.zeros([padded_atoms], tf.int32),
            fields.ATOM_MASK: _pad(tf.ones([atoms], self._dtype), padded_atoms),
            fields.GRAPH_MASK: tf.ones(1, self._dtype),
            fields.SENDERS: _pad(senders, padded_edges, padded_atoms - 1),
            fields.RECEIVERS: _pad(receivers, padded_edges, padded_atoms - 1),
            fields.EDGE_VECTORS: self._padded_vectors(vectors, padded_edges),
            fields.EDGE_CLASS: _pad(edge_class, padded_edges),
            fields.EDGE_MASK: _pad(tf.ones([edges], self._dtype), padded_edges),
            fields.SLOTS: edge_slots(receivers, padded_atoms, padded_edges - 1, rounded=True),
            **{key: value if value.dtype == tf.int32 else tf.cast(value, self._dtype) for key, value in waves.items()},
        }
        batch[fields.POSITIONS] = _pad(batch[fields.POSITIONS], padded_atoms)
        outputs = self._compiled(batch, _pad(tf.cast(owned, self._dtype), padded_atoms)[:, None])
        found = {
            name: tf.cast(value if name == "virial" else value[:atoms], tf.float64) for name, value in outputs.items()
        }
        if "energies" in found:
            found["energies"] += tf.where(owned, tf.gather(self._offsets, species), 0.0)
        return found

    def _padded_vectors(self, vectors: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        """Vectors of padding are unit vectors, so that nothing divides by zero."""
        rows = tf.tile(tf.constant([[1.0, 0.0, 0.0]], self._dtype), [count - tf.shape(vectors)[0], 1])
        return tf.concat([tf.cast(vectors, self._dtype), rows], axis=0)


def _evaluation(network: keras.Model, has: EdgeResults, waves: bool) -> Callable[[Tensors, tf.Tensor], Tensors]:
    """The function that is compiled: padded batch, (atoms, 1) owned -> results by name."""

    def evaluate(batch: Tensors, owned: tf.Tensor) -> Tensors:
        if not has.energy:
            outputs = network(batch, training=False)
            forces = {fields.FORCES: outputs[fields.FORCES] * owned}
            return {**forces, **_virials(outputs[EDGE_GRADIENTS], batch, owned)} if has.virial else forces
        energies, gradients = network.energies_and_gradients(batch, owned, training=False)
        outputs = {"energies": (energies * owned)[:, 0]}
        if waves:  # whose share of the virial belongs to no atom
            totals = forces_and_virial(gradients, energies, batch)
            return {**outputs, fields.FORCES: totals[fields.FORCES], fields.VIRIAL: totals[fields.VIRIAL][0]}
        by_edges = gradients[fields.EDGE_VECTORS]
        outputs[fields.FORCES] = edge_gradients_to_forces(by_edges, batch, tf.shape(owned)[0])
        # every edge counts: those of copies have no gradient but that of owned energies
        return {**outputs, **_virials(by_edges, batch, tf.ones_like(owned))}

    return evaluate


def _virials(gradients: tf.Tensor, batch: Tensors, weights: tf.Tensor) -> Tensors:
    """Virials -r (x) g of edges, summed over those that an atom receives, times the (atoms, 1) weight of the atom."""
    products = batch[fields.EDGE_VECTORS][:, :, None] * gradients[:, None, :]
    sums = -segment_sum(tf.reshape(products, (-1, 9)), batch[fields.RECEIVERS], tf.shape(weights)[0]) * weights
    virials = tf.reshape(sums, (-1, 3, 3))
    return {"virials": virials, fields.VIRIAL: tf.reduce_sum(virials, axis=0)}


# --- padding ----------------------------------------------------------------------------------------------------------


def padded_size(count: tf.Tensor, step: int) -> tf.Tensor:
    """Round a number of rows up, as `data.graphs.batch.padded_size` does.

    Args:
        count: () int32.
        step: smallest step.

    Returns:
        () int32, a multiple of the step and of about 1/16 of the count.
    """
    # the largest power of two that is not above a 16th of the count
    power = tf.floor(
        tf.math.log(tf.cast(tf.maximum(count, 16), tf.float64) / 16 + 1e-9) / tf.math.log(tf.constant(2.0, tf.float64))
    )
    width = tf.maximum(step, tf.cast(tf.round(2.0**power), tf.int32))
    return tf.maximum(1, (count + width - 1) // width) * width


def _pad(rows: tf.Tensor, count: tf.Tensor, value: int = 0) -> tf.Tensor:
    """Append rows of one value up to a number of rows."""
    missing = [[0, count - tf.shape(rows)[0]]] + [[0, 0]] * (len(rows.shape) - 1)
    return tf.pad(rows, missing, constant_values=tf.cast(value, rows.dtype))


def _padded_waves(waves: Tensors) -> Tensors:
    """Wave vectors with padding that has no weight; positions as they are."""
    count = padded_size(tf.shape(waves[fields.WAVE_VECTORS])[0], _WAVE_STEP)
    return {key: value if key == fields.POSITIONS else _pad(value, count) for key, value in waves.items()}


def by_receiver(
    senders: tf.Tensor, receivers: tf.Tensor, vectors: tf.Tensor, edge_class: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Sort edges by their receivers unless they are sorted.

    Args:
        senders, receivers: (edges,) int32.
        vectors: (edges, 3).
        edge_class: (edges,) int32.

    Returns:
        The same in ascending order of receivers, stable.
    """
    parts = (senders, receivers, vectors, edge_class)

    def ordered() -> tuple[tf.Tensor, ...]:
        order = tf.argsort(receivers, stable=True)
        return tuple(tf.gather(part, order) for part in parts)

    return tf.cond(tf.reduce_all(receivers[1:] >= receivers[:-1]), lambda: parts, ordered)
