"""Arguments and results of the functions of an exported model: shapes, dtypes and meanings, for card and README."""

from dataclasses import dataclass

from gnnzoo.deploy.edge_model import edge_results
from gnnzoo.deploy.freeze import has_energy, takes_edges, type_text
from gnnzoo.models.files import ForceField
from gnnzoo.models.symmetries import reads_molecules
from gnnzoo.units import energy_unit, force_unit, length_unit


@dataclass(frozen=True)
class Array:
    """An argument or a result of an exported function.

    Attributes:
        name: its name.
        shape: text such as "(atoms, 3)".
        dtype: NumPy name.
        meaning: unit and meaning; in the tables below with names in braces, see `words_of`.
    """

    name: str
    shape: str
    dtype: str
    meaning: str


POSITIONS = (
    Array("positions", "(atoms, 3)", "float64", "{length}; wrapped into the cell or not"),
    Array("cell", "(3, 3)", "float64", "{length}; rows are the lattice vectors"),
    Array("pbc", "(3,)", "bool", "periodic along each lattice vector"),
    Array("types", "(atoms,)", "int32", "LAMMPS types: {types}"),
    Array("molecules", "(atoms,)", "int64", "molecule ids; {molecules}without them no two atoms share a molecule"),
)
EDGES = (
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
    EDGES[0],
    Array("owned", "(atoms,)", "bool", "false for copies of atoms whose energies are counted elsewhere; else all true"),
    *EDGES[1:3],
    Array("vectors", "(edges, 3)", "float64", EDGES[3].meaning),
    Array(
        "edge_class",
        "(edges,)",
        "int32",
        "0: of different molecules, 1: bonded, 2: of one molecule; {molecules}without them all are 0",
    ),
)
_OWN_BOX = POSITIONS[:2]  # further arguments of models with reciprocal-space layers
_LIST_RESULTS = {
    "forces": Array("forces", "(atoms, 3)", "float64", "{force}"),
    "energies": Array("energies", "(atoms,)", "float64", "{energy}; of each atom that is owned; {zero}"),
    "virial": Array("virial", "(3, 3)", "float64", "{energy}; -dE/d(strain), or the same of pair forces"),
    "virials": Array("virials", "(atoms, 3, 3)", "float64", "{energy}; a share for each atom, which sum to the virial"),
}
RESULTS = (
    Array("forces", "(atoms, 3)", "float32", "{force}"),
    Array("energy", "()", "float64", "{energy}; {zero}"),
    Array("virial", "(3, 3)", "float32", "{energy}; -dE/d(strain), so that the pressure is (2 K + trace) / (3 V)"),
)


def own_list(model: ForceField) -> tuple[Array, ...]:
    """Arguments of the functions of a neighbour list made elsewhere.

    Args:
        model: the model.

    Returns:
        The arguments.
    """
    return _OWN_LIST if takes_edges(model) else _OWN_LIST + _OWN_BOX


def returned(model: ForceField, words: dict[str, str]) -> tuple[Array, ...]:
    """The results that a model has.

    Args:
        model: the model.
        words: see `words_of`.

    Returns:
        The results of `results`, or of `forces` alone.
    """
    return filled(RESULTS if has_energy(model) else RESULTS[:1], words)


def words_of(model: ForceField) -> dict[str, str]:
    """Values of the names in braces in the meanings.

    Args:
        model: the model.

    Returns:
        Text by name.
    """
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


def filled(arrays: tuple[Array, ...], words: dict[str, str]) -> tuple[Array, ...]:
    """Fill in the names in braces.

    Args:
        arrays: arguments or results.
        words: see `words_of`.

    Returns:
        The same with their meanings complete.
    """
    return tuple(Array(part.name, part.shape, part.dtype, part.meaning.format(**words)) for part in arrays)


def list_results(model: ForceField) -> dict[str, Array]:
    """The results of the functions of a neighbour list that a model has.

    Args:
        model: the model.

    Returns:
        Description by name.
    """
    has = edge_results(model)
    present = {"forces": True, "energies": has.energy, "virial": has.virial, "virials": has.atom_virials}
    return {name: part for name, part in _LIST_RESULTS.items() if present[name]}
