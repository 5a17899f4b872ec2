"""Report of an initialised transfer: what was copied layer by layer, how it is trained, what the target changes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import keras

from gnnzoo.layers.prior import Prior
from gnnzoo.models.build import network_species
from gnnzoo.models.files import ForceField
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.records import Record
from gnnzoo.training.rates import layer_rates
from gnnzoo.training.stages import training_stages
from gnnzoo.transfer_learning.copy_weights import species_inputs
from gnnzoo.transfer_learning.initialize import TransferStart
from gnnzoo.transfer_learning.provenance import LayerTransfer, copied_layers
from gnnzoo.transfer_learning.strategies import apply_strategy, transfer_settings

# Share of copied weights below which a transfer is warned about. Chosen by hand: recipes of one family share nearly all
# weights, those of different families a few small layers.
_SMALL_SHARE = 0.2


@dataclass(frozen=True)
class LayerReport(LayerTransfer):
    """What happened to the weights of one layer, and how it is trained.

    Attributes:
        training: "frozen", "rate x 0.38", "frozen, then rate x 1", "adapters of rank 8", ...; "" for the full rate.
    """

    training: str = ""


@dataclass(frozen=True)
class TransferReport(Record):
    """What a transfer copies and how it is trained, known before training.

    Attributes:
        source: path of the source model, or name of its recipe.
        target: name of the target's recipe.
        strategy: name of the strategy.
        layers: one record for each layer.
        remarks: how the target differs from the source, in sentences.
        copied_share: fraction of the target's weights that were copied.
        warning: set if `copied_share` is small.
    """

    source: str
    target: str
    strategy: str
    layers: list[LayerReport]
    remarks: list[str]
    copied_share: float
    warning: str | None = None


def transfer_report(source: ForceField, start: TransferStart, target_units: str | None) -> TransferReport:
    """Describe an initialised transfer.

    Args:
        source: the source model.
        start: the target network with copied weights.
        target_units: LAMMPS unit style of the target's data.

    Returns:
        The report.
    """
    recipe = start.model.recipe
    remarks = [
        *_unit_remarks(source, recipe, start.factor, target_units),
        *target_differences(source, start.model.network, recipe),
    ]
    if start.output_gain != 1:
        remarks.append(
            f"the output of the heads is multiplied by {start.output_gain:.3g}, fitted to the size of training forces"
        )
    share = sum(layer.copied for layer in start.layers) / sum(layer.total for layer in start.layers)
    warning = (
        f"only {share:.0%} of the target's weights come from the model: its recipe is '{source.recipe.name}', and a "
        "target with the same layers shares more (gnnzoo list)"
    )
    return TransferReport(
        str(source.path or source.recipe.name),
        recipe.name,
        transfer_settings(recipe).strategy,
        _layer_reports(start),
        remarks,
        share,
        warning if share < _SMALL_SHARE else None,
    )


def _layer_reports(start: TransferStart) -> list[LayerReport]:
    recipe, copied = start.model.recipe, copied_layers(start.layers)
    settings = transfer_settings(recipe)
    names = [layer.name for layer in start.model.network.layers]
    stages = [layer_rates(stage.rates, names) for stage in training_stages(apply_strategy(recipe, copied))]
    reports = []
    for layer in start.layers:
        rank = settings.rank if settings.strategy == "lora" and layer.layer in copied else None
        training = training_text(layer, [rates.get(layer.layer, 1.0) for rates in stages], rank)
        reports.append(LayerReport(layer.layer, layer.action, layer.copied, layer.total, layer.reason, training))
    return reports


def training_text(layer: LayerTransfer, rates: Sequence[float], rank: int | None = None) -> str:
    """How a layer is trained, where that is not at the full learning rate.

    Args:
        layer: record of the layer.
        rates: factor of the learning rate in each stage.
        rank: width of the layer's low-rank adapters; None if it has none.

    Returns:
        The text; "" for the full rate, and for a layer without trainable weights.
    """
    if not layer.total or layer.action in ("from the target", "from the model"):
        return ""
    if set(rates) == {0.0}:
        return "frozen"
    adapters = [] if rank is None else [f"adapters of rank {rank}"]
    if set(rates) == {1.0}:
        return "".join(adapters)
    stages = ["frozen" if rate == 0 else f"rate x {rate:.2g}" for rate in rates]
    return "; ".join([", then ".join(stages), *adapters])


def _unit_remarks(source: ForceField, recipe: Recipe, factor: float, target_units: str | None) -> Iterator[str]:
    """What a conversion of units affects."""
    if factor == 1:
        return
    text = f"the model is in {source.units} units, the target in {target_units}: "
    if recipe.model.normalization == "none":
        text += f"forces are converted, x {factor:.6g}"
    else:
        text += "the force scale is that of the target's own forces"
    if species_inputs(recipe) == "parameters":
        text += f"; epsilon is multiplied by {1 / factor:.6g} where it enters the network"
    yield text


def target_differences(source: ForceField, network: keras.Model, recipe: Recipe) -> list[str]:
    """Differences between source and target that change the meaning of copied weights.

    Args:
        source: the trained model.
        network: network of the target.
        recipe: recipe of the target.

    Returns:
        One sentence for each difference in cutoff, species, wave vectors and prior.
    """
    return [
        *_cutoff_difference(source.recipe, recipe),
        *_species_difference(source, recipe),
        *_wave_difference(source.recipe, recipe),
        *_prior_difference(source, network, recipe),
    ]


def _cutoff_difference(source: Recipe, target: Recipe) -> Iterator[str]:
    old, new = source.graph.cutoff, target.graph.cutoff
    if old == new:
        return
    if "radial" not in target.graph.edges:
        effect = "used beyond the range it was trained on"
    elif transfer_settings(target).radial == "stretch":
        effect = "stretched with the radial basis"
    else:
        effect = "kept in length units" if old < new else "kept up to the new cutoff"
    yield f"the cutoff was {old:g} and is {new:g}: the learned dependence on distance is {effect}"


def _species_difference(source: ForceField, target: Recipe) -> Iterator[str]:
    known = sorted(set((source.info.get("types") or {}).values()))
    by_parameters = species_inputs(target) == species_inputs(source.recipe) == "parameters"
    if len(known) == 1 and by_parameters and known != network_species(target):
        yield (
            f"the model was trained on one species, {known[0]}: the effect of charge, epsilon and sigma cannot be "
            "learned from a single point, so its output for the target's species is arbitrary"
        )


def _wave_difference(source: Recipe, target: Recipe) -> Iterator[str]:
    old, new = source.graph.waves, target.graph.waves
    if old is not None and new is not None and old != new:
        yield (
            f"the largest wave number was {old:g} and is {new:g}: filters of wave vectors measure lengths in its "
            f"inverse, so what they learned is stretched by {old / new:.3g}"
        )


def _prior_difference(source: ForceField, network: keras.Model, target: Recipe) -> Iterator[str]:
    if _prior_terms(source.network) == _prior_terms(network):
        return
    old, new = (", ".join(entry.prior for entry in made.model.prior) for made in (source.recipe, target))
    change = f"the prior was {old or 'none'} and is {new or 'none'}"
    if old == new:
        change = f"the prior ({new}) has other parameters than in the source"
    yield f"{change}: the target's terms are used, but copied weights were trained on what the source's terms leave"


def _prior_terms(network: keras.Model) -> str:
    """Terms of a network's prior as JSON text, so that lists and tuples compare equal."""
    return json.dumps([layer.terms for layer in network.layers if isinstance(layer, Prior)])
