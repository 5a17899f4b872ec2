"""Trained and exported models behind one function of a configuration: what ASE and simulations call.

    runner = open_runner("argon.keras")      # or a folder of gnnzoo freeze
    results = runner.results(configuration)  # forces, and energies and virial where the model has them

A folder is a SavedModel, a program of TensorFlow: run those whose origin you know.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf

from gnnzoo.data.graphs.graph import species_index
from gnnzoo.data.graphs.neighbors import edge_classes
from gnnzoo.deploy.edge_model import EdgeModel, EdgeResults, edge_results
from gnnzoo.deploy.exported_folder import CARD, not_exported
from gnnzoo.deploy.freeze import EDGE_SIGNATURES, needs_molecules
from gnnzoo.deploy.neighbor_skin import SkinList
from gnnzoo.deploy.stored_card import StoredCard, read_card
from gnnzoo.errors import ModelError, UserError
from gnnzoo.models.files import ForceField, load_model
from gnnzoo.models.symmetries import symmetries
from gnnzoo.tensorflow_env import root_logger_kept

Precision = Literal["single", "double"]
DTYPES = {"single": "float32", "double": "float64"}


# species, owned, senders, receivers, vectors, edge_class[, positions, cell] -> results by name
_Evaluate = Callable[..., dict[str, tf.Tensor]]


@dataclass(frozen=True, eq=False)
class Configuration:
    """Atoms in a box.

    Attributes:
        names: (atoms,) species.
        positions: (atoms, 3) float64, length unit of the model.
        cell: (3, 3) float64, rows are lattice vectors; zero along directions without one.
        pbc: (3,) bool.
        molecules: (atoms,) int molecule ids, or None.
    """

    names: np.ndarray
    positions: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray
    molecules: np.ndarray | None = None


@dataclass(frozen=True)
class RunnerInfo:
    """What is known about a model that is run.

    Attributes:
        name: for messages.
        units: LAMMPS unit style, or None where undeclared.
        species: names.
        types: name of each LAMMPS type.
        cutoff: length unit.
        bonds: pairs of species that are bonded within a molecule; None for any two different species.
        molecules: whether it was trained with molecule ids, which change the forces.
        periodic: whether it needs a box that is periodic in all directions.
        additive: whether groups of atoms without edges between them have the forces that they have alone.
        has: the results that it has in addition to forces.
    """

    name: str
    units: str | None
    species: Sequence[str]
    types: dict[int, str]
    cutoff: float
    bonds: list[tuple[str, str]] | None
    molecules: bool
    periodic: bool
    additive: bool
    has: EdgeResults


class Runner:
    """A model with its neighbour list.

    Args:
        info: about the model.
        evaluate: its network.
        skin: of the neighbour list, length unit.
    """

    def __init__(self, info: RunnerInfo, evaluate: _Evaluate, skin: float) -> None:
        self.info = info
        self._evaluate, self._list = evaluate, SkinList(info.cutoff, skin)

    def names_of(self, types: np.ndarray) -> np.ndarray:
        """Species of LAMMPS types.

        Args:
            types: (atoms,) int.

        Returns:
            (atoms,) str; the number as text for types that the model does not know.
        """
        return np.array([self.info.types.get(int(number), str(number)) for number in types])

    def results(self, atoms: Configuration) -> dict[str, np.ndarray]:
        """Evaluate the model.

        Args:
            atoms: the configuration; consecutive calls with nearly the same positions are fastest.

        Returns:
            "forces" (atoms, 3) and, where the model has them, "energies" (atoms,), "virial" (3, 3), "virials"
            (atoms, 3, 3); float64, in the model's units.

        Raises:
            DataError: a species is unknown, or there is no neighbour list.
            ModelError: the model refuses the configuration.
        """
        return self.evaluated(self.edges(atoms))

    def edges(self, atoms: Configuration) -> list[np.ndarray]:
        """Find the edges of a configuration.

        Args:
            atoms: the configuration.

        Returns:
            Species, owned, senders, receivers, vectors and edge classes; positions and cell where the model reads them.

        Raises:
            DataError: a species is unknown, or there is no neighbour list.
            ModelError: the model needs another box.
        """
        species = species_index(atoms.names, list(self.info.species))
        if self.info.periodic and not np.all(atoms.pbc):
            raise ModelError(
                f"{self.info.name} has wave vectors, and the box is not periodic in all directions",
                expected="pbc T T T",
            )
        senders, receivers, vectors = self._list.edges(atoms.positions, atoms.cell, atoms.pbc)
        classes = edge_classes(senders, receivers, vectors, atoms.names, atoms.molecules, self.info.bonds)
        found = [species, np.ones(len(species), bool), senders, receivers, vectors, classes]
        return [*found, atoms.positions, atoms.cell] if self.info.periodic else found

    def evaluated(self, edges: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Evaluate the model on edges.

        Args:
            edges: see `edges`.

        Returns:
            See `results`.

        Raises:
            ModelError: the model refuses them.
        """
        try:
            found = self._evaluate(*map(tf.convert_to_tensor, edges))
        except tf.errors.InvalidArgumentError as error:
            raise ModelError(f"{self.info.name}: {str(error.message).splitlines()[0]}") from error
        results = {name: value.numpy() for name, value in found.items()}
        if not all(np.isfinite(value).all() for value in results.values()):
            raise ModelError(
                f"the output of {self.info.name} is not finite: atoms are closer together than any in its training data"
            )
        return results

    def copy(self) -> "Runner":
        """The same model with a neighbour list of its own, for other atoms.

        Returns:
            The runner; it shares what is compiled.
        """
        return Runner(self.info, self._evaluate, self._list.skin)


def open_runner(model: ForceField | str | Path, precision: Precision = "single", skin: float = 0.0) -> Runner:
    """Open a model for simulations.

    Args:
        model: a model, its .keras file, or a folder of `gnnzoo freeze`.
        precision: of the network; positions and sums over atoms are float64 in any case.
        skin: see `SkinList`; length unit.

    Returns:
        The runner.

    Raises:
        ModelError: there is no such model, or the folder is of an older version.
        UserError: `precision` is unknown.
    """
    if precision not in DTYPES:
        raise UserError(f"precision is {precision!r}", expected=f"one of {', '.join(DTYPES)}")
    if not isinstance(model, ForceField) and Path(model).is_dir():
        name = next(name for name, dtype in EDGE_SIGNATURES.items() if dtype == DTYPES[precision])
        return exported_runner(load_exported(Path(model)), name, skin)
    force_field = model if isinstance(model, ForceField) else load_model(model)
    network = EdgeModel(force_field, DTYPES[precision])
    evaluate = tf.function(network.__call__, autograph=False)
    recipe = force_field.recipe
    info = RunnerInfo(
        name=str(force_field.path or recipe.name),
        units=force_field.units,
        species=force_field.species,
        types={int(number): name for number, name in force_field.info["types"].items()},
        cutoff=force_field.cutoff,
        bonds=recipe.graph.bonds,
        molecules=needs_molecules(force_field),
        periodic=bool(network.largest_wave),
        additive=symmetries(recipe).additive,
        has=edge_results(force_field),
    )
    return Runner(info, evaluate, skin)


@dataclass(frozen=True, eq=False)
class ExportedModel:
    """A folder of `gnnzoo freeze`, loaded.

    Attributes:
        folder: the folder.
        card: content of its card.json, as far as it is needed.
        module: its functions and signatures.
    """

    folder: Path
    card: StoredCard
    module: tf.Module


def load_exported(folder: Path) -> ExportedModel:
    """Load a folder of `gnnzoo freeze`.

    Args:
        folder: the folder.

    Returns:
        What is in it.

    Raises:
        ModelError: its card cannot be read, or it has no SavedModel.
    """
    card = read_card(folder / CARD)
    try:
        with root_logger_kept():
            module = tf.saved_model.load(str(folder))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise not_exported(f"cannot be run: {type(error).__name__}: {str(error)[:200]}", folder) from error
    return ExportedModel(folder, card, module)


def exported_runner(exported: ExportedModel, name: str, skin: float = 0.0) -> Runner:
    """Run one signature of an exported model.

    Args:
        exported: the model.
        name: of the signature, of `EDGE_SIGNATURES`.
        skin: see `SkinList`; length unit.

    Returns:
        The runner.

    Raises:
        ModelError: it is of an older version, which has no such signature.
    """
    card, signatures = exported.card, getattr(exported.module, "signatures", {})
    if name not in signatures:
        raise not_exported(f"has no signature {name}", exported.folder)
    signature = signatures[name]
    types, bonds = {int(number): kind for number, kind in card["types"].items()}, card["recipe"]["graph"].get("bonds")
    first = {kind: number for number, kind in sorted(types.items(), reverse=True)}
    numbers = tf.constant([first[kind] for kind in card["species"]], tf.int32)
    inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    info = RunnerInfo(
        name=str(exported.folder),
        units=card["units"]["style"],
        species=card["species"],
        types=types,
        cutoff=float(card["cutoff"]),
        bonds=None if bonds is None else [(pair[0], pair[1]) for pair in bonds],
        molecules=card["molecules"],
        periodic="cell" in inputs,
        additive=False,  # a card does not state it
        has=EdgeResults("energies" in outputs, "virial" in outputs, "virials" in outputs),
    )
    keys = ("owned", "senders", "receivers", "vectors", "edge_class", "positions", "cell")

    def evaluate(species: tf.Tensor, *rest: tf.Tensor) -> dict[str, tf.Tensor]:
        given = dict(zip(keys, rest, strict=False))
        assert exported is not None  # the variables live as long as this reference
        return signature(types=tf.gather(numbers, species), **given)

    return Runner(info, evaluate, skin)
