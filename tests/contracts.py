"""What every model must satisfy, whatever its stack: applied to each recipe by `tests/models/test_contracts.py`.

A model on `direction` features learns rotation instead of having it: for those the contract asks only what holds by
construction (translation, permutation, periodic images, batching, padding, saving).
"""

from dataclasses import dataclass

import keras
import numpy as np

from gnnzoo import fields
from gnnzoo.data.pipeline import graph_of, pad
from gnnzoo.models.build import Scales, build_network, network_species
from gnnzoo.recipe.schema import Recipe
from systems import changed, random_rotation, replicated

TRICLINIC = np.array([[8.0, 0, 0], [1.0, 7.8, 0], [-0.8, 0.5, 8.2]])
EXACT = 1e-9  # relative to the largest force, in float64


@dataclass
class ModelContract:
    """A recipe's network on a frame of a liquid whose types the recipe names."""

    recipe: Recipe
    frame: object

    def __post_init__(self):
        self.species = network_species(self.recipe)
        self.network = build_network(self.recipe, self.species, Scales(force=2.0, neighbors=10.0), "float64")
        self.wake()

    def wake(self) -> None:
        """Move every weight off its initial value, so that no bias is zero and no slope equal to another."""
        random = np.random.default_rng(5)
        for variable in self.network.trainable_variables:
            variable.assign(variable.numpy() + random.normal(scale=0.05, size=variable.shape))

    @property
    def equivariant(self) -> bool:
        """Whether rotation holds by construction."""
        return "direction" not in self.recipe.graph.edges

    def graph(self, frame):
        return graph_of(frame, self.species, self.recipe.graph.cutoff, self.recipe.graph.bonds, dtype="float64")

    def forces(self, *frames, extra_atoms: int = 0, extra_graphs: int = 0, network=None) -> np.ndarray:
        """(atoms, 3) forces on the real atoms of all frames, in one batch."""
        graphs = [self.graph(frame) for frame in frames]
        n_atoms = sum(len(frame) for frame in frames)
        batch = pad(graphs, len(frames) + extra_graphs, n_atoms + extra_atoms, "float64")
        inputs = {key: keras.ops.convert_to_tensor(batch[key]) for key in fields.MODEL_INPUTS}
        return (network or self.network)(inputs)[fields.FORCES].numpy()[:n_atoms]

    def assert_close(self, found, expected, tolerance=EXACT):
        size = np.max(np.abs(expected))
        assert size > 1e-3, "a network that answers with zero satisfies every symmetry"
        assert np.max(np.abs(found - expected)) < tolerance * size

    # --- the contract ---------------------------------------------------------------------------------------------

    def check_translation(self):
        moved = changed(self.frame, positions=self.frame.positions + np.array([3.1, -7.7, 0.4]))
        self.assert_close(self.forces(moved), self.forces(self.frame))

    def check_permutation(self):
        order = np.random.default_rng(1).permutation(len(self.frame))
        molecules = None if self.frame.molecules is None else self.frame.molecules[order]
        shuffled = changed(
            self.frame,
            positions=self.frame.positions[order],
            forces=self.frame.forces[order],
            types=self.frame.types[order],
            molecules=molecules,
        )
        self.assert_close(self.forces(shuffled), self.forces(self.frame)[order])

    def check_rotation_and_reflection(self):
        for turn in (random_rotation(3), -random_rotation(4)):
            turned = changed(self.frame, positions=self.frame.positions @ turn.T, cell=self.frame.cell @ turn.T)
            difference = self.forces(turned) - self.forces(self.frame) @ turn.T
            relative = np.max(np.abs(difference)) / np.max(np.abs(self.forces(self.frame)))
            if self.equivariant:
                assert relative < EXACT
            else:  # an untrained network of this kind must depend on the frame, or its direction features are unread
                assert relative > 1e-3

    def check_periodic_images(self):
        """The box may be smaller than twice the cutoff: images are neighbours as in the replicated box."""
        large = replicated(self.frame, (2, 2, 1))
        self.assert_close(self.forces(large)[: len(self.frame)], self.forces(self.frame))

    def check_wrapping(self):
        """An atom may lie in any image of the cell."""
        jumps = np.random.default_rng(2).integers(-1, 2, size=(len(self.frame), 3))
        moved = changed(self.frame, positions=self.frame.positions + jumps @ self.frame.cell)
        self.assert_close(self.forces(moved), self.forces(self.frame))

    def check_batching_and_padding(self):
        other = changed(self.frame, positions=self.frame.positions[::-1], types=self.frame.types[::-1])
        alone = np.concatenate([self.forces(self.frame), self.forces(other)])
        self.assert_close(self.forces(self.frame, other, extra_atoms=5, extra_graphs=2), alone)

    def check_net_force(self):
        """Antisymmetric pair forces sum to zero."""
        last = self.recipe.model.layers[-1]
        total = np.abs(self.forces(self.frame).sum(axis=0)).max()
        size = np.abs(self.forces(self.frame)).sum()
        assert (total < EXACT * size) == (last.layer == "pair_force_decoder" and last.antisymmetric)

    def check_cutoff(self):
        """With an envelope the force between two atoms goes to zero at the cutoff, and stays zero beyond it."""
        if not self.recipe.graph.envelope:
            return
        c = self.recipe.graph.cutoff
        cell, types = np.eye(3) * 10 * c, self.frame.types[:2]
        pair = lambda d: changed(  # noqa: E731
            self.frame,
            positions=np.array([[0.0, 0, 0], [d, 0, 0]]),
            forces=np.zeros((2, 3)),
            cell=cell,
            types=types,
            molecules=None,
            ids=np.arange(2),
        )
        inside = np.abs(self.forces(pair(0.6 * c))).max()
        near = [np.abs(self.forces(pair(c * (1 - step)))).max() for step in (1e-2, 1e-3)]
        beyond = np.abs(self.forces(pair(c * 1.001))).max()
        assert beyond == 0
        # three vanishing orders: a tenth of the distance to the cutoff leaves a thousandth of the force
        assert near[1] < 0.01 * max(near[0], 1e-4 * inside)

    def check_isolated_atom(self):
        alone = changed(
            self.frame,
            positions=np.zeros((1, 3)),
            forces=np.zeros((1, 3)),
            cell=np.eye(3) * 10 * self.recipe.graph.cutoff,
            types=self.frame.types[:1],
            molecules=None,
            ids=np.ones(1, int),
        )
        assert np.all(np.isfinite(self.forces(alone)))

    def check_saving(self, folder):
        path = folder / "network.keras"
        self.network.save(path)
        again = keras.models.load_model(path, compile=False)
        np.testing.assert_array_equal(self.forces(self.frame, network=again), self.forces(self.frame))

    def check_seed(self):
        again = build_network(self.recipe, self.species, Scales(force=2.0, neighbors=10.0))
        fresh = build_network(self.recipe, self.species, Scales(force=2.0, neighbors=10.0))
        for a, b in zip(again.variables, fresh.variables, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
