"""Messages beyond any cutoff: atoms act on each other through the plane waves of their periodic box."""

import math

import keras
from keras import ops

from gnnzoo.fields import ATOM_MASK, GRAPH_INDEX, POSITIONS, WAVE_GRAPH, WAVE_WEIGHT, WAVES
from gnnzoo.layers.basic import StackLayer
from gnnzoo.layers.painn import linear
from gnnzoo.layers.radial import polynomial_envelope
from gnnzoo.layers.registry import ATOMS, VECTORS, derived_seed, membership, register

# Widths alpha of the screening exp(-k^2 / 4 alpha^2), as shares of the largest wave number. With the widest the sum
# over waves ends by itself. One narrower than the narrowest would act on waves alone that are longer than a small box,
# and what training in that box made of it would be chance in a larger one.
_NARROWEST, _WIDEST = 0.2, 0.33
_ENVELOPE_ORDER = 6


@register("wave_message")
class WaveMessage(StackLayer):
    """Adds to scalars and vectors of each atom the potential and the field of learned charges on all atoms.

    With q_j = Q x_j in `channels` channels and S(k) = sum_j q_j exp(i k r_j),

        phi_i = 2/V sum_k f(k) Re[S(k) exp(-i k r_i)],   E_i = -d phi_i / d r_i with a filter g of its own,

    the sum over half of all waves of the box: the reciprocal part of Ewald's sum with the charges, and in the manner of
    arXiv 2303.04791 the filters, learned. f(k) = 4 pi / k^2 sum_b w_b exp(-k^2 / 4 alpha_b^2) times an
    envelope that ends at the largest wave, so that a larger box, which has other and longer waves, means the same.
    Lengths are counted in units of the inverse largest wave number.

    Time and memory grow with atoms times waves. A box of volume V has V largest_wave^3 / (12 pi^2) waves, so that both
    grow with the square of the volume.

    Args:
        channels: number of learned charges of each atom.
        functions: number of widths alpha.
        largest_wave: inverse length unit.
        seed: of the weights.
    """

    arguments = ("channels", "functions", "largest_wave", "seed")

    def __init__(self, channels: int, functions: int, largest_wave: float, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.functions = channels, functions
        self.largest_wave, self.seed = float(largest_wave), seed

    def build(self, graph):
        units = graph[ATOMS][-1]
        self.charges = linear(self, "charges", self.channels)
        self.potential, self.field = linear(self, "potential", units), linear(self, "field", units)
        self.charges.build((None, units))
        self.potential.build((None, self.channels))
        self.field.build((None, 3, self.channels))
        self.filters = [self._filter(name) for name in ("potential_filter", "field_filter")]

    def _filter(self, name: str):
        start = keras.initializers.RandomNormal(stddev=1.0, seed=derived_seed(self.seed, name))
        return self.add_weight(name=name, shape=(self.functions, self.channels), initializer=start)

    def call(self, graph):
        x, waves = graph[ATOMS], graph[WAVES] / self.largest_wave  # (waves, 3)
        # (atoms, waves): phases, for the waves of the atom's own graph
        phases = ops.matmul(graph[POSITIONS], ops.transpose(graph[WAVES]))
        own = ops.cast(graph[GRAPH_INDEX][:, None] == graph[WAVE_GRAPH][None, :], x.dtype)
        own = own * ops.cast(graph[ATOM_MASK], x.dtype)[:, None]
        cosine, sine = own * ops.cos(phases), own * ops.sin(phases)
        charges = self._neutral(self.charges(x), graph)
        # (waves, atoms), (atoms, channels) -> (waves, channels): S(k) = even + i odd
        even, odd = (ops.matmul(ops.transpose(part), charges) for part in (cosine, sine))
        kernel, screening = self._kernel(graph, waves)
        of_potential, of_field = (kernel * ops.matmul(screening, weights) for weights in self.filters)
        potential = ops.matmul(cosine, of_potential * even) + ops.matmul(sine, of_potential * odd)
        # -d/dr of cos(k r) C + sin(k r) D is k (sin(k r) C - cos(k r) D)
        even, odd = of_field * even, of_field * odd
        axes = [waves[:, axis : axis + 1] for axis in range(3)]
        field = [ops.matmul(sine, axis * even) - ops.matmul(cosine, axis * odd) for axis in axes]
        vectors = self.field(ops.stack(field, axis=1))  # (atoms, 3, channels) -> (atoms, 3, units)
        vectors = graph[VECTORS] + vectors if VECTORS in graph else vectors
        return {ATOMS: x + self.potential(potential), VECTORS: vectors}

    def _neutral(self, charges, graph):
        """Charges less their mean over the graph: (atoms, channels).

        The waves of a net charge would grow with 1/k^2, without bound in boxes larger than those of training.
        """
        member = membership(graph, charges.dtype)
        counts = ops.maximum(ops.sum(member, axis=0), 1)[:, None]
        return charges - ops.matmul(member, ops.matmul(ops.transpose(member), charges) / counts)

    def _kernel(self, graph, waves):
        """2/V 4 pi / k^2 with its envelope, (waves, 1); and the screening by each width, (waves, functions)."""
        # padding has k = 0 and weight 0: a one keeps its quotient finite
        squared = ops.sum(ops.square(waves), axis=-1, keepdims=True)
        squared = ops.where(squared > 0, squared, ops.ones_like(squared))
        weight = graph[WAVE_WEIGHT][:, None] / self.largest_wave**3
        envelope = polynomial_envelope(ops.sqrt(squared), 1.0, _ENVELOPE_ORDER)
        steps = ops.arange(self.functions, dtype=squared.dtype) / max(1, self.functions - 1)
        widths = _WIDEST * (_NARROWEST / _WIDEST) ** steps
        screening = ops.exp(-squared / (4 * ops.square(widths)))
        return 4 * math.pi * weight * envelope / squared, screening
