"""Keras layers of the stack: each takes the graph, a dict of tensors, and returns what it changes in it.

Importing this package registers every layer under its short name (`registry.LAYERS`).
"""

from gnnzoo.layers import (
    basic,
    convolutions,
    density,
    encoders,
    heads,
    message_passing,
    normalization,
    painn,
    prior,
    wave_message,
)
from gnnzoo.layers.registry import LAYERS

__all__ = [
    "LAYERS",
    "basic",
    "convolutions",
    "density",
    "encoders",
    "heads",
    "message_passing",
    "normalization",
    "painn",
    "prior",
    "wave_message",
]
