"""An ASE calculator for trained and exported models.

Units are ASE's: eV, A, and eV/A^3 for the stress, which is positive under tension (ASE manual, `Atoms.get_stress`).
ASE's `SocketClient` makes it a client of i-PI and of other drivers:

    from ase.calculators.socketio import SocketClient
    atoms.calc = gnnzoo.Calculator("water.keras")
    SocketClient(unixsocket="driver").run(atoms, use_stress=True)
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from gnnzoo.deploy.runner import Configuration, Precision, Runner, RunnerInfo, open_runner
from gnnzoo.errors import UserError
from gnnzoo.models.files import ForceField
from gnnzoo.units import mev_factor

try:
    import ase
    from ase.calculators.calculator import Calculator as AseCalculator
    from ase.calculators.calculator import all_changes
except ImportError as error:
    raise UserError("the calculator needs ASE, which is not installed", hint="pip install 'gnnzoo[ase]'") from error

_MOLECULES = ("molecules", "molecule", "mol", "mol-id", "residuenumbers")  # arrays with molecule ids
_BOND = 1.2  # times the sum of the covalent radii, below which two atoms of a first configuration are bonded


class Calculator(AseCalculator):
    """Energy, forces and stress of a model, those that it has.

    A model of forces alone has no energy: `get_potential_energy` raises ASE's `PropertyNotImplementedError`.

    Attributes:
        runner: the model.
        units: LAMMPS unit style of the model.

    Args:
        model: a model, its .keras file, a folder of `gnnzoo freeze`, or a runner of one.
        precision: "single", or "double" for vibrations and other small differences of forces; slower.
        skin: of the neighbour list, A.
        units: LAMMPS unit style of a model whose data declared none: "real" or "metal".
        molecules: "arrays" takes molecule ids from an array of the atoms named molecules, molecule, mol, mol-id or
            residuenumbers; "bonds" finds molecules once, from distances shorter than 1.2 times the sum of covalent
            radii. Only for models that were trained with molecule ids.

    Raises:
        ModelError: there is no such model.
        UserError: its units are unknown or reduced.
    """

    def __init__(
        self,
        model: ForceField | Runner | str | Path,
        *,
        precision: Precision = "single",
        skin: float = 1.0,
        units: str | None = None,
        molecules: Literal["arrays", "bonds"] = "arrays",
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.runner = model if isinstance(model, Runner) else open_runner(model, precision, skin)
        self._factor = _electronvolts(self.runner.info, units)
        self.units = str(self.runner.info.units or units)
        if molecules not in ("arrays", "bonds"):
            raise UserError(f"molecules is {molecules!r}", expected="arrays or bonds")
        self._by_bonds = molecules == "bonds"
        self._found: np.ndarray | None = None  # molecules by bonds
        has = self.runner.info.has
        self.implemented_properties = [
            *(["energy", "free_energy", "energies"] if has.energy else []),
            "forces",
            *(["stress"] if has.virial else []),
        ]

    def calculate(
        self,
        atoms: ase.Atoms | None = None,
        properties: Sequence[str] = ("forces",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute all results of the model; called by ASE.

        Args:
            atoms: the configuration.
            properties: those that are wanted.
            system_changes: what has changed since the last call.
        """
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None  # ASE has copied it
        atoms = self.atoms
        cell, pbc = atoms.cell.array.astype(np.float64), np.array(atoms.pbc, dtype=bool)
        names = np.array(atoms.get_chemical_symbols())
        found = self.runner.results(
            Configuration(names, atoms.positions.astype(np.float64), cell, pbc, self._molecules(atoms))
        )
        self.results = {"forces": found["forces"] * self._factor}
        if "energies" in found:
            energies = found["energies"] * self._factor
            self.results |= {"energies": energies, "energy": energies.sum(), "free_energy": energies.sum()}
        if "virial" in found and pbc.any() and abs(np.linalg.det(cell)) > 0:
            stress = -0.5 * (found["virial"] + found["virial"].T) * self._factor / abs(np.linalg.det(cell))
            self.results["stress"] = stress.ravel()[[0, 4, 8, 5, 2, 1]]  # xx yy zz yz xz xy

    def _molecules(self, atoms: ase.Atoms) -> np.ndarray | None:
        """(atoms,) molecule ids where the model reads them."""
        if not self.runner.info.molecules:
            return None
        if self._by_bonds:
            if self._found is None or len(self._found) != len(atoms):
                self._found = bonded_molecules(atoms)
            return self._found
        name = next((name for name in _MOLECULES if name in atoms.arrays), None)
        if name is None:
            raise UserError(
                f"forces of {self.runner.info.name} depend on which atoms share a molecule, and these atoms have no "
                "molecule ids",
                expected=f"an array of the atoms named {' or '.join(_MOLECULES)}",
                hint="atoms.set_array('molecules', ids), or Calculator(..., molecules='bonds') finds them by distance",
            )
        return np.asarray(atoms.arrays[name], np.int64)


def bonded_pairs(atoms: ase.Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Find pairs of atoms closer than 1.2 times the sum of their covalent radii.

    Args:
        atoms: the configuration; bonds across periodic boundaries count.

    Returns:
        (pairs,) first and (pairs,) second atom, both orders of each pair.
    """
    from ase.neighborlist import natural_cutoffs, neighbor_list

    first, second = neighbor_list("ij", atoms, natural_cutoffs(atoms, mult=_BOND))
    return first, second


def bonded_molecules(atoms: ase.Atoms) -> np.ndarray:
    """Number molecules as groups of atoms that are connected by distances of bonds.

    Args:
        atoms: the configuration; bonds across periodic boundaries count.

    Returns:
        (atoms,) int64, from 0.
    """
    first, second = bonded_pairs(atoms)
    labels = np.arange(len(atoms))
    while True:  # each atom takes the smallest number of its neighbours
        lowest = labels.copy()
        np.minimum.at(lowest, first, labels[second])
        if np.array_equal(lowest, labels):
            return np.unique(labels, return_inverse=True)[1].astype(np.int64)
        labels = lowest


def _electronvolts(info: RunnerInfo, units: str | None) -> float:
    """Factor from the model's energies to eV; its lengths are in A."""
    if info.units is not None and units not in (None, info.units):
        raise UserError(f"{info.name} is in {info.units} units, not {units}", hint="leave units out")
    factor = mev_factor(info.units or units)
    if factor is None:
        reduced = (info.units or units) == "lj"
        raise UserError(
            f"{info.name} is in reduced units, which are no eV and A"
            if reduced
            else f"the data of {info.name} did not declare their units",
            expected="a model in real or metal units",
            hint=None if reduced else "Calculator(..., units='real') or units='metal' states them",
        )
    return factor / 1000
