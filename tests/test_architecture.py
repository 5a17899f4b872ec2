"""The architecture: which package may import which, and how large modules and functions may be."""

import ast
import configparser
from pathlib import Path

import pytest

from architecture import MODULES, floor, imports, names_imported, package, tree

ROOT = Path(__file__).resolve().parents[1]
# Packages of one floor that do not import each other.
STRANGERS = [{"recipe", "data", "layers"}, {"training", "evaluation", "deploy"}]
HEAVY = {
    "tensorflow",
    "keras",
    "tf_keras",
    "tensorflow_gnn",
    "numpy",
    "h5py",
    "pydantic",
    "matplotlib",
    "rich",
    "vesin",
}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_its_own_floor_and_those_below(module):
    above = {name for name in imports(module) if floor(name) > floor(module)}
    assert not above


@pytest.mark.parametrize("strangers", STRANGERS, ids=lambda names: "-".join(sorted(names)))
def test_strangers_do_not_import_each_other(strangers):
    for module in MODULES:
        if package(module) in strangers:
            known = {name for name in imports(module) if package(name) in strangers - {package(module)}}
            assert not known, module


def test_there_are_no_cycles():
    done, on_the_way = set(), []

    def visit(module: str) -> None:
        assert module not in on_the_way, " -> ".join([*on_the_way, module])
        if module in done:
            return
        on_the_way.append(module)
        for name in sorted(imports(module) - {"gnnzoo"}):
            visit(name)
        done.add(on_the_way.pop())

    for module in MODULES:
        visit(module)


def test_nothing_is_called_utils():
    assert not [name for name in MODULES if set(name.split(".")) & {"utils", "util", "helpers", "misc", "common"}]


@pytest.mark.parametrize("module", MODULES)
def test_modules_say_what_they_are_and_are_not_too_long(module):
    assert len(ast.get_docstring(tree(module)) or "") > 10
    assert len(MODULES[module].read_text().splitlines()) <= 400


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    documented = ast.get_docstring(node) is not None
    docstring = node.body[0].end_lineno - node.body[0].lineno + 1 if documented else 0
    return node.end_lineno - node.lineno + 1 - docstring


def test_functions_are_not_too_long():
    too_long = [
        f"{module}.{node.name}: {code_lines(node)} lines"
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and code_lines(node) > 60
    ]
    assert not too_long


def test_only_commands_print():
    for module in MODULES:
        if package(module) != "cli":
            assert not [name for name in imports(module) if package(name) == "cli"], module
            calls = [node.func for node in ast.walk(tree(module)) if isinstance(node, ast.Call)]
            assert "print" not in {getattr(call, "id", None) for call in calls}, module


def test_one_module_alone_knows_tensorflow_gnn():
    users = {
        module
        for module in MODULES
        if any(name.split(".")[0] == "tensorflow_gnn" for name in names_imported(ast.walk(tree(module))))
    }
    assert users <= {"gnnzoo.data.tfrecord.writer"}


def test_commands_import_nothing_heavy_before_they_run():
    for module in MODULES:
        if package(module) == "cli":
            at_once = {name.split(".")[0] for name in names_imported(tree(module).body)}
            assert not at_once & HEAVY, module
            ours = names_imported(tree(module).body) & set(MODULES)
            assert all(floor(name) == 0 or package(name) == "cli" for name in ours), module


def test_setup_cfg_names_every_package():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    named = set(setup["options"]["packages"].split())
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "gnnzoo").rglob("__init__.py")}
    assert named == found | {"gnnzoo.recipes"}


def test_no_module_hides_a_function_of_the_public_api():
    import gnnzoo

    names = {name.split(".")[1] for name in MODULES if name.count(".") == 1}
    assert not names & set(gnnzoo.__all__), "a submodule, once imported, takes the name's place in the package"
    assert all(callable(getattr(gnnzoo, name)) for name in gnnzoo._API)


def test_relative_imports_are_not_used():
    for module in MODULES:
        assert not [node for node in ast.walk(tree(module)) if isinstance(node, ast.ImportFrom) and node.level], module
