"""A trained model as a folder that TensorFlow alone can run: a SavedModel with the neighbour search inside.

The folder is loaded with `tf.saved_model.load(folder)` and offers

    forces(positions, cell, pbc, types[, molecules])                        -> (atoms, 3) float32
    forces_from_edges(types, senders, receivers, vectors[, edge_class])     -> (atoms, 3) float32
    results(positions, cell, pbc, types[, molecules])                       -> {"forces", "energy", "virial"}

the second where the model reads no waves of the box, the last where its forces are derived from an energy; and the same
as signatures, by name, for TensorFlow's C API. Neither gnnzoo nor Keras is needed to run it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.data.frames import Frame
from gnnzoo.data.graphs.graph import Graph, graph_of
from gnnzoo.deploy.neighbors import edge_classes, edge_slots, neighbor_list
from gnnzoo.deploy.wave_vectors import no_waves, waves_of
from gnnzoo.models.files import ForceField
from gnnzoo.models.predict import Predictor, largest_wave
from gnnzoo.models.symmetries import symmetries

# float32 sums in another order differ by this much of the largest force, and no model is meant to differ by more.
TOLERANCE = 1e-4

_ATOMS = {
    "positions": tf.TensorSpec((None, 3), tf.float64, "positions"),
    "cell": tf.TensorSpec((3, 3), tf.float64, "cell"),
    "pbc": tf.TensorSpec((3,), tf.bool, "pbc"),
    "types": tf.TensorSpec((None,), tf.int32, "types"),
}
_MOLECULES = tf.TensorSpec((None,), tf.int64, "molecules")
_EDGES = {
    "types": tf.TensorSpec((None,), tf.int32, "types"),
    "senders": tf.TensorSpec((None,), tf.int32, "senders"),
    "receivers": tf.TensorSpec((None,), tf.int32, "receivers"),
    "vectors": tf.TensorSpec((None, 3), tf.float32, "vectors"),
}
_EDGE_CLASS = tf.TensorSpec((None,), tf.int32, "edge_class")


class FrozenForceField(tf.Module):
    """What the SavedModel holds: functions, and the network's weights as plain variables.

    The network itself is not an attribute, so that nothing of Keras is saved.
    """

    def __init__(self, model: ForceField):
        super().__init__(name="force_field")
        network, cutoff = model.network, model.cutoff
        largest = largest_wave(network)
        self.weights = [variable.value for variable in network.variables]
        species_of = tf.constant(species_of_types(model))
        bonded = tf.constant(bonded_species(model))
        offsets = tf.constant(model.energy_offsets)

        def species(types):
            known = (types > 0) & (types < tf.size(species_of))
            index = tf.gather(species_of, tf.where(known, types, 0))
            message = f"a type is none of those that the model knows: {type_text(model)}"
            with tf.control_dependencies([tf.debugging.assert_greater_equal(index, 0, message=message)]):
                return tf.identity(index)

        def run(*parts):
            return network(_batch(*parts), training=False)

        def found(positions, cell, pbc, index, molecules):
            senders, receivers, vectors = neighbor_list(positions, cell, pbc, cutoff)
            if molecules is None:
                classes = tf.zeros_like(senders)
            else:
                classes = edge_classes(senders, receivers, vectors, index, molecules, bonded)
            waves = waves_of(positions, cell, pbc, largest) if largest else no_waves(index)
            return run(index, senders, receivers, tf.cast(vectors, tf.float32), classes, waves)

        def forces(positions, cell, pbc, types, molecules=None):
            return found(positions, cell, pbc, species(types), molecules)[fields.FORCES]

        def results(positions, cell, pbc, types, molecules=None):
            index = species(types)
            answer = found(positions, cell, pbc, index, molecules)
            zero = tf.reduce_sum(tf.gather(offsets, index))
            return {
                "forces": answer[fields.FORCES],
                "energy": tf.cast(answer[fields.ENERGY][0], tf.float64) + zero,
                "virial": answer[fields.VIRIAL][0],
            }

        def forces_from_edges(types, senders, receivers, vectors, edge_class=None):
            edge_class = tf.zeros_like(senders) if edge_class is None else edge_class
            index = species(types)
            order = tf.argsort(receivers, stable=True)  # callers may list edges in any order
            edges = (tf.gather(part, order) for part in (senders, receivers, vectors, edge_class))
            return run(index, *edges, no_waves(index))[fields.FORCES]

        self.forces = tf.function(forces)
        if has_energy(model):
            self.results = tf.function(results)
        if not largest:  # edges alone do not say where the atoms are in their box
            self.forces_from_edges = tf.function(forces_from_edges)


def _batch(species, senders, receivers, vectors, edge_class, waves: dict) -> dict:
    """One graph as the network's inputs, unpadded but for one masked edge at the end, which empty slots name."""
    atoms = tf.shape(species)[0]
    mask = tf.concat([tf.ones(tf.shape(senders)), [0.0]], axis=0)
    senders, receivers, edge_class = (tf.pad(part, [[0, 1]]) for part in (senders, receivers, edge_class))
    return {
        fields.SPECIES: species,
        fields.GRAPH_INDEX: tf.zeros(atoms, tf.int32),
        fields.ATOM_MASK: tf.ones(atoms),
        fields.GRAPH_MASK: tf.ones(1),
        fields.SENDERS: senders,
        fields.RECEIVERS: receivers,
        fields.EDGE_VECTORS: tf.concat([vectors, [[1.0, 0.0, 0.0]]], axis=0),
        fields.EDGE_CLASS: edge_class,
        fields.EDGE_MASK: mask,
        fields.SLOTS: edge_slots(receivers[:-1], atoms),
        **waves,
    }


def save(model: ForceField, folder: Path) -> None:
    """Write the SavedModel of `model` to `folder`."""
    module = FrozenForceField(model)
    arguments = {
        "forces": (module.forces, _ATOMS),
        "forces_with_molecules": (module.forces, _ATOMS | {"molecules": _MOLECULES}),
    }
    if takes_edges(model):
        arguments |= {
            "forces_from_edges": (module.forces_from_edges, _EDGES),
            "forces_from_classified_edges": (module.forces_from_edges, _EDGES | {"edge_class": _EDGE_CLASS}),
        }
    if has_energy(model):
        arguments |= {
            "results": (module.results, _ATOMS),
            "results_with_molecules": (module.results, _ATOMS | {"molecules": _MOLECULES}),
        }
    signatures = {name: _signature(*arguments[name]) for name in signature_names(model)}
    tf.saved_model.save(module, str(folder), signatures=signatures)


def _signature(function, specs: dict[str, tf.TensorSpec]):
    """A traced function by names of its inputs, which answers a dict; traces `function` as called directly."""
    function.get_concrete_function(**specs)

    def by_name(**inputs):
        found = function(**inputs)
        return found if isinstance(found, dict) else {"forces": found}

    return tf.function(by_name).get_concrete_function(**specs)


def takes_edges(model: ForceField) -> bool:
    """Whether forces follow from edges alone; a model that reads waves needs positions and cell."""
    return not largest_wave(model.network)


def has_energy(model: ForceField) -> bool:
    """Whether the forces are derived from an energy, which comes with a virial."""
    return symmetries(model.recipe).conservative


def signature_names(model: ForceField) -> list[str]:
    """The signatures of a frozen folder."""
    from_edges = ["forces_from_edges", "forces_from_classified_edges"] if takes_edges(model) else []
    with_energy = ["results", "results_with_molecules"] if has_energy(model) else []
    return ["forces", "forces_with_molecules", *from_edges, *with_energy]


# --- what the functions know of the model --------------------------------------------------------------------------


def species_of_types(model: ForceField) -> np.ndarray:
    """(largest type + 1,) int32: the species of each LAMMPS type, -1 for numbers that are no type of the model."""
    numbers = {int(number): model.species.index(name) for number, name in model.info["types"].items()}
    table = np.full(max(numbers) + 1, -1, np.int32)
    for number, species in numbers.items():
        table[number] = species
    return table


def bonded_species(model: ForceField) -> np.ndarray:
    """(species, species) bool: which pairs of one molecule count as bonded; by default all of different species."""
    bonds, species = model.recipe.graph.bonds, model.species
    if bonds is None:
        return ~np.eye(len(species), dtype=bool)
    pairs = {frozenset(pair) for pair in bonds}
    return np.array([[frozenset((a, b)) in pairs for a in species] for b in species])


def type_text(model: ForceField) -> str:
    """The types and their names, as in "1 = O, 2 = H"."""
    return ", ".join(f"{number} = {name}" for number, name in sorted(model.info["types"].items(), key=_by_number))


def _by_number(item: tuple[str, str]) -> int:
    return int(item[0])


# --- is it the same model? -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """Frozen forces against live ones.

    Attributes:
        frames, atoms: how much was compared.
        largest: largest difference of a component, model's force unit.
        scale: largest component of the live forces.
    """

    frames: int
    atoms: int
    largest: float
    scale: float

    @property
    def same(self) -> bool:
        """Whether the two agree as float32 can."""
        return self.largest <= TOLERANCE * self.scale


def compare(model: ForceField, folder: Path, frames: Iterable[Frame]) -> Comparison:
    """Run the folder and the live model on frames, the folder from positions as well as from edges.

    The live network runs uncompiled, as the frozen one does: XLA sums in another order, and GraphNorm over atoms that a
    hardly trained network cannot tell apart makes a thousand times more of that.
    """
    frozen, predictor = tf.saved_model.load(str(folder)), Predictor(model.network, xla=False)
    count = atoms = 0
    largest = scale = 0.0
    for frame in frames:
        graph = graph_of(frame, model.species, model.cutoff, model.recipe.graph.bonds)
        live = predictor.forces(graph)
        for found in _frozen_forces(frozen, frame, graph):
            largest = max(largest, float(np.max(np.abs(found - live), initial=0)))
        scale = max(scale, float(np.max(np.abs(live), initial=0)))
        count, atoms = count + 1, atoms + len(frame)
    return Comparison(count, atoms, largest, scale)


def _frozen_forces(frozen, frame: Frame, graph: Graph) -> Iterator[np.ndarray]:
    arguments = (
        tf.constant(frame.positions, tf.float64),
        tf.constant(frame.cell, tf.float64),
        tf.constant(frame.pbc, tf.bool),
        tf.constant(frame.types, tf.int32),
    )
    if frame.molecules is not None:
        arguments += (tf.constant(frame.molecules, tf.int64),)
    yield frozen.forces(*arguments).numpy()
    if not hasattr(frozen, "forces_from_edges"):
        return
    edges = [tf.constant(part) for part in (graph.senders, graph.receivers, graph.vectors, graph.edge_class)]
    yield frozen.forces_from_edges(tf.constant(frame.types, tf.int32), *edges).numpy()
