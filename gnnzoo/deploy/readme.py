"""README.md of an exported model, for people."""

from gnnzoo import __version__
from gnnzoo.deploy.arrays import EDGES, POSITIONS, Array, filled, list_results, own_list, returned, words_of
from gnnzoo.deploy.card import Card
from gnnzoo.deploy.comparison import TOLERANCE
from gnnzoo.deploy.exported_folder import CARD, EXAMPLE
from gnnzoo.deploy.freeze import has_energy, signature_names, takes_edges
from gnnzoo.models.files import ForceField


def readme(model: ForceField, card: Card) -> str:
    """Write the README of an exported model.

    Args:
        model: the live model.
        card: its card.

    Returns:
        Markdown.
    """
    words = words_of(model)
    edges = _EDGES_TEXT.format(from_edges=_table(filled(EDGES, words))) if takes_edges(model) else ""
    results = _RESULTS_TEXT.format(returned=_table(returned(model, words), "result")) if has_energy(model) else ""
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
        from_positions=_table(filled(POSITIONS, words)),
        boxes="" if takes_edges(model) else _PERIODIC,
        edges=edges,
        results=results,
        own_list=_table(filled(own_list(model), words)),
        list_results=", ".join(f"`{name}`" for name in list_results(model)),
        signatures=", ".join(f"`{name}`" for name in signature_names(model)),
        example=EXAMPLE,
        card=CARD,
    )


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
proportional to the number of atoms. {boxes}

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

## First runs

With gnnzoo installed: `gnnzoo lammps .` runs `in.lammps` in LAMMPS, `python run_ase.py` the same in ASE, and
`gnnzoo check .` verifies this folder. A script is missing where LAMMPS or ASE does not have the units, the cell or the
species.

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
