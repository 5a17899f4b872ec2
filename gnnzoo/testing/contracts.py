"""The contract of every model: symmetries, continuity, derivatives, batching, saving and freezing.

Which symmetries a model has beyond translation, permutation and periodic images follows from its recipe
(`gnnzoo.models.symmetries`). The contract checks both directions: a stated symmetry holds, and one that holds is
stated.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.frames.geometry import random_rotation
from gnnzoo.data.graphs.batch import pad
from gnnzoo.data.graphs.graph import Graph, graph_of
from gnnzoo.deploy.freeze import save
from gnnzoo.layers.registry import ATOM_ENERGIES, ATOMS, BONDED_EDGES, EDGES, VECTORS, atoms_after
from gnnzoo.models.build import Scales, build_network, network_species
from gnnzoo.models.files import ForceField, load_model, save_model
from gnnzoo.models.info import ModelInfo
from gnnzoo.models.predict import Predictor
from gnnzoo.models.symmetries import Symmetries, symmetries
from gnnzoo.recipe.checks.stack import layer_names
from gnnzoo.recipe.checks.widths import widths_after
from gnnzoo.recipe.schema.recipe import Recipe
from gnnzoo.testing.frames import changed, contract_frame, few_atoms, replicated

Network = Callable[..., dict[str, tf.Tensor]]
Report = Callable[[str, float], None]  # name and value of a measured error

# Tolerances relative to the largest force, in float64 and in float32.
EXACT, SINGLE = 1e-10, 1e-5
SCALES = Scales(force=2.0, neighbors=10.0)
# Coefficients of a first derivative of fourth order in the step.
STENCIL = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}
# Tolerance of a numerical derivative, relative to the largest one, and its step in A. The step is small because the
# energy of random weights is rough: the error of the stencil falls with its fourth power, rounding adds 1e-11.
DERIVATIVE, STEP = 1e-7, 3e-6


class ModelContract:
    """The contract for the network of one recipe, checked on one frame.

    Args:
        recipe: gives cutoff, bonds and species, and the network.
        frame: a liquid of the recipe's types in a box smaller than twice the cutoff; by default `contract_frame`.
        head: of a network with two heads the one that is checked, "direct" or "energy".
        network: in place of the recipe's: dict of float64 tensors -> dict of tensors.
        expected: symmetries in place of those that follow from the recipe.
        build: in place of `build_network`.
        graph_of: in place of gnnzoo's own.
    """

    def __init__(
        self,
        recipe: Recipe,
        frame: Frame | None = None,
        head: str | None = None,
        network: Network | None = None,
        expected: Symmetries | None = None,
        build: Callable[..., keras.Model] = build_network,
        graph_of: Callable[..., Graph] = graph_of,
    ):
        self.recipe, self.head, self.build, self.graph_of = recipe, head, build, graph_of
        self.frame = frame or contract_frame(recipe)
        self.species = network_species(recipe)
        self.expected = expected or symmetries(recipe, head)
        self.network: keras.Model = network
        if network is None:
            made = build(recipe, self.species, SCALES, "float64")
            self._initial, self.network = [variable.numpy() for variable in made.variables], made
            self.randomize_weights()

    @classmethod
    def checks(cls) -> list[str]:
        """Names of all checks.

        Returns:
            Names of methods, which begin with "check_".
        """
        return [name for name, _ in inspect.getmembers(cls, inspect.isfunction) if name.startswith("check_")]

    def run(self, check: str, folder: Path | None = None, report: Report = lambda name, value: None) -> None:
        """Run one check.

        Args:
            check: its name, one of `checks()`.
            folder: an empty folder, for checks that write files.
            report: called with name and value of each error that is measured and not limited.

        Raises:
            AssertionError: the network breaks the contract.
        """
        method = getattr(self, check)
        given = {"folder": folder, "report": report}
        method(**{name: given[name] for name in inspect.signature(method).parameters})

    def randomize_weights(self) -> None:
        """Move every weight off its initial value, so that no bias is zero and no two slopes are equal."""
        random = np.random.default_rng(5)
        for variable in self.network.trainable_variables:
            variable.assign(variable.numpy() + random.normal(scale=0.05, size=variable.shape))

    @cached_property
    def single(self) -> keras.Model:
        """The same network in float32."""
        network = self.build(self.recipe, self.species, SCALES)
        network.set_weights(self.network.get_weights())
        return network

    # --- outputs of the network -----------------------------------------------------------------------------------

    def outputs(
        self,
        *frames: Frame,
        extra_atoms: int = 0,
        extra_graphs: int = 0,
        network: Network | None = None,
        dtype: str = "float64",
    ) -> dict[str, np.ndarray]:
        """Outputs of the network for frames in one batch.

        Args:
            frames: at least one.
            extra_atoms, extra_graphs: padding.
            network: another network than that of the contract.
            dtype: of the inputs.

        Returns:
            Outputs by name, with those on padding.
        """
        inputs = self._inputs(frames, extra_atoms, extra_graphs, dtype)
        chosen = {} if self.head is None else {"head": self.head}
        return {key: value.numpy() for key, value in (network or self.network)(inputs, **chosen).items()}

    def _inputs(
        self, frames: Sequence[Frame], extra_atoms: int = 0, extra_graphs: int = 0, dtype: str = "float64"
    ) -> dict[str, tf.Tensor]:
        """Inputs of the network for frames in one batch."""
        graph = self.recipe.graph
        graphs = [self.graph_of(frame, self.species, graph.cutoff, graph.bonds, dtype=dtype) for frame in frames]
        atoms, waves = sum(map(len, frames)) + extra_atoms, graph.waves or 0.0
        batch = pad(graphs, len(frames) + extra_graphs, atoms, dtype, largest_wave=waves)
        return {key: keras.ops.convert_to_tensor(batch[key]) for key in fields.MODEL_INPUTS}

    def forces(self, *frames: Frame, network: Network | None = None, dtype: str = "float64") -> np.ndarray:
        """Forces on the atoms of frames in one batch.

        Args:
            frames: at least one.
            network: another network than that of the contract.
            dtype: of the inputs.

        Returns:
            (atoms of all frames, 3) without padding.
        """
        return self.outputs(*frames, network=network, dtype=dtype)[fields.FORCES][: sum(map(len, frames))]

    @cached_property
    def largest(self) -> float:
        """Absolute value of the largest force component on the frame; an AssertionError where all are zero."""
        size = np.max(np.abs(self.forces(self.frame)))
        assert size > 1e-3, "a network whose output is zero satisfies every symmetry"
        return float(size)

    def assert_close(self, found: np.ndarray, expected: np.ndarray, tolerance: float = EXACT) -> None:
        """Compare forces.

        Args:
            found, expected: arrays of one shape.
            tolerance: relative to the largest force on the frame.

        Raises:
            AssertionError: they differ by more.
        """
        assert np.max(np.abs(found - expected)) < tolerance * self.largest

    # --- what holds for every network -----------------------------------------------------------------------------

    def check_translation(self) -> None:
        """Forces do not change when all atoms are moved together."""
        moved = changed(self.frame, positions=self.frame.positions + np.array([3.1, -7.7, 0.4]))
        self.assert_close(self.forces(moved), self.forces(self.frame), 10 * EXACT)

    def check_permutation(self) -> None:
        """Forces are permuted with the atoms."""
        order = np.random.default_rng(1).permutation(len(self.frame))
        shuffled = few_atoms(self.frame, order)
        self.assert_close(self.forces(shuffled), self.forces(self.frame)[order])

    def check_periodic_images(self) -> None:
        """In a box smaller than twice the cutoff images are neighbours, as in the replicated box."""
        heights = 1 / np.linalg.norm(np.linalg.inv(self.frame.cell), axis=0)
        assert heights.min() < 2 * self.recipe.graph.cutoff, "the box is too large for this check"
        large = replicated(self.frame, (2, 1, 2))
        self.assert_close(self.forces(large)[: len(self.frame)], self.forces(self.frame), 10 * EXACT)

    def check_wrapping(self) -> None:
        """Forces do not depend on the image of the cell in which an atom is given."""
        jumps = np.random.default_rng(2).integers(-1, 2, size=(len(self.frame), 3))
        moved = changed(self.frame, positions=self.frame.positions + jumps @ self.frame.cell)
        self.assert_close(self.forces(moved), self.forces(self.frame), 10 * EXACT)

    def check_batching_and_padding(self) -> None:
        """Outputs do not depend on other graphs of the batch or on padding, and are zero on padding."""
        other = changed(self.frame, positions=self.frame.positions[::-1], types=self.frame.types[::-1])
        alone = [self.outputs(frame) for frame in (self.frame, other)]
        together = self.outputs(self.frame, other, extra_atoms=5, extra_graphs=2)
        for name, found in together.items():
            expected = np.concatenate([outputs[name] for outputs in alone])
            assert np.max(np.abs(found[: len(expected)] - expected)) < EXACT * np.max(np.abs(expected)), name
            assert not found[len(expected) :].any(), f"{name} on padding"

    def check_isolated_atom(self) -> None:
        """The force on an atom without neighbours is finite, and zero where the network is equivariant."""
        for kind in np.unique(self.frame.types):
            isolated = few_atoms(self.frame, [int(np.argmax(self.frame.types == kind))], cell=self._wide_cell())
            force = np.abs(self.forces(isolated)).max()
            assert np.isfinite(force)
            if self.expected.rotation:
                assert force < EXACT * self.largest

    def check_traits(self) -> None:
        """The traits of each layer state the weights, outputs and widths that its Keras layer has."""
        if not isinstance(self.network, keras.Model):
            return
        entries, graph = self.recipe.model.layers, self._inputs([self.frame])
        graph |= self.network.get_layer(fields.EDGE_GEOMETRY)(graph)
        for name, entry, width in zip(layer_names(self.recipe), entries, widths_after(entries), strict=True):
            layer, traits = self.network.get_layer(name), entry.traits
            outputs = layer(graph)
            assert bool(layer.trainable_weights) == traits.has_weights, f"{name}: has_weights"
            assert (fields.FORCES in outputs) == (traits.head == "direct"), f"{name}: head"
            assert (ATOM_ENERGIES in outputs) == (traits.head == "energy"), f"{name}: head"
            assert bool({EDGES, BONDED_EDGES} & set(outputs)) == traits.encodes_edges, f"{name}: encodes_edges"
            assert (VECTORS in outputs) == traits.makes_vectors, f"{name}: makes_vectors"
            radial = traits.reads_edges or traits.reads_radial or traits.encodes_edges
            assert radial or not layer.radial_weights(), f"{name}: reads_edges or reads_radial"
            for key in {ATOMS, VECTORS} & set(outputs):
                assert outputs[key].shape[-1] == width, f"{name}: sets_width, {key}"
            graph |= outputs
            graph[atoms_after(name)] = graph[ATOMS]

    # --- symmetries that follow from the recipe -------------------------------------------------------------------

    def check_rotation_and_reflection(self, report: Report) -> None:
        """Forces rotate with the atoms where that is stated; `report` gets the error relative to the largest force."""
        worst: dict[str, float] = {}
        for dtype in ("float64", "float32") if isinstance(self.network, keras.Model) else ("float64",):
            network = None if dtype == "float64" else self.single
            straight = self.forces(self.frame, network=network, dtype=dtype)
            for turn in (random_rotation(3), -random_rotation(4)):
                turned = changed(self.frame, positions=self.frame.positions @ turn.T, cell=self.frame.cell @ turn.T)
                difference = np.max(np.abs(self.forces(turned, network=network, dtype=dtype) - straight @ turn.T))
                worst[dtype] = max(worst.get(dtype, 0), float(difference / self.largest))
        for dtype, error in worst.items():
            report(f"rotation error, {dtype}", error)
        if self.expected.rotation:
            assert worst["float64"] < EXACT
            assert worst.get("float32", 0) < SINGLE
        else:
            assert worst["float64"] > 1e-3, "the directions of edges have no effect"

    def check_net_force(self) -> None:
        """Forces sum to zero exactly where that is stated."""
        forces = self.forces(self.frame)
        holds = np.abs(forces.sum(axis=0)).max() < EXACT * np.abs(forces).sum()
        assert holds == self.expected.zero_net_force

    def check_cutoff(self) -> None:
        """Forces on three atoms have no step and no kink where the distance of two of them passes the cutoff.

        The second difference falls with the square of its step where the slope is continuous, with the step itself at
        a kink, and not at all at a jump.
        """
        wide, narrow = (self._second_difference(step * self.recipe.graph.cutoff) for step in (1e-5, 1e-6))
        holds = narrow < 0.03 * wide + EXACT * 1e-3 * self.largest
        assert holds == self.expected.smooth_cutoff

    def _second_difference(self, step: float) -> float:
        """Largest component of F(c + step) - 2 F(c) + F(c - step) at the cutoff c."""
        c = self.recipe.graph.cutoff
        positions = [np.array([[0, 0, 0], [0.5 * c, 0.2 * c, 0.1 * c], [c + d, 0, 0]]) for d in (step, 0.0, -step)]
        after, at, before = (
            self.forces(few_atoms(self.frame, [0, 1, 2], positions=three, cell=self._wide_cell(), molecules=None))
            for three in positions
        )
        return float(np.max(np.abs(after - 2 * at + before)))

    def check_additivity(self) -> None:
        """Two distant groups of atoms have the same forces together and alone, exactly where that is stated."""
        half = np.arange(len(self.frame)) < len(self.frame) // 2
        far = 3 * len(self.recipe.model.layers) * self.recipe.graph.cutoff
        surroundings: dict[str, object] = {"boundary": ("ff", "ff", "ff")}
        if self.recipe.graph.waves:  # needs a periodic box
            far, surroundings = 5 * self.recipe.graph.cutoff, {"cell": self._wide_cell()}
        positions = self.frame.positions + np.where(half, 0, far)[:, None]
        together = few_atoms(self.frame, np.arange(len(half)), positions=positions, **surroundings)
        alone = [self.forces(few_atoms(together, np.flatnonzero(chosen))) for chosen in (half, ~half)]
        difference = np.max(np.abs(self.forces(together) - np.concatenate(alone)))
        assert (difference < 10 * EXACT * self.largest) == self.expected.additive

    def check_derivatives_of_the_energy(self) -> None:
        """Forces are -dE/dx, and the virial is -dE/d(strain): strain takes r to r + r strain, and the cell with it."""
        outputs = self.outputs(self.frame)
        assert (fields.ENERGY in outputs) == self.expected.conservative
        if not self.expected.conservative:
            return
        positions, cell = self.frame.positions, self.frame.cell
        random = np.random.default_rng(7)
        ways = [random.normal(size=positions.shape) for _ in range(3)]

        def moved(way: np.ndarray) -> Callable[[float], Frame]:
            return lambda t: changed(self.frame, positions=positions + t * way)

        def strained(strain: np.ndarray) -> Callable[[float], Frame]:
            moves, stretches = positions @ strain, cell @ strain
            return lambda t: changed(self.frame, positions=positions + t * moves, cell=cell + t * stretches)

        found = self._derivatives(list(map(moved, ways)))
        expected = [-np.sum(outputs[fields.FORCES] * way) for way in ways]
        assert np.max(np.abs(found - expected)) < DERIVATIVE * np.linalg.norm(outputs[fields.FORCES])

        strains = np.eye(9).reshape(9, 3, 3) / np.abs(positions).max()  # so that no atom moves farther than the step
        found = self._derivatives(list(map(strained, strains)))
        virial = -found.reshape(3, 3) * np.abs(positions).max()
        assert np.max(np.abs(virial)) > 1e-3
        assert np.max(np.abs(outputs[fields.VIRIAL][0] - virial)) < DERIVATIVE * np.max(np.abs(virial))

    def _derivatives(self, paths: list[Callable[[float], Frame]]) -> np.ndarray:
        """(paths,) dE/dt at t = 0 along frames that depend on t, all in one batch."""
        frames = [path(number * STEP) for path in paths for number in STENCIL]
        energies = self.outputs(*frames)[fields.ENERGY].reshape(len(paths), len(STENCIL))
        return energies @ np.array(list(STENCIL.values())) / STEP

    def _wide_cell(self) -> np.ndarray:
        """A cell in which no atom has an image within reach."""
        return np.eye(3) * 10 * self.recipe.graph.cutoff

    # --- the same wherever it runs --------------------------------------------------------------------------------

    def check_saving(self, folder: Path) -> None:
        """A network that Keras saved and loaded has the same outputs to the last digit.

        Args:
            folder: for the file.
        """
        path = folder / "network.keras"
        self.network.save(path)
        again = keras.models.load_model(path, compile=False)
        np.testing.assert_array_equal(self.forces(self.frame, network=again), self.forces(self.frame))

    def check_deployment(self, folder: Path) -> None:
        """The .keras file and the frozen SavedModel have the outputs of the network in memory.

        Args:
            folder: for the files.
        """
        if self.head == "direct":  # the energy head is the one that is deployed
            return
        info = ModelInfo(species=self.species, types=self.recipe.data.types or {}, units="real")
        live = ForceField(self.single, self.recipe, info)
        live.predictor = Predictor(self.single, xla=False)  # compilation takes longer than the rest
        expected = live.forces(self.frame)
        # in the same precision: rounding in float32 depends on the processor, and normalization amplifies it
        self.assert_close(expected, self.forces(self.frame, network=self.single, dtype="float32"), 10 * SINGLE)
        again = load_model(save_model(live, folder / "model.keras"))
        self.assert_close(self.forces(self.frame, network=again.network, dtype="float32"), expected, 10 * SINGLE)
        name = "results" if self.expected.conservative else "forces"
        inputs = {key: getattr(self.frame, key) for key in ("positions", "cell", "pbc", "types")}
        if self.frame.molecules is not None:
            name, inputs = f"{name}_with_molecules", inputs | {"molecules": self.frame.molecules}
        save(live, folder / "frozen", names=[name])
        frozen = tf.saved_model.load(str(folder / "frozen"))
        found = frozen.signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        self.assert_close(found["forces"].numpy(), expected, 10 * SINGLE)
        if self.expected.conservative:
            np.testing.assert_allclose(found["energy"], live.energy(self.frame), rtol=1e-5)
            virial = self.outputs(self.frame)[fields.VIRIAL][0]
            np.testing.assert_allclose(found["virial"], virial, atol=10 * SINGLE * np.abs(virial).max())

    def check_seed(self) -> None:
        """Two networks of one recipe have the same initial weights."""
        again = self.build(self.recipe, self.species, SCALES, "float64")
        for a, b in zip(again.variables, self._initial, strict=True):
            np.testing.assert_array_equal(a.numpy(), b)
