"""The small frames of `gnnzoo.testing`, by the name under which the tests import them."""

from gnnzoo.testing.frames import (
    SPCFW,
    WATER_TYPES,
    changed,
    contract_frame,
    few_atoms,
    random_rotation,
    replicated,
    water_frame,
)

__all__ = [
    "SPCFW",
    "WATER_TYPES",
    "changed",
    "contract_frame",
    "few_atoms",
    "random_rotation",
    "replicated",
    "water_frame",
]
