"""Carry a trained model over to another substance and train it there."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from gnnzoo.console import note, table
from gnnzoo.data.frames import Dataset
from gnnzoo.errors import ModelError, Place, UserError
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.models.transfer import Move, copy_weights, new_meanings, unit_factor
from gnnzoo.recipe.load import find_recipe, load_recipe
from gnnzoo.recipe.schema import Recipe
from gnnzoo.training.prepare import Prepared, prepare
from gnnzoo.training.runs import Run, unfinished_run
from gnnzoo.training.schedule import seconds
from gnnzoo.units import force_unit
from gnnzoo.workflows.fit import check_output, fit
from gnnzoo.workflows.model_info import judge
from gnnzoo.workflows.resume import check_same, with_scales_of
from gnnzoo.workflows.sources import recipe_dataset


def transfer(
    model: str | Path | ForceField,
    target: Recipe | str | Path,
    *,
    data: str | Path | list | None = None,
    time_limit: str | float | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    overrides: Iterable[str] = (),
) -> ForceField:
    """Build the target's model, copy what fits from `model`, train it, and write TARGET-from-SOURCE.keras.

    Args:
        model: the trained model, or its path.
        target: recipe of the target, its path, or its name.
        data: a dataset, a dump, a glob or a list of dumps, instead of the target's source.
        time_limit: seconds, or text such as "3m".
        output: where the new model goes.
        resume: go on with the newest unfinished run that was to end in this output.
        overwrite: replace an existing one, keeping it beside the new.
        overrides: changes of the target's recipe.

    Returns:
        The new model; `info["origin"]` says where its weights began.

    Raises:
        UserError: something in model, recipe or data is wrong, or nothing fits; before training starts.
    """
    limit = seconds(time_limit) if isinstance(time_limit, str) else time_limit
    source = model if isinstance(model, ForceField) else load_model(model)
    path = None if isinstance(target, Recipe) else find_recipe(target)
    recipe = target if path is None else load_recipe(path, overrides)
    origin_name = source.path.stem if source.path else source.recipe.name
    output = Path(output) if output is not None else Path(f"{recipe.name}-from-{origin_name}.keras")
    run = unfinished_run(output, recipe.name, str(source.path)) if resume else None
    check_output(output, overwrite)
    if run is not None:
        _check_origin(run, source)
    dataset = recipe_dataset(recipe, path, data)
    prepared = prepare(recipe, dataset)
    factor = unit_factor(source, dataset.units)
    _check_parameters(source, recipe, dataset)
    if recipe.model.normalization == "none":
        kept = source_scales(source, factor)
        prepared = replace(prepared, scales=replace(prepared.scales, force=kept.force, neighbors=kept.neighbors))
    if run is not None:
        check_same(run, recipe, dataset)
        prepared = with_scales_of(run, prepared)
    network = build_network(recipe, prepared.species, prepared.scales)
    moves = copy_weights(source, network, recipe, prepared.species)
    result = ForceField(network, recipe)
    if run is not None:
        return fit(result, dataset, prepared, run, limit, output, overwrite, origin=run.state["origin"])
    _show(moves, source, recipe, dataset.units, factor)
    for sentence in new_meanings(source, network, recipe):
        note(sentence)
    zero_shot = _zero_shot(result, prepared, dataset)
    origin = {
        "model": str(source.path),
        "recipe": source.recipe.name,
        "dataset": source.info.get("dataset"),
        "origin": source.info.get("origin"),
        "moves": [[move.layer, move.action, *move.weights, move.reason] for move in moves],
        "zero_shot": zero_shot,
    }
    return fit(result, dataset, prepared, None, limit, output, overwrite, origin=origin)


def source_scales(source: ForceField, factor: float) -> Scales:
    """The scales of a trained model, its force scale times `factor`: with them copied weights mean what they meant."""
    force = float(source.network.get_layer("force_scale").factor.numpy())
    found = [layer.neighbor_scale for layer in source.network.layers if hasattr(layer, "neighbor_scale")]
    return Scales(force * factor, found[0] ** -2 if found else 1.0)


def _check_origin(run: Run, source: ForceField) -> None:
    """A transfer goes on only as the transfer from the model that it began with."""
    origin = run.state.get("origin")
    if origin is None or origin["model"] != str(source.path):
        began = f"from {origin['model']}" if origin else "without a transfer"
        raise UserError(
            f"{run.folder} was begun {began}, not from {source.path}",
            hint="the command that began it, with --resume",
        )


def _check_parameters(source: ForceField, recipe: Recipe, dataset: Dataset) -> None:
    """Refuse species parameters in two energy units: an epsilon of 0.2 must mean the same to both."""
    by_parameters = any(e.layer == "atom_encoder" and e.inputs == "parameters" for e in recipe.model.layers)
    if by_parameters and source.units != dataset.units:
        raise ModelError(
            f"its species parameters are in {source.units} units, those of '{recipe.name}' in {dataset.units} units",
            place=Place(file=source.path),
            expected="epsilon in one energy unit on both sides",
            hint=f"a target dataset and recipe in {source.units} units",
        )


def _zero_shot(model: ForceField, prepared: Prepared, dataset: Dataset) -> dict | None:
    """The error before any training on the target, on its validation part."""
    figures = judge(model, prepared, dataset, "validation")
    if figures is not None:
        note(
            f"before training on the target: mean |dF| / mean |F| {figures['relative']:.1%} (zero forces: 100 %), MAE "
            f"{figures['mae']:.4g} {force_unit(dataset.units)}, on its validation frames"
        )
    return figures


def _show(moves: list[Move], source: ForceField, recipe: Recipe, units: str | None, factor: float) -> None:
    rows = [
        [move.layer, move.action, f"{move.weights[0]:,} of {move.weights[1]:,}" if move.weights[1] else "", move.reason]
        for move in moves
    ]
    table(f"{source.path or source.recipe.name} -> {recipe.name}", ["layer", "what", "weights copied", "why"], rows)
    if factor != 1 and recipe.model.normalization == "none":  # otherwise the scale is that of the target's own forces
        note(f"forces are converted from {source.units} to {units} units: x {factor:.6g}")
