"""The wheel holds what the checkout holds, and finds its recipes and simulations by itself."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Run in an empty folder with nothing but the unpacked wheel before everything else on the path.
INSTALLED = """
from pathlib import Path
import gnnzoo
from gnnzoo.recipe.io.find import recipe_names
from gnnzoo.recipe.io.load import load_recipe

here = Path(gnnzoo.__file__).parent
print(gnnzoo.__version__, here)
for name, path in recipe_names().items():
    recipe = load_recipe(name)
    script = path.parent / recipe.data.simulate.input
    assert path.parent == here / "recipes" and script.is_file(), (path, script)
    print(recipe.name)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel built from a copy of the checkout, so that nothing is left behind in it."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("gnnzoo", "recipes"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, copy)
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, copy]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(target.glob("gnnzoo-*.whl"))


def test_the_wheel_holds_every_module_recipe_and_simulation(wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("gnnzoo/")}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "gnnzoo").rglob("*.py")}
    recipes = {
        f"gnnzoo/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "recipes").rglob("*") if path.is_file()
    }
    plugin = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "gnnzoo/deploy/lammps/plugin").iterdir()
    }  # C++, compiled by the user
    assert held == modules | recipes | plugin | {"gnnzoo/py.typed"}


def test_an_installed_wheel_finds_its_recipes_and_simulations(wheel, folder):
    place = folder / "site"
    zipfile.ZipFile(wheel).extractall(place)
    (folder / "work").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", INSTALLED],
        cwd=folder / "work",
        env={**os.environ, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, *names = done.stdout.splitlines()
    assert first.endswith(str(place / "gnnzoo"))
    assert {"argon", "argon-reference", "water", "water-reference"} <= set(names)
