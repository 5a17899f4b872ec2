"""A recipe for data that have none yet: what inspection finds becomes choices, each told with its reason."""

import glob
import logging
import math
import os
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnnzoo.data.data_source import DataSource, Source, resolve_source
from gnnzoo.data.frames import Dataset
from gnnzoo.data.inspection.accumulator import told_masses
from gnnzoo.data.inspection.cost_estimate import TRAINING
from gnnzoo.data.inspection.describe import EDGES, describe_dataset
from gnnzoo.data.inspection.text_report import doubts
from gnnzoo.data.inspection.unit_checks import choose_units
from gnnzoo.data.lammps.events import event_messages
from gnnzoo.data.metadata import apply_metadata
from gnnzoo.data.open_dataset import cutoff_explained, open_dataset
from gnnzoo.data.split.make_split import SplitReport, make_split
from gnnzoo.data.split.methods import PARTS, Shares, Split
from gnnzoo.errors import DataError, Location, UserError
from gnnzoo.formatting import duration
from gnnzoo.outputs import atomic_write, refuse_existing
from gnnzoo.progress import track
from gnnzoo.recipe.io.load import recipe_from_dict
from gnnzoo.recipe.io.template import as_name, installed_recipe, is_name, known_parameters, recipe_text
from gnnzoo.recipe.schema import data as data_part
from gnnzoo.recipe.schema.training import Training
from gnnzoo.units import STYLES, length_unit
from gnnzoo.workflows.convert import plain_stem
from gnnzoo.workflows.steps.recipe_choices import bonded_species, names_by_mass, schedule
from gnnzoo.workflows.steps.split_messages import report_split

logger = logging.getLogger(__name__)

_WIDTH, _LABEL = 99, 10
# Below so many frames a test part would be a frame or two, which judge nothing.
_FEW = 20
_DEFAULT = data_part.Split()
_SHARES = {part: getattr(_DEFAULT, part) for part in PARTS}
_SHARES_OF_FEW = _SHARES | {"validation": round(1 - _DEFAULT.train, 6), "test": 0.0}
_MORE = "a longer run, or several dumps of it: gnnzoo init DUMP DUMP ..."
_USUAL = {"lj": 2.5}  # cutoffs where nothing else is known; 5 A otherwise


def init(
    data: Source,
    output: str | Path | None = None,
    *,
    units: str | None = None,
    types: Mapping[int | str, str] | None = None,
    columns: Mapping[str, str] | None = None,
    cutoff: float | None = None,
    name: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a recipe that fits data, and say why each choice is what it is.

    Args:
        data: a dump, a glob or a list of dumps, or a dataset; see `open_dataset`.
        output: where the recipe goes; by default NAME.json in the working folder.
        units, types, columns: fill in what the data do not tell.
        cutoff: reach of the edges in the data's length unit, instead of one from the shells of neighbours.
        name: the recipe's name; by default from that of the data.
        overwrite: replace an existing recipe; the old one is kept beside it.

    Returns:
        The path of the recipe; `gnnzoo.train` takes it as it is.

    Raises:
        DataError: the data cannot be read, contradict what is declared, or do not tell their units.
        UserError: the output exists; a name or a cutoff that cannot be.
    """
    source = resolve_source(data)
    files = source.paths
    name = name or _name(files)
    output = Path(output).expanduser() if output is not None else Path(f"{name}.json")
    _check(name, output, types, cutoff)
    refuse_existing(output, overwrite)
    hint = "--cutoff R with a smaller R; or --units lj, if lengths are reduced"
    with (
        open_dataset(source, units=units, types=types, columns=columns) as dataset,
        cutoff_explained(dataset.path, hint),
    ):
        if len(dataset) < 2:
            raise DataError(
                f"{len(dataset)} frame is too few to train on and to judge by",
                location=Location(files[0]),
                hint=_MORE,
            )
        raw = _recipe(dataset, _source(data, files, output.parent), name, columns, cutoff)
    recipe_from_dict(raw)
    if (output.parent / "recipe.schema.json").is_file():
        raw = {"$schema": "recipe.schema.json", **raw}
    with atomic_write(output, overwrite) as temporary:
        temporary.write_text(recipe_text(raw), encoding="utf-8")
    return output


def _check(name: str, output: Path, types: Mapping | None, cutoff: float | None) -> None:
    for text, option in ((name, "--name NAME"), *((text, "--types 1=NAME") for text in (types or {}).values())):
        if not is_name(text):
            raise UserError(
                f"a recipe cannot call anything '{text}'", expected="letters, digits and . _ - within", hint=option
            )
    if cutoff is not None and not 0 < cutoff < math.inf:
        raise UserError(f"a cutoff of {cutoff:g} gives no edges", expected="a positive length", hint="--cutoff 5")
    if output.suffix != ".json":
        raise UserError(
            f"a recipe's file ends in .json, not '{output.suffix}'",
            location=Location(output),
            hint=f"-o {output.with_suffix('.json')}",
        )


def _name(files: Sequence[Path]) -> str:
    """What the names of the files have in common."""
    stems = [plain_stem(file) for file in files]
    shortest = min(stems, key=len)
    alike = next((n for n in range(len(shortest), 0, -1) if len({stem[:n] for stem in stems}) == 1), 0)
    return as_name(shortest[:alike] if re.search(r"[A-Za-z0-9]", shortest[:alike]) else stems[0])


def _source(data: Source, files: Sequence[Path], folder: Path) -> str | list[str]:
    """The data as the recipe finds them again: from the working folder, or from its own where that is another."""
    if isinstance(data, DataSource):
        data = data.paths
    named = [data] if isinstance(data, str | os.PathLike) else list(data)
    if len(named) == 1 and len(files) > 1:
        return _found_from(Path(named[0]), folder)  # the glob itself
    sources = [_found_from(file, folder) for file in files]
    return sources[0] if len(sources) == 1 else sources


def _found_from(path: Path, folder: Path) -> str:
    if path.is_absolute() or str(path).startswith("~") or folder.resolve() == Path().resolve():
        return str(path)
    near = os.path.relpath(path, folder)
    # Sources are looked up from the working folder first, where another file might have that name.
    return str(path) if glob.glob(near) else near


# --- choices --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reach:
    """The cutoff with what it costs."""

    cutoff: float
    edges_per_frame: float
    seconds_per_epoch: float  # of the share `TRAINING` of the frames


def _tell(label: str, text: str) -> None:
    indent = " " * _LABEL
    logger.info(textwrap.fill(f"{label:<{_LABEL}}{text}", _WIDTH, subsequent_indent=indent, break_on_hyphens=False))


def _warn(text: str) -> None:
    logger.warning(textwrap.fill(text, _WIDTH - len("warning: "), subsequent_indent="  "))


def _recipe(dataset: Dataset, source, name: str, columns: Mapping | None, cutoff: float | None) -> dict:
    """The recipe as JSON values."""
    shown = source if isinstance(source, str) else f"{len(source)} files, {source[0]} to {source[-1]}"
    _tell("source", f"{shown}: {len(dataset):,} frames; looked up from the working folder, then from the recipe's")
    style, reason, inferred = choose_units(dataset)
    apply_metadata(dataset, units=style)
    _tell("units", f"{style}: {reason}")
    if inferred:
        others = " or ".join(other for other in STYLES if other != style)
        _warn(f"the data do not tell their units. If they are not {style}, the same command with --units {others}")
    types = _types(dataset)
    with track("reading", len(dataset)) as shown:
        report = describe_dataset(dataset, [cutoff] if cutoff else None, shown.advance)
    parameters = _atoms(dataset)
    reach = _cutoff(dataset, report, cutoff)
    raw = _family(dataset)
    split, shares = _split(dataset)
    raw |= {
        "name": name,
        "description": _description(dataset, report),
        "data": {
            "source": source,
            "units": style,
            **({"types": types} if types else {}),
            **({"columns": dict(columns)} if columns else {}),
            **({"atoms": parameters} if parameters else {}),
            "split": {"method": _DEFAULT.method, **shares},
        },
    }
    raw["graph"] |= {"cutoff": reach.cutoff}
    if not parameters:
        raw["model"]["layers"][0]["inputs"] = "species"
    _training(raw, report, reach, split)
    _energies(dataset)
    for line in [*doubts(report), *event_messages(report["provenance"])]:
        _warn(line)
    return raw


def _description(dataset: Dataset, report: Mapping) -> str:
    kinds = " ".join(dict.fromkeys(dataset.type_names[number] for number in sorted(dataset.type_names)))
    frames = f"{report['frames']:,} frames of {report['atoms']:,} atoms"
    return f"Forces of {kinds}, from {frames}: message passing, then forces along pairs."


def _types(dataset: Dataset) -> dict[str, str] | None:
    """Names of the types for the recipe; None where it cannot write those that the data have."""
    unnamed = [number for number, name in dataset.type_names.items() if name == str(number)]
    by_mass = names_by_mass(dataset, unnamed)
    apply_metadata(dataset, types=by_mass)
    names = {str(number): dataset.type_names[number] for number in sorted(dataset.type_names)}
    told = ", ".join(f"{number}={name}" for number, name in names.items())
    if not all(map(is_name, names.values())):
        _tell(
            "types", f"{told}: as in the data; a recipe cannot write all of these names, so it leaves them to the data"
        )
        return None
    nameless = [number for number in unnamed if number not in by_mass]
    if nameless:
        example = ",".join(f"{number}=NAME" for number in nameless)
        reason = (
            f"the data name no type {', '.join(map(str, nameless))}, so the number is the name; names let a model be "
            f"transferred to other data: --types {example}"
        )
    elif by_mass:
        masses = told_masses(dataset.provenance)
        spoken = ", ".join(f"{masses[number]:g} is {name}" for number, name in by_mass.items())
        reason = f"by the masses in the dump, {spoken}"
    else:
        reason = "as declared or as the data have it"
    _tell("types", f"{told}: {reason}")
    return names


def _atoms(dataset: Dataset) -> dict | None:
    """`data.atoms`, where an installed recipe knows all species and the data's charges do not speak against it."""
    names = list(dict.fromkeys(dataset.type_names[number] for number in sorted(dataset.type_names)))
    known = known_parameters(names, dataset.units)
    charges = _charges(dataset)
    told = ", ".join(f"{name} {charge:+.4g}" for name, charge in charges.items())
    if known is not None:
        recipe, atoms = known
        if all(abs(atoms[name]["charge"] - charge) < 0.01 for name, charge in charges.items()):
            _tell(
                "atoms",
                f"charge, epsilon and sigma of {' '.join(names)} as in the recipe {recipe}: change them if "
                "yours differ",
            )
            return atoms
        told += f", which are not those of the recipe {recipe}"
    _tell(
        "atoms",
        "told apart by their names: a dump does not tell epsilon and sigma, by which a model is transferred to other "
        f"elements; data.atoms may{f'. Charges in the data: {told}' if charges else ''}",
    )
    return None


def _charges(dataset: Dataset) -> dict[str, float]:
    """Mean charge of each species in the first frame, e; empty where the data have none."""
    frame = dataset[0]
    if frame.charges is None:
        return {}
    return {str(name): float(frame.charges[frame.names == name].mean()) for name in np.unique(frame.names)}


def _cutoff(dataset: Dataset, report: dict, asked: float | None) -> _Reach:
    table, unit = report["cutoffs"], length_unit(dataset.units)
    if not table:
        usual = _USUAL.get(dataset.units, 5.0)
        table = describe_dataset(dataset, [usual])["cutoffs"]
        line, why = table[0], "a usual one: the cell is too small, or the atoms too few, to tell shells of neighbours"
    elif asked is not None:
        line, why = next(line for line in table if line["cutoff"] == asked), "asked for"
    elif report["recommended_cutoff"] is not None:
        line = next(line for line in table if line["cutoff"] == report["recommended_cutoff"])
        why = f"{line['why']}, the largest with few enough edges for a CPU"
        others = [f"{other['cutoff']:g} {other['why']}" for other in table if other is not line]
        why += f" (others: {', '.join(others)})" if others else ""
    else:
        light = [line for line in table if line["edges_per_atom"]["mean"] <= EDGES]
        line = light[-1] if light else table[0]
        why = "a usual one: no shell of neighbours can be told from these data"
    if line["edges_per_atom"]["max"] == 0:
        raise UserError(
            f"no two atoms are nearer than the cutoff of {line['cutoff']:g}",
            location=Location(file=dataset.path),
            hint="--cutoff R with a larger R, in the data's length unit; gnnzoo inspect tells the distances",
        )
    reach = _Reach(line["cutoff"], line["edges_per_frame"], line["seconds_per_epoch"])
    frame_ms = 1e3 * reach.seconds_per_epoch / max(1.0, TRAINING * report["frames"])
    _tell(
        "cutoff",
        f"{reach.cutoff:g} {unit}: {why}; {line['edges_per_atom']['mean']:.0f} edges per atom, about {frame_ms:.2g} ms "
        "for a frame (forecast)",
    )
    return reach


def _family(dataset: Dataset) -> dict:
    """The installed recipe to begin with: without what is argon's or water's own."""
    pairs = bonded_species(dataset)
    raw = installed_recipe("argon" if pairs is None else "water")
    raw.pop("$schema", None)
    raw["graph"].pop("bonds", None)
    if pairs is None:
        why = "no ids of molecules, so that all pairs count as of different ones"
        _tell("model", f"as in the recipe argon, message passing 64 wide, forces along pairs; {why}")
        return raw
    if pairs:
        raw["graph"] = {key: raw["graph"][key] for key in ("cutoff", "edges")} | {"bonds": pairs} | raw["graph"]
        bonds = f"{'-'.join(pairs[0])} in one molecule are bonded"
    else:
        bonds = "any two different species of one molecule count as bonded; graph.bonds tells it better"
    _tell(
        "model", f"as in the recipe water, message passing 64 wide, forces along pairs, which know molecules: {bonds}"
    )
    return raw


def _split(dataset: Dataset) -> tuple[Split, dict]:
    """Shares of the parts that these frames allow, and the split that comes of them."""
    split, report, shares = _first_that_fits(dataset)
    if not shares["test"]:
        _tell(
            "split",
            f"no test part: {len(dataset)} frames are too few for three parts; judge by other data: gnnzoo evaluate",
        )
    report_split(dataset, split, report)
    return split, shares


def _first_that_fits(dataset: Dataset) -> tuple[Split, SplitReport, dict]:
    ways = [_SHARES_OF_FEW, {"train": 0.5, "validation": 0.5, "test": 0.0}]
    if len(dataset) >= _FEW:
        ways = [_SHARES, *ways]
    for shares in ways:
        try:
            divided = make_split(
                dataset,
                Shares(**shares),
                method=_DEFAULT.method,
                blocks=_DEFAULT.blocks,
                gap=_DEFAULT.gap,
                seed=Training().seed,
            )
            return *divided, shares
        except DataError as error:
            refused = error
    raise DataError(refused.what, location=Location(dataset.path), hint=_MORE) from refused


def _training(raw: dict, report: Mapping, reach: _Reach, split: Split) -> None:
    """Batch size and length of the schedule, whose shape is that of the recipe it begins with."""
    per_frame = reach.seconds_per_epoch / max(1.0, TRAINING * report["frames"])
    frames = len(split.train)
    found = schedule(frames, report["atoms_range"]["mean"], per_frame, raw["training"])
    raw["training"] |= found
    epochs, batch = found["epochs"], found["batch_size"]
    steps = epochs * math.ceil(frames / batch)
    _tell(
        "training",
        f"{epochs} epochs of {frames} frames, {batch} at a time: {steps:,} steps, about "
        f"{duration(epochs * frames * per_frame)} ({report['forecast_holds_for']}); --time-limit 5m fits the same "
        "schedule to another time",
    )


def _energies(dataset: Dataset) -> None:
    """Say how columns that look like energies are taken along."""
    left = getattr(getattr(dataset, "atoms", None), "left", ())
    found = [name for name in left if name[:2] in ("c_", "v_", "f_") and any(w in name.lower() for w in ("pe", "eng"))]
    if found:
        _tell("energies", f"the column {found[0]} may be each atom's energy: --column energy={found[0]} takes it along")
