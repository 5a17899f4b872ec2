"""Multiple time stepping: forces of a fast model in each step, those of a slow one as impulses every few steps."""

import ase
import ase.units
import numpy as np
from ase.calculators.calculator import Calculator
from ase.md.md import MolecularDynamics


class MultipleTimeSteps(MolecularDynamics):
    """Reversible multiple time stepping (Tuckerman, Berne & Martyna, J. Chem. Phys. 97, 1990 (1992)).

    Between two impulses of the force difference slow - fast, `inner` steps of velocity Verlet follow the forces of the
    fast model. The energy of the slow model is conserved, whether the fast forces have one or not (Bigi, Langer &
    Ceriotti, arXiv 2412.11569). With a temperature, half a step of an Ornstein-Uhlenbeck process before and after makes
    it Langevin dynamics (Bussi & Parrinello, Phys. Rev. E 75, 056707 (2007)).

    Args:
        atoms: with velocities; their calculator is the slow model.
        timestep: of a whole step with its impulses, ASE's unit of time.
        fast: calculator of the other forces.
        inner: number of steps of the fast forces.
        temperature: K, or None for constant energy.
        friction: 1 / ASE's unit of time.
        seed: of random forces.
    """

    def __init__(
        self,
        atoms: ase.Atoms,
        timestep: float,
        fast: Calculator,
        inner: int,
        temperature: float | None = None,
        friction: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(atoms, timestep)
        self.inner = inner
        self._kT = None if temperature is None else ase.units.kB * temperature
        self._kept = np.exp(-0.5 * friction * timestep)  # of a momentum, in half a step
        self._random = np.random.default_rng([seed, 1])
        self._fast = atoms.copy()
        self._fast.calc = fast

    def step(self) -> np.ndarray:
        """Do one step; called by ASE.

        Returns:
            (atoms, 3) forces of the slow model after it.
        """
        atoms, masses = self.atoms, self.masses
        short = self.dt / self.inner
        self._thermalize()
        forces = self._fast_forces()
        momenta = atoms.get_momenta() + 0.5 * self.dt * (atoms.get_forces() - forces)
        positions = atoms.get_positions()
        for _ in range(self.inner):
            momenta += 0.5 * short * forces
            positions = positions + short * momenta / masses
            atoms.set_positions(positions)
            forces = self._fast_forces()
            momenta += 0.5 * short * forces
        slow: np.ndarray = atoms.get_forces()
        atoms.set_momenta(momenta + 0.5 * self.dt * (slow - forces))
        self._thermalize()
        return slow

    def _fast_forces(self) -> np.ndarray:
        self._fast.set_positions(self.atoms.get_positions())
        forces: np.ndarray = self._fast.get_forces()
        return forces

    def _thermalize(self) -> None:
        if self._kT is None:
            return
        widths = np.sqrt(self.masses * self._kT * (1 - self._kept**2))
        noise = self._random.normal(size=(len(self.atoms), 3))
        self.atoms.set_momenta(self._kept * self.atoms.get_momenta() + widths * noise)
