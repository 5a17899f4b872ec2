"""Errors by group of frames: by `config_type`, which says what kind of configuration each frame is."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gnnzoo.metrics import EnergyErrors, EnergyResult, ForceErrors, ForceResult, Outputs, Reference, accumulate
from gnnzoo.virial_metrics import VirialErrors, VirialResult


@dataclass(frozen=True)
class GroupResult:
    """Errors over the frames of one group.

    Attributes:
        forces: force errors.
        energy: energy errors; None unless model and frames both have energies.
        virial: virial errors; None unless model and frames both have virials.
    """

    forces: ForceResult
    energy: EnergyResult | None
    virial: VirialResult | None

    def to_json(self) -> dict[str, object]:
        """ "frames", "atoms", "force", and "energy" and "virial" where they are known."""
        return {
            "frames": self.forces.frames,
            "atoms": self.forces.atoms,
            "force": self.forces.overall.to_json(),
            "energy": self.energy.to_json() if self.energy else None,
            "virial": self.virial.to_json() if self.virial else None,
        }


class GroupErrors:
    """Accumulates errors by group; frames without one are in none.

    Args:
        species: names by index.
        units: LAMMPS unit style, or None.
        absolute, offsets: see `EnergyErrors`.
    """

    def __init__(
        self, species: Sequence[str], units: str | None, absolute: bool, offsets: Sequence[float] | np.ndarray = ()
    ):
        self._species, self._units, self._absolute, self._offsets = species, units, absolute, offsets
        self._groups: dict[str, tuple[ForceErrors, EnergyErrors, VirialErrors]] = {}

    def update(self, reference: Reference, outputs: Outputs) -> None:
        """Add one frame."""
        if reference.group is None:
            return
        if reference.group not in self._groups:
            forces, energies = ForceErrors(self._species, self._units), EnergyErrors(self._absolute, self._offsets)
            self._groups[reference.group] = forces, energies, VirialErrors()
        accumulate([(reference, outputs)], *self._groups[reference.group])

    def result(self) -> dict[str, GroupResult]:
        """The errors of all frames so far, by group in alphabetical order."""
        return {
            name: GroupResult(forces.result(), energies.result(), virials.result())
            for name, (forces, energies, virials) in sorted(self._groups.items())
        }
