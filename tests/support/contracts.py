"""What every model must satisfy, whatever its stack: applied to each recipe by `tests/models/test_contracts.py`.

What a model promises beyond translation, permutation, periodic images, batching and saving comes from
`gnnzoo.models.symmetries`; the contract holds it to that both ways: a promise is kept, and what is kept is promised.
`tests/models/test_broken_contracts.py` shows that each check fails on a network that breaks it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np
import tensorflow as tf

from gnnzoo import fields
from gnnzoo.data.graphs.batch import pad
from gnnzoo.data.graphs.graph import graph_of
from gnnzoo.deploy.freeze import FrozenForceField
from gnnzoo.models.build import Scales, build_network, network_species
from gnnzoo.models.files import ForceField, load_model, save_model
from gnnzoo.models.predict import Predictor
from gnnzoo.models.symmetries import Symmetries, symmetries
from gnnzoo.recipe.schema.recipe import Recipe
from systems import changed, few_atoms, random_rotation, replicated

EXACT, SINGLE = 1e-10, 1e-5  # relative to the largest force, in float64 and in float32
SCALES = Scales(force=2.0, neighbors=10.0)
STENCIL = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}  # a first derivative, to fourth order in the step
# What a derivative may be off by, relative to the largest one; and its step, A, small because random weights make a
# rough landscape: what the stencil leaves out falls with its fourth power, what rounding adds is 1e-11.
DERIVATIVE, STEP = 1e-7, 3e-6


@dataclass
class ModelContract:
    """A recipe's network on a frame of a liquid whose types the recipe names, in a box smaller than twice the cutoff.

    Attributes:
        recipe: gives cutoff, bonds and species, and the network unless there is another.
        frame: what all is checked on.
        head: which of two heads answers.
        network: in the place of the recipe's: dict of float64 tensors -> dict.
        promised: in the place of what follows from the recipe.
        build, graph_of: in the place of gnnzoo's own.
    """

    recipe: Recipe
    frame: object
    head: str | None = None
    network: Callable | None = None
    promised: Symmetries | None = None
    build: Callable = build_network
    graph_of: Callable = graph_of

    def __post_init__(self):
        self.species = network_species(self.recipe)
        self.promised = self.promised or symmetries(self.recipe, self.head)
        if self.network is None:
            self.network = self.build(self.recipe, self.species, SCALES, "float64")
            self.wake()

    def wake(self) -> None:
        """Move every weight off its initial value, so that no bias is zero and no slope equal to another."""
        random = np.random.default_rng(5)
        for variable in self.network.trainable_variables:
            variable.assign(variable.numpy() + random.normal(scale=0.05, size=variable.shape))

    @cached_property
    def single(self) -> keras.Model:
        """The same network in float32."""
        network = self.build(self.recipe, self.species, SCALES)
        network.set_weights(self.network.get_weights())
        return network

    # --- asking the network ---------------------------------------------------------------------------------------

    def answer(self, *frames, extra_atoms: int = 0, extra_graphs: int = 0, network=None, dtype="float64") -> dict:
        """What the network says of all frames in one batch: numpy, padding included."""
        graph = self.recipe.graph
        graphs = [self.graph_of(frame, self.species, graph.cutoff, graph.bonds, dtype=dtype) for frame in frames]
        batch = pad(
            graphs,
            len(frames) + extra_graphs,
            sum(map(len, frames)) + extra_atoms,
            dtype,
            largest_wave=graph.waves or 0.0,
        )
        inputs = {key: keras.ops.convert_to_tensor(batch[key]) for key in fields.MODEL_INPUTS}
        chosen = {} if self.head is None else {"head": self.head}
        return {key: value.numpy() for key, value in (network or self.network)(inputs, **chosen).items()}

    def forces(self, *frames, **options) -> np.ndarray:
        """(atoms, 3) forces on the real atoms of all frames, in one batch; options as `answer`."""
        return self.answer(*frames, **options)[fields.FORCES][: sum(map(len, frames))]

    def largest(self) -> float:
        """The largest force component on the frame."""
        size = np.max(np.abs(self.forces(self.frame)))
        assert size > 1e-3, "a network that answers with zero satisfies every symmetry"
        return size

    def assert_close(self, found, expected, tolerance=EXACT):
        assert np.max(np.abs(found - expected)) < tolerance * self.largest()

    # --- the contract: what every network keeps -------------------------------------------------------------------

    def check_translation(self):
        moved = changed(self.frame, positions=self.frame.positions + np.array([3.1, -7.7, 0.4]))
        self.assert_close(self.forces(moved), self.forces(self.frame), 10 * EXACT)

    def check_permutation(self):
        order = np.random.default_rng(1).permutation(len(self.frame))
        shuffled = few_atoms(self.frame, order)
        self.assert_close(self.forces(shuffled), self.forces(self.frame)[order])

    def check_periodic_images(self):
        """The box is smaller than twice the cutoff: images are neighbours as in the replicated box."""
        heights = 1 / np.linalg.norm(np.linalg.inv(self.frame.cell), axis=0)
        assert heights.min() < 2 * self.recipe.graph.cutoff
        large = replicated(self.frame, (2, 1, 2))
        self.assert_close(self.forces(large)[: len(self.frame)], self.forces(self.frame), 10 * EXACT)

    def check_wrapping(self):
        """An atom may lie in any image of the cell."""
        jumps = np.random.default_rng(2).integers(-1, 2, size=(len(self.frame), 3))
        moved = changed(self.frame, positions=self.frame.positions + jumps @ self.frame.cell)
        self.assert_close(self.forces(moved), self.forces(self.frame), 10 * EXACT)

    def check_batching_and_padding(self):
        other = changed(self.frame, positions=self.frame.positions[::-1], types=self.frame.types[::-1])
        alone = [self.answer(frame) for frame in (self.frame, other)]
        together = self.answer(self.frame, other, extra_atoms=5, extra_graphs=2)
        for name, found in together.items():
            expected = np.concatenate([answer[name] for answer in alone])
            assert np.max(np.abs(found[: len(expected)] - expected)) < EXACT * np.max(np.abs(expected)), name
            assert not found[len(expected) :].any(), f"{name} on padding"

    def check_isolated_atom(self):
        """It feels a finite force, and none where nothing tells one direction from another."""
        for kind in np.unique(self.frame.types):
            lonely = few_atoms(self.frame, [int(np.argmax(self.frame.types == kind))], cell=self._room())
            force = np.abs(self.forces(lonely)).max()
            assert np.isfinite(force)
            if self.promised.rotation:
                assert force < EXACT * self.largest()

    # --- the contract: what is promised ---------------------------------------------------------------------------

    def check_rotation_and_reflection(self, report):
        """Exact where it is promised; where it is learned, what an untrained network is off by is reported."""
        worst = {}
        for dtype in ("float64", "float32") if isinstance(self.network, keras.Model) else ("float64",):
            asked = {"dtype": dtype} if dtype == "float64" else {"dtype": dtype, "network": self.single}
            straight = self.forces(self.frame, **asked)
            for turn in (random_rotation(3), -random_rotation(4)):
                turned = changed(self.frame, positions=self.frame.positions @ turn.T, cell=self.frame.cell @ turn.T)
                difference = np.max(np.abs(self.forces(turned, **asked) - straight @ turn.T))
                worst[dtype] = max(worst.get(dtype, 0), float(difference / self.largest()))
        for dtype, error in worst.items():
            report(f"rotation error, {dtype}", error)
        if self.promised.rotation:
            assert worst["float64"] < EXACT
            assert worst.get("float32", 0) < SINGLE
        else:  # or its directions are unread
            assert worst["float64"] > 1e-3

    def check_net_force(self):
        forces = self.forces(self.frame)
        kept = np.abs(forces.sum(axis=0)).max() < EXACT * np.abs(forces).sum()
        assert kept == self.promised.zero_net_force

    def check_cutoff(self):
        """Forces on three atoms while two of them part: no step and no kink where the pair passes the cutoff.

        The second difference shrinks with the square of its step where the slope is continuous, with the step itself
        over a kink, and not at all over a jump.
        """
        wide, narrow = (self._second_difference(step * self.recipe.graph.cutoff) for step in (1e-5, 1e-6))
        kept = narrow < 0.03 * wide + EXACT * 1e-3 * self.largest()
        assert kept == self.promised.smooth_cutoff

    def _second_difference(self, step: float) -> float:
        """Largest component of F(c + step) - 2 F(c) + F(c - step), c being the cutoff."""
        c = self.recipe.graph.cutoff
        places = [np.array([[0, 0, 0], [0.5 * c, 0.2 * c, 0.1 * c], [c + moved, 0, 0]]) for moved in (step, 0.0, -step)]
        after, at, before = (
            self.forces(few_atoms(self.frame, [0, 1, 2], positions=place, cell=self._room(), molecules=None))
            for place in places
        )
        return float(np.max(np.abs(after - 2 * at + before)))

    def check_additivity(self):
        """Two groups of atoms that are far apart, together and each alone; in an open box, if the network can."""
        half = np.arange(len(self.frame)) < len(self.frame) // 2
        far = 3 * len(self.recipe.model.layers) * self.recipe.graph.cutoff
        room = {"boundary": ("ff", "ff", "ff")}
        if self.recipe.graph.waves:
            far, room = 5 * self.recipe.graph.cutoff, {"cell": self._room()}
        places = self.frame.positions + np.where(half, 0, far)[:, None]
        together = few_atoms(self.frame, np.arange(len(half)), positions=places, **room)
        alone = [self.forces(few_atoms(together, np.flatnonzero(chosen))) for chosen in (half, ~half)]
        difference = np.max(np.abs(self.forces(together) - np.concatenate(alone)))
        assert (difference < 10 * EXACT * self.largest()) == self.promised.additive

    def check_derivatives_of_the_energy(self):
        """Forces are -dE/dx, and the virial is -dE/d(strain), which moves r to r + r strain and the cell with it."""
        answer = self.answer(self.frame)
        assert ("energy" in answer) == self.promised.conservative
        if not self.promised.conservative:
            return
        positions, cell = self.frame.positions, self.frame.cell
        random = np.random.default_rng(7)
        ways = [random.normal(size=positions.shape) for _ in range(3)]
        slopes = self._slopes([lambda t, way=way: changed(self.frame, positions=positions + t * way) for way in ways])
        expected = [-np.sum(answer[fields.FORCES] * way) for way in ways]
        assert np.max(np.abs(slopes - expected)) < DERIVATIVE * np.linalg.norm(answer[fields.FORCES])

        strains = np.eye(9).reshape(9, 3, 3) / np.abs(positions).max()  # so that no atom moves farther than the step
        slopes = self._slopes(
            [
                lambda t, s=s: changed(self.frame, positions=positions + t * positions @ s, cell=cell + t * cell @ s)
                for s in strains
            ]
        )
        virial = -slopes.reshape(3, 3) * np.abs(positions).max()
        assert np.max(np.abs(virial)) > 1e-3
        assert np.max(np.abs(answer["virial"][0] - virial)) < DERIVATIVE * np.max(np.abs(virial))

    def _slopes(self, paths: list[Callable]) -> np.ndarray:
        """(paths,) dE/dt at t = 0 along frames that depend on t, all in one batch."""
        frames = [path(number * STEP) for path in paths for number in STENCIL]
        energies = self.answer(*frames)["energy"].reshape(len(paths), len(STENCIL))
        return energies @ np.array(list(STENCIL.values())) / STEP

    def _room(self) -> np.ndarray:
        """A cell in which nothing meets its images."""
        return np.eye(3) * 10 * self.recipe.graph.cutoff

    # --- the contract: the same wherever it runs ------------------------------------------------------------------

    def check_saving(self, folder):
        path = folder / "network.keras"
        self.network.save(path)
        again = keras.models.load_model(path, compile=False)
        np.testing.assert_array_equal(self.forces(self.frame, network=again), self.forces(self.frame))

    def check_deployment(self, folder):
        """The same forces in Python, from the .keras file and from the frozen folder."""
        if self.head == "direct":  # what answers by default is what is deployed
            return
        info = {"species": self.species, "types": self.recipe.data.types, "units": "real"}
        live = ForceField(self.single, self.recipe, info)
        live.predictor = Predictor(self.single, xla=False)  # to compile takes longer than all else here
        expected = live.forces(self.frame)
        self.assert_close(expected, self.forces(self.frame), 10 * SINGLE)
        again = load_model(save_model(live, folder / "model.keras"))
        self.assert_close(self.forces(self.frame, network=again.network, dtype="float32"), expected, 10 * SINGLE)
        module = FrozenForceField(live)
        arguments = [self.frame.positions, self.frame.cell, self.frame.pbc, self.frame.types]
        arguments += [] if self.frame.molecules is None else [self.frame.molecules]
        arguments = [tf.constant(part) for part in arguments]
        functions = [module.forces, module.results] if self.promised.conservative else [module.forces]
        for function in functions:
            function(*arguments)  # traced: what is saved is what has been traced
        tf.saved_model.save(module, str(folder / "frozen"))
        frozen = tf.saved_model.load(str(folder / "frozen"))
        self.assert_close(frozen.forces(*arguments).numpy(), expected, 10 * SINGLE)
        if self.promised.conservative:
            found = frozen.results(*arguments)
            self.assert_close(found["forces"].numpy(), expected, 10 * SINGLE)
            np.testing.assert_allclose(found["energy"], live.energy(self.frame), rtol=1e-5)
            virial = self.answer(self.frame)[fields.VIRIAL][0]
            np.testing.assert_allclose(found["virial"], virial, atol=10 * SINGLE * np.abs(virial).max())

    def check_seed(self):
        again, fresh = (self.build(self.recipe, self.species, SCALES) for _ in range(2))
        for a, b in zip(again.variables, fresh.variables, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
