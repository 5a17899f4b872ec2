"""What there is to say of a transfer beside its moves: how layers are trained on, and what surrounds copied weights."""

import json
from dataclasses import replace

import keras

from gnnzoo.layers.prior import Prior
from gnnzoo.models.build import network_species
from gnnzoo.models.files import ForceField
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.transfer import StartFrom
from gnnzoo.transfer_learning.copy_weights import Move, species_inputs


def told_rates(move: Move, rates: list[float]) -> Move:
    """A move with how its layer is trained afterwards, where that is not as any other.

    Args:
        rates: factors of the learning rate, one for each stage.
    """
    if set(rates) == {1.0} or not move.weights[1] or move.action.startswith("from the"):
        return move
    if set(rates) == {0.0}:
        return replace(move, action=f"{move.action}, frozen")
    told = " then ".join("frozen" if rate == 0 else f"rate x {rate:.2g}" for rate in rates)
    return replace(move, reason="; ".join(filter(None, [move.reason, told])))


def new_meanings(source: ForceField, network: keras.Model, recipe: Recipe) -> list[str]:
    """Sentences about what surrounds copied weights and is not as it was where they were learned.

    Args:
        source: the trained model.
        network: of the target.
        recipe: of the target.
    """
    graph, told = recipe.graph, []
    if source.cutoff != graph.cutoff:
        how = (recipe.training.start_from or StartFrom(model="")).radial
        known = {
            "extend": "kept in length units" if source.cutoff < graph.cutoff else "kept up to the new one",
            "stretch": "stretched with the radial basis",
        }
        what = known[how] if "radial" in graph.edges else "used beyond where it was learned"
        told.append(
            f"the cutoff was {source.cutoff:g} and is {graph.cutoff:g}: what the layers learned of distance is {what}"
        )
    known, species = sorted(set((source.info.get("types") or {}).values())), species_inputs(recipe)
    if (
        len(known) == 1
        and species == species_inputs(source.recipe) == "parameters"
        and known != network_species(recipe)
    ):
        told.append(
            f"the model has seen one species, {known[0]}: what charge, epsilon and sigma do, nobody can learn from one "
            "point; what it makes of those of the target is chance"
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
    return json.dumps([layer.terms for layer in network.layers if isinstance(layer, Prior)])
