"""Export of a trained model as a folder that runs with TensorFlow alone: a SavedModel with the neighbour search.

The folder is loaded with `tf.saved_model.load(folder)` and has the functions

    forces(positions, cell, pbc, types[, molecules])                        -> (atoms, 3) float32
    forces_from_edges(types, senders, receivers, vectors[, edge_class])     -> (atoms, 3) float32
    results(positions, cell, pbc, types[, molecules])                       -> {"forces", "energy", "virial"}

where `forces_from_edges` exists for models without reciprocal-space layers and `results` for models with an energy
head. The same functions are signatures, by name, for TensorFlow's C API. Running them needs neither gnnzoo nor Keras.
"""

import contextlib
import functools
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.deploy.edge_model import EdgeModel, by_receiver
from gnnzoo.deploy.input_checks import checked_atoms, checked_edges, checked_outputs, checked_vectors
from gnnzoo.deploy.neighbors import edge_classes, edge_slots, neighbor_list
from gnnzoo.deploy.wave_vectors import empty_wave_inputs, wave_inputs
from gnnzoo.models.files import ForceField
from gnnzoo.models.predict import largest_wave
from gnnzoo.models.symmetries import reads_molecules, symmetries
from gnnzoo.tensorflow_env import root_logger_kept

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
_OWN_LIST = {
    "types": _ATOMS["types"],
    "owned": tf.TensorSpec((None,), tf.bool, "owned"),
    "senders": _EDGES["senders"],
    "receivers": _EDGES["receivers"],
    "vectors": tf.TensorSpec((None, 3), tf.float64, "vectors"),
    "edge_class": _EDGE_CLASS,
}
EDGE_SIGNATURES = {"edges": "float32", "edges_float64": "float64"}  # signature -> dtype of its network


class FrozenForceField(tf.Module):
    """Content of the SavedModel: its functions, and the weights of the network as plain variables.

    The network is not an attribute, so that nothing of Keras is saved.

    Args:
        model: the trained model.
        own_lists: whether it has the functions of neighbour lists made elsewhere, `EDGE_SIGNATURES`, whose networks
            take time to build.
    """

    def __init__(self, model: ForceField, own_lists: bool = True) -> None:
        super().__init__(name="force_field")
        network, cutoff = model.network, model.cutoff
        largest = largest_wave(network)
        self.weights = [variable.value for variable in network.variables]
        evaluate = _traced_once(network)
        species_by_type = tf.constant(species_of_types(model))
        bonded = tf.constant(bonded_species(model))
        offsets = tf.constant(model.energy_offsets)

        def species_of(types: tf.Tensor) -> tf.Tensor:
            known = (types > 0) & (types < tf.size(species_by_type))
            species = tf.gather(species_by_type, tf.where(known, types, 0))
            message = f"a type is not one of those that the model knows: {type_text(model)}"
            with tf.control_dependencies([tf.debugging.assert_greater_equal(species, 0, message=message)]):
                return tf.identity(species)

        def outputs(
            positions: tf.Tensor, cell: tf.Tensor, pbc: tf.Tensor, species: tf.Tensor, molecules: tf.Tensor | None
        ) -> dict[str, tf.Tensor]:
            positions, cell = checked_atoms(positions, cell, pbc, species, molecules, cutoff)
            senders, receivers, vectors = neighbor_list(positions, cell, pbc, cutoff)
            vectors = checked_vectors(vectors)
            if molecules is None:
                classes = tf.zeros_like(senders)
            else:
                classes = edge_classes(senders, receivers, vectors, species, molecules, bonded)
            waves = wave_inputs(positions, cell, pbc, largest) if largest else empty_wave_inputs(species)
            batch = _batch(species, senders, receivers, tf.cast(vectors, tf.float32), classes, waves)
            return checked_outputs(evaluate(batch))

        def forces(
            positions: tf.Tensor, cell: tf.Tensor, pbc: tf.Tensor, types: tf.Tensor, molecules: tf.Tensor | None = None
        ) -> tf.Tensor:
            return outputs(positions, cell, pbc, species_of(types), molecules)[fields.FORCES]

        def results(
            positions: tf.Tensor, cell: tf.Tensor, pbc: tf.Tensor, types: tf.Tensor, molecules: tf.Tensor | None = None
        ) -> dict[str, tf.Tensor]:
            species = species_of(types)
            predicted = outputs(positions, cell, pbc, species, molecules)
            offset = tf.reduce_sum(tf.gather(offsets, species))
            return {
                "forces": predicted[fields.FORCES],
                "energy": tf.cast(predicted[fields.ENERGY][0], tf.float64) + offset,
                "virial": predicted[fields.VIRIAL][0],
            }

        self.forces = _function(forces)
        if has_energy(model):
            self.results = _function(results)
        if not largest:  # edges alone do not give the positions in the box
            self.forces_from_edges = _forces_from_edges(evaluate, species_of)
        self.edge_models: dict[str, EdgeModel] = {}  # tracked by TensorFlow, with their weights
        self.edge_functions: dict[str, Callable] = {}
        for name, dtype in EDGE_SIGNATURES.items() if own_lists else ():
            self.edge_models[name] = EdgeModel(model, dtype)
            self.edge_functions[name] = _edges(self.edge_models[name], species_of)


# No function has Python control flow over tensors, which AutoGraph would convert in seconds.
_function = functools.partial(tf.function, autograph=False)


def _traced_once(network: keras.Model) -> Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]:
    """The network as a function for batches of any size, which all functions share: to trace it takes seconds."""
    batch = {key: tf.TensorSpec((None, *shape), dtype, key) for key, (shape, dtype) in fields.BATCH_SHAPES.items()}
    return tf.function(lambda inputs: network(inputs, training=False), input_signature=[batch], autograph=False)


def _forces_from_edges(
    evaluate: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]], species_of: Callable[[tf.Tensor], tf.Tensor]
) -> tf.types.experimental.PolymorphicFunction:
    """The function of a neighbour list made by the caller, in any order."""

    def forces_from_edges(
        types: tf.Tensor,
        senders: tf.Tensor,
        receivers: tf.Tensor,
        vectors: tf.Tensor,
        edge_class: tf.Tensor | None = None,
    ) -> tf.Tensor:
        edge_class = tf.zeros_like(senders) if edge_class is None else edge_class
        species = species_of(types)
        senders, receivers = checked_edges(
            tf.size(species), senders, receivers, vectors, edge_class, len(fields.EDGE_CLASSES)
        )
        edges = by_receiver(senders, receivers, vectors, edge_class)
        batch = _batch(species, *edges, empty_wave_inputs(species))
        return checked_outputs(evaluate(batch))[fields.FORCES]

    return _function(forces_from_edges)


def _edges(evaluate: EdgeModel, species_of: Callable[[tf.Tensor], tf.Tensor]) -> Callable[..., dict[str, tf.Tensor]]:
    """The compiled function of a neighbour list made by the caller, with all results that the model has."""

    def edges(
        types: tf.Tensor,
        owned: tf.Tensor,
        senders: tf.Tensor,
        receivers: tf.Tensor,
        vectors: tf.Tensor,
        edge_class: tf.Tensor,
        **box: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        species = species_of(types)
        senders, receivers = checked_edges(
            tf.size(species), senders, receivers, vectors, edge_class, len(fields.EDGE_CLASSES)
        )
        return checked_outputs(evaluate(species, owned, senders, receivers, vectors, edge_class, **box))

    return edges


def _batch(
    species: tf.Tensor,
    senders: tf.Tensor,
    receivers: tf.Tensor,
    vectors: tf.Tensor,
    edge_class: tf.Tensor,
    waves: dict[str, tf.Tensor],
) -> dict[str, tf.Tensor]:
    """One graph as inputs of the network, without padding but for one masked edge at the end, that of empty slots."""
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
        fields.SLOTS: edge_slots(receivers[:-1], atoms, empty=tf.size(receivers) - 1),
        **waves,
    }


def save(model: ForceField, folder: Path, names: Collection[str] | None = None) -> None:
    """Write the SavedModel of a model.

    Args:
        model: the trained model.
        folder: where it is written.
        names: signatures that it has, and no functions to be called directly; by default all, with the functions.
    """
    with _traced_functions(), root_logger_kept():
        module, signatures = _module(model, names)
        tf.saved_model.save(module, str(folder), signatures=signatures)


@contextlib.contextmanager
def _traced_functions() -> Iterator[None]:
    """Trace functions even where the program runs them eagerly: what is not a function of its own is traced often."""
    eager = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(False)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(eager)


def _module(
    model: ForceField, some: Collection[str] | None
) -> tuple[tf.Module, dict[str, tf.types.experimental.ConcreteFunction]]:
    """The content of the SavedModel and its signatures; with `some` of them the content is weights alone."""
    names = signature_names(model) if some is None else some
    module = FrozenForceField(model, own_lists=bool(EDGE_SIGNATURES.keys() & set(names)))
    arguments = {
        "forces": (module.forces, _ATOMS),
        "forces_with_molecules": (module.forces, _ATOMS | {"molecules": _MOLECULES}),
    }
    if takes_edges(model):
        arguments |= {
            "forces_from_edges": (module.forces_from_edges, _EDGES),
            "forces_from_classified_edges": (module.forces_from_edges, _EDGES | {"edge_class": _EDGE_CLASS}),
        }
    of_list = _OWN_LIST if takes_edges(model) else _OWN_LIST | {key: _ATOMS[key] for key in ("positions", "cell")}
    arguments |= {name: (function, of_list) for name, function in module.edge_functions.items()}
    if has_energy(model):
        arguments |= {
            "results": (module.results, _ATOMS),
            "results_with_molecules": (module.results, _ATOMS | {"molecules": _MOLECULES}),
        }
    signatures = {
        name: _signature(*arguments[name], direct=some is None and name not in EDGE_SIGNATURES) for name in names
    }
    if some is None:
        return module, signatures
    bare = tf.Module()
    bare.weights = [module.weights, [one.weights for one in module.edge_models.values()]]
    return bare, signatures


def _signature(
    function: Callable[..., tf.Tensor | dict[str, tf.Tensor]], specs: dict[str, tf.TensorSpec], direct: bool
) -> tf.types.experimental.ConcreteFunction:
    """A function with named inputs and outputs; with `direct`, `function` is traced for calls of its own as well."""
    if direct:
        assert isinstance(function, tf.types.experimental.PolymorphicFunction)
        function.get_concrete_function(**specs)

    def by_name(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = function(**inputs)
        return outputs if isinstance(outputs, dict) else {"forces": outputs}

    return _function(by_name).get_concrete_function(**specs)


def takes_edges(model: ForceField) -> bool:
    """Whether a neighbour list suffices as input; reciprocal-space layers need positions and cell.

    Args:
        model: the model.

    Returns:
        Whether the folder has `forces_from_edges`.
    """
    return not largest_wave(model.network)


def has_energy(model: ForceField) -> bool:
    """Whether the model predicts an energy, and with it a virial.

    Args:
        model: the model.

    Returns:
        Whether the folder has `results`.
    """
    return symmetries(model.recipe).conservative


def needs_molecules(model: ForceField) -> bool:
    """Whether a model was trained with molecule ids that change its forces.

    Args:
        model: the model.

    Returns:
        True where its callers must give them.
    """
    return reads_molecules(model.recipe) and bool((model.info.get("dataset") or {}).get("molecules"))


def signature_names(model: ForceField) -> list[str]:
    """List the signatures of an exported model.

    Args:
        model: the model.

    Returns:
        Their names.
    """
    from_edges = ["forces_from_edges", "forces_from_classified_edges"] if takes_edges(model) else []
    with_energy = ["results", "results_with_molecules"] if has_energy(model) else []
    return ["forces", "forces_with_molecules", *from_edges, *with_energy, *EDGE_SIGNATURES]


# --- constants of the functions --------------------------------------------------------------------------------------


def known_types(model: ForceField) -> dict[int, str]:
    """The LAMMPS types whose species the network has.

    Args:
        model: the model.

    Returns:
        Name by type, ascending.
    """
    types = sorted((int(number), name) for number, name in model.info["types"].items())
    return {number: name for number, name in types if name in model.species}


def species_of_types(model: ForceField) -> np.ndarray:
    """Table from LAMMPS types to species.

    Args:
        model: the model.

    Returns:
        (largest type + 1,) int32 species index, -1 for numbers that are not a type of the model.
    """
    known = known_types(model)
    table = np.full(max(known, default=0) + 1, -1, np.int32)
    for number, name in known.items():
        table[number] = model.species.index(name)
    return table


def bonded_species(model: ForceField) -> np.ndarray:
    """Pairs of species that are bonded within a molecule.

    Args:
        model: the model; without `graph.bonds` in its recipe all pairs of different species are.

    Returns:
        (species, species) bool.
    """
    bonds, species = model.recipe.graph.bonds, model.species
    if bonds is None:
        return ~np.eye(len(species), dtype=bool)
    pairs = {frozenset(pair) for pair in bonds}
    return np.array([[frozenset((a, b)) in pairs for a in species] for b in species])


def type_text(model: ForceField) -> str:
    """Format the types and their names.

    Args:
        model: the model.

    Returns:
        Text such as "1 = O, 2 = H".
    """
    return ", ".join(f"{number} = {name}" for number, name in sorted(model.info["types"].items(), key=_by_number))


def _by_number(item: tuple[str, str]) -> int:
    return int(item[0])
