"""run_ase.py of an exported model: a short run in ASE, ready to run and to be changed."""

from pathlib import Path

from gnnzoo.deploy.edge_model import edge_results
from gnnzoo.deploy.exported_folder import ASE_SCRIPT, EXAMPLE
from gnnzoo.deploy.freeze import known_types
from gnnzoo.deploy.lammps.input_files import first_timestep
from gnnzoo.elements import MASSES
from gnnzoo.models.files import ForceField
from gnnzoo.units import mev_factor


def write_ase_script(model: ForceField, folder: Path) -> None:
    """Write run_ase.py; not for reduced or undeclared units, or species that are no elements, which ASE does not have.

    Args:
        model: the live model.
        folder: of the exported model.
    """
    types = known_types(model)
    if mev_factor(model.units) is None or not all(name in MASSES for name in types.values()):
        return
    energy = edge_results(model).energy
    text = _SCRIPT.format(
        script=ASE_SCRIPT,
        example=EXAMPLE,
        symbols=types,
        timestep=first_timestep(types.values(), "real"),
        heading="energy_eV" if energy else "",
        energy="{atoms.get_total_energy():14.6f}" if energy else "",
    )
    (folder / ASE_SCRIPT).write_text(text)


_SCRIPT = '''"""Written by gnnzoo freeze: a short run of this model at constant energy in ASE.

    python {script} [TEMPERATURE [STEPS]]    # K, of the first velocities: choose one for your substance
"""

import sys
from pathlib import Path

import gnnzoo
import numpy as np
from ase import Atoms, units
from ase.md.verlet import VelocityVerlet

temperature = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0  # K
steps = int(sys.argv[2]) if len(sys.argv) > 2 else 100
timestep = {timestep}  # fs
symbols = {symbols}  # of the LAMMPS types

folder = Path(__file__).resolve().parent
frame = np.load(folder / "{example}")
atoms = Atoms(
    [symbols[kind] for kind in frame["types"].tolist()],
    positions=frame["positions"],
    cell=frame["cell"],
    pbc=frame["pbc"],
)
if "molecules" in frame:
    atoms.set_array("molecules", frame["molecules"])
atoms.calc = gnnzoo.Calculator(folder)
widths = np.sqrt(atoms.get_masses() * units.kB * temperature)[:, None]  # of the Maxwell-Boltzmann distribution
atoms.set_momenta(widths * np.random.default_rng(4711).normal(size=(len(atoms), 3)))
dynamics = VelocityVerlet(atoms, timestep * units.fs)


def show():
    print(f"{{dynamics.get_number_of_steps():8d}} {{atoms.get_temperature():12.4f}} {energy}", flush=True)


print("    step temperature_K     {heading}")
dynamics.attach(show, interval=10)
dynamics.run(steps)
'''
