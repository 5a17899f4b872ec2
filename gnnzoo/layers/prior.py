"""Energies of physics that is known beforehand, and the layer that adds them to what a network says."""

import math

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
from gnnzoo.layers.basic import StackLayer
from gnnzoo.layers.radial import polynomial_envelope
from gnnzoo.layers.registry import ATOM_ENERGIES, edge_gradients_to_forces, register, row_count, segment_sum

_OTHER, _BONDED = EDGE_CLASSES.index("other_molecule"), EDGE_CLASSES.index("bonded")
# The universal screening function of Ziegler, Biersack and Littmark (1985); length in A, see `repulsion`.
_ZBL = ((0.18175, 3.19980), (0.50986, 0.94229), (0.28022, 0.40290), (0.02817, 0.20162))
_ZBL_LENGTH, _ZBL_POWER = 0.46850, 0.23
_ENVELOPE_ORDER = 6


class Pairs:
    """The edges as prior energies see them.

    Attributes:
        distance: (edges,) length unit, at least a thousandth, so that nothing overflows.
        receivers, senders: (edges,) species.
        other: (edges,) 1 where the two atoms are of different molecules, or molecules are not known.
        bonded: (edges,) 1 where they are bonded.
        real: (edges,) 0 on padding.
    """

    def __init__(self, graph: dict):
        vectors = graph[EDGE_VECTORS]
        dtype = vectors.dtype
        self.vectors, self.edge_receivers = vectors, graph[RECEIVERS]
        self.atoms = row_count(graph[SPECIES])
        self.distance = tf.sqrt(tf.maximum(tf.reduce_sum(tf.square(vectors), axis=-1), 1e-6))
        self.senders = tf.gather(graph[SPECIES], graph[SENDERS])
        self.receivers = tf.gather(graph[SPECIES], graph[RECEIVERS])
        self.real = tf.cast(graph[EDGE_MASK], dtype)
        self.other = self.real * tf.cast(graph[EDGE_CLASS] == _OTHER, dtype)
        self.bonded = self.real * tf.cast(graph[EDGE_CLASS] == _BONDED, dtype)
        self.same = self.real - self.other

    def of(self, table) -> tf.Tensor:
        """(species, species) numbers -> (edges,), the number of each pair."""
        return tf.gather_nd(tf.cast(table, self.distance.dtype), tf.stack([self.receivers, self.senders], axis=1))

    def halved(self, energy) -> tf.Tensor:
        """(edges,) energy of each pair -> (atoms, 1): every pair is listed twice, and each atom takes its half."""
        return segment_sum(0.5 * energy[:, None], self.edge_receivers, self.atoms)


# --- energies: (edges) -> (atoms, 1) --------------------------------------------------------------------------------


def lennard_jones(pairs: Pairs, epsilon, sigma, cutoff: float):
    """4 eps ((sigma/r)^12 - (sigma/r)^6) between molecules, energy and force shifted to zero at the cutoff.

    Args:
        epsilon, sigma: (species, species).
        cutoff: length unit.
    """
    eps, sig = pairs.of(epsilon), pairs.of(sigma)

    def energy(r):
        s6 = (sig / r) ** 6
        return 4 * eps * s6 * (s6 - 1)

    s6 = (sig / cutoff) ** 6
    slope = -24 * eps * s6 * (2 * s6 - 1) / cutoff
    # within a tenth of sigma the energy would leave float32; nothing comes so near
    r = tf.maximum(pairs.distance, 0.1 * sig + 1e-3)
    inside = tf.cast(pairs.distance < cutoff, r.dtype)
    return pairs.halved(pairs.other * inside * (energy(r) - energy(cutoff) - slope * (r - cutoff)))


def coulomb(pairs: Pairs, charges, constant: float, damping: float, cutoff: float):
    """Damped shifted force (Fennell and Gezelter, J. Chem. Phys. 124, 234104 (2006), eq. 18).

    Pairs of one molecule take the shifted energy less the bare one: their own interaction is not electrostatic, but
    they belong to the sphere that the shift makes neutral.

    Args:
        charges: (species,) e.
        constant: energy times length per squared charge.
        damping: inverse length unit.
        cutoff: length unit.
    """
    q = tf.cast(charges, pairs.distance.dtype)
    product = constant * tf.gather(q, pairs.receivers) * tf.gather(q, pairs.senders)
    r, c, a = pairs.distance, cutoff, damping
    at_cutoff = math.erfc(a * c) / c
    slope = at_cutoff / c + 2 * a / math.sqrt(math.pi) * math.exp(-((a * c) ** 2)) / c
    # erfc(ar)/r - 1/r = -erf(ar)/r for pairs of one molecule, without the difference of two large numbers
    direct = tf.where(pairs.same > 0, -tf.math.erf(a * r), tf.math.erfc(a * r)) / r
    inside = pairs.real * tf.cast(r < c, r.dtype)
    return pairs.halved(inside * product * (direct - at_cutoff + slope * (r - c)))


def bonds(pairs: Pairs, k, length):
    """k (r - length)^2 along bonds; k is zero where two species have no spring.

    Args:
        k, length: (species, species).
    """
    return pairs.halved(pairs.bonded * pairs.of(k) * tf.square(pairs.distance - pairs.of(length)))


def angles(pairs: Pairs, species, k, radians, partners):
    """k (theta - theta_0)^2 at atoms with two bonds, from the sum of their unit vectors: |u + v|^2 = 2 + 2 cos theta.

    Args:
        species: (atoms,) int32.
        k, radians: (species,) of the atom in the middle.
        partners: (species, species) how many bonds to each species an atom in the middle must have.
    """
    dtype = pairs.distance.dtype
    units = pairs.vectors / pairs.distance[:, None] * pairs.bonded[:, None]
    total = segment_sum(units, pairs.edge_receivers, pairs.atoms)
    kinds = tf.one_hot(pairs.senders, len(partners), dtype=dtype) * pairs.bonded[:, None]
    counts = segment_sum(kinds, pairs.edge_receivers, pairs.atoms)
    fits = tf.reduce_all(counts == tf.gather(tf.cast(partners, dtype), species), axis=1)
    cosine = tf.where(fits, tf.reduce_sum(tf.square(total), axis=1) / 2 - 1, 0.0)
    theta = tf.acos(tf.clip_by_value(cosine, -1 + 1e-6, 1 - 1e-6))
    rest, stiff = (tf.gather(tf.cast(table, dtype), species) for table in (radians, k))
    return tf.where(fits, stiff * tf.square(theta - rest), 0.0)[:, None]


def repulsion(pairs: Pairs, numbers, shortest, shortest_inside, constant: float):
    """Screened nuclear repulsion times an envelope that ends at the shortest distance seen.

    q q' / r phi(r / a), a = 0.4685 A / (Z^0.23 + Z'^0.23) (Ziegler, Biersack, Littmark, 1985).

    Args:
        numbers: (species,) atomic numbers.
        shortest, shortest_inside: (species, species) shortest distances between and within molecules, A.
        constant: energy times A per squared charge.
    """
    z = tf.cast(numbers, pairs.distance.dtype)
    first, second = tf.gather(z, pairs.receivers), tf.gather(z, pairs.senders)
    start = tf.where(pairs.same > 0, pairs.of(shortest_inside), pairs.of(shortest))
    x = pairs.distance * (first**_ZBL_POWER + second**_ZBL_POWER) / _ZBL_LENGTH
    screening = tf.add_n([share * tf.exp(-rate * x) for share, rate in _ZBL])
    end = polynomial_envelope(pairs.distance / tf.maximum(start, 1e-3), 1.0, _ENVELOPE_ORDER)
    return pairs.halved(pairs.real * constant * first * second / pairs.distance * screening * end)


# --- the layer --------------------------------------------------------------------------------------------------------


@register("prior")
class Prior(StackLayer):
    """Adds the energies of `terms` to the atom energies, and the forces that follow from them to the forces.

    Args:
        terms: {"term": "lennard_jones" | "coulomb" | "bonds" | "angles" | "repulsion", and its arguments} each.
        alone: whether nothing comes before it: then it makes atom energies instead of adding to what is there.
    """

    arguments = ("terms", "alone")

    def __init__(self, terms: list[dict], alone: bool, **kwargs):
        super().__init__(**kwargs)
        self.terms, self.alone = [dict(term) for term in terms], alone

    def call(self, graph):
        if self.alone:
            return {ATOM_ENERGIES: self.energies(graph)}
        result = {}
        if ATOM_ENERGIES in graph:  # forces follow from the energy, together with those of the network
            result[ATOM_ENERGIES] = graph[ATOM_ENERGIES] + self.energies(graph)
        if FORCES in graph:
            result[FORCES] = graph[FORCES] + self.forces(graph)
        return result

    def energies(self, graph):
        """(atoms, 1) energy unit, zero on padding."""
        pairs = Pairs(graph)
        total = tf.zeros((pairs.atoms, 1), pairs.distance.dtype)
        for term in self.terms:
            arguments = {key: _plain(value) for key, value in term.items() if key != "term"}
            more = {"species": graph[SPECIES]} if term["term"] == "angles" else {}
            total += _TERMS[term["term"]](pairs, **more, **arguments)
        return total * tf.cast(graph[ATOM_MASK], total.dtype)[:, None]

    def forces(self, graph):
        """(atoms, 3) force unit, by the derivative of the energies."""
        vectors = tf.convert_to_tensor(graph[EDGE_VECTORS])
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            energy = tf.reduce_sum(self.energies({**graph, EDGE_VECTORS: vectors}))
        return edge_gradients_to_forces(tape.gradient(energy, vectors), graph, row_count(graph[SPECIES]))


def _plain(value):
    return np.asarray(value) if isinstance(value, list) else value


_TERMS = {
    "lennard_jones": lennard_jones,
    "coulomb": coulomb,
    "bonds": bonds,
    "angles": angles,
    "repulsion": repulsion,
}
