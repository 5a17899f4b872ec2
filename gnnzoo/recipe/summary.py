"""A recipe in a dozen lines, as a person would tell it."""

from gnnzoo.recipe.layer_parts import Entry
from gnnzoo.recipe.schema import Recipe
from gnnzoo.recipe.stack_checks import layer_names
from gnnzoo.units import length_unit


def summary(recipe: Recipe) -> list[tuple[str, str]]:
    """(part, what it says) for data, graph, stack and schedule."""
    return [*_data(recipe), ("graph", _graph(recipe)), *_stack(recipe), *_training(recipe)]


def _data(recipe: Recipe) -> list[tuple[str, str]]:
    data = recipe.data
    source = data.source if isinstance(data.source, str) else ", ".join(data.source)
    made = f", else made by LAMMPS from {data.simulate.input}" if data.simulate else ""
    types = " ".join(f"{number}={name}" for number, name in (data.types or {}).items()) or "as the data say"
    split = data.split
    return [
        ("source", source + made),
        ("types", f"{types}; units {data.units or 'as the data say'}"),
        (
            "split",
            f"{split.method}: {split.train:.0%} training, {split.validation:.0%} validation, {split.test:.0%} test",
        ),
    ]


def _graph(recipe: Recipe) -> str:
    graph = recipe.graph
    unit = f" {length_unit(recipe.data.units)}" if recipe.data.units else ""
    end = ", smooth end" if graph.envelope else ""
    return f"cutoff {graph.cutoff:g}{unit}{end}; edges: {', '.join(graph.edges)}"


def _stack(recipe: Recipe) -> list[tuple[str, str]]:
    return [(name, _entry(entry)) for name, entry in zip(layer_names(recipe), recipe.model.layers, strict=True)]


def _entry(entry: Entry) -> str:
    """What an entry sets: its width first, then what differs from the default."""
    parts = [f"{entry.units} units"] if hasattr(entry, "units") else []
    for key, field in type(entry).model_fields.items():
        value = getattr(entry, key)
        if key not in ("layer", "name", "units") and value != field.default:
            parts.append(key if value is True else f"{key} {value}")
    return ", ".join(parts)


def _training(recipe: Recipe) -> list[tuple[str, str]]:
    training = recipe.training
    length = f"{training.steps} steps" if training.steps else f"{training.epochs} epochs"
    rate, warmup = training.learning_rate, training.warmup
    lines = [
        (
            "schedule",
            f"{length}, {training.batch_size} frames a step, checkpoint every {training.checkpoint_every} epochs",
        ),
        ("loss", f"{training.loss}, {training.optimizer}, rate {rate.initial:g} x {rate.decay:g} per epoch"),
    ]
    if warmup.epochs:
        lines.append(("warm-up", f"{warmup.epochs} epoch{'s' if warmup.epochs > 1 else ''}, {warmup.loss}"))
    if training.augmentation.rotation:
        lines.append(("augmentation", "random rotations"))
    return lines
