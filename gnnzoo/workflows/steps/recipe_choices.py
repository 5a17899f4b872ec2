"""Choices of a new recipe from the numbers of its data: names, atoms, cutoff, model, split, length of the training."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.frames.metadata import apply_metadata
from gnnzoo.data.inspection.accumulator import dump_masses
from gnnzoo.data.inspection.cost_estimate import MACHINE, TRAINING, CutoffCost
from gnnzoo.data.inspection.dataset_report import DatasetReport
from gnnzoo.data.inspection.describe import MAX_EDGES, describe_dataset
from gnnzoo.data.inspection.matter import FAMILIES, kind_of_matter
from gnnzoo.data.inspection.pair_sample import typical_frame
from gnnzoo.data.lammps.dataset import DumpDataset
from gnnzoo.data.split.make_split import SplitReport, make_split
from gnnzoo.data.split.methods import PARTS, Shares, Split
from gnnzoo.elements import MASSES
from gnnzoo.errors import DataError, Location, UserError
from gnnzoo.formatting import duration
from gnnzoo.recipe.io.template import is_name, known_parameters
from gnnzoo.recipe.schema import data as schema
from gnnzoo.recipe.schema.training import Training
from gnnzoo.records import Record
from gnnzoo.units import length_unit
from gnnzoo.workflows.steps.families import family_of, family_recipe, species_names
from gnnzoo.workflows.steps.split_messages import split_messages

MORE_DATA = "a longer run, or several dumps of it: gnnzoo init DUMP DUMP ..."
# A mass is an element's if it is so near, g/mol, and for heavy ones by this share: as force fields round them, but not
# so far that a CH2 of united atoms (14.027) were a nitrogen (14.007).
_NEAR, _NEAR_SHARE, _HEAVY = 0.012, 1e-3, 20.0
_CHARGE = 0.01  # e: charges of one model differ by less, those of SPC (-0.82) and TIP3P (-0.834) by more
_ATOMS, _LARGEST_BATCH = 400, 16  # atoms of a step, about: on a CPU, a step of fewer takes nearly as long
# Length of a training: the 10,000 steps after which errors of the recipes hardly fall, unless they take half an hour.
_STEPS, _SECONDS = 10_000, 1800.0
_EPOCHS = (4, 400)
_CUTOFFS = {"lj": 2.5}  # where the data suggest none: the usual one of Lennard-Jones; 5 A otherwise
_CUTOFF = 5.0
_FEW = 20  # frames below which a test part would be one or two, too few to evaluate on
SPLIT = schema.Split()
_SHARES = Shares(SPLIT.train, SPLIT.validation, SPLIT.test)
_SHARES_OF_FEW = [Shares(SPLIT.train, round(1 - SPLIT.train, 6), 0.0), Shares(0.5, 0.5, 0.0)]


@dataclass(frozen=True)
class Choice(Record):
    """A choice of a new recipe: what was chosen (`label`), and the value with its reason (`text`)."""

    label: str
    text: str


# --- types and atoms ------------------------------------------------------------------------------------------------


def choose_types(dataset: Dataset) -> tuple[dict[str, str] | None, Choice]:
    """Names of the types; nameless ones are named by their masses, in the dataset too.

    Args:
        dataset: the data.

    Returns:
        Number as text -> name, None where a recipe cannot hold the names of the data; and the reason.
    """
    unnamed = [number for number, name in dataset.type_names.items() if name == str(number)]
    by_mass = names_by_mass(dataset, unnamed)
    apply_metadata(dataset, types={number: name for number, name in by_mass.items()})
    names = {str(number): dataset.type_names[number] for number in sorted(dataset.type_names)}
    shown = ", ".join(f"{number}={name}" for number, name in names.items())
    if not all(map(is_name, names.values())):
        reason = "as in the data; not all of these names are possible in a recipe, so it takes them from the data"
        return None, Choice("types", f"{shown}: {reason}")
    nameless = [number for number in unnamed if number not in by_mass]
    if nameless:
        example = ",".join(f"{number}=NAME" for number in nameless)
        reason = (
            f"the data name no type {', '.join(map(str, nameless))}, so the number is the name; names allow transfer "
            f"to other data: --types {example}"
        )
    elif by_mass:
        masses = dump_masses(dataset.provenance)
        elements = ", ".join(f"{masses[number]:g} is {name}" for number, name in by_mass.items())
        reason = f"by the masses in the dump, {elements}"
    else:
        reason = "as declared or as in the data"
    return names, Choice("types", f"{shown}: {reason}")


def names_by_mass(dataset: Dataset, numbers: Sequence[int]) -> dict[int, str]:
    """Elements of types by their masses.

    Args:
        dataset: the data; reduced units have reduced masses, which name nothing.
        numbers: the types.

    Returns:
        Number -> symbol, with the number appended where two types are of one element; types of unknown mass left out.
    """
    if dataset.units == "lj":
        return {}
    masses = dump_masses(dataset.provenance)
    found = {number: symbol for number in numbers if (symbol := _element(masses.get(number))) is not None}
    taken = [name for number, name in dataset.type_names.items() if number not in found]
    every = [*found.values(), *taken]
    return {number: symbol if every.count(symbol) == 1 else f"{symbol}{number}" for number, symbol in found.items()}


def _element(mass: float | None) -> str | None:
    if mass is None:
        return None
    symbol = min(MASSES, key=lambda symbol: abs(MASSES[symbol] - mass))
    near = max(_NEAR, _NEAR_SHARE * mass) if mass > _HEAVY else _NEAR
    return symbol if abs(MASSES[symbol] - mass) <= near else None


def choose_atoms(dataset: Dataset) -> tuple[dict[str, dict[str, float]] | None, Choice]:
    """Parameters of the species, if an installed recipe is about the same substance.

    It is if it has exactly these species, if its charges are those of the data, and if they make the data neutral,
    which hydrogen peroxide is not with the charges of water.

    Args:
        dataset: the data.

    Returns:
        `data.atoms` of the recipe, or None; and the reason.
    """
    names = species_names(dataset)
    known = known_parameters(names, dataset.units)
    charges = _charges(dataset)
    shown = ", ".join(f"{name} {charge:+.4g}" for name, charge in charges.items())
    if known is not None:
        recipe, atoms = known
        same = all(abs(atoms[name]["charge"] - charge) < _CHARGE for name, charge in charges.items())
        if same and _neutral(dataset, atoms):
            text = (
                f"charge, epsilon and sigma of {' '.join(names)} as in the recipe {recipe}, which has these species "
                "and no others: edit them if yours differ"
            )
            return atoms, Choice("atoms", text)
        shown += f", which are not those of the recipe {recipe}" if not same else ""
    text = (
        "distinguished by name: a dump has no epsilon and sigma, which transfer to other elements needs; data.atoms "
        f"declares them{f'. Charges in the data: {shown}' if charges else ''}"
    )
    return None, Choice("atoms", text)


def _neutral(dataset: Dataset, atoms: Mapping[str, Mapping[str, float]]) -> bool:
    """Whether the charges of the species sum to zero over a typical frame."""
    charges = np.array([atoms[str(name)]["charge"] for name in typical_frame(dataset).names])
    return bool(abs(charges.sum()) < _CHARGE * max(1, len(charges)))


def _charges(dataset: Dataset) -> dict[str, float]:
    """Mean charge of each species in a typical frame, e; empty where the data have none."""
    frame = typical_frame(dataset)
    if frame.charges is None:
        return {}
    return {str(name): float(frame.charges[frame.names == name].mean()) for name in np.unique(frame.names)}


# --- graph and model ------------------------------------------------------------------------------------------------


def choose_cutoff(dataset: Dataset, report: DatasetReport, asked: float | None) -> tuple[CutoffCost, Choice]:
    """The cutoff, from the shells of neighbours unless one is asked for.

    Args:
        dataset: the data.
        report: of them; holds the cost of the cutoff asked for.
        asked: length unit.

    Returns:
        The cutoff with its cost, and the reason.

    Raises:
        UserError: no two atoms are within the cutoff.
    """
    costs = report.cutoffs
    if not costs:
        cost = describe_dataset(dataset, [_CUTOFFS.get(dataset.units or "", _CUTOFF)]).cutoffs[0]
        why = "a usual one: the cell is too small, or the atoms too few, to show shells of neighbours"
    elif asked is not None:
        cost, why = next(cost for cost in costs if cost.cutoff == asked), "asked for"
    elif report.recommended_cutoff is not None:
        cost = next(cost for cost in costs if cost.cutoff == report.recommended_cutoff)
        others = ", ".join(f"{other.cutoff:g} {other.why}" for other in costs if other is not cost)
        why = f"{cost.why}, the largest with few enough edges for a CPU" + (f" (others: {others})" if others else "")
    else:
        cheap = [cost for cost in costs if cost.edges_per_atom.mean <= MAX_EDGES]
        cost, why = cheap[-1] if cheap else costs[0], "a usual one: these data show no shell of neighbours"
    if cost.edges_per_atom.max == 0:
        raise UserError(
            f"no two atoms are nearer than the cutoff of {cost.cutoff:g}",
            location=Location(file=dataset.path),
            hint="--cutoff R with a larger R, in the data's length unit; gnnzoo inspect shows the distances",
        )
    text = f"{cost.cutoff:g} {length_unit(dataset.units)}: {why}; {cost.edges_per_atom.mean:.0f} edges per atom"
    return cost, Choice("cutoff", text)


def seconds_per_frame(cost: CutoffCost, frames: int) -> float:
    """Estimated time of a training step on one frame.

    Args:
        cost: of the cutoff.
        frames: number of frames of the data.

    Returns:
        seconds.
    """
    return cost.seconds_per_epoch / max(1.0, TRAINING * frames)


@dataclass(frozen=True)
class ModelChoice:
    """The stack of a new recipe.

    Attributes:
        family: kind of matter, of `FAMILIES`.
        raw: `graph`, `model` and `training` as JSON values.
        choices: with their reasons.
        warnings: what should be known before training.
    """

    family: str
    raw: dict
    choices: list[Choice]
    warnings: list[str]


def choose_model(dataset: Dataset, report: DatasetReport, cutoff: float, family: str | None) -> ModelChoice:
    """The stack for the kind of matter, from an installed recipe.

    Args:
        dataset: the data.
        report: of them.
        cutoff: length unit.
        family: kind of matter that is asked for, see `FAMILIES`; None: by evidence.

    Returns:
        The stack, with reasons.
    """
    matter = kind_of_matter(dataset, all(letters == "pp pp pp" for letters in report.box.boundaries))
    chosen = family or matter.family
    names = species_names(dataset)
    raw = family_recipe(chosen, matter, report, names, cutoff)
    stack = family_of(chosen)
    others = ", ".join(name for name in FAMILIES if name != chosen)
    why = f"asked for (by evidence {matter.family}: {matter.reason})" if family else matter.reason
    text = f"{chosen}: {why}; stack as in the recipe {stack.recipe}, {stack.text}; others by --family: {others}"
    choices = [Choice("model", text)]
    if stack.waves and "waves" not in raw["graph"]:
        why = "no charges" if matter.periodic else "not every frame is periodic in all directions"
        choices.append(Choice("model", f"without plane waves: {why}"))
    if "prior" in raw["model"]:
        choices.append(Choice("prior", "repulsion of nuclei below the shortest distances of the training frames"))
    if weights := raw["training"].get("loss_weights"):
        shown = ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
        choices.append(Choice("loss", f"{shown} (training.loss_weights): what the data hold, in network units"))
    warnings = []
    if matter.chain is not None:
        warnings.append(f"{matter.chain}: the model knows bonds by their lengths alone, which may not suffice")
    return ModelChoice(chosen, raw, choices, warnings)


# --- split and training ---------------------------------------------------------------------------------------------


def choose_split(dataset: Dataset, method: str = SPLIT.method) -> tuple[Split, Shares, list[Choice], list[str]]:
    """Shares of the parts that these frames allow: three parts, two of few frames, halves of very few.

    Args:
        dataset: the data.
        method: see `split_frames`.

    Returns:
        The split, its shares, what to say about it, and warnings.

    Raises:
        DataError: the frames are too few.
    """
    split, report, shares = _first_that_fits(dataset, method)
    choices = []
    if not shares.test:
        few = f"{len(dataset)} frames are too few for three parts"
        text = f"no test part: {few}; gnnzoo evaluate MODEL DATA evaluates on other data"
        choices.append(Choice("split", text))
    messages = split_messages(dataset, split, report)
    choices += [Choice("split", text.removeprefix("split: ")) for level, text in messages if level < logging.WARNING]
    return split, shares, choices, [text for level, text in messages if level >= logging.WARNING]


def _first_that_fits(dataset: Dataset, method: str) -> tuple[Split, SplitReport, Shares]:
    refused: DataError | None = None
    for shares in [*([_SHARES] if len(dataset) >= _FEW else []), *_SHARES_OF_FEW]:
        try:
            split, report = make_split(
                dataset, shares, method=method, blocks=SPLIT.blocks, gap=SPLIT.gap, seed=Training().seed
            )
        except DataError as error:
            refused = error
        else:
            return split, report, shares
    assert refused is not None
    raise DataError(refused.what, location=Location(dataset.path), hint=MORE_DATA) from refused


def share_values(shares: Shares) -> dict[str, float]:
    """The `shares` as a recipe holds them.

    Returns:
        Name of the part -> share.
    """
    return {part: getattr(shares, part) for part in PARTS}


def choose_training(
    raw: Mapping, report: DatasetReport, cost: CutoffCost, frames: int, relative: float
) -> tuple[dict, Choice]:
    """Batch size and length of the schedule, in the shape of the recipe to start from.

    Args:
        raw: that recipe, as JSON values.
        report: of the data.
        cost: of the cutoff.
        frames: number of training frames.
        relative: time of a step relative to that of the recipes that `cost` holds for.

    Returns:
        Changes of `training`, and the reason.
    """
    per_frame = relative * seconds_per_frame(cost, report.frames)
    found = schedule(frames, report.atoms_range.mean, per_frame, raw["training"])
    epochs, batch = found["epochs"], found["batch_size"]
    text = (
        f"{epochs} epochs of {frames} frames, {batch} at a time: {epochs * math.ceil(frames / batch):,} steps, about "
        f"{duration(epochs * frames * per_frame)} ({MACHINE}, within a factor of 2); gnnzoo train RECIPE "
        "--time-limit 5m fits the same schedule to another time"
    )
    return found, Choice("training", text)


def schedule(frames: int, atoms: float, seconds_per_frame: float, shape: Mapping) -> dict:
    """Batch size, and a schedule stretched or shortened from that of another recipe.

    Args:
        frames: number of training frames.
        atoms: mean number of atoms of a frame.
        seconds_per_frame: estimated time of a training step on one frame.
        shape: `training` of the recipe whose learning rate, warm-up and checkpoints are stretched.

    Returns:
        `epochs`, `batch_size`, `learning_rate`, `warmup`, `checkpoint_every`.
    """
    batch = int(np.clip(round(_ATOMS / max(1.0, atoms)), 1, max(1, min(_LARGEST_BATCH, frames // 4))))
    steps = min(_STEPS, _SECONDS / max(seconds_per_frame * batch, 1e-9))
    epochs = int(np.clip(round(steps / math.ceil(frames / batch)), *_EPOCHS))
    if epochs > 10:
        epochs = round(epochs, -1)
    share = epochs / shape["epochs"]
    rate = shape["learning_rate"]
    if "decay" in rate:
        rate = rate | {"decay": round(rate["decay"] ** (1 / share), 4)}
    return {
        "epochs": epochs,
        "batch_size": batch,
        "learning_rate": rate,
        "warmup": shape["warmup"] | {"epochs": max(1, round(share * shape["warmup"]["epochs"]))},
        "checkpoint_every": max(1, round(share * shape["checkpoint_every"])),
    }


def energy_columns(dataset: Dataset) -> list[Choice]:
    """How to read columns that look like energies, if there are any.

    Args:
        dataset: the data.

    Returns:
        At most one choice.
    """
    unused = dataset.atoms.unused if isinstance(dataset, DumpDataset) else ()
    found = [
        name for name in unused if name[:2] in ("c_", "v_", "f_") and any(w in name.lower() for w in ("pe", "eng"))
    ]
    text = "the column {0} may be each atom's energy: --column energy={0} reads it"
    return [Choice("energies", text.format(found[0]))] if found else []
