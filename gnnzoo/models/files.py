"""Trained models: `ForceField`, and its .keras file, a Keras archive with recipe, split, scales and provenance."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from gnnzoo import fields
from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.graphs.graph import Graph, graph_of
from gnnzoo.errors import Location, ModelError, RecipeError, UserError
from gnnzoo.models.archive import (
    CONFIG_MEMBER,
    INFO_MEMBER,
    WEIGHTS_MEMBER,
    damaged,
    info_of,
    member_size,
    open_archive,
    read_member,
)
from gnnzoo.models.info import ModelInfo
from gnnzoo.models.layer_classes import layer_packages, require_layers
from gnnzoo.models.predict import Predictor
from gnnzoo.models.stored_network import LONGEST_CONFIG, build_stored_network
from gnnzoo.models.weights import load_weights
from gnnzoo.outputs import atomic_write
from gnnzoo.recipe.io.load import recipe_from_dict
from gnnzoo.recipe.layer_registry import layers_with
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.records import json_text

_LONGEST_RECIPE = 1_000_000  # bytes of JSON


@dataclass(eq=False)
class ForceField:
    """A trained network with the metadata needed to use it.

    Attributes:
        network: dict batch -> {"forces": (atoms, 3)}.
        recipe: the complete recipe that it was trained with.
        info: all other information in its file, JSON-able.
        path: the file that it was read from or written to, or None.
    """

    network: keras.Model
    recipe: Recipe
    info: ModelInfo = field(default_factory=ModelInfo)
    path: Path | None = None

    @property
    def species(self) -> list[str]:
        """Names in the order of the network's species index."""
        return self.info["species"]

    @property
    def cutoff(self) -> float:
        """Cutoff radius, in the length unit of `units`."""
        return self.recipe.graph.cutoff

    @property
    def units(self) -> str | None:
        """LAMMPS unit style of lengths, forces and energies; None where undeclared."""
        return self.info["units"]

    @property
    def split(self) -> dict[str, list[int]]:
        """Frame numbers of each part of the training dataset; ModelError where the file does not store them."""
        if "split" not in self.info:
            raise ModelError(
                "does not store which frames it was trained on",
                location=Location(file=self.path, key="split"),
                hint="train it again",
            )
        return self.info["split"]

    @cached_property
    def predictor(self) -> Predictor:
        """Predictor of the network, compiled once."""
        return Predictor(self.network)

    def use(self, network: keras.Model) -> None:
        """Replace the network and drop everything compiled; also needed after a change of more than its weights.

        Args:
            network: the new network, or the changed one.
        """
        self.network = network
        self.__dict__.pop("predictor", None)

    def forces(self, frame: Frame) -> np.ndarray:
        """Predict the forces on the atoms of a frame.

        Args:
            frame: positions, cell and types; in the model's units.

        Returns:
            (atoms, 3) float32, force unit of the model.
        """
        return self._outputs([self._graph(frame)])[0][fields.FORCES]

    def forces_of(self, frames: Sequence[Frame]) -> list[np.ndarray]:
        """Predict the forces of several frames in one batch: faster than one by one for frames of few atoms.

        Args:
            frames: at least one; in the model's units.

        Returns:
            One array like that of `forces` for each frame.
        """
        return [outputs[fields.FORCES] for outputs in self._outputs([self._graph(frame) for frame in frames])]

    def energy(self, frame: Frame) -> float:
        """Predict the potential energy of a frame.

        Args:
            frame: positions, cell and types; in the model's units.

        Returns:
            Energy in the model's unit; for its zero see `knows_zero`.

        Raises:
            ModelError: the model has no energy head.
        """
        graph = self._graph(frame)
        return self.total_energy(self._with_energy(graph), graph)

    def virial(self, frame: Frame) -> np.ndarray:
        """Predict the virial of a frame, -dE/d(strain).

        Args:
            frame: positions, cell and types; in the model's units.

        Returns:
            (3, 3) in the model's unit of energy: the stress of a periodic frame is -virial / volume.

        Raises:
            ModelError: the model has no energy head.
        """
        return self._with_energy(self._graph(frame))[fields.VIRIAL][0]

    def _with_energy(self, graph: Graph) -> dict[str, np.ndarray]:
        """Outputs of the network, which has an energy."""
        outputs = self._outputs([graph])[0]
        if fields.ENERGY not in outputs:
            raise ModelError(
                "has forces only, no energy",
                location=Location(file=self.path),
                hint=f"a recipe that ends in {' or '.join(layers_with(head='energy'))}",
            )
        return outputs

    def __repr__(self) -> str:
        place = self.path or "not saved"
        known = " ".join(self.info.get("species", []))
        return f"<ForceField {self.recipe.name} of {known}, cutoff {self.cutoff:g}, {place}>"

    def total_energy(self, outputs: dict[str, np.ndarray], graph: Graph) -> float:
        """Add the energy offsets of the species to the network's energy.

        Args:
            outputs: network outputs for the graph, with "energy".
            graph: one graph.

        Returns:
            Potential energy in the model's unit.
        """
        counts = np.bincount(graph.species, minlength=len(self.species))
        return float(outputs[fields.ENERGY][0]) + float(counts @ self.energy_offsets)

    @property
    def knows_zero(self) -> bool:
        """Whether energies have the zero of the training data; it is arbitrary after training on forces alone."""
        return self.recipe.training.loss_weights.energy > 0

    @property
    def energy_offsets(self) -> np.ndarray:
        """(species,) float64, energy unit: offset per atom of each species, subtracted before training."""
        return np.asarray(self.info.get("energy_offsets") or np.zeros(len(self.species)), np.float64)

    def _outputs(self, graphs: Sequence[Graph]) -> list[dict[str, np.ndarray]]:
        """Outputs of the network for graphs in one batch, all of them finite."""
        found = self.predictor.results_of(graphs)
        if not all(np.isfinite(values).all() for outputs in found for values in outputs.values()):
            raise ModelError(
                "the model's output is not finite: atoms are closer together than any in its training data",
                location=Location(file=self.path),
                hint="evaluate it on frames like those that it was trained on",
            )
        return found

    def _graph(self, frame: Frame) -> Graph:
        return graph_of(frame, self.species, self.cutoff, self.recipe.graph.bonds)


def save_model(force_field: ForceField, path: Path | str, overwrite: bool = False) -> Path:
    """Write a .keras file, which plain Keras opens as well once gnnzoo's layers are imported.

    Args:
        force_field: the model; its `path` is set.
        path: the file.
        overwrite: replace an existing file, which is kept as a backup.

    Returns:
        The path of the file.
    """
    path = Path(path)
    info = {**force_field.info, "recipe": force_field.recipe.model_dump(mode="json", by_alias=True)}
    if packages := layer_packages(force_field.recipe.model.layers):
        info["layer_packages"] = packages
    with atomic_write(path, overwrite) as temporary:
        force_field.network.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(INFO_MEMBER, json_text(info))
    force_field.path = path
    return path


def load_model(path: Path | str) -> ForceField:
    """Read a .keras file written by gnnzoo.

    The network is built from the recipe, and only its weights are read: nothing that the file names is imported or
    called, and no more memory is taken than the file has bytes.

    Args:
        path: the file.

    Returns:
        The model.

    Raises:
        ModelError: the file does not exist, was not written by gnnzoo, or is damaged; or it has a layer of a package
            that is not installed.
    """
    with open_archive(path) as archive:
        info = info_of(archive, path, required=("recipe", "species", "types", "units"))
        require_layers(info.pop("layer_packages", {}), path)
        recipe = stored_recipe(info.pop("recipe"), path)
        species = info["species"]
        config = read_member(archive, CONFIG_MEMBER, LONGEST_CONFIG)
        most = member_size(archive, WEIGHTS_MEMBER)
        try:
            network = build_stored_network(recipe, species, config, most)
        except UserError as error:
            where = Location(file=path, key=error.location.key if error.location else None)
            raise ModelError(error.what, location=where, expected=error.expected, hint=error.hint) from error
        except Exception as error:  # of any layer, about values that the file gives
            raise damaged(path, error, CONFIG_MEMBER) from error
        load_weights(archive, path, network)
    return ForceField(network, recipe, info, Path(path))


def stored_recipe(raw: Mapping[str, object], path: Path | str) -> Recipe:
    """The recipe of a model file.

    Args:
        raw: as it stands in the file.
        path: the file, for errors.

    Returns:
        The recipe.

    Raises:
        ModelError: it is not valid.
    """
    if (size := len(json.dumps(raw))) > _LONGEST_RECIPE:
        raise damaged(
            path, ValueError(f"its recipe has {size:,} bytes, at most {_LONGEST_RECIPE:,} are read"), "recipe"
        )
    try:
        return recipe_from_dict(raw)
    except RecipeError as error:
        first = next(iter(error.problems), error)
        where = f"{first.location.key}: " if first.location and first.location.key else ""
        raise damaged(path, ValueError(f"{where}{first.what}"), "recipe") from error
