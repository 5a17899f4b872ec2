"""Public docstrings are a reference: first line, Args and Returns."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import gnnzoo

ROOT = Path(__file__).resolve().parents[1]
# Methods whose contract is that of a base class.
INHERITED = {"build", "call", "get_config", "compute_output_shape", "main", "list_commands", "get_command"}
# of `gnnzoo.layers.stack_layer.StackLayer`
INHERITED |= {"radial_weights", "summed_weights", "output_weights", "fact_weights", "species_weights"}
SHARE = 0.8  # of public functions that take arguments and return something document both


def documented(node: ast.FunctionDef) -> tuple[bool, bool]:
    """Whether a function documents its arguments, and what it returns; true where it has none."""
    text = ast.get_docstring(node) or ""
    arguments = [
        a.arg for a in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs] if a.arg not in ("self", "cls")
    ]
    returns = node.returns is not None and not (isinstance(node.returns, ast.Constant) and node.returns.value is None)
    property_like = any(
        getattr(d, "id", getattr(d, "attr", "")) in ("property", "cached_property") for d in node.decorator_list
    )
    return (
        not arguments or "Args:" in text or (len(arguments) == 1 and f"`{arguments[0]}`" in text),
        not returns or property_like or any(word in text for word in ("Returns:", "Yields:")),
    )


def public_functions(tree: ast.Module):
    """Functions and methods that have no underscore, of classes that have none."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from (
                item
                for item in node.body
                if isinstance(item, ast.FunctionDef) and not item.name.startswith("_") and item.name not in INHERITED
            )


def share(folder: str = "gnnzoo") -> tuple[float, list[str]]:
    """Share of documented functions, and the names of the others."""
    missing, count = [], 0
    for path in sorted((ROOT / folder).rglob("*.py")):
        if path.relative_to(ROOT).parts[1:2] == ("cli",):
            continue  # a command's docstring is its help
        for node in public_functions(ast.parse(path.read_text())):
            count += 1
            if not all(documented(node)):
                missing.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    return 1 - len(missing) / max(1, count), missing


def test_most_public_functions_document_arguments_and_result():
    found, missing = share()
    assert found >= SHARE, missing


@pytest.mark.parametrize("name", gnnzoo._API)
def test_every_function_of_the_api_documents_arguments_and_result(name):
    module = importlib.import_module(gnnzoo._API[name])
    tree = ast.parse(inspect.getsource(module))
    (node,) = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name]
    if isinstance(node, ast.ClassDef):
        text = ast.get_docstring(node) or ""
        assert "Args:" in text or "Attributes:" in text  # the latter of a dataclass
    else:
        assert documented(node) == (True, True)
