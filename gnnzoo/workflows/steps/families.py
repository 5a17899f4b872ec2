"""Stacks for kinds of matter: the installed recipe that a new one starts from, and what the data change in it."""

from collections.abc import Mapping
from dataclasses import dataclass

from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.inspection.dataset_report import DatasetReport
from gnnzoo.data.inspection.matter import FAMILIES, Matter
from gnnzoo.elements import ATOMIC_NUMBERS
from gnnzoo.errors import UserError, did_you_mean
from gnnzoo.recipe.io.template import installed_recipe
from gnnzoo.recipe.layer_registry import layers_with

# Plane waves up to this number of radians over the cutoff continue where neighbours end.
_WAVES = 10.0
_MOST_CHANNELS = 8  # of the density: more species share them
# Weights of energies and virials per atom next to forces, in network units, see `training.loss_weights`. Errors per
# atom are an order of magnitude smaller than those of force components: equal weights leave the forces in charge.
_ENERGY, _VIRIAL = 1.0, 0.1


@dataclass(frozen=True)
class Family:
    """How a kind of matter is modelled.

    Attributes:
        recipe: installed recipe whose stack and schedule are taken.
        seconds: time of a training step relative to that of the recipes argon and water, for equal edges.
        text: the stack in words.
        waves: whether the stack reads plane waves.
    """

    recipe: str
    seconds: float
    text: str
    waves: bool = False


_DENSITY = "an energy from the density of neighbours"
_STACKS = {
    "pair-fluid": Family("argon-conservative", 1.5, _DENSITY),
    "molecular-liquid": Family("water-conservative", 3.0, f"{_DENSITY}, message passing and plane waves", waves=True),
    "molecules": Family("silicon", 3.0, f"{_DENSITY} and message passing"),
    "ionic": Family("nacl", 3.0, f"{_DENSITY}, message passing and plane waves", waves=True),
    "metal": Family("copper", 2.5, f"{_DENSITY} and message passing"),
    "covalent": Family("silicon", 3.0, f"{_DENSITY} and message passing"),
}


def check_family(name: str | None) -> None:
    """Check the name of a kind of matter.

    Args:
        name: one of `FAMILIES`, or None.

    Raises:
        UserError: it is none of them.
    """
    if name is not None and name not in FAMILIES:
        raise UserError(
            f"there is no family '{name}'." + did_you_mean(name, FAMILIES),
            expected="; ".join(f"{known}: {text}" for known, text in FAMILIES.items()),
            hint="gnnzoo init DUMP, which chooses one by evidence",
        )


def family_of(name: str) -> Family:
    """The stack of a kind of matter.

    Args:
        name: one of `FAMILIES`.

    Returns:
        The family.
    """
    return _STACKS[name]


def family_recipe(family: str, matter: Matter, report: DatasetReport, names: list[str], cutoff: float) -> dict:
    """Graph, model and training of a new recipe.

    Args:
        family: one of `FAMILIES`.
        matter: what was recognised in the data.
        report: of the data.
        names: species.
        cutoff: length unit.

    Returns:
        `graph`, `model` and `training` as JSON values; the network knows species by name alone.
    """
    raw = installed_recipe(_STACKS[family].recipe)
    graph, layers, training = raw["graph"], raw["model"]["layers"], raw["training"]
    graph["cutoff"] = cutoff
    layers[0]["inputs"] = "species"
    if _STACKS[family].waves:
        if matter.periodic and matter.charged:
            graph["waves"] = round(_WAVES / cutoff, 2)
        else:
            del graph["waves"]
            layers = [layer for layer in layers if layer["layer"] not in layers_with(reads_waves=True)]
    for layer in layers:
        if layer["layer"] in layers_with(reads_radial=True) and "channels" in layer:
            layer["channels"] = min(max(layer["channels"], len(names)), _MOST_CHANNELS)
    model = {"normalization": "training", "layers": layers}
    if report.units != "lj" and set(names) <= set(ATOMIC_NUMBERS):
        model["prior"] = [{"prior": "repulsion"}]
    weights = loss_weights(report)
    if weights:
        training["loss_weights"] = {"forces": 1.0, **weights}
    return {"graph": graph, "model": model, "training": training}


def loss_weights(report: DatasetReport) -> Mapping[str, float]:
    """Weights of what the data hold in addition to forces.

    Args:
        report: of the data.

    Returns:
        "energy" and "virial", where some frames have them.
    """
    known = {"energy": _ENERGY, "virial": _VIRIAL}
    return {name: weight for name, weight in known.items() if name in report.fields}


def species_names(dataset: Dataset) -> list[str]:
    """The species of a `dataset`.

    Returns:
        Names of its types in the order of their numbers, each once.
    """
    return list(dict.fromkeys(dataset.type_names[number] for number in sorted(dataset.type_names)))
