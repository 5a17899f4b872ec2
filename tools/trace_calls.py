"""Which functions of gnnzoo a command passes through, how often, and which files it opens.

    python tools/trace_calls.py [--module gnnzoo.data] [--most 40] convert argon.lammpstrj

Runs a gnnzoo command in this process, counts the calls of every Python function of the named packages in all threads,
and counts the openings of every file of the working folder. Timings are not meaningful while a command is traced.
"""

import argparse
import collections
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType


def main() -> None:
    """Run the command and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--module", action="append", help="package whose functions are counted; may be repeated")
    parser.add_argument("--most", type=int, default=40, help="rows of the table of functions")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="a gnnzoo command and its arguments")
    options = parser.parse_args()
    modules = tuple(options.module or ["gnnzoo.data", "gnnzoo.workflows"])
    calls: collections.Counter[tuple[str, str]] = collections.Counter()
    opened: collections.Counter[str] = collections.Counter()
    names: dict[CodeType, tuple[str, str] | None] = {}

    def count(frame: FrameType, event: str, _argument: object) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code not in names:
            module = str(frame.f_globals.get("__name__", ""))
            counted = module.startswith(modules) and not code.co_name.startswith("<")
            names[code] = (module, code.co_qualname) if counted else None
        if (name := names[code]) is not None:
            calls[name] += 1

    def note_opening(event: str, arguments: tuple) -> None:
        if event == "open" and isinstance(arguments[0], str) and Path.cwd() in Path(arguments[0]).resolve().parents:
            opened[Path(arguments[0]).name] += 1

    from gnnzoo.cli import main as command

    sys.addaudithook(note_opening)
    threading.setprofile(count)
    sys.setprofile(count)
    try:
        command(options.command)
    except SystemExit as ending:
        print(f"exit code {ending.code}", file=sys.stderr)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    for (module, name), number in calls.most_common(options.most):
        print(f"{number:8,}  {module}.{name}")
    for name, number in opened.most_common():
        print(f"{number:8,}  open {name}")


if __name__ == "__main__":
    main()
