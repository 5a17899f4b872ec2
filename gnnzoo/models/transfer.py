"""Carry weights from a trained network to the network of another substance, and say layer by layer what moved.

Layers are matched by their names in the stack, weights by their names in the layer. Nothing is left out in silence:
what does not move has a reason.
"""

import json
from dataclasses import dataclass

import keras

from gnnzoo.errors import ModelError, UserError
from gnnzoo.models.files import ForceField
from gnnzoo.recipe.schema import Recipe
from gnnzoo.units import force_factor

# Weights that state facts about a substance; they come from the target's recipe and data.
_FACTS = {("atom_encoder", "species"), ("force_scale", "scale")}


@dataclass(frozen=True)
class Move:
    """What happened to one layer of the target.

    Attributes:
        layer: its name.
        action: "copied", "copied in part", "reset" or "from the target".
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


def copy_weights(source: ForceField, network: keras.Model, recipe: Recipe, species: list[str]) -> list[Move]:
    """Copy into `network` what fits of the source's network.

    Args:
        source: the trained model.
        network: of the target, built and not yet trained; changed in place.
        recipe: of the target.
        species: of the target, in the order of its input.

    Returns:
        One move for each layer of the target that has weights, in the order of the stack, and one for each layer of the
        source that the target does not have.

    Raises:
        ModelError: nothing at all could be copied.
    """
    theirs = {layer.name: layer for layer in source.network.layers if layer.weights}
    ours = [layer for layer in network.layers if layer.weights]
    moves = [_move(theirs.get(layer.name), layer, source, recipe, species) for layer in ours]
    if not any(move.weights[0] for move in moves):
        raise ModelError(
            "no layer of the model fits the target's stack",
            expected=f"layers such as {', '.join(layer.name for layer in ours)}; the model has {', '.join(theirs)}",
            hint="a target recipe of the same family: gnnzoo list",
        )
    known = {layer.name for layer in ours}
    left = [Move(name, "left behind", (0, 0), "the target has no such layer") for name in theirs if name not in known]
    return moves + left


def new_meanings(source: ForceField, network: keras.Model, recipe: Recipe) -> list[str]:
    """Sentences about what surrounds copied weights and is not as it was where they were learned.

    Args:
        source: the trained model.
        network: of the target.
        recipe: of the target.
    """
    graph, told = recipe.graph, []
    if source.cutoff != graph.cutoff:
        how = "stretched with the radial basis" if "radial" in graph.edges else "used beyond where it was learned"
        told.append(
            f"the cutoff was {source.cutoff:g} and is {graph.cutoff:g}: what the layers learned of distance is {how}"
        )
    there, here = source.recipe.graph.waves, graph.waves
    if there is not None and here is not None and there != here:
        told.append(
            f"the largest wave was {there:g} and is {here:g}: filters of waves count lengths in its inverse, so that "
            f"what they learned is stretched by {there / here:.3g}"
        )
    if _terms(source.network) != _terms(network):
        were, are = (", ".join(entry.prior for entry in made.model.prior) for made in (source.recipe, recipe))
        what = f"the prior was {were or 'none'} and is {are or 'none'}"
        if were == are:
            what = f"the prior ({are}) has other numbers than there"
        told.append(f"{what}: the terms of the target are taken, and copied weights learned what those there left")
    return told


def _terms(network: keras.Model) -> str:
    """What the prior of a network consists of; numbers as text, so that lists and tuples are one."""
    return json.dumps([layer.terms for layer in network.layers if _kind(layer) == "prior"])


def _move(theirs, ours, source: ForceField, recipe: Recipe, species: list[str]) -> Move:
    total = sum(_size(weight) for weight in ours.weights)
    kind = _kind(ours)
    if theirs is None:
        return Move(ours.name, "reset", (0, total), "the model has no layer of this name")
    if _kind(theirs) != kind:
        return Move(ours.name, "reset", (0, total), f"there it is a {_kind(theirs)}, here a {kind}")
    if kind == "atom_encoder":
        there, here = _inputs(source.recipe), _inputs(recipe)
        if there != here:
            return Move(ours.name, "reset", (0, total), f"its inputs are {there} there, {here} here")
        if here == "species" and source.species != species:
            reason = f"its inputs are species: {source.species} there, {species} here"
            return Move(ours.name, "reset", (0, total), reason)
    available = {_inside(weight): weight for weight in theirs.weights}
    copied, reasons = 0, []
    for weight in ours.weights:
        name = _inside(weight)
        if (kind, name) in _FACTS:
            reasons.append(f"{name} from the target")
        elif name not in available:
            reasons.append(f"{name} is new")
        elif tuple(available[name].shape) != tuple(weight.shape):
            reasons.append(f"{name} is {_shape(available[name])} there, {_shape(weight)} here")
        else:
            weight.assign(available[name])
            copied += _size(weight)
    if copied == 0:
        action = "from the target" if all((kind, _inside(weight)) in _FACTS for weight in ours.weights) else "reset"
    else:
        action = "copied" if all("from the target" in reason for reason in reasons) else "copied in part"
    return Move(ours.name, action, (copied, total), "; ".join(reasons))


def _kind(layer) -> str:
    return keras.saving.get_registered_name(type(layer)).removeprefix("gnnzoo>")


def _inputs(recipe: Recipe) -> str:
    """What the atom encoder reads, which is the first entry of the stack."""
    return recipe.model.layers[0].inputs


def _inside(weight) -> str:
    """A weight's name within its layer: message_passing_1/update/output/bias -> update/output/bias."""
    return weight.path.split("/", 1)[1]


def _size(weight) -> int:
    size = 1
    for length in weight.shape:
        size *= int(length)
    return size


def _shape(weight) -> str:
    return "x".join(map(str, weight.shape)) or "a number"
