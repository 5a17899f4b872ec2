"""Draws the architecture from the code: floors, packages and their imports.

    python tools/docs/architecture.py          # writes architecture.md and architecture.svg next to this file
    python tools/docs/architecture.py --check  # exit code 1 if they are out of date

The floors are declared here once; `tests/test_architecture.py` holds every import to them.
"""

import argparse
import ast
import html
import sys
from collections import Counter
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent

# A file imports only from floors below its own and from its own; names are packages or modules of gnnzoo.
FLOORS = [
    (
        "words, arrays, units, writing",
        {
            "",
            "choices",
            "elements",
            "errors",
            "fields",
            "file_formats",
            "formatting",
            "html_page",
            "interrupt",
            "json_records",
            "metrics",
            "virial_metrics",
            "group_metrics",
            "outputs",
            "progress",
            "progress_bar",
            "records",
            "sampling",
        }
        | {"tensorflow_env", "threads", "units"},  # "": gnnzoo itself, for its version
    ),
    ("recipes, data and layers do not know each other", {"recipe", "data", "layers"}),
    ("a recipe's entry becomes a layer; the .keras file", {"models"}),
    (
        "training, evaluation, transfer, deployment, dynamics",
        {"training", "evaluation", "transfer_learning", "deploy", "dynamics"},
    ),
    ("one function per command: the Python API; the contract of models for tests", {"workflows", "testing"}),
    ("the command line", {"cli"}),
]

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "gnnzoo").rglob("*.py"))
}


@cache
def tree(module: str) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(MODULES[module].read_text())


def names_imported(nodes) -> set[str]:
    """Dotted names in the import statements among `nodes`."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def imports(module: str) -> set[str]:
    """Modules of gnnzoo that `module` imports anywhere, late imports included."""
    return {name for name in names_imported(ast.walk(tree(module))) if name in MODULES} - {module}


def package(module: str) -> str:
    """gnnzoo.data.frames.frame -> data."""
    return module.partition(".")[2].partition(".")[0]


def floor(module: str) -> int:
    """The floor on which a module stands.

    Raises:
        ValueError: its package is on no floor.
    """
    for number, (_, names) in enumerate(FLOORS):
        if package(module) in names:
            return number
    raise ValueError(f"{module} stands on no floor: add its package to FLOORS in {Path(__file__).name}")


# --- the drawing ------------------------------------------------------------------------------------------------------

_WIDTH, _BAND, _BOX_HEIGHT, _LEFT = 980, 96, 46, 16
_GROUND = "errors, fields, units, ..."  # the modules of the lowest floor in one box


def boxes() -> list[dict[str, int]]:
    """For each floor its packages with their number of modules."""
    found: list[Counter[str]] = [Counter() for _ in FLOORS]
    for module in MODULES:
        level = floor(module)
        found[level][package(module) if level else _GROUND] += 1
    return [dict(sorted(counter.items())) for counter in found]


def arrows() -> list[tuple[str, str]]:
    """(importing package, imported package) of all imports between packages; the lowest floor left out."""
    pairs = {(package(module), package(name)) for module in MODULES for name in imports(module) if floor(name)}
    return sorted((one, other) for one, other in pairs if one != other)


def drawing() -> str:
    """The floors as SVG, the lowest one at the bottom."""
    height = _BAND * len(FLOORS) + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" font-family="sans-serif">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#57606a"/></marker></defs>',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
    ]
    bands, shapes = [], []
    centres: dict[str, tuple[float, float, float]] = {}  # x of the centre, y of the top, width
    for level, names in enumerate(boxes()):
        top = height - 8 - (level + 1) * _BAND
        shade = "#f6f8fa" if level % 2 else "#eef1f4"
        bands.append(f'<rect x="8" y="{top}" width="{_WIDTH - 16}" height="{_BAND}" fill="{shade}"/>')
        label = html.escape(f"{level}  {FLOORS[level][0]}")
        shapes.append(f'<text x="{_LEFT}" y="{top + 18}" font-size="12" fill="#57606a">{label}</text>')
        width = (_WIDTH - 2 * _LEFT - 12 * (len(names) - 1)) / len(names) if len(names) > 1 else 300
        first = _LEFT if len(names) > 1 else (_WIDTH - width) / 2
        for column, (name, count) in enumerate(names.items()):
            x, y = first + column * (width + 12), top + 32
            centres[name] = (x + width / 2, y, width)
            shapes += _box(name, count, x, y, width)
    lines = [_arrow(centres[one], centres[other]) for one, other in arrows()]
    return "\n".join([*parts, *bands, *lines, *shapes, "</svg>", ""])  # boxes cover the lines behind them


def _box(name: str, count: int, x: float, y: float, width: float) -> list[str]:
    """A package with its number of modules."""
    text = f'text-anchor="middle" x="{x + width / 2:.0f}"'
    return [
        f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{_BOX_HEIGHT}" rx="6" fill="white" stroke="#1f6feb"/>',
        f'<text {text} y="{y + 20}" font-size="15" fill="#1f2328">{html.escape(name)}</text>',
        f'<text {text} y="{y + 37}" font-size="11" fill="#57606a">{count} module{"s" * (count > 1)}</text>',
    ]


def _arrow(begin: tuple[float, float, float], end: tuple[float, float, float]) -> str:
    """An arrow from a box to one below it, or to its neighbour on the same floor."""
    (x1, y1, width), (x2, y2, other) = begin, end
    if y1 == y2:
        side = 1 if x2 > x1 else -1
        ends = (x1 + side * width / 2, y1 + _BOX_HEIGHT / 2, x2 - side * other / 2, y2 + _BOX_HEIGHT / 2)
    else:
        ends = (x1 + 0.3 * (x2 - x1) * width / _WIDTH, y1 + _BOX_HEIGHT, x2 + 0.3 * (x1 - x2) * other / _WIDTH, y2)
    line = " ".join(f'{key}="{value:.0f}"' for key, value in zip(("x1", "y1", "x2", "y2"), ends, strict=True))
    return f'<line {line} stroke="#57606a" stroke-opacity="0.6" stroke-width="1.3" marker-end="url(#tip)"/>'


# --- the page ---------------------------------------------------------------------------------------------------------

_INTRODUCTION = """# Architecture

<!-- Written by tools/docs/architecture.py from the code; do not edit. -->

A file imports only from floors below its own and from its own; there are no cycles. Arrows point from the importing
package to the imported one; imports of the lowest floor are left out.

![Floors of gnnzoo with their packages and imports](architecture.svg)

The data flow in one direction: dump, frames, H5MD, split, neighbours, padded graph batch, model, forces, metrics,
report.
"""


def page() -> str:
    """The Markdown page: every package with the first line of each module, from the top floor down."""
    parts = [_INTRODUCTION]
    for level in reversed(range(len(FLOORS))):
        parts.append(f"## Floor {level}: {FLOORS[level][0]}\n")
        for name in sorted({package(module) for module in MODULES if floor(module) == level}):
            held = [module for module in MODULES if floor(module) == level and package(module) == name]
            if level and f"gnnzoo.{name}" in held:
                parts.append(f"**gnnzoo/{name}/** {_first_line(f'gnnzoo.{name}')}\n")
                held.remove(f"gnnzoo.{name}")
            parts += [f"- `{module.removeprefix('gnnzoo.')}`: {_first_line(module)}" for module in held]
            parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def _first_line(module: str) -> str:
    return (ast.get_docstring(tree(module)) or "").partition("\n\n")[0].replace("\n", " ")


def main() -> int:
    """Write the page and the drawing, or check them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only check that the files are up to date")
    check = parser.parse_args().check
    wanted = {HERE / "architecture.md": page(), HERE / "architecture.svg": drawing()}
    stale = [path.name for path, text in wanted.items() if not path.is_file() or path.read_text() != text]
    if not check:
        for path, text in wanted.items():
            path.write_text(text)
        print(f"wrote {', '.join(path.name for path in wanted)} in {HERE.relative_to(ROOT)}")
    elif stale:
        print(f"out of date: {', '.join(stale)}; run python tools/docs/architecture.py")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
