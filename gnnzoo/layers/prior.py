"""Analytic energies known in advance, and the layer that adds them to the output of a network."""

import math
from collections.abc import Callable
from typing import TypeAlias, Unpack

import numpy as np
import tensorflow as tf

from gnnzoo.fields import (
    ATOM_MASK,
    EDGE_CLASS,
    EDGE_CLASSES,
    EDGE_MASK,
    EDGE_VECTORS,
    FORCES,
    RECEIVERS,
    SENDERS,
    SPECIES,
)
from gnnzoo.layers.radial import polynomial_envelope
from gnnzoo.layers.registry import (
    ATOM_ENERGIES,
    EDGE_GRADIENTS,
    edge_gradients_to_forces,
    register,
    row_count,
    segment_sum,
)
from gnnzoo.layers.stack_layer import GraphTensors, LayerOptions, StackLayer, Tensor

# {"term": name, argument: value, ...}: a term of a prior energy, in plain numbers.
Term: TypeAlias = dict[str, str | float | list[int] | list[float] | list[list[float]]]

_OTHER, _BONDED = EDGE_CLASSES.index("other_molecule"), EDGE_CLASSES.index("bonded")
# The universal screening function of Ziegler, Biersack and Littmark (1985); length in A, see `repulsion`.
_ZBL = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))
_ZBL_LENGTH, _ZBL_POWER = 0.46850, 0.23
_ENVELOPE_ORDER = 6


class Pairs:
    """Pairs of atoms of a neighbour list, in the form that prior energies need.

    Attributes:
        species: (atoms,) int32.
        vectors: (edges, 3) from receiver to sender, length unit.
        distance: (edges,) length unit, at least 0.001, so that nothing overflows.
        receivers, senders: (edges,) species of the two atoms.
        other: (edges,) 1 for atoms of different molecules or unknown molecules, else 0.
        same: (edges,) 1 for atoms of one molecule, else 0.
        bonded: (edges,) 1 for bonded atoms, else 0.
        real: (edges,) 0 on padding, else 1.
    """

    def __init__(self, graph: GraphTensors) -> None:
        vectors = graph[EDGE_VECTORS]
        dtype = vectors.dtype
        self.vectors, self.edge_receivers, self.species = vectors, graph[RECEIVERS], graph[SPECIES]
        self.atoms = row_count(graph[SPECIES])
        self.distance = tf.sqrt(tf.maximum(tf.reduce_sum(tf.square(vectors), axis=-1), 1e-6))
        self.senders = tf.gather(graph[SPECIES], graph[SENDERS])
        self.receivers = tf.gather(graph[SPECIES], graph[RECEIVERS])
        self.real = tf.cast(graph[EDGE_MASK], dtype)
        self.other = self.real * tf.cast(graph[EDGE_CLASS] == _OTHER, dtype)
        self.bonded = self.real * tf.cast(graph[EDGE_CLASS] == _BONDED, dtype)
        self.same = self.real - self.other

    def lookup(self, table: np.ndarray) -> Tensor:
        """Look up a parameter of each pair.

        Args:
            table: (species, species), by receiver and sender.

        Returns:
            (edges,).
        """
        return tf.gather_nd(tf.cast(table, self.distance.dtype), tf.stack([self.receivers, self.senders], axis=1))

    def by_atom(self, energy: Tensor) -> Tensor:
        """Share pair energies equally between the atoms; each pair is listed in both directions.

        Args:
            energy: (edges,) energy of each pair.

        Returns:
            (atoms, 1) energies.
        """
        return segment_sum(0.5 * energy[:, None], self.edge_receivers, self.atoms)


# --- energies of pairs and angles: -> (atoms, 1) ----------------------------------------------------------------------


def lennard_jones(pairs: Pairs, epsilon: np.ndarray, sigma: np.ndarray, cutoff: float) -> Tensor:
    """Lennard-Jones energy between molecules, with energy and force shifted to zero at the cutoff:

        E(r) = 4 eps ((sigma / r)^12 - (sigma / r)^6),   E(r) - E(c) - E'(c) (r - c)

    Args:
        pairs: the pairs of atoms.
        epsilon: (species, species), energy unit.
        sigma: (species, species), length unit.
        cutoff: c, length unit.

    Returns:
        (atoms, 1) energies.
    """
    eps, sig = pairs.lookup(epsilon), pairs.lookup(sigma)

    def energy(r: Tensor | float) -> Tensor:
        s6 = (sig / r) ** 6
        return 4 * eps * s6 * (s6 - 1)

    s6 = (sig / cutoff) ** 6
    slope = -24 * eps * s6 * (2 * s6 - 1) / cutoff
    # below a tenth of sigma, where no atoms are, the energy would exceed float32
    r = tf.maximum(pairs.distance, 0.1 * sig + 1e-3)
    inside = tf.cast(pairs.distance < cutoff, r.dtype)
    return pairs.by_atom(pairs.other * inside * (energy(r) - energy(cutoff) - slope * (r - cutoff)))


def coulomb(pairs: Pairs, charges: np.ndarray, constant: float, damping: float, cutoff: float) -> Tensor:
    """Coulomb energy by the damped shifted-force method (Fennell, Gezelter, J. Chem. Phys. 124, 234104 (2006), eq. 18).

    Pairs within a molecule get the shifted energy minus the bare one q q' / r: they do not interact electrostatically,
    but belong to the sphere that the shift neutralises.

    Args:
        pairs: the pairs of atoms.
        charges: (species,), e.
        constant: energy times length per squared charge.
        damping: inverse length unit.
        cutoff: length unit.

    Returns:
        (atoms, 1) energies.
    """
    q = tf.cast(charges, pairs.distance.dtype)
    product = constant * tf.gather(q, pairs.receivers) * tf.gather(q, pairs.senders)
    r, c, a = pairs.distance, cutoff, damping
    at_cutoff = math.erfc(a * c) / c
    slope = at_cutoff / c + 2 * a / math.sqrt(math.pi) * math.exp(-((a * c) ** 2)) / c
    # within a molecule erfc(ar)/r - 1/r = -erf(ar)/r, without the difference of two large numbers
    direct = tf.where(pairs.same > 0, -tf.math.erf(a * r), tf.math.erfc(a * r)) / r
    inside = pairs.real * tf.cast(r < c, r.dtype)
    return pairs.by_atom(inside * product * (direct - at_cutoff + slope * (r - c)))


def bonds(pairs: Pairs, k: np.ndarray, length: np.ndarray) -> Tensor:
    """Harmonic bond energy k (r - length)^2.

    Args:
        pairs: the pairs of atoms.
        k: (species, species), energy per squared length; zero for species without bonds.
        length: (species, species), length unit.

    Returns:
        (atoms, 1) energies.
    """
    return pairs.by_atom(pairs.bonded * pairs.lookup(k) * tf.square(pairs.distance - pairs.lookup(length)))


def angles(pairs: Pairs, k: np.ndarray, radians: np.ndarray, partners: np.ndarray) -> Tensor:
    """Harmonic angle energy k (theta - theta_0)^2 of atoms with two bonds.

    The angle follows from the sum of the unit vectors along the bonds: |u + v|^2 = 2 + 2 cos theta.

    Args:
        pairs: the pairs of atoms.
        k: (species,) of the central atom, energy unit.
        radians: (species,) of the central atom, theta_0.
        partners: (species, species), number of bonds to each species that a central atom must have.

    Returns:
        (atoms, 1) energies.
    """
    dtype = pairs.distance.dtype
    units = pairs.vectors / pairs.distance[:, None] * pairs.bonded[:, None]
    total = segment_sum(units, pairs.edge_receivers, pairs.atoms)
    kinds = tf.one_hot(pairs.senders, len(partners), dtype=dtype) * pairs.bonded[:, None]
    counts = segment_sum(kinds, pairs.edge_receivers, pairs.atoms)
    central = tf.reduce_all(counts == tf.gather(tf.cast(partners, dtype), pairs.species), axis=1)
    cosine = tf.where(central, tf.reduce_sum(tf.square(total), axis=1) / 2 - 1, 0.0)
    theta = tf.acos(tf.clip_by_value(cosine, -1 + 1e-6, 1 - 1e-6))
    rest, stiffness = (tf.gather(tf.cast(table, dtype), pairs.species) for table in (radians, k))
    return tf.where(central, stiffness * tf.square(theta - rest), 0.0)[:, None]


def repulsion(
    pairs: Pairs, numbers: np.ndarray, shortest: np.ndarray, shortest_inside: np.ndarray, constant: float
) -> Tensor:
    """Screened nuclear repulsion (Ziegler, Biersack, Littmark, 1985) below the shortest distance seen in training:

        E(r) = q q' / r phi(r / a) u(r),   a = 0.4685 A / (Z^0.23 + Z'^0.23)

    The envelope u (`polynomial_envelope`) is zero from the shortest distance on.

    Args:
        pairs: the pairs of atoms.
        numbers: (species,) atomic numbers Z.
        shortest: (species, species) shortest distances between molecules, A.
        shortest_inside: (species, species) shortest distances within molecules, A.
        constant: energy times A per squared charge.

    Returns:
        (atoms, 1) energies.
    """
    z = tf.cast(numbers, pairs.distance.dtype)
    first, second = tf.gather(z, pairs.receivers), tf.gather(z, pairs.senders)
    start = tf.where(pairs.same > 0, pairs.lookup(shortest_inside), pairs.lookup(shortest))
    x = pairs.distance * (first**_ZBL_POWER + second**_ZBL_POWER) / _ZBL_LENGTH
    screening = tf.add_n([share * tf.exp(-rate * x) for share, rate in _ZBL])
    end = polynomial_envelope(pairs.distance / tf.maximum(start, 1e-3), 1.0, _ENVELOPE_ORDER)
    return pairs.by_atom(pairs.real * constant * first * second / pairs.distance * screening * end)


_TERMS: dict[str, Callable[..., Tensor]] = {
    function.__name__: function for function in (lennard_jones, coulomb, bonds, angles, repulsion)
}


# --- the layer --------------------------------------------------------------------------------------------------------


@register("prior")
class Prior(StackLayer):
    """Adds analytic energies to the atom energies, and their forces to the forces.

    Args:
        terms: {"term": "lennard_jones" | "coulomb" | "bonds" | "angles" | "repulsion"} and the arguments of that
            function, for each term.
        alone: whether there is no network before it: it then outputs its energies instead of adding them.
    """

    def __init__(self, terms: list[Term], alone: bool, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.terms, self.alone = [dict(term) for term in terms], alone

    @property
    def returns_pairs(self) -> bool:
        """Its energies have gradients."""
        return True

    def call(self, graph: GraphTensors, pairs: bool = False) -> GraphTensors:
        if self.alone:
            return {ATOM_ENERGIES: self.energies(graph)}
        result = {}
        if ATOM_ENERGIES in graph:  # its forces follow from the total energy, with those of the network
            result[ATOM_ENERGIES] = graph[ATOM_ENERGIES] + self.energies(graph)
        if FORCES in graph:
            gradients = self.edge_gradients(graph)
            forces = edge_gradients_to_forces(gradients, graph, row_count(graph[SPECIES]))
            result[FORCES] = graph[FORCES] + forces
            if pairs:
                result[EDGE_GRADIENTS] = graph[EDGE_GRADIENTS] + gradients
        return result

    def energies(self, graph: GraphTensors) -> Tensor:
        """Compute the energy of each atom.

        Args:
            graph: inputs of the model, by key.

        Returns:
            (atoms, 1), energy unit; zero on padding.
        """
        pairs = Pairs(graph)
        total = tf.zeros((pairs.atoms, 1), pairs.distance.dtype)
        for term in self.terms:
            arguments = {key: _plain(value) for key, value in term.items() if key != "term"}
            total += _TERMS[str(term["term"])](pairs, **arguments)
        return total * tf.cast(graph[ATOM_MASK], total.dtype)[:, None]

    def edge_gradients(self, graph: GraphTensors) -> Tensor:
        """Differentiate the energies.

        Args:
            graph: inputs of the model, by key.

        Returns:
            (edges, 3) gradients of the total energy with respect to the edge vectors, force unit.
        """
        vectors = tf.convert_to_tensor(graph[EDGE_VECTORS])
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            energy = tf.reduce_sum(self.energies({**graph, EDGE_VECTORS: vectors}))
        return tape.gradient(energy, vectors)


def _plain(value: object) -> object:
    """Lists of numbers as arrays."""
    return np.asarray(value) if isinstance(value, list) else value
