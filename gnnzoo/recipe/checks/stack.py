"""What must agree within a recipe's stack of layers: order, edge features, names; widths are checked beside it."""

from collections.abc import Iterator

from gnnzoo.fields import BATCH_SHAPES
from gnnzoo.recipe.checks.heads import check_heads
from gnnzoo.recipe.checks.vectors import check_vectors
from gnnzoo.recipe.checks.widths import check_widths
from gnnzoo.recipe.io.validation_errors import Problem
from gnnzoo.recipe.schema.recipe import Recipe

# Layers that read the features of edges, encoded where an edge_encoder stands before them.
EDGE_READERS = ("message_passing", "schnet_convolution", "gamd_convolution", "pair_force_decoder")
# What a network calls its inputs and the layers around the stack.
RESERVED = ("edge_geometry", "force_scale", "prior", *BATCH_SHAPES)
_STACK = ("model", "layers")


def check_stack(recipe: Recipe) -> list[Problem]:
    """Everything in the stack that does not agree."""
    widths = check_widths(recipe, layer_names(recipe))
    heads, vectors = check_heads(recipe), check_vectors(recipe)
    return [*_edges(recipe), *_order(recipe), *heads, *vectors, *_names(recipe), *widths]


def _kinds(recipe: Recipe) -> list[str]:
    return [entry.layer for entry in recipe.model.layers]


def _edges(recipe: Recipe) -> Iterator[Problem]:
    """The edge features suffice for what the stack does with them, and something reads them."""
    edges = recipe.graph.edges
    if not {*EDGE_READERS, "atomic_density", "painn_message"} & set(_kinds(recipe)):
        yield Problem(_STACK, "no layer reads an edge: forces could not depend on positions", "message_passing")
    springs = any(prior.prior == "harmonic" for prior in recipe.model.prior)
    if recipe.graph.bonds is not None and "bond" not in edges and not springs:
        yield Problem(("graph", "bonds"), "bonds are named, but edges carry no bond features", '"bond" in graph.edges')
    if edges == ["bond"]:
        yield Problem(("graph", "edges"), "a bond alone does not say how far apart two atoms are", '"distance" too')
    for number, entry in enumerate(recipe.model.layers):
        path = (*_STACK, number)
        if getattr(entry, "bond_features", False) and "bond" not in edges:
            yield Problem((*path, "bond_features"), "edges carry no bond features", '"bond" in graph.edges')
        if entry.layer in ("schnet_convolution", "gamd_convolution") and not {"distance", "radial"} & set(edges):
            yield Problem(path, f"{entry.layer}: edges carry no distance", '"radial" or "distance" in graph.edges')
        if entry.layer == "force_decoder" and "direction" not in edges:
            yield Problem(
                path,
                "a force_decoder cannot know where forces point: edges carry no direction",
                '"direction" in graph.edges',
                "or a pair_force_decoder, which needs none",
            )


def _order(recipe: Recipe) -> Iterator[Problem]:
    """One atom encoder first, at most one edge encoder, which stands before whatever reads edges."""
    kinds = _kinds(recipe)
    if kinds[0] != "atom_encoder":
        yield Problem((*_STACK, 0), f"the stack begins with {kinds[0]}", "an atom_encoder first")
    for number, kind in enumerate(kinds):
        path = (*_STACK, number)
        if kind == "atom_encoder" and number > 0:
            if kinds[0] == kind:
                yield Problem(path, "a second atom_encoder", "one, at the beginning")
        elif kind == "edge_encoder":
            before = kinds[:number]
            if kind in before:
                yield Problem(path, "a second edge_encoder", "one at most")
            elif readers := [name for name in before if name in EDGE_READERS]:
                yield Problem(path, "edge_encoder stands after a layer that reads edges", f"before {readers[0]}")


def _names(recipe: Recipe) -> Iterator[Problem]:
    """No two layers have one name, and none that of an input or of a layer around the stack."""
    first: dict[str, int] = {}
    for number, name in enumerate(layer_names(recipe)):
        if name in RESERVED:
            kinds = _kinds(recipe)[: number + 1]
            fits = f"another name, or none: then it is {kinds[-1]}_{kinds.count(kinds[-1])}"
            yield Problem((*_STACK, number, "name"), f"'{name}' is what every network has beside its stack", fits)
        if name in first:
            path = (*_STACK, number, "name") if recipe.model.layers[number].name else (*_STACK, number)
            yield Problem(path, f"'{name}' is the name of model.layers[{first[name]}] too", "a name of its own")
        first.setdefault(name, number)


def layer_names(recipe: Recipe) -> list[str]:
    """The name of each entry: its own, or its kind and its number of that kind ("graph_norm_2")."""
    kinds = _kinds(recipe)
    return [
        entry.name or f"{entry.layer}_{kinds[: number + 1].count(entry.layer)}"
        for number, entry in enumerate(recipe.model.layers)
    ]
