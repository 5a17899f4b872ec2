"""The .keras file: a Keras archive that also carries its recipe, its split, its scales and where it came from."""

import json
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

import gnnzoo.layers  # what Keras will look for is registered by these two
import gnnzoo.models.conservative  # noqa: F401
from gnnzoo import fields
from gnnzoo.data.frames import Frame
from gnnzoo.data.graphs.graph import Graph, graph_of
from gnnzoo.errors import Location, ModelError
from gnnzoo.models.archive import DAMAGE, INFO_MEMBER, damaged, read_info
from gnnzoo.models.predict import Predictor
from gnnzoo.outputs import atomic_write
from gnnzoo.recipe.schema.recipe import Recipe


@dataclass(eq=False)
class ForceField:
    """A trained network with what is needed to use it.

    Attributes:
        network: dict batch -> {"forces": (atoms, 3)}.
        recipe: the recipe it was trained by, complete.
        info: JSON-able: species, types, units, cutoff, dataset, split, statistics, training, figures, example.
        path: where it was read from, if it was.
    """

    network: keras.Model
    recipe: Recipe
    info: dict = field(default_factory=dict)
    path: Path | None = None

    @property
    def species(self) -> list[str]:
        """Names in the order of the network's `species` input."""
        return self.info["species"]

    @property
    def cutoff(self) -> float:
        """In the length unit of `units`."""
        return self.recipe.graph.cutoff

    @property
    def units(self) -> str | None:
        """LAMMPS unit style of forces and lengths."""
        return self.info["units"]

    @cached_property
    def predictor(self) -> Predictor:
        """Compiled once and kept."""
        return Predictor(self.network)

    def use(self, network: keras.Model) -> None:
        """Go on with another network, or with this one changed in more than its weights: nothing compiled is kept."""
        self.network = network
        self.__dict__.pop("predictor", None)

    def forces(self, frame: Frame) -> np.ndarray:
        """(atoms, 3) float32 forces on the atoms of a frame, in the model's unit."""
        return self.predictor.forces(self._graph(frame))

    def energy(self, frame: Frame) -> float:
        """Potential energy of a frame in the model's unit; see `knows_zero`.

        Raises:
            ModelError: the model has no energy head.
        """
        graph = self._graph(frame)
        found = self.predictor.results(graph)
        if fields.ENERGY not in found:
            raise ModelError(
                "has forces only, no energy",
                location=Location(file=self.path),
                hint="a recipe that ends in energy_decoder",
            )
        return self.total_energy(found, graph)

    def total_energy(self, found: dict, graph: Graph) -> float:
        """The energy that the network found for a graph, with what the zero of the energies has of it."""
        counts = np.bincount(graph.species, minlength=len(self.species))
        return float(found[fields.ENERGY][0]) + float(counts @ self.energy_offsets)

    @property
    def knows_zero(self) -> bool:
        """Whether energies count from the zero of the training data; without energies in the loss it stays open."""
        return self.recipe.training.loss_weights.energy > 0

    @property
    def energy_offsets(self) -> np.ndarray:
        """(species,) float64, what an atom of each species has of the zero of the energies."""
        return np.asarray(self.info.get("energy_offsets") or np.zeros(len(self.species)), np.float64)

    def _graph(self, frame: Frame) -> Graph:
        return graph_of(frame, self.species, self.cutoff, self.recipe.graph.bonds)


def save_model(force_field: ForceField, path: Path | str, overwrite: bool = False) -> Path:
    """Write a .keras file that plain Keras opens as well, once gnnzoo's layers are imported."""
    path = Path(path)
    info = {**force_field.info, "recipe": force_field.recipe.model_dump(mode="json", by_alias=True)}
    with atomic_write(path, overwrite) as temporary:
        force_field.network.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(INFO_MEMBER, json.dumps(info, indent=1))
    force_field.path = path
    return path


def load_model(path: Path | str) -> ForceField:
    """Read a .keras file of ours.

    Raises:
        ModelError: there is no such file, it is not one of ours, or it is damaged.
    """
    info = read_info(path)
    try:
        recipe = Recipe.model_validate(info.pop("recipe"))
        network = keras.models.load_model(path, compile=False)
    except DAMAGE as error:
        raise damaged(path, error) from error
    return ForceField(network, recipe, info, Path(path))
