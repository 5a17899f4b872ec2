"""Summary of a recipe in a dozen lines."""

from collections.abc import Callable

from gnnzoo.recipe.checks.stack import layer_names
from gnnzoo.recipe.schema.base import Section
from gnnzoo.recipe.schema.entry import Entry
from gnnzoo.recipe.schema.prior import Angle, Bond, HarmonicPrior, PriorEntry
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.recipe.schema.training import LearningRate, Stage, Training
from gnnzoo.recipe.schema.transfer import StartFrom
from gnnzoo.units import length_unit


def summary(recipe: Recipe) -> list[tuple[str, str]]:
    """Summarise data, graph, stack, priors and schedule of a recipe.

    Args:
        recipe: any.

    Returns:
        Title and text of each line.
    """
    prior = [("prior", _prior(entry)) for entry in recipe.model.prior]
    return [*_data(recipe), ("graph", _graph(recipe)), _scales(recipe), *_stack(recipe), *prior, *_training(recipe)]


def _data(recipe: Recipe) -> list[tuple[str, str]]:
    data = recipe.data
    source = data.source if isinstance(data.source, str) else ", ".join(data.source)
    made = f", else made by LAMMPS from {data.simulate.input}" if data.simulate else ""
    types = " ".join(f"{number}={name}" for number, name in (data.types or {}).items()) or "those of the data"
    split = data.split
    evaluated = [("evaluation", ", ".join(data.evaluation))] if data.evaluation else []
    return [
        ("source", source + made),
        ("types", f"{types}; units {data.units or 'those of the data'}"),
        (
            "split",
            f"{split.method}: {split.train:.0%} training, {split.validation:.0%} validation, {split.test:.0%} test"
            + (f"; {split.frames} training frames at most" if split.frames else ""),
        ),
        *evaluated,
    ]


def _graph(recipe: Recipe) -> str:
    graph = recipe.graph
    unit = length_unit(recipe.data.units) if recipe.data.units else ""
    end = ", smooth end" if graph.envelope else ""

    def edge(kind: str) -> str:
        return f"{kind} ({graph.radial.functions} {graph.radial.basis})" if kind == "radial" else kind

    waves = f"; waves up to {graph.waves:g}{unit and f' 1/{unit}'}" if graph.waves else ""
    return f"cutoff {graph.cutoff:g}{unit and f' {unit}'}{end}; edges: {', '.join(map(edge, graph.edges))}{waves}"


def _scales(recipe: Recipe) -> tuple[str, str]:
    scales = {
        "training": "forces and neighbours of the training split",
        "none": "none: raw forces, sums over neighbours",
    }
    return "scaled by", scales[recipe.model.normalization]


def _stack(recipe: Recipe) -> list[tuple[str, str]]:
    return [(name, _entry(entry)) for name, entry in zip(layer_names(recipe), recipe.model.layers, strict=True)]


def _entry(entry: Entry) -> str:
    """Options of an entry: its kind where it has another name, its width, then what differs from the default."""
    parts = [entry.layer] if entry.name else []
    units: int | None = getattr(entry, "units", None)
    parts += [f"{units} units"] if units else []
    left_out = ("layer", "name", "units")
    parts += _options(entry, left_out, lambda value, default: value != default)
    defaults = _options(entry, left_out, lambda value, default: value not in (None, False))
    return ", ".join(parts or defaults) or "no options"


def _options(part: Section, left_out: tuple[str, ...], chosen: Callable[[object, object], bool]) -> list[str]:
    """Keys of a section with their values, those for which `chosen` is true of value and default."""
    values = [
        (key, getattr(part, key), field.default)
        for key, field in type(part).model_fields.items()
        if key not in left_out
    ]
    return [key if value is True else f"{key} {value}" for key, value, default in values if chosen(value, default)]


def _prior(entry: PriorEntry) -> str:
    """The kind of a prior, and its numbers or the species of its springs."""
    if isinstance(entry, HarmonicPrior):
        springs: dict[str, list[Bond] | list[Angle]] = {"bonds": entry.bonds, "angles": entry.angles}
        texts = [
            f"{key} {' '.join('-'.join(spring.types) for spring in some)}" for key, some in springs.items() if some
        ]
    else:
        texts = _options(entry, ("prior",), lambda value, default: value != default)
    return ", ".join([entry.prior, *texts])


def _training(recipe: Recipe) -> list[tuple[str, str]]:
    training = recipe.training
    length = f"{training.steps} steps" if training.steps else f"{training.epochs} epochs"
    frames = f"{training.batch_size} frame{'s' if training.batch_size > 1 else ''} a step"
    every = f"{frames}, checkpoint every {training.checkpoint_every} epochs, seed {training.seed}"
    lines = [("schedule", f"{length}, {every}"), ("loss", _loss(training))]
    if training.warmup.epochs:
        epochs = training.warmup.epochs
        lines.append(("warm-up", f"{epochs} epoch{'s' if epochs > 1 else ''}, {training.warmup.loss}"))
    changes = _changes(training)
    if changes:
        lines.append(("augmentation", ", ".join(changes)))
    if training.start_from:
        lines.append(("start from", _start(training.start_from)))
    if training.rates:
        lines.append(("rates", _layer_rates(training.rates)))
    for number, stage in enumerate(training.stages, 1):
        lines.append((f"stage {number}", _stage(stage, training)))
    return lines


def _stage(stage: Stage, training: Training) -> str:
    parts = [f"{stage.steps} steps" if stage.steps else f"{stage.share:.0%}"]
    parts += [f"{stage.head} head"] if stage.head else []
    parts += [stage.loss or training.loss, f"rate {_rate(stage.learning_rate or training.learning_rate)}"]
    return ", ".join(parts + ([_layer_rates(stage.rates)] if stage.rates else []))


def _layer_rates(rates: dict[str, float]) -> str:
    return ", ".join(f"{name} {f'x {rate:g}' if rate else 'frozen'}" for name, rate in rates.items())


def _start(start: StartFrom) -> str:
    """The source model and the options of the transfer; lists and maps where they are not empty."""
    lists = [f"{key} {' '.join(getattr(start, key))}" for key in ("freeze", "reset") if getattr(start, key)]
    mapped = [f"{here} as {there}" for here, there in start.map.items()]
    replay = [f"{start.replay:.0%} of the steps on its own frames"] if start.replay else []
    rank = f" of rank {start.rank}" if start.strategy == "lora" else ""
    return ", ".join([start.model, start.strategy + rank, f"distances {start.radial}", *lists, *mapped, *replay])


def _loss(training: Training) -> str:
    """Loss and optimizer, with the options that differ from the default."""
    weights = training.loss_weights
    parts = [training.loss, training.optimizer, f"rate {_rate(training.learning_rate)}"]
    parts += [f"weight of {name} {weight:g}" for name, weight in weights.types.items()]
    whole = [f"{name} {getattr(weights, name):g}" for name in ("energy", "virial") if getattr(weights, name)]
    if whole:
        parts += [f"forces {weights.forces:g}", *whole]
    if training.clip_norm:
        parts.append(f"gradient up to {training.clip_norm:g}")
    if training.ema:
        parts.append(f"weights averaged with {training.ema.decay:g}")
    if training.early_stopping:
        parts.append(f"ends after {training.early_stopping.patience} epochs without gain")
    return ", ".join(parts)


def _rate(rate: LearningRate) -> str:
    how = {
        "exponential": f"x {rate.decay:g} per epoch",
        "plateau": f"x {rate.factor:g} after {rate.patience} epochs without gain",
    }
    return f"{rate.initial:g} {how.get(rate.schedule, f'to zero, {rate.schedule}')}"


def _changes(training: Training) -> list[str]:
    changes = training.augmentation
    noise = [f"positions moved by {changes.noise:g}"] if changes.noise else []
    return (["random rotations"] if changes.rotation else []) + noise
