"""Keras functional models from recipes: the one place where an entry of the stack becomes a layer."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from gnnzoo import fields
from gnnzoo.errors import Location, ModelError, did_you_mean
from gnnzoo.layers.encoders import EdgeGeometry
from gnnzoo.layers.heads import ForceScale
from gnnzoo.layers.prior import Prior
from gnnzoo.layers.registry import ATOM_ENERGIES, ATOMS, EDGE_GRADIENTS, atoms_after, derived_seed
from gnnzoo.layers.stack_layer import GraphTensors, StackLayer
from gnnzoo.models.conservative import ConservativeModel
from gnnzoo.models.layer_classes import layer_class
from gnnzoo.models.priors import prior_terms
from gnnzoo.recipe.checks.stack import layer_names
from gnnzoo.recipe.layer_traits import SpeciesInputs
from gnnzoo.recipe.schema.entry import Entry
from gnnzoo.recipe.schema.recipe import Recipe


@dataclass(frozen=True)
class Scales:
    """Normalisation constants of a network, taken from the training split.

    Attributes:
        force: force unit per network unit; a list where each species has its own.
        neighbors: mean number of neighbours, by whose root sums over neighbours are divided.
        shortest: (2, species, species) shortest distances between and within molecules, for a prior's repulsion.
        neighbor_scale: factor on sums over neighbours of a trained network; by default 1 / sqrt(neighbors).
        energy_offsets: (species,) energy of an atom of each species at the arbitrary zero of the data, which is
            subtracted before training; None where the network has no energy.
    """

    force: float | list[float] = 1.0
    neighbors: float = 1.0
    energy_offsets: list[float] | None = None
    shortest: list | None = None
    neighbor_scale: float | None = None


RAW = Scales()


def network_species(recipe: Recipe, names: list[str] | None = None) -> list[str]:
    """Species of a recipe's network in the order of its `species` input.

    Args:
        recipe: its `data` is read.
        names: of the species in the data.

    Returns:
        Those of `data.types`, else of `data.atoms`, else `names`, each once.
    """
    if recipe.data.types:
        ordered = [recipe.data.types[number] for number in sorted(recipe.data.types, key=int)]
        return list(dict.fromkeys(ordered))
    if recipe.data.atoms:
        return list(recipe.data.atoms)
    return list(dict.fromkeys(names or []))


def species_table(recipe: Recipe, species: list[str], inputs: SpeciesInputs) -> list[list[float]]:
    """Input features of an atom encoder.

    Args:
        recipe: its `data.atoms` is read.
        species: names in the order of the table.
        inputs: "parameters" for charge, epsilon and sigma, "species" for a one-hot.

    Returns:
        (species, features).

    Raises:
        ModelError: a species has no parameters.
    """
    if inputs == "species":
        return [[float(row == column) for column in range(len(species))] for row in range(len(species))]
    table = []
    for name in species:
        if name not in recipe.data.atoms:
            raise ModelError(
                f"species '{name}' has no charge, epsilon and sigma." + did_you_mean(name, recipe.data.atoms),
                location=Location(key="data.atoms"),
                expected=f'"atoms": {{"{name}": {{"charge": 0, "epsilon": 0.2, "sigma": 3.4}}}}',
                hint='declare them, or use "inputs": "species" in the atom encoder',
            )
        atom = recipe.data.atoms[name]
        table.append([atom.charge, atom.epsilon, atom.sigma])
    return table


def build_network(
    recipe: Recipe, species: list[str], scales: Scales = RAW, dtype: str = "float32", pairs: bool = False
) -> keras.Model:
    """The network of a recipe.

    Args:
        recipe: its `graph`, `model` and `data.atoms` are used, and the seed.
        species: names in the order of the `species` input.
        scales: from the training split, or the defaults for a network on raw forces.
        dtype: "float32", or "float64" for checks of symmetries and derivatives.
        pairs: whether a direct head of pair forces, which has a virial, returns "edge_gradients" (edges, 3) as well;
            such a network is not for saving.

    Returns:
        A functional model: dict of `fields.MODEL_INPUTS` -> {"forces": (atoms, 3)} in the data's force unit; with an
        energy head a `ConservativeModel`, which returns energy and virial as well.
    """
    if not species:
        raise ModelError(
            f"the recipe '{recipe.name}' names no species, and none were given",
            location=Location(key="data.types"),
            expected='"types": {"1": "O", "2": "H"}, or species=["O", "H"]',
        )
    inputs = _inputs(dtype)
    graph = dict(inputs)
    entries = recipe.model.layers
    read_later = {getattr(entry, entry.traits.adds_output_of) for entry in entries if entry.traits.adds_output_of}
    for layer in stack(recipe, species, scales, dtype):
        _apply(layer, graph, pairs)
        if layer.name in read_later:
            graph[atoms_after(layer.name)] = graph[ATOMS]
    outputs = {key: graph[key] for key in (fields.FORCES, ATOM_ENERGIES, EDGE_GRADIENTS) if key in graph}
    kind = ConservativeModel if ATOM_ENERGIES in outputs else keras.Model
    return kind(inputs, outputs, name=recipe.name.replace(".", "_"))


def _apply(layer: StackLayer, graph: GraphTensors, pairs: bool) -> None:
    """Add what a layer returns to the graph; with `pairs` also forces of pairs, until a layer does not return them."""
    begins = fields.FORCES not in graph and ATOM_ENERGIES not in graph
    if pairs and layer.returns_pairs and (begins or EDGE_GRADIENTS in graph):
        graph.update(layer(graph, pairs=True))
        return
    added = layer(graph)
    if fields.FORCES in added:
        graph.pop(EDGE_GRADIENTS, None)
    graph.update(added)


def stack(recipe: Recipe, species: list[str], scales: Scales, dtype: str) -> list[StackLayer]:
    """Layers of a recipe's network in order: edge geometry, the entries of the recipe, force scale, prior.

    Args:
        recipe, species, scales, dtype: as those of `build_network`.

    Returns:
        Layers that have not been called yet.
    """
    settings = recipe.graph
    layers: list[StackLayer] = [
        EdgeGeometry(
            features=list(settings.edges),
            cutoff=settings.cutoff,
            basis=settings.radial.basis,
            functions=settings.radial.functions,
            envelope=settings.envelope,
            envelope_order=settings.envelope_order,
            name=fields.EDGE_GEOMETRY,
            dtype=dtype,
        )
    ]
    for name, entry in zip(layer_names(recipe), recipe.model.layers, strict=True):
        constructor = layer_class(entry)
        given = entry.constructor_arguments()
        known = _derived(entry, name, recipe, species, scales)
        derived = {key: known[key]() for key in constructor.arguments if key in known and key not in given}
        layers.append(constructor(**given, **derived, name=name, dtype=dtype))
    layers.append(ForceScale(scale=scales.force, name=fields.FORCE_SCALE, dtype=dtype))
    if terms := prior_terms(recipe, species, scales.shortest):
        layers.append(Prior(terms=terms, alone=False, name=fields.PRIOR, dtype=dtype))
    return layers


def build_prior(recipe: Recipe, species: list[str]) -> ConservativeModel | None:
    """The prior of a recipe as a model of its own.

    Args:
        recipe: its `model.prior` is read.
        species: names in the order of the `species` input.

    Returns:
        A model of forces, energy and virial; None where the recipe has no prior other than a repulsion, which is zero
        on training frames.
    """
    terms = prior_terms(recipe, species, None)
    if not terms:
        return None
    inputs = _inputs("float32")
    layer = Prior(terms=terms, alone=True, name=fields.PRIOR)
    return ConservativeModel(inputs, {ATOM_ENERGIES: layer(inputs)[ATOM_ENERGIES]}, name=fields.PRIOR)


def _inputs(dtype: str) -> dict:
    return {
        key: keras.Input(batch_shape=(None, *shape), dtype=kind.replace("float32", dtype), name=key)
        for key, (shape, kind) in fields.BATCH_SHAPES.items()
    }


def _derived(
    entry: Entry, name: str, recipe: Recipe, species: list[str], scales: Scales
) -> dict[str, Callable[[], object]]:
    """Constructor arguments that follow from the rest of the recipe and from the data; a layer takes what it names."""
    edges = recipe.graph.edges
    bonded = [other.reads_bonds(edges) for other in recipe.model.layers if other.traits.reads_edges]
    return {
        "largest_wave": lambda: recipe.graph.waves,
        "neighbor_scale": lambda: scales.neighbors**-0.5 if scales.neighbor_scale is None else scales.neighbor_scale,
        "bond_features": lambda: entry.reads_bonds(edges),
        "cutoff": lambda: recipe.graph.cutoff,
        "plain": lambda: not all(bonded),
        "bonded": lambda: any(bonded),
        "seed": lambda: derived_seed(recipe.training.seed, name),
        "table": lambda: species_table(recipe, species, entry.species_inputs()),
    }
