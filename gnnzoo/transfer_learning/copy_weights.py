"""Copy the weights of a trained network into the network of another recipe, layer by layer.

Layers are matched by their names in the stack, weights by their paths within the layer. Each layer gets a record of
what was copied, with the reason for every weight that was not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import keras
import numpy as np

from gnnzoo.errors import ModelError, UserError, did_you_mean
from gnnzoo.layers.heads import ForceScale
from gnnzoo.layers.stack_layer import StackLayer
from gnnzoo.models.files import ForceField
from gnnzoo.recipe.checks.stack import layer_names
from gnnzoo.recipe.layer_traits import EdgeFeature, SpeciesInputs
from gnnzoo.recipe.schema.entry import Entry
from gnnzoo.recipe.schema.graph import Graph
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.transfer import StartFrom, matching
from gnnzoo.transfer_learning.provenance import Action, LayerTransfer
from gnnzoo.transfer_learning.radial_refit import refit_radial_weights, same_basis
from gnnzoo.transfer_learning.strategies import transfer_settings
from gnnzoo.units import force_factor

_EPSILON_ROW = 1  # row of epsilon in weights that read the parameters of a species: charge, epsilon, sigma
# Relative RMS error of a radial refit from which on it is reported. Chosen at the size of the force errors of trained
# models (about 1 %), below which the refit is not what limits them; not tuned.
_REPORTED_LOSS = 0.01


def unit_factor(source: ForceField, target_units: str | None) -> float:
    """Factor that converts forces and energies of the source's units to the target's.

    Args:
        source: the trained model.
        target_units: LAMMPS unit style of the target's data, or None if undeclared.

    Returns:
        The factor; energies have the same one because both unit styles measure lengths in Angstrom.

    Raises:
        ModelError: no factor exists, as one side is in reduced or undeclared units.
    """
    if source.units == target_units:
        return 1.0
    try:
        return force_factor(source.units, target_units)
    except UserError as error:
        raise ModelError(
            f"the model is in {source.units or 'undeclared'} units, "
            f"the target's data in {target_units or 'undeclared'} units",
            expected="the same unit style, or real and metal",
            hint=_unit_hint(source.units, target_units),
        ) from error


def _unit_hint(source: str | None, target: str | None) -> str:
    if target is None:
        return f"declare the target's units: --set data.units={source}"
    if source is None:
        return "gnnzoo train RECIPE --set data.units=STYLE trains the model again, with its units declared"
    return f"a model trained on data in {target} units"


def copy_weights(
    source: ForceField,
    network: keras.Model,
    recipe: Recipe,
    species: list[str],
    factor: float = 1.0,
    shortest: float = 0.5,
) -> list[LayerTransfer]:
    """Copy the weights of a trained model into a network, where they have the same meaning.

    Args:
        source: the trained model.
        network: network of the target, newly built; changed in place.
        recipe: recipe of the target; its `training.start_from` has the settings, the defaults hold if it has none.
        species: names of the target's species in the order of the network's species index.
        factor: see `unit_factor`.
        shortest: shortest distance of two atoms in the target's data, length unit; radial weights are refitted from
            there on.

    Returns:
        One record for each layer of the target that has weights, in stack order, then one for each layer of the source
        that the target does not have.

    Raises:
        ModelError: no weight could be copied, or `start_from.map` names an unknown species.
    """
    copier = _WeightCopier(source, recipe, species, transfer_settings(recipe), factor, shortest)
    source_layers = {layer.name: layer for layer in source.network.layers if layer.weights}
    target_layers = [layer for layer in network.layers if layer.weights]
    records = [copier.copy_layer(source_layers.get(layer.name), layer) for layer in target_layers]
    target_names = [layer.name for layer in target_layers]
    if not any(record.copied for record in records):
        raise ModelError(
            "no layer of the model fits the target's stack",
            expected=f"layers such as {', '.join(target_names)}; the model has {', '.join(source_layers)}",
            hint="a target recipe of the same family: gnnzoo list",
        )
    unused = [name for name in source_layers if name not in target_names]
    return records + [LayerTransfer(name, "left behind", 0, 0, "the target has no such layer") for name in unused]


@dataclass(frozen=True)
class _WeightCopy:
    """New value of one weight of the target.

    Attributes:
        value: the new value; None leaves the weight as it is.
        copied: number of scalars taken from the source.
        remark: reason or remark for the layer's record.
        lost: relative error of a radial refit.
        set_from_data: whether the weight is one that is never copied.
    """

    value: np.ndarray | None
    copied: int
    remark: str = ""
    lost: float = 0.0
    set_from_data: bool = False


class _WeightCopier:
    """Copies layers of the source network into layers of the target network.

    Args:
        source: the trained model.
        recipe, species: of the target.
        start: settings of the transfer.
        factor: see `unit_factor`.
        shortest: shortest distance in the target's data, length unit.
    """

    def __init__(
        self,
        source: ForceField,
        recipe: Recipe,
        species: list[str],
        start: StartFrom,
        factor: float,
        shortest: float,
    ):
        self.source, self.recipe, self.species, self.start = source, recipe, species, start
        self.factor, self.shortest = factor, shortest
        self.reset = matching(start.reset, layer_names(recipe))
        self.source_entries, self.target_entries = entries_by_name(source.recipe), entries_by_name(recipe)
        self.species_rows = self._species_rows()
        self.keeps_force_scale = recipe.model.normalization == "none"

    def copy_layer(self, theirs: StackLayer | None, ours: StackLayer) -> LayerTransfer:
        """Copy the weights of the source's layer `theirs` into the target's layer `ours` of the same name."""
        total = _scalars(ours.weights)
        obstacle = self._obstacle(theirs, ours)
        if theirs is None or obstacle is not None:
            return LayerTransfer(ours.name, "reset", 0, total, obstacle or "")
        available = {_inner_path(weight): weight.numpy() for weight in theirs.weights}
        copies = [self._copy_weight(available, theirs, ours, weight) for weight in ours.weights]
        for weight, copy in zip(ours.weights, copies, strict=True):
            if copy.value is not None:
                weight.assign(copy.value)
        copied = sum(copy.copied for copy in copies)
        remarks = [copy.remark for copy in copies if copy.remark]
        lost = max(copy.lost for copy in copies)
        if lost > _REPORTED_LOSS:
            remarks.append(f"{lost:.0%} lost")
        if ours.species_weights() and copied and self.species_rows is None and self.factor != 1:
            remarks.append(f"epsilon in {self.source.units} units in the source")
        never_copied = [weight for weight, copy in zip(ours.weights, copies, strict=True) if copy.set_from_data]
        action: Action
        if len(never_copied) == len(copies):
            action = "from the model" if self.keeps_force_scale and isinstance(ours, ForceScale) else "from the target"
        elif copied == 0:
            action = "reset"
        else:
            action = "copied" if copied == total - _scalars(never_copied) else "copied in part"
        return LayerTransfer(ours.name, action, copied, total, "; ".join(dict.fromkeys(remarks)))

    def _obstacle(self, theirs: StackLayer | None, ours: StackLayer) -> str | None:
        """Reason why no weight of a layer can be copied."""
        if ours.name in self.reset:
            return "reset as requested"
        if theirs is None:
            return "the source has no layer of this name"
        entries = self._entries(ours.name)
        if entries is not None and entries[0].layer != entries[1].layer:
            return f"{entries[0].layer} in the source, {entries[1].layer} in the target"
        if ours.species_weights():
            inputs = species_inputs(self.source.recipe), species_inputs(self.recipe)
            if inputs[0] != inputs[1]:
                return f"its inputs are {inputs[0]} in the source, {inputs[1]} in the target"
        return None

    def _copy_weight(
        self, available: Mapping[str, np.ndarray], theirs: StackLayer, ours: StackLayer, weight: keras.Variable
    ) -> _WeightCopy:
        """New value of one weight of a layer, from the source's weights by path within the layer."""
        path = _inner_path(weight)
        if path in map(_inner_path, ours.fact_weights()):
            side = "model" if isinstance(ours, ForceScale) and self.keeps_force_scale else "target"
            return _WeightCopy(None, 0, f"{path} from the {side}", set_from_data=True)
        if path not in available:
            return _WeightCopy(None, 0, f"{path} is new")
        if mismatch := self._edge_feature_mismatch(ours, path):
            return _WeightCopy(None, 0, mismatch)
        value, remark, lost = available[path], "", 0.0
        if path in map(_inner_path, ours.species_weights()):
            return self._copy_species_weight(value, weight)
        if rows := self._radial_rows(ours).get(path):
            value, remark, lost = self._refit(rows, value, ours.name, tuple(weight.shape))
        if tuple(value.shape) != tuple(weight.shape):
            return _WeightCopy(None, 0, _shape_mismatch(path, value, weight))
        if self.start.radial == "extend" and path in map(_inner_path, ours.summed_weights()):
            value = value * (theirs.neighbor_scale / ours.neighbor_scale)
        return _WeightCopy(value, _scalars([weight]), remark, lost)

    # --- species --------------------------------------------------------------------------------------------------

    def _species_rows(self) -> list[int | None] | None:
        """For each species of the target the row of the source's kernel it starts from, or None for a new one.

        None as a whole if atoms enter by their parameters: rows are parameters then.
        """
        if species_inputs(self.recipe) != "species":
            return None
        source_species = self.source.species
        for name, known, side in (
            *((name, self.species, "target") for name in self.start.map),
            *((name, source_species, "model") for name in self.start.map.values()),
        ):
            if name not in known:
                raise ModelError(
                    f"the {side} has no species '{name}' to be mapped." + did_you_mean(name, known),
                    expected=f"one of {', '.join(known)}; a map says MODEL'S=TARGET'S",
                )
        starts = [self.start.map.get(name, name) for name in self.species]
        return [source_species.index(name) if name in source_species else None for name in starts]

    def _copy_species_weight(self, value: np.ndarray, weight: keras.Variable) -> _WeightCopy:
        """Weight with a row for each atom parameter, or for each learned species, which are copied by name."""
        if value.shape[1] != weight.shape[1]:
            return _WeightCopy(None, 0, _shape_mismatch(_inner_path(weight), value, weight))
        if self.species_rows is None:
            converted = value.copy()
            converted[_EPSILON_ROW] /= self.factor  # so that epsilon in the target's units gives the same product
            return _WeightCopy(converted, _scalars([weight]))
        kernel, remarks, new = weight.numpy(), [], []
        for row, source_row in enumerate(self.species_rows):
            if source_row is None:
                new.append(self.species[row])
                continue
            kernel[row] = value[source_row]
            if self.source.species[source_row] != self.species[row]:
                remarks.append(f"{self.species[row]} starts as {self.source.species[source_row]}")
        if new:
            hint = "" if self.start.map else " (--map names the species of the model to start as)"
            remarks.append(f"{', '.join(new)} starts from random weights{hint}")
        return _WeightCopy(kernel, (len(self.species_rows) - len(new)) * value.shape[1], "; ".join(remarks))

    # --- edge features --------------------------------------------------------------------------------------------

    def _entries(self, layer: str) -> tuple[Entry, Entry] | None:
        """Recipe entries of a layer in source and target; None if it stands in one of them only."""
        source, target = self.source_entries.get(layer), self.target_entries.get(layer)
        return None if source is None or target is None else (source, target)

    def _edge_feature_mismatch(self, layer: StackLayer, path: str) -> str | None:
        """Reason why a weight that reads edge features cannot be copied: source and target have different ones."""
        entries = self._entries(layer.name)
        if entries is None or not (entries[1].traits.reads_edges or entries[1].traits.encodes_edges):
            return None
        if path not in [_inner_path(weight) for weight, _ in layer.radial_weights()]:
            return None
        recipes = (self.source.recipe, self.recipe)
        with_bonds = [entry.reads_bonds(made.graph.edges) for entry, made in zip(entries, recipes, strict=True)]
        if any(entry.traits.encodes_edges for recipe in recipes for entry in recipe.model.layers):
            if not entries[1].traits.encodes_edges:
                return None  # it reads the output of the encoder
            with_bonds = [path.startswith("bonded")] * 2
        source, target = (
            [
                feature
                for feature in get_args(EdgeFeature)
                if feature in recipe.graph.edges and (feature != "bond" or bonds)
            ]
            for recipe, bonds in zip(recipes, with_bonds, strict=True)
        )
        if source == target:
            return None
        return f"{path} reads {', '.join(source)} in the source, {', '.join(target)} in the target"

    # --- radial basis ---------------------------------------------------------------------------------------------

    def _radial_rows(self, layer: StackLayer) -> dict[str, int]:
        """Weights of a layer that act on radial functions: path -> number of rows for each function."""
        entries = self._entries(layer.name)
        if entries is None or any("radial" not in made.graph.edges for made in (self.source.recipe, self.recipe)):
            return {}
        encoded = any(entry.traits.encodes_edges for entry in self.recipe.model.layers)
        if encoded and entries[0].traits.reads_edges:
            return {}
        return {_inner_path(weight): rows for weight, rows in layer.radial_weights()}

    def _refit(self, rows: int, value: np.ndarray, layer: str, shape: tuple[int, ...]) -> tuple[np.ndarray, str, float]:
        """Radial weights for the target's basis, a remark, and the relative error.

        The value is returned unchanged if the bases are the same, or if its other rows do not match the target's: it is
        refused for its shape then.
        """
        graphs = self.source.recipe.graph, self.recipe.graph
        entries = self.source_entries[layer], self.target_entries[layer]
        counts = (
            entries[0].radial_functions(graphs[0].radial.functions),
            entries[1].radial_functions(graphs[1].radial.functions),
        )
        if same_basis(*graphs) and counts[0] == counts[1]:
            return value, "", 0.0
        other_rows = value.shape[0] - rows * counts[0]
        if other_rows != shape[0] - rows * counts[1] or other_rows < 0 or value.shape[1:] != shape[1:]:
            return value, "", 0.0
        refitted, lost = refit_radial_weights(
            value[other_rows:].reshape(counts[0], -1),
            *graphs,
            counts,
            self.start.radial,
            with_envelope=entries[1].traits.reads_radial,  # these layers are linear in the functions
            shortest=self.shortest,
        )
        refitted = refitted.reshape(-1, *value.shape[1:])
        source, target = (_basis_text(graph, count) for graph, count in zip(graphs, counts, strict=True))
        remark = f"radial basis {self.start.radial}ed: {source} in the source, {target} in the target"
        return np.concatenate([value[:other_rows], refitted]).astype(value.dtype), remark, lost


def _basis_text(graph: Graph, functions: int) -> str:
    envelope = f", envelope {graph.envelope_order}" if graph.envelope else ""
    return f"{functions} {graph.radial.basis} to {graph.cutoff:g}{envelope}"


def scale_output(network: keras.Model, gain: float) -> None:
    """Multiply the output of a network's heads, before the force scale.

    Args:
        network: changed in place.
        gain: the factor.
    """
    for layer in network.layers:
        for weight in layer.output_weights() if isinstance(layer, StackLayer) else ():
            weight.assign(weight * gain)


def entries_by_name(recipe: Recipe) -> dict[str, Entry]:
    """Layer entries of a `recipe`.

    Returns:
        Entries by the names of their layers, in stack order.
    """
    return dict(zip(layer_names(recipe), recipe.model.layers, strict=True))


def species_inputs(recipe: Recipe) -> SpeciesInputs:
    """Inputs of the atom encoder of a `recipe`.

    Returns:
        "parameters" or "species".
    """
    return recipe.model.layers[0].species_inputs()


def _inner_path(weight: keras.Variable) -> str:
    """Path of a weight within its layer: message_passing_1/update/output/bias -> update/output/bias."""
    return weight.path.split("/", 1)[1]


def _scalars(weights: list[keras.Variable]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def _shape_mismatch(path: str, value: np.ndarray, weight: keras.Variable) -> str:
    source, target = ("x".join(map(str, array.shape)) or "a scalar" for array in (value, weight))
    return f"{path} is {source} in the source, {target} in the target"
