"""Carry weights from a trained network to the network of another substance, and say layer by layer what moved.

Layers are matched by their names in the stack, weights by their names in the layer. Nothing is left out in silence:
what does not move has a reason.
"""

from dataclasses import dataclass

import keras
import numpy as np

from gnnzoo.errors import ModelError, UserError, did_you_mean
from gnnzoo.layers.basic import StackLayer
from gnnzoo.layers.heads import ForceScale
from gnnzoo.models.files import ForceField
from gnnzoo.recipe.checks.stack import layer_names
from gnnzoo.recipe.schema.layers import AtomEncoder
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.transfer import StartFrom, matching
from gnnzoo.transfer_learning.radial_refit import refit_radial_weights, same_basis
from gnnzoo.units import force_factor

_EPSILON_ROW = 1  # row of epsilon in the weights that read the parameters of a species
COPIED = "copied"  # what became of a layer of which all moved that could
# A basis that is fitted worse than this is worth a word.
_WELL_FITTED = 0.01


@dataclass(frozen=True)
class Move:
    """What happened to one layer of the target.

    Attributes:
        layer: its name.
        action: "copied", "copied in part", "reset", "from the target", "from the model" or "left behind".
        weights: numbers copied, and numbers there are.
        reason: why not all of it moved, or what else there is to know.
    """

    layer: str
    action: str
    weights: tuple[int, int]
    reason: str


def unit_factor(source: ForceField, target_units: str | None) -> float:
    """What forces in the source's unit are multiplied by to be in the target's.

    Raises:
        ModelError: the two cannot be compared (reduced or undeclared units on one side).
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
        return "train the model again with its units declared: --set data.units=real"
    return f"a model trained on data in {target} units"


def copy_weights(
    source: ForceField,
    network: keras.Model,
    recipe: Recipe,
    species: list[str],
    factor: float = 1.0,
    shortest: float = 0.5,
) -> list[Move]:
    """Copy into `network` what fits of the source's network.

    Args:
        source: the trained model.
        network: of the target, built and not yet trained; changed in place.
        recipe: of the target; its `training.start_from` says how, the defaults do where it has none.
        species: of the target, in the order of its input.
        factor: see `unit_factor`; energies are converted by it, too, as lengths are the same.
        shortest: distance that two atoms of the target do not come below, in the length unit.

    Returns:
        One move for each layer of the target that has weights, in the order of the stack, and one for each layer of the
        source that the target does not have.

    Raises:
        ModelError: nothing at all could be copied, or species are mapped that are not there.
    """
    start = recipe.training.start_from or StartFrom(model="")
    carrier = _Carrier(source, recipe, species, start, factor, shortest)
    theirs = {layer.name: layer for layer in source.network.layers if layer.weights}
    ours = [layer for layer in network.layers if layer.weights]
    moves = [carrier.move(theirs.get(layer.name), layer) for layer in ours]
    if not any(move.weights[0] for move in moves):
        raise ModelError(
            "no layer of the model fits the target's stack",
            expected=f"layers such as {', '.join(layer.name for layer in ours)}; the model has {', '.join(theirs)}",
            hint="a target recipe of the same family: gnnzoo list",
        )
    known = {layer.name for layer in ours}
    left = [Move(name, "left behind", (0, 0), "the target has no such layer") for name in theirs if name not in known]
    return moves + left


@dataclass(frozen=True)
class _Carried:
    """A weight of the target: its value, how many numbers of it were copied, what there is to know of it, and which
    share of its functions of the distance was lost.
    """

    value: np.ndarray | None
    copied: int
    note: str = ""
    lost: float = 0.0
    fact: bool = False


class _Carrier:
    """Moves layers of one network to those of another.

    Args:
        source: the trained model.
        recipe, species: of the target.
        start: how.
        factor: energies of the source's units in the target's.
        shortest: distance of two atoms of the target.
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
        self.entries = [
            dict(zip(layer_names(made), made.model.layers, strict=True)) for made in (source.recipe, recipe)
        ]
        self.rows = self._rows_of_species()
        self._keeps_scales = recipe.model.normalization == "none"

    def move(self, theirs: StackLayer | None, ours: StackLayer) -> Move:
        """Copy what fits of one layer into its namesake."""
        total = sum(_size(weight) for weight in ours.weights)
        reason = self._obstacle(theirs, ours)
        if reason:
            return Move(ours.name, "reset", (0, total), reason)
        available = {_inside(weight): weight.numpy() for weight in theirs.weights}
        found = {_inside(weight): self._carried(available, theirs, ours, weight) for weight in ours.weights}
        for weight in ours.weights:
            if found[_inside(weight)].value is not None:
                weight.assign(found[_inside(weight)].value)
        copied = sum(carried.copied for carried in found.values())
        reasons = [carried.note for carried in found.values() if carried.note]
        lost = max(carried.lost for carried in found.values())
        if lost > _WELL_FITTED:
            reasons.append(f"{lost:.0%} lost")
        if all(carried.fact for carried in found.values()):
            action = "from the model" if self._keeps_scales and isinstance(ours, ForceScale) else "from the target"
        elif copied == 0:
            action = "reset"
        else:
            facts = sum(_size(weight) for weight in ours.weights if found[_inside(weight)].fact)
            action = COPIED if copied == total - facts else "copied in part"
        if ours.species_weights() and copied and self.rows is None and self.factor != 1:
            reasons.append(f"epsilon in {self.source.units} units there")
        return Move(ours.name, action, (copied, total), "; ".join(dict.fromkeys(reasons)))

    def _obstacle(self, theirs: StackLayer | None, ours: StackLayer) -> str | None:
        """Why nothing of a layer can move."""
        if ours.name in self.reset:
            return "as asked"
        if theirs is None:
            return "the model has no layer of this name"
        if kind_of(theirs) != kind_of(ours):
            return f"there it is a {kind_of(theirs)}, here a {kind_of(ours)}"
        if ours.species_weights():
            there, here = species_inputs(self.source.recipe), species_inputs(self.recipe)
            if there != here:
                return f"its inputs are {there} there, {here} here"
        return None

    def _carried(self, available: dict[str, np.ndarray], theirs, ours, weight) -> _Carried:
        """What becomes of one weight of a layer."""
        name = _inside(weight)
        if name in map(_inside, ours.fact_weights()):
            kept = isinstance(ours, ForceScale) and self._keeps_scales
            return _Carried(None, 0, f"{name} from the {'model' if kept else 'target'}", fact=True)
        if name not in available:
            return _Carried(None, 0, f"{name} is new")
        if other := self._other_edges(ours, name):
            return _Carried(None, 0, f"{name} {other}")
        value, note, lost = available[name], "", 0.0
        if name in map(_inside, ours.species_weights()):
            return self._of_species(value, weight)
        if rows := self._radial_rows(ours).get(name):
            value, note, lost = self._refitted(rows, value, ours.name, tuple(weight.shape))
        if tuple(value.shape) != tuple(weight.shape):
            return _Carried(None, 0, f"{name} is {_shape(value)} there, {_shape(weight)} here")
        if self.start.radial == "extend" and name in map(_inside, ours.summed_weights()):
            value = value * (theirs.neighbor_scale / ours.neighbor_scale)
        return _Carried(value, _size(weight), note, lost)

    # --- species --------------------------------------------------------------------------------------------------

    def _rows_of_species(self) -> list[int | None] | None:
        """Which species of the source each one of the target begins as; None where species are points of a space."""
        if species_inputs(self.recipe) != "species":
            return None
        there = self.source.species
        for name, known, side in (
            *((name, self.species, "target") for name in self.start.map),
            *((name, there, "model") for name in self.start.map.values()),
        ):
            if name not in known:
                raise ModelError(
                    f"the {side} has no species '{name}' to be mapped." + did_you_mean(name, known),
                    expected=f"one of {', '.join(known)}; a map says MODEL'S=TARGET'S",
                )
        begins = [self.start.map.get(name, name) for name in self.species]
        return [there.index(name) if name in there else None for name in begins]

    def _of_species(self, value: np.ndarray, weight) -> _Carried:
        """The map from what a species is: rows of parameters in the target's units, or rows of species by name."""
        if value.shape[1] != weight.shape[1]:
            return _Carried(None, 0, f"{_inside(weight)} is {_shape(value)} there, {_shape(weight)} here")
        if self.rows is None:
            value = value.copy()
            value[_EPSILON_ROW] /= self.factor  # an epsilon in other units means what it meant
            return _Carried(value, _size(weight))
        made, begun, new = weight.numpy(), [], []
        for row, origin in enumerate(self.rows):
            if origin is None:
                new.append(self.species[row])
                continue
            made[row] = value[origin]
            if self.source.species[origin] != self.species[row]:
                begun.append(f"{self.species[row]} begins as {self.source.species[origin]}")
        if new:
            hint = " (--map says as which species of the model)" if not self.start.map else ""
            begun.append(f"{', '.join(new)} begins anew{hint}")
        return _Carried(made, (len(self.rows) - len(new)) * value.shape[1], "; ".join(begun))

    def _other_edges(self, layer: StackLayer, name: str) -> str | None:
        """What differs where a weight reads the features of edges, and these are not the same on both sides."""
        entries = [entries.get(layer.name) for entries in self.entries]
        traits = entries[1].traits if None not in entries else None
        reads = traits is not None and (traits.reads_edges or traits.encodes_edges)
        if not reads or name not in [_inside(weight) for weight, _ in layer.radial_weights()]:
            return None
        recipes = (self.source.recipe, self.recipe)
        if any(entry.traits.encodes_edges for made in recipes for entry in made.model.layers):
            if not traits.encodes_edges:
                return None  # it reads what the encoder makes of them
            bonds = (name.startswith("bonded"),) * 2
        else:
            bonds = tuple(getattr(entry, "bond_features", True) for entry in entries)
        there, here = (
            [feature for feature in ("bond", "distance", "direction", "radial") if feature in made.graph.edges]
            for made in recipes
        )
        told = [
            [f for f in features if f != "bond" or with_bonds]
            for features, with_bonds in zip((there, here), bonds, strict=True)
        ]
        return None if told[0] == told[1] else f"reads {', '.join(told[0])} there, {', '.join(told[1])} here"

    # --- distances ------------------------------------------------------------------------------------------------

    def _radial_rows(self, layer: StackLayer) -> dict[str, int]:
        """Rows for each radial function in weights of a layer, by the weights' names."""
        entries = [entries.get(layer.name) for entries in self.entries]
        if None in entries or any("radial" not in made.graph.edges for made in (self.source.recipe, self.recipe)):
            return {}
        encoded = any(entry.traits.encodes_edges for entry in self.recipe.model.layers)
        if encoded and entries[0].traits.reads_edges:
            return {}
        return {_inside(weight): rows for weight, rows in layer.radial_weights()}

    def _refitted(self, rows: int, value: np.ndarray, layer: str, shape: tuple) -> tuple[np.ndarray, str, float]:
        """A radial weight for the basis of the target, what was done, and the share lost; as it was where the other
        rows of it have no namesakes.
        """
        there, here = self.source.recipe.graph, self.recipe.graph
        entries = [entries[layer] for entries in self.entries]
        functions = tuple(
            getattr(entry, "functions", None) or graph.radial.functions
            for entry, graph in zip(entries, (there, here), strict=True)
        )
        if same_basis(there, here) and functions[0] == functions[1]:
            return value, "", 0.0
        others = [size - rows * count for size, count in zip((value.shape[0], shape[0]), functions, strict=True)]
        if others[0] != others[1] or others[0] < 0 or value.shape[1:] != shape[1:]:
            return value, "", 0.0  # refused for its shape
        moved, lost = refit_radial_weights(
            value[others[0] :].reshape(functions[0], -1),
            there,
            here,
            functions,
            self.start.radial,
            with_envelope=entries[1].traits.reads_radial,
            shortest=self.shortest,
        )
        moved = moved.reshape(-1, *value.shape[1:])
        how = f"distances {self.start.radial}ed: {_told(there, functions[0])} there, {_told(here, functions[1])} here"
        return np.concatenate([value[: others[0]], moved]).astype(value.dtype), how, lost


def _told(graph, functions: int) -> str:
    end = f", envelope {graph.envelope_order}" if graph.envelope else ""
    return f"{functions} {graph.radial.basis} to {graph.cutoff:g}{end}"


def scale_output(network: keras.Model, gain: float) -> None:
    """Multiply what the heads of a network answer, before the force scale, by a number."""
    for layer in network.layers:
        for weight in layer.output_weights() if isinstance(layer, StackLayer) else ():
            weight.assign(weight * gain)


def kind_of(layer) -> str:
    """The name by which a layer is registered for recipes."""
    return keras.saving.get_registered_name(type(layer)).removeprefix("gnnzoo>")


def species_inputs(recipe: Recipe) -> str:
    """What the atom encoder reads, which is the first entry of the stack."""
    encoder = recipe.model.layers[0]
    return encoder.inputs if isinstance(encoder, AtomEncoder) else "species"


def _inside(weight) -> str:
    """A weight's name within its layer: message_passing_1/update/output/bias -> update/output/bias."""
    return weight.path.split("/", 1)[1]


def _size(weight) -> int:
    return int(np.prod(weight.shape))


def _shape(weight) -> str:
    return "x".join(map(str, weight.shape)) or "a number"
