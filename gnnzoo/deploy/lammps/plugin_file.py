"""plugin.txt of an exported model: what the LAMMPS plugin must know, in lines of words that need no JSON parser.

    format 2
    units real                      LAMMPS unit style of the model; "none" where undeclared
    cutoff 8.5
    rounds 3                        layers that read edges: an energy depends on edges up to this many steps away
    whole_box 0                     1: a layer couples all atoms of a box, so that it cannot be divided between ranks
    periodic 0                      1: positions and cell are inputs, of a box that is periodic in all directions
    molecules 1                     1: trained with molecule ids, which change the forces
    energy 1                        1: there are energies and a virial; see `virial` for direct heads
    virial 2                        0: none, 1: of the box alone, 2: of each atom
    pressure 1                      1: trained on virials, too; forces alone hardly determine a pressure
    type 1 15.9994 O                LAMMPS type, mass in g/mol or 0, name
    bonded 1 2                      types that are bonded within a molecule
    input edges types edges_types:0           signature, argument, tensor
    output edges forces StatefulPartitionedCall:0

The C API of TensorFlow cannot read signatures, hence the names of tensors.
"""

from itertools import combinations_with_replacement
from pathlib import Path

from tensorflow.python.saved_model import loader_impl

from gnnzoo.deploy.edge_model import edge_results
from gnnzoo.deploy.exported_folder import PLUGIN_FILE
from gnnzoo.deploy.freeze import EDGE_SIGNATURES, bonded_species, known_types, needs_molecules, takes_edges
from gnnzoo.elements import MASSES
from gnnzoo.models.files import ForceField

FORMAT = 2


def write_plugin_file(model: ForceField, folder: Path) -> None:
    """Write plugin.txt.

    Args:
        model: the live model.
        folder: with its SavedModel.
    """
    (folder / PLUGIN_FILE).write_text("\n".join(_lines(model, folder)) + "\n")


def _lines(model: ForceField, folder: Path) -> list[str]:
    has = edge_results(model)
    stack = model.recipe.model.layers
    rounds = sum(entry.traits.reads_edges or entry.traits.reads_radial for entry in stack)
    whole_box = any(entry.has(entry.traits.couples_graph) for entry in stack)
    lines = [
        f"format {FORMAT}",
        f"units {model.units or 'none'}",
        f"cutoff {model.cutoff!r}",
        f"rounds {max(1, rounds)}",
        f"whole_box {int(whole_box)}",
        f"periodic {int(not takes_edges(model))}",
        f"molecules {int(needs_molecules(model))}",
        f"energy {int(has.energy)}",
        f"virial {int(has.virial) + int(has.atom_virials)}",
        f"pressure {int(model.recipe.training.loss_weights.virial > 0)}",
    ]
    types = known_types(model)
    lines += [f"type {number} {MASSES.get(name, 0.0):g} {name}" for number, name in types.items()]
    return [*lines, *_bonded(model, types), *_tensors(folder)]


def _bonded(model: ForceField, types: dict[int, str]) -> list[str]:
    table = bonded_species(model)
    index = {number: model.species.index(name) for number, name in types.items()}
    pairs = combinations_with_replacement(types, 2)
    return [f"bonded {a} {b}" for a, b in pairs if table[index[a], index[b]]]


def _tensors(folder: Path) -> list[str]:
    signatures = loader_impl.parse_saved_model(str(folder)).meta_graphs[0].signature_def
    return [
        f"{kind} {signature} {name} {tensors[name].name}"
        for signature in EDGE_SIGNATURES
        if signature in signatures
        for kind, tensors in (("input", signatures[signature].inputs), ("output", signatures[signature].outputs))
        for name in sorted(tensors)
    ]
