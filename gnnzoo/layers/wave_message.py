"""Message passing in reciprocal space: interactions beyond any cutoff in a periodic box."""

import math
from typing import Unpack

import keras
from keras import ops

from gnnzoo.fields import ATOM_MASK, GRAPH_INDEX, POSITIONS, WAVE_GRAPH, WAVE_VECTORS, WAVE_WEIGHT
from gnnzoo.layers.perceptron import seeded_dense
from gnnzoo.layers.radial import polynomial_envelope
from gnnzoo.layers.registry import ATOMS, VECTORS, derived_seed, membership, register
from gnnzoo.layers.stack_layer import GraphShapes, GraphTensors, LayerOptions, StackLayer, Tensor
from gnnzoo.layers.trigonometry import cos_pi, sin_pi

# Widths alpha of the screening exp(-k^2 / 4 alpha^2), as fractions of the largest wave number. With the widest the sum
# over wave vectors converges within them. One below the narrowest would act only on wavelengths longer than a small
# box: in a larger box it would not have been determined by the training data.
_NARROWEST, _WIDEST = 0.2, 0.33
_ENVELOPE_ORDER = 6


@register("wave_message")
class WaveMessage(StackLayer):
    """Ewald-like message passing with learned charges and filters (cf. arXiv 2303.04791), in a periodic box.

    With charges q_j = Q x_j in `channels` channels, made neutral in each graph, and structure factors

        S(k) = sum_j q_j exp(i k r_j),

    linear maps of a potential and a field are added to the scalars and vectors of each atom:

        phi_i = 2 / V sum_k f(k) Re[S(k) exp(-i k r_i)],   E_i = -d phi_i / d r_i   (with another filter f)

        f(k) = 4 pi / k^2 u(k) sum_b w_b exp(-k^2 / (4 alpha_b^2))

    The sum runs over one of k and -k each up to the largest wave number, where the envelope u (`polynomial_envelope`)
    is zero; with fixed charges and one width it is the reciprocal part of Ewald's sum. The filters are functions of k:
    they can be used in a larger box, which has other and longer wavelengths. Lengths are measured in units of the
    inverse largest wave number.

    Time and memory are proportional to atoms times wave vectors. A box of volume V has V largest_wave^3 / (12 pi^2)
    of them, so that both grow with V^2.

    Args:
        channels: number of learned charges of each atom.
        functions: number of widths alpha.
        largest_wave: largest wave number, inverse length unit.
        seed: of the initial weights.
    """

    def __init__(
        self, channels: int, functions: int, largest_wave: float, seed: int, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.channels, self.functions = channels, functions
        self.largest_wave, self.seed = float(largest_wave), seed

    def build(self, graph: GraphShapes) -> None:
        units = graph[ATOMS][-1]
        self.charges = seeded_dense(self, "charges", self.channels, bias=False)
        self.potential = seeded_dense(self, "potential", units, bias=False)
        self.field = seeded_dense(self, "field", units, bias=False)
        self.charges.build((None, units))
        self.potential.build((None, self.channels))
        self.field.build((None, 3, self.channels))
        self.filters = [self._filter(name) for name in ("potential_filter", "field_filter")]

    def _filter(self, name: str) -> keras.Variable:
        start = keras.initializers.RandomNormal(stddev=1.0, seed=derived_seed(self.seed, name))
        return self.add_weight(name=name, shape=(self.functions, self.channels), initializer=start)

    def call(self, graph: GraphTensors) -> GraphTensors:
        x, wave_vectors = graph[ATOMS], graph[WAVE_VECTORS] / self.largest_wave  # (waves, 3)
        # (atoms, waves): phases in half turns, for the wave vectors of the atom's own graph
        phases = ops.matmul(graph[POSITIONS], ops.transpose(graph[WAVE_VECTORS] / math.pi))
        own = ops.cast(graph[GRAPH_INDEX][:, None] == graph[WAVE_GRAPH][None, :], x.dtype)
        own = own * ops.cast(graph[ATOM_MASK], x.dtype)[:, None]
        cosine, sine = own * cos_pi(phases), own * sin_pi(phases)
        charges = self._neutral(self.charges(x), graph)
        # structure factors S = even + i odd: (waves, atoms), (atoms, channels) -> (waves, channels)
        even, odd = (ops.matmul(ops.transpose(part), charges) for part in (cosine, sine))
        kernel, screening = self._kernel(graph, wave_vectors)
        of_potential, of_field = (kernel * ops.matmul(screening, weights) for weights in self.filters)
        potential = ops.matmul(cosine, of_potential * even) + ops.matmul(sine, of_potential * odd)
        # -d/dr of cos(k r) C + sin(k r) D is k (sin(k r) C - cos(k r) D)
        even, odd = of_field * even, of_field * odd
        axes = [wave_vectors[:, axis : axis + 1] for axis in range(3)]
        field = [ops.matmul(sine, axis * even) - ops.matmul(cosine, axis * odd) for axis in axes]
        vectors = self.field(ops.stack(field, axis=1))  # (atoms, 3, channels) -> (atoms, 3, units)
        vectors = graph[VECTORS] + vectors if VECTORS in graph else vectors
        return {ATOMS: x + self.potential(potential), VECTORS: vectors}

    def _neutral(self, charges: Tensor, graph: GraphTensors) -> Tensor:
        """Charges minus their mean over the graph: (atoms, channels).

        The potential of a net charge would grow with 1 / k^2, without bound in boxes larger than those of training.
        """
        member = membership(graph, charges.dtype)
        counts = ops.maximum(ops.sum(member, axis=0), 1)[:, None]
        return charges - ops.matmul(member, ops.matmul(ops.transpose(member), charges) / counts)

    def _kernel(self, graph: GraphTensors, wave_vectors: Tensor) -> tuple[Tensor, Tensor]:
        """(waves, 1) factors 2 / V 4 pi / k^2 u(k), and (waves, functions) screening by each width."""
        # padding has k = 0 and weight 0: a one keeps its quotient finite
        squared = ops.sum(ops.square(wave_vectors), axis=-1, keepdims=True)
        squared = ops.where(squared > 0, squared, ops.ones_like(squared))
        weight = graph[WAVE_WEIGHT][:, None] / self.largest_wave**3
        envelope = polynomial_envelope(ops.sqrt(squared), 1.0, _ENVELOPE_ORDER)
        steps = ops.arange(self.functions, dtype=squared.dtype) / max(1, self.functions - 1)
        widths = _WIDEST * (_NARROWEST / _WIDEST) ** steps
        screening = ops.exp(-squared / (4 * ops.square(widths)))
        return 4 * math.pi * weight * envelope / squared, screening
