"""The network of a .keras file, built again from its recipe: nothing that the file names is imported or called.

`config.json` is not given to Keras, which would make any object that it names. Two kinds of numbers are read from it:
scales, which come from the training data; and the arguments of all layers, which must be those that the recipe gives.
"""

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import keras

from gnnzoo import fields
from gnnzoo.json_records import parse_json
from gnnzoo.layers.stack_layer import ConfiguredLayer
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.weights import weight_bytes
from gnnzoo.recipe.checks.stack import layer_names
from gnnzoo.recipe.schema.recipe import Recipe

LONGEST_CONFIG = 4_000_000  # bytes; 30 kB for a small network, and one-hot tables of 118 species
_LONGEST_NAME = 60  # characters of a layer's name that an error quotes
_WITHOUT_EFFECT = "seed"  # of initial weights, which the file replaces, and of dropout


# A layer's arguments in `config.json`, by name of the layer.
LayerConfigs = Mapping[str, Mapping[str, object]]


def build_stored_network(recipe: Recipe, species: list[str], config: bytes, most: int) -> keras.Model:
    """Build the network of a file.

    Args:
        recipe: that of the file.
        species: names in the order of the network's `species` input.
        config: the file's `config.json`.
        most: bytes of weights at most.

    Returns:
        The network; its weights are not those of the file yet.

    Raises:
        ValueError: recipe and `config.json` do not describe the same network, or it is larger than `most`.
    """
    stored = layer_configs(config)
    known = {*fields.MODEL_INPUTS, fields.EDGE_GEOMETRY, *layer_names(recipe), fields.FORCE_SCALE, fields.PRIOR}
    if strange := sorted(set(stored) - known):
        raise ValueError(f"the layer {strange[0][:_LONGEST_NAME]!r} is not in the recipe")
    scales = stored_scales(stored, len(species))
    # Keras keeps a list of variables without memory for each thread; this one ends with its list.
    with ThreadPoolExecutor(1) as thread:
        network = thread.submit(_build_within, recipe, species, scales, most).result()
    _check_arguments(network, stored)
    return network


def _build_within(recipe: Recipe, species: list[str], scales: Scales, most: int) -> keras.Model:
    """Build a network, whose variables get memory only once their size is known."""
    with keras.StatelessScope() as scope:
        network = build_network(recipe, species, scales)
        size = weight_bytes(network)
        if size > most:
            scope.initialize_variables = False
            raise ValueError(f"its recipe declares {size:,} bytes of weights, the file has at most {most:,}")
    return network


def layer_configs(config: bytes) -> LayerConfigs:
    """Read the arguments of the layers in `config.json`.

    Args:
        config: the member as it stands in the file.

    Returns:
        Constructor arguments by name of the layer.

    Raises:
        ValueError: it is not the configuration of a functional model.
    """
    found: dict[str, Mapping[str, object]] = {}
    model = parse_json(config, LONGEST_CONFIG)
    inner = model.get("config") if isinstance(model, dict) else None
    layers = inner.get("layers") if isinstance(inner, dict) else None
    if not isinstance(layers, list):
        raise ValueError("it lists no layers")
    for layer in layers:
        arguments = layer.get("config") if isinstance(layer, dict) else None
        if not isinstance(arguments, dict) or not isinstance(arguments.get("name"), str):
            raise ValueError("it holds a layer without name or arguments")
        found[arguments["name"]] = arguments
    return found


def stored_scales(stored: LayerConfigs, species: int) -> Scales:
    """Read the scales that a network was built with.

    Args:
        stored: arguments of its layers.
        species: number of species.

    Returns:
        The scales, without energy offsets, which are no part of a network.

    Raises:
        ValueError: they are missing, or no numbers of the right shape.
    """
    force = stored.get(fields.FORCE_SCALE, {}).get("scale")
    for number in force if isinstance(force, list) else [force]:
        _require_number(number, f"{fields.FORCE_SCALE}.scale")
    if isinstance(force, list) and len(force) != species:
        raise ValueError(f"{fields.FORCE_SCALE}.scale has {len(force)} numbers for {species} species")
    sums = next((layer["neighbor_scale"] for layer in stored.values() if "neighbor_scale" in layer), 1.0)
    return Scales(
        force=force,  # type: ignore[arg-type]  # checked above
        neighbor_scale=_require_number(sums, "neighbor_scale"),
        shortest=_stored_shortest(stored, species),
    )


def _stored_shortest(stored: LayerConfigs, species: int) -> list[object] | None:
    """Shortest distances between and within molecules of a repulsion; None without one."""
    terms = stored.get(fields.PRIOR, {}).get("terms")
    for term in terms if isinstance(terms, list) else ():
        if isinstance(term, dict) and term.get("term") == "repulsion":
            tables = [term.get("shortest"), term.get("shortest_inside")]
            for table in tables:
                rows = table if isinstance(table, list) else []
                if len(rows) != species or any(not isinstance(row, list) or len(row) != species for row in rows):
                    raise ValueError(f"{fields.PRIOR}.shortest is not of shape ({species}, {species})")
                for number in (number for row in rows for number in row):
                    _require_number(number, f"{fields.PRIOR}.shortest")
            return tables
    return None


def _require_number(value: object, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{key} is no finite number")
    return value


def _check_arguments(network: keras.Model, stored: LayerConfigs) -> None:
    """The layers that the recipe gives are those of the file, with the same arguments."""
    built = {layer.name: layer for layer in network.layers}
    if other := sorted(set(built) ^ set(stored)):
        raise ValueError(f"the layer {other[0]} is in {'it' if other[0] in stored else 'the recipe'} alone")
    for name, layer in built.items():
        if not isinstance(layer, ConfiguredLayer):
            continue
        arguments = layer.get_config()
        for key in set(layer.arguments) & set(stored[name]) - {_WITHOUT_EFFECT}:
            if arguments[key] != stored[name][key]:
                raise ValueError(f"{name}.{key} is not {arguments[key]}, as the recipe says")
