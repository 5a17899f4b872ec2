"""Layers of other packages: found, validated, trained, saved, frozen and transferred; errors name the package."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from errors import refused
from gnnzoo.errors import ModelError, RecipeError
from gnnzoo.models.files import load_model
from gnnzoo.recipe import layer_registry
from gnnzoo.recipe.io.load import recipe_from_dict
from lines import line_with
from small import ARGON

SUPPORT = Path(__file__).resolve().parents[1] / "support"
LAYER = {"layer": "filtered_sum"}


def raw(*layers, **keys):
    return ARGON | {"model": {"layers": [*ARGON["model"]["layers"][:3], *layers, ARGON["model"]["layers"][4]]}} | keys


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Copy of the example package's source, the folder that it is installed in, and an environment that finds it."""
    folder = tmp_path_factory.mktemp("package")
    source, site = folder / "source", folder / "site"
    shutil.copytree(SUPPORT / "gnnzoo_example_layer", source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation", "--no-deps"]
    subprocess.run([*pip, "--target", site, source], check=True, timeout=120)
    paths = [str(site), str(SUPPORT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return source, folder, os.environ | {"PYTHONPATH": os.pathsep.join(paths), "GNNZOO_TEST_FOLDER": str(folder)}


VALIDATED = """
import json, sys
from gnnzoo.errors import RecipeError
from gnnzoo.recipe.io.load import load_recipe
from gnnzoo.recipe.text.reference import json_schema, markdown
try:
    load_recipe(sys.argv[1])
except RecipeError as error:
    print(error)
assert load_recipe(sys.argv[1], ["model.layers[3]={\\"layer\\": \\"filtered_sum\\"}"]).model.layers[3].residual
assert "FilteredSum" in json_schema()["$defs"]
assert '## {"layer": "filtered_sum"}' in markdown() and "gnnzoo-example-layer" in markdown()
assert not {"tensorflow", "keras", "gnnzoo_example_layer.keras_layer"} & set(sys.modules)
"""


def test_its_options_are_validated_and_documented_without_tensorflow(package, tmp_path):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(raw(LAYER | {"residul": True}), indent=1))
    line = next(number for number, line in enumerate(path.read_text().splitlines(), 1) if "residul" in line)
    done = subprocess.run(
        [sys.executable, "-c", VALIDATED, path],
        env=package[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    line_with(done.stdout, f"line {line}", "model.layers[3].residul")
    assert "'residual'" in done.stdout


@pytest.fixture(scope="module")
def models(package):
    """Folder with a model that has the layer, once the package's own tests and the whole flow have passed."""
    source, folder, environment = package
    shutil.copy(SUPPORT / "layer_package_flow.py", source / "tests" / "test_flow.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", source, source / "tests"]
    done = subprocess.run(
        command, env=environment, cwd=source, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_it_keeps_the_contract_and_is_trained_saved_frozen_and_transferred(models):
    assert (models / "first.keras").is_file() and (models / "second.keras").is_file()


def test_a_model_whose_package_is_missing_names_it(models):
    hint = "pip install gnnzoo-example-layer==0.1.0"
    with refused(ModelError, "filtered_sum", "gnnzoo-example-layer", file="first.keras", hint=hint):
        load_model(models / "first.keras")


def test_a_recipe_whose_package_is_missing_names_it():
    with refused(RecipeError, "filtered_sum", key="model.layers[3].layer", hint='"requires"'):
        recipe_from_dict(raw(LAYER))
    with refused(RecipeError, key="model.layers[3].layer", hint="pip install gnnzoo-example-layer"):
        recipe_from_dict(raw(LAYER, requires=["gnnzoo-example-layer", "numpy"]))
    with refused(RecipeError, "gnnzoo-example-layer", key="requires[1]", hint="pip install gnnzoo-example-layer"):
        recipe_from_dict(raw(requires=["numpy", "gnnzoo-example-layer"]))


# --- broken packages --------------------------------------------------------------------------------------------------


class Distribution:
    def __init__(self, name):
        self.name, self.version = name, "1.2"


def offered(name, value, package):
    """An entry point of an installed package."""
    point = EntryPoint(name, value, layer_registry.GROUP)
    vars(point).update(dist=Distribution(package))
    return point


@pytest.fixture
def installed(monkeypatch):
    """Sets the entry points that installed packages have."""

    def install(*points):
        monkeypatch.setattr(layer_registry, "entry_points", lambda group: list(points))
        found = layer_registry.registry.__wrapped__()
        monkeypatch.setattr(layer_registry, "registry", lambda: found)
        monkeypatch.setattr("gnnzoo.recipe.io.validation_errors.registry", lambda: found)
        layer_registry.warn_about_broken_layers.cache_clear()
        return found

    yield install
    layer_registry.warn_about_broken_layers.cache_clear()


@pytest.mark.parametrize(
    ("point", "names"),
    [
        (offered("shell", "no_such_module:Shell", "broken-one"), ["ModuleNotFoundError", "no_such_module"]),
        (offered("shell", "json:Shell", "broken-one"), ["AttributeError"]),
        (offered("shell", "json:loads", "broken-one"), ["json:loads", "Entry"]),
        (offered("shell", "gnnzoo.recipe.schema.layers:Dense", "broken-one"), ["'dense'"]),
        (offered("shell", "gnnzoo.recipe.schema.entry:Entry", "broken-one"), ["Literal"]),
    ],
    ids=["no module", "no object", "not an entry", "of another layer", "without a name"],
)
def test_a_broken_package_is_named_where_its_layer_is_used_and_warned_about(installed, caplog, point, names):
    found = installed(point)
    assert "shell" not in found.entries and not caplog.records, "importing the schema warns of nothing"
    with refused(RecipeError, "broken-one 1.2", *names, key="model.layers[3].layer", hint="broken-one"):
        recipe_from_dict(raw({"layer": "shell"}))
    assert recipe_from_dict(raw()), "other recipes are not affected"
    assert [record.levelname for record in caplog.records] == ["WARNING"], "once in a process"
    assert "broken-one" in caplog.text


def test_a_package_cannot_replace_a_layer_of_gnnzoo(installed, caplog):
    found = installed(offered("dense", "gnnzoo.recipe.schema.layers:PReLU", "thief"))
    assert found.entries["dense"].__name__ == "Dense"
    recipe_from_dict(raw())
    assert "thief" in caplog.text


def test_two_packages_with_a_layer_of_one_name_are_both_named(installed):
    found = installed(offered("shell", "a:Shell", "first-one"), offered("shell", "b:Shell", "second-one"))
    assert "shell" not in found.entries
    assert {"first-one", "second-one"} <= set(str(found.broken["shell"]).replace(",", " ").split())
