"""Choices that recipe schema, library and command line share; here, because commands may import nothing heavy."""

from typing import Literal

Strategy = Literal["full", "heads", "staged", "discriminative", "lora"]
Ensemble = Literal["nve", "langevin", "nvt", "npt"]
LammpsInterface = Literal["plugin", "python"]
RadialTransfer = Literal["extend", "stretch"]
# Training frames of a comparison with training from scratch: two sizes a decade, from the fewest possible to a number
# at which training from scratch has usually caught up.
COMPARISON_SIZES = (1, 3, 10, 30, 100)
