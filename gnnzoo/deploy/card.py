"""What a frozen folder says of itself: card.json for programs, README.md for people, example.npz to try it on."""

import json
from pathlib import Path

import numpy as np

from gnnzoo import __version__
from gnnzoo.data.frames import Frame
from gnnzoo.deploy.freeze import TOLERANCE, Comparison, has_energy, signature_names, takes_edges, type_text
from gnnzoo.models.archive import without_curves
from gnnzoo.models.files import ForceField
from gnnzoo.models.symmetries import reads_molecules
from gnnzoo.recipe.io.load import resolved
from gnnzoo.units import energy_unit, force_unit, length_unit

CARD, README, EXAMPLE = "card.json", "README.md", "example.npz"

# Arguments in order: name, shape, dtype, meaning; what stands in braces is filled in.
_POSITIONS = (
    ("positions", "(atoms, 3)", "float64", "{length}; inside the cell or not"),
    ("cell", "(3, 3)", "float64", "{length}; rows are the lattice vectors"),
    ("pbc", "(3,)", "bool", "periodic along each lattice vector"),
    ("types", "(atoms,)", "int32", "LAMMPS types: {types}"),
    ("molecules", "(atoms,)", "int64", "molecule ids; {molecules}without them no two atoms share a molecule"),
)
_EDGES = (
    ("types", "(atoms,)", "int32", "LAMMPS types: {types}"),
    ("senders", "(edges,)", "int32", "index of atom j"),
    ("receivers", "(edges,)", "int32", "index of atom i, on which the force acts"),
    ("vectors", "(edges, 3)", "float32", "{length}; from atom i to atom j or its image, all shorter than the cutoff"),
    (
        "edge_class",
        "(edges,)",
        "int32",
        "0: of different molecules, 1: bonded, 2: of one molecule; {molecules}without it all are 0",
    ),
)

# What `results` returns, in the same way.
_RESULTS = (
    ("forces", "(atoms, 3)", "float32", "{force}"),
    ("energy", "()", "float64", "{energy}; {zero}"),
    ("virial", "(3, 3)", "float32", "{energy}; -dE/d(strain), so that the pressure is (2 K + trace) / (3 V)"),
)


def write_card(model: ForceField, folder: Path, comparison: Comparison, example: Frame) -> None:
    """Write the three files; `example` is a frame whose live forces go into example.npz."""
    card = _card(model, comparison)
    (folder / CARD).write_text(json.dumps(card, indent=1) + "\n")
    (folder / README).write_text(_readme(model, card))
    arrays = {
        "positions": example.positions,
        "cell": example.cell,
        "pbc": example.pbc,
        "types": example.types,
        "forces": model.forces(example),
    }
    if example.molecules is not None:
        arrays["molecules"] = example.molecules
    np.savez_compressed(folder / EXAMPLE, **arrays)


def _card(model: ForceField, comparison: Comparison) -> dict:
    info, words = model.info, _words(model)

    def described(arguments):
        return [dict(zip(("name", "shape", "dtype", "meaning"), row, strict=True)) for row in _filled(arguments, words)]

    return {
        "name": model.recipe.name,
        "made_by": f"gnnzoo freeze, version {__version__}",
        "model": None if model.path is None else str(model.path),
        "trained": info.get("trained"),
        "units": {"style": model.units, "length": words["length"], "force": words["force"]},
        "cutoff": model.cutoff,
        "types": info["types"],
        "species": model.species,
        "functions": {"forces": described(_POSITIONS)}
        | ({"forces_from_edges": described(_EDGES)} if takes_edges(model) else {})
        | ({"results": described(_POSITIONS)} if has_energy(model) else {}),
        "returns": {name: f"{shape} {dtype}, {meaning}" for name, shape, dtype, meaning in _returned(model, words)},
        "figures": info.get("figures"),
        "compared": {
            "frames": comparison.frames,
            "atoms": comparison.atoms,
            "largest_difference": comparison.largest,
            "largest_force": comparison.scale,
        },
        "dataset": info.get("dataset"),
        "origin": without_curves(info.get("origin")),
        "recipe": resolved(model.recipe),
    }


def _returned(model: ForceField, words: dict) -> list[tuple[str, ...]]:
    """The rows of `_RESULTS` that the model answers with."""
    return _filled(_RESULTS if has_energy(model) else _RESULTS[:1], words)


def _words(model: ForceField) -> dict[str, str]:
    """What is filled into the meanings of arguments."""
    if not reads_molecules(model.recipe):
        molecules = "may be left out, for the model does not read it: "
    elif (model.info.get("dataset") or {}).get("molecules") is False:
        molecules = "to be left out, as in the training, or forces mean little: "
    else:
        molecules = "the model reads it, and forces are others without: "
    if model.knows_zero:
        zero = "from the zero of the data that it was trained on"
    else:
        zero = "from a zero of its own, for it was trained without energies"
    return {
        "length": length_unit(model.units),
        "force": force_unit(model.units),
        "energy": energy_unit(model.units),
        "zero": zero,
        "types": type_text(model),
        "molecules": molecules,
    }


def _filled(arguments, words: dict) -> list[tuple[str, ...]]:
    return [(*row[:3], row[3].format(**words)) for row in arguments]


def _readme(model: ForceField, card: dict) -> str:
    words = _words(model)
    return _TEXT.format(
        name=card["name"],
        what=model.recipe.description or "Forces on atoms from their positions.",
        version=__version__,
        model=card["model"] or "a model in memory",
        trained=card["trained"],
        types=words["types"],
        style=card["units"]["style"] or "undeclared",
        length=words["length"],
        force=card["units"]["force"],
        cutoff=f"{card['cutoff']:g}",
        tolerance=TOLERANCE,
        quality=_quality(card),
        compared=_compared(card),
        from_positions=_table(_filled(_POSITIONS, words)),
        boxes="" if takes_edges(model) else _PERIODIC,
        edges=_EDGES_TEXT.format(from_edges=_table(_filled(_EDGES, words))) if takes_edges(model) else "",
        results=_RESULTS_TEXT.format(returned=_table(_returned(model, words), "result")) if has_energy(model) else "",
        signatures=", ".join(f"`{name}`" for name in signature_names(model)),
        example=EXAMPLE,
        card=CARD,
    )


def _table(rows, first: str = "argument") -> str:
    lines = [f"| {first} | shape | dtype | meaning |", "|---|---|---|---|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _quality(card: dict) -> str:
    parts = []
    for part, figures in (card["figures"] or {}).items():
        if figures is not None and figures["relative"] is not None:
            parts.append(
                f"- {part} frames: mean |dF| / mean |F| {figures['relative']:.2%}, MAE {figures['mae']:.4g} "
                f"{card['units']['force']} per component"
            )
    return "\n".join(parts) or "- not judged: no frames were held out"


def _compared(card: dict) -> str:
    compared, unit = card["compared"], card["units"]["force"]
    return (
        f"Compared with the model it was made from on {compared['frames']} frames: the largest difference of a force\n"
        f"component was {compared['largest_difference']:.2g} {unit}, where the largest component was "
        f"{compared['largest_force']:.4g} {unit}."
    )


_TEXT = """# {name}, frozen

{what}

Made by gnnzoo {version} from `{model}`, trained {trained}. It runs with TensorFlow alone.

- types: {types}
- units: {style} (lengths in {length}, forces in {force})
- cutoff: {cutoff} {length}
{quality}

{compared}

## Try it

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
print("largest difference from the model it was made from:", np.abs(forces - frame["forces"]).max())
```

What float32 does to sums in another order is up to {tolerance:g} of the largest force.

## `forces(positions, cell, pbc, types[, molecules])`

Finds the neighbours itself, in any box, smaller than twice the cutoff or tilted; the time it takes grows with the
square of the number of atoms. {boxes}

{from_positions}

{edges}Returned are (atoms, 3) float32 in {force}.

{results}The same functions are signatures, by name, for TensorFlow's C API: {signatures}; their outputs are named, too,
a single one `forces`.

`{card}` holds all of this for programs, and the complete recipe.
"""

_EDGES_TEXT = """## `forces_from_edges(types, senders, receivers, vectors[, edge_class])`

For those who bring a neighbour list: all ordered pairs nearer than the cutoff, both directions, images included.

{from_edges}

"""
_RESULTS_TEXT = """## `results(positions, cell, pbc, types[, molecules])`

The forces are the derivative of an energy. `model.results(*arguments)` returns all of it by name:

{returned}

"""
_PERIODIC = "The model reads waves of the box, which must be periodic in all directions."
