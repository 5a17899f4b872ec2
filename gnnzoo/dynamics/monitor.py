"""What ends a run before its last step: atoms that fly, bonds that break, a temperature that runs away."""

import ase
import ase.units
import numpy as np
from ase.data import covalent_radii
from ase.geometry import find_mic

from gnnzoo.deploy.ase_calculator import bonded_pairs

_BROKEN = 2.0  # times the sum of the covalent radii
_HOT = 3.0  # times the temperature of reference
_SPREAD = 8.0  # standard deviations of the temperature of few atoms, sqrt(2 / 3N), that are allowed in addition
_FAST = 10.0  # times sqrt(kT / m): no atom of a Maxwell-Boltzmann distribution is
_LEAST = 10.0  # K, of reference: a run from rest has no temperature of its own


class Monitor:
    """Checks the atoms of a run from time to time.

    Args:
        atoms: at the start; bonds are pairs of `bonded_pairs` in one molecule, by the array "molecules".
        temperature: of the ensemble, K; None for that of the start.
    """

    def __init__(self, atoms: ase.Atoms, temperature: float | None) -> None:
        self.temperature = max(temperature or 0.0, atoms.get_temperature(), _LEAST)
        self._hottest = self.temperature * (_HOT + _SPREAD * np.sqrt(2 / (3 * len(atoms))))
        self._bonds = _bonds(atoms)
        numbers = atoms.get_atomic_numbers()[self._bonds]
        self._longest = _BROKEN * covalent_radii[numbers].sum(axis=1)

    def problem(self, atoms: ase.Atoms) -> str | None:
        """Describe what is wrong with the atoms.

        Args:
            atoms: now, in the order of the start.

        Returns:
            A clause such as "the temperature is 5,120 K"; None where nothing is.
        """
        return self._fast_atom(atoms) or self._temperature(atoms) or self._broken_bond(atoms)

    def _temperature(self, atoms: ase.Atoms) -> str | None:
        temperature = atoms.get_temperature()
        if temperature <= self._hottest:
            return None
        return f"the temperature is {temperature:,.0f} K, {temperature / self.temperature:.1f} times that of the run"

    def _fast_atom(self, atoms: ase.Atoms) -> str | None:
        speeds = np.linalg.norm(atoms.get_velocities(), axis=1)
        thermal = np.sqrt(ase.units.kB * self.temperature / atoms.get_masses())
        fastest = int(np.argmax(speeds / thermal))
        if speeds[fastest] <= _FAST * thermal[fastest]:
            return None
        return (
            f"atom {fastest + 1} ({atoms.symbols[fastest]}) flies at {speeds[fastest] * ase.units.fs:.3g} A/fs, "
            f"{speeds[fastest] / thermal[fastest]:.0f} times sqrt(kT / m)"
        )

    def _broken_bond(self, atoms: ase.Atoms) -> str | None:
        if len(self._bonds) == 0:
            return None
        first, second = self._bonds.T
        _, lengths = find_mic(atoms.positions[second] - atoms.positions[first], atoms.cell, atoms.pbc)
        worst = int(np.argmax(lengths / self._longest))
        if lengths[worst] <= self._longest[worst]:
            return None
        one, other = self._bonds[worst].tolist()
        return (
            f"the bond of atoms {one + 1} ({atoms.symbols[one]}) and {other + 1} ({atoms.symbols[other]}) is broken: "
            f"{lengths[worst]:.2f} A"
        )


def _bonds(atoms: ase.Atoms) -> np.ndarray:
    """(bonds, 2) rows of bonded atoms, each pair once."""
    if "molecules" not in atoms.arrays:
        return np.zeros((0, 2), int)
    molecules = atoms.arrays["molecules"]
    first, second = bonded_pairs(atoms)
    within = (first < second) & (molecules[first] == molecules[second])
    return np.stack([first[within], second[within]], axis=1)
