"""Description of an exported model: card.json for programs, README.md for people, example.npz for a first test."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np

from gnnzoo import __version__
from gnnzoo.data.frames.frame import Frame
from gnnzoo.deploy.comparison import TOLERANCE, Comparison
from gnnzoo.deploy.edge_model import edge_results
from gnnzoo.deploy.freeze import (
    EDGE_SIGNATURES,
    has_energy,
    needs_molecules,
    signature_names,
    takes_edges,
    type_text,
)
from gnnzoo.models.archive import without_curves
from gnnzoo.models.files import ForceField
from gnnzoo.models.info import DatasetInfo, ForceFigures, Origin
from gnnzoo.models.symmetries import reads_molecules
from gnnzoo.recipe.io.load import resolved
from gnnzoo.records import json_text
from gnnzoo.units import energy_unit, force_unit, length_unit

CARD, README, EXAMPLE = "card.json", "README.md", "example.npz"


@dataclass(frozen=True)
class Array:
    """An argument or a result of an exported function.

    Attributes:
        name: its name.
        shape: text such as "(atoms, 3)".
        dtype: NumPy name.
        meaning: unit and meaning; in the tables below with names in braces, see `_words`.
    """

    name: str
    shape: str
    dtype: str
    meaning: str


_POSITIONS = (
    Array("positions", "(atoms, 3)", "float64", "{length}; wrapped into the cell or not"),
    Array("cell", "(3, 3)", "float64", "{length}; rows are the lattice vectors"),
    Array("pbc", "(3,)", "bool", "periodic along each lattice vector"),
    Array("types", "(atoms,)", "int32", "LAMMPS types: {types}"),
    Array("molecules", "(atoms,)", "int64", "molecule ids; {molecules}without them no two atoms share a molecule"),
)
_EDGES = (
    Array("types", "(atoms,)", "int32", "LAMMPS types: {types}"),
    Array("senders", "(edges,)", "int32", "index of atom j"),
    Array("receivers", "(edges,)", "int32", "index of atom i, on which the force acts"),
    Array("vectors", "(edges, 3)", "float32", "{length}; from atom i to atom j or its image, shorter than the cutoff"),
    Array(
        "edge_class",
        "(edges,)",
        "int32",
        "0: of different molecules, 1: bonded, 2: of one molecule; {molecules}without it all are 0",
    ),
)
_OWN_LIST = (
    Array("types", "(atoms,)", "int32", "LAMMPS types: {types}"),
    Array("owned", "(atoms,)", "bool", "false for copies of atoms whose energies are counted elsewhere; else all true"),
    *_EDGES[1:3],
    Array("vectors", "(edges, 3)", "float64", _EDGES[3].meaning),
    Array(
        "edge_class",
        "(edges,)",
        "int32",
        "0: of different molecules, 1: bonded, 2: of one molecule; {molecules}without them all are 0",
    ),
)
_OWN_BOX = _POSITIONS[:2]  # further arguments of models with reciprocal-space layers
_LIST_RESULTS = {
    "forces": Array("forces", "(atoms, 3)", "float64", "{force}"),
    "energies": Array("energies", "(atoms,)", "float64", "{energy}; of each atom that is owned; {zero}"),
    "virial": Array("virial", "(3, 3)", "float64", "{energy}; -dE/d(strain), or the same of pair forces"),
    "virials": Array("virials", "(atoms, 3, 3)", "float64", "{energy}; a share for each atom, which sum to the virial"),
}
_RESULTS = (
    Array("forces", "(atoms, 3)", "float32", "{force}"),
    Array("energy", "()", "float64", "{energy}; {zero}"),
    Array("virial", "(3, 3)", "float32", "{energy}; -dE/d(strain), so that the pressure is (2 K + trace) / (3 V)"),
)


@dataclass(frozen=True)
class UnitsOfCard:
    """Unit style, and labels of its length and force units."""

    style: str | None
    length: str
    force: str


@dataclass(frozen=True)
class Card:
    """Content of card.json.

    Attributes:
        name: of the recipe.
        made_by: command and version.
        model: path of the model, or None.
        trained: date and time of the training, or None.
        units: units of arguments and results.
        cutoff: length unit.
        types: name of each LAMMPS type.
        species: names in the order of the network's species index.
        molecules: whether it was trained with molecule ids, which change the forces.
        functions: arguments of each function.
        returns: description of each result.
        figures: errors on held-out frames.
        compared: comparison of exported and live forces.
        dataset: the data that it was trained on.
        origin: the transfer that it started with.
        recipe: the complete recipe.
    """

    name: str
    made_by: str
    model: str | None
    trained: str | None
    units: UnitsOfCard
    cutoff: float
    types: dict[str, str]
    species: list[str]
    molecules: bool
    functions: dict[str, tuple[Array, ...]]
    returns: dict[str, str]
    figures: dict[str, ForceFigures | None] | None
    compared: Comparison
    dataset: DatasetInfo | None
    origin: Origin | None
    recipe: dict

    def to_json(self) -> dict:
        """Plain values in the layout of card.json.

        Returns:
            The card as a dict.
        """
        return asdict(self)


class ExampleArrays(TypedDict):
    """Content of example.npz: a frame and the forces of the live model."""

    positions: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray
    types: np.ndarray
    forces: np.ndarray
    molecules: NotRequired[np.ndarray]


def write_card(model: ForceField, folder: Path, comparison: Comparison, example: Frame) -> None:
    """Write card.json, README.md and example.npz.

    Args:
        model: the live model.
        folder: of the exported model.
        comparison: of exported and live forces.
        example: frame that is stored with the forces of the live model.
    """
    card = make_card(model, comparison)
    (folder / CARD).write_text(json_text(card.to_json(), indent=1) + "\n")
    (folder / README).write_text(readme(model, card), errors="replace")
    arrays: ExampleArrays = {
        "positions": example.positions,
        "cell": example.cell,
        "pbc": example.pbc,
        "types": example.types,
        "forces": model.forces(example),
    }
    if example.molecules is not None:
        arrays["molecules"] = example.molecules
    np.savez_compressed(folder / EXAMPLE, **arrays)


def make_card(model: ForceField, comparison: Comparison) -> Card:
    """Describe an exported model.

    Args:
        model: the live model.
        comparison: of exported and live forces.

    Returns:
        The card.
    """
    info, words = model.info, _words(model)
    functions = {"forces": _filled(_POSITIONS, words)}
    if takes_edges(model):
        functions["forces_from_edges"] = _filled(_EDGES, words)
    if has_energy(model):
        functions["results"] = _filled(_POSITIONS, words)
    functions |= {name: _filled(_own_list(model), words) for name in EDGE_SIGNATURES}
    return Card(
        name=model.recipe.name,
        made_by=f"gnnzoo freeze, version {__version__}",
        model=None if model.path is None else str(model.path),
        trained=info.get("trained"),
        units=UnitsOfCard(model.units, words["length"], words["force"]),
        cutoff=model.cutoff,
        types=info["types"],
        species=model.species,
        molecules=needs_molecules(model),
        functions=functions,
        returns={part.name: f"{part.shape} {part.dtype}, {part.meaning}" for part in _returned(model, words)},
        figures=info.get("figures"),
        compared=comparison,
        dataset=info.get("dataset"),
        origin=without_curves(info.get("origin")),
        recipe=resolved(model.recipe),
    )


def _own_list(model: ForceField) -> tuple[Array, ...]:
    """Arguments of the functions of a neighbour list made elsewhere."""
    return _OWN_LIST if takes_edges(model) else _OWN_LIST + _OWN_BOX


def _returned(model: ForceField, words: dict[str, str]) -> tuple[Array, ...]:
    """The results that the model has."""
    return _filled(_RESULTS if has_energy(model) else _RESULTS[:1], words)


def _words(model: ForceField) -> dict[str, str]:
    """Values of the names in braces in the meanings above."""
    if not reads_molecules(model.recipe):
        molecules = "optional, the model does not use them: "
    elif (model.info.get("dataset") or {}).get("molecules") is False:
        molecules = "leave them out, as in the training data, or forces are wrong: "
    else:
        molecules = "the model uses them, and forces change without them: "
    if model.knows_zero:
        zero = "relative to the zero of the training data"
    else:
        zero = "relative to an arbitrary zero, because the model was trained without energies"
    return {
        "length": length_unit(model.units),
        "force": force_unit(model.units),
        "energy": energy_unit(model.units),
        "zero": zero,
        "types": type_text(model),
        "molecules": molecules,
    }


def _filled(arrays: tuple[Array, ...], words: dict[str, str]) -> tuple[Array, ...]:
    return tuple(Array(part.name, part.shape, part.dtype, part.meaning.format(**words)) for part in arrays)


def readme(model: ForceField, card: Card) -> str:
    """Write the README of an exported model.

    Args:
        model: the live model.
        card: its card.

    Returns:
        Markdown.
    """
    words = _words(model)
    edges = _EDGES_TEXT.format(from_edges=_table(_filled(_EDGES, words))) if takes_edges(model) else ""
    results = _RESULTS_TEXT.format(returned=_table(_returned(model, words), "result")) if has_energy(model) else ""
    return _TEXT.format(
        name=card.name,
        what=model.recipe.description or "Forces on atoms from their positions.",
        version=__version__,
        model=card.model or "a model in memory",
        trained=card.trained,
        types=words["types"],
        style=card.units.style or "undeclared",
        length=words["length"],
        force=card.units.force,
        cutoff=f"{card.cutoff:g}",
        tolerance=TOLERANCE,
        quality=_quality(card),
        compared=_compared(card),
        from_positions=_table(_filled(_POSITIONS, words)),
        boxes="" if takes_edges(model) else _PERIODIC,
        edges=edges,
        results=results,
        own_list=_table(_filled(_own_list(model), words)),
        list_results=", ".join(f"`{name}`" for name in _list_results(model)),
        signatures=", ".join(f"`{name}`" for name in signature_names(model)),
        example=EXAMPLE,
        card=CARD,
    )


def _list_results(model: ForceField) -> dict[str, Array]:
    """The results of the functions of a neighbour list that the model has."""
    has = edge_results(model)
    present = {"forces": True, "energies": has.energy, "virial": has.virial, "virials": has.atom_virials}
    return {name: part for name, part in _LIST_RESULTS.items() if present[name]}


def _table(arrays: tuple[Array, ...], first: str = "argument") -> str:
    lines = [f"| {first} | shape | dtype | meaning |", "|---|---|---|---|"]
    return "\n".join(lines + [f"| {part.name} | {part.shape} | {part.dtype} | {part.meaning} |" for part in arrays])


def _quality(card: Card) -> str:
    parts = []
    for part, figures in (card.figures or {}).items():
        relative, mae = ((figures or {}).get(key) for key in ("relative", "mae"))
        if relative is not None and mae is not None:
            parts.append(
                f"- error on {part} frames: mean |dF| / mean |F| {relative:.2%}, MAE {mae:.4g} {card.units.force} per "
                "component"
            )
    return "\n".join(parts) or "- error: not evaluated, no frames were held out of the training"


def _compared(card: Card) -> str:
    compared, unit = card.compared, card.units.force
    return (
        f"Compared with the original model on {compared.frames} frames: the largest difference of a force component\n"
        f"is {compared.largest_difference:.2g} {unit}, the largest force component {compared.largest_force:.4g} {unit}."
    )


_TEXT = """# {name}, frozen

{what}

Exported by gnnzoo {version} from `{model}`, trained {trained}. It needs TensorFlow only.

- types: {types}
- units: {style} (lengths in {length}, forces in {force})
- cutoff: {cutoff} {length}
{quality}

{compared}

## Example

In this folder, with numpy and tensorflow installed:

```python
import numpy as np
import tensorflow as tf

model = tf.saved_model.load(".")
frame = np.load("{example}")
arguments = [tf.constant(frame[name]) for name in ("positions", "cell", "pbc", "types")]
if "molecules" in frame:
    arguments.append(tf.constant(frame["molecules"]))
forces = model.forces(*arguments).numpy()
print("largest difference from the original model:", np.abs(forces - frame["forces"]).max())
```

Rounding of float32 sums may change forces by up to {tolerance:g} of the largest force.

## `forces(positions, cell, pbc, types[, molecules])`

Builds the neighbour list itself, for any box: smaller than twice the cutoff, tilted, with any periodicity. The time is
proportional to the square of the number of atoms. {boxes}

{from_positions}

{edges}Returns (atoms, 3) float32 forces in {force}.

## Signatures `edges` and `edges_float64`

`model.signatures["edges"](**arguments)` takes a neighbour list and returns all that the model has:
{list_results}. It is compiled by XLA, with a few sizes of padding, and fast; `edges_float64` computes in double
precision. An atom may be a copy of another one: forces are then those on all atoms, copies included, by the energies of
the owned atoms alone, and add up over the parts of a box. `plugin.txt` has the names of all tensors, for TensorFlow's C
API.

{own_list}

{results}The same functions are signatures, by name, for TensorFlow's C API: {signatures}. Their outputs have
names, too; a single one is called `forces`.

`{card}` has all of this for programs, and the complete recipe.
"""

_EDGES_TEXT = """## `forces_from_edges(types, senders, receivers, vectors[, edge_class])`

For programs with their own neighbour list: all ordered pairs closer than the cutoff, both directions, periodic images
included.

{from_edges}

"""
_RESULTS_TEXT = """## `results(positions, cell, pbc, types[, molecules])`

The forces are the negative gradient of an energy. `model.results(*arguments)` returns all results by name:

{returned}

"""
_PERIODIC = "The model uses wave vectors of the box, which must be periodic in all directions."
