"""Command line: one module per command, imported when its name is typed.

`gnnzoo --help` takes the name and one line of each command from the table below, so that it imports nothing heavy. The
command `x` is the click command called `command` in `gnnzoo/cli/x.py`; it imports its workflow late, calls it and
prints the results.
"""

import contextlib
import functools
import importlib
import importlib.metadata
import logging
import platform
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any, NoReturn

import click

from gnnzoo import __version__
from gnnzoo.cli.advice import in_terms_of
from gnnzoo.cli.console import Verbosity, note, reporting
from gnnzoo.cli.streams import READER_LEFT, ReaderLeft, standard_streams
from gnnzoo.errors import UserError, did_you_mean
from gnnzoo.interrupt import stop_signals
from gnnzoo.tensorflow_env import quiet_tensorflow

logger = logging.getLogger(__name__)

# In the order of a project.
COMMANDS = {
    "list": "List recipes, and the models in this folder with their errors.",
    "validate": "Validate recipes without running anything.",
    "schema": "Print the reference of recipe keys, as JSON schema or text.",
    "simulate": "Run the LAMMPS simulation that a recipe declares.",
    "convert": "Convert LAMMPS dumps to a dataset.",
    "export": "Export a dataset as a LAMMPS dump or extended XYZ.",
    "inspect": "Describe a dump, a dataset or a model.",
    "init": "Write a recipe for a dump, with the reason of each choice.",
    "train": "Train the model that a recipe declares.",
    "evaluate": "Evaluate a model: errors of forces, energies, virials.",
    "transfer": "Transfer a model to another substance.",
    "pairs": "Plot the dimer force curves of a model.",
    "freeze": "Export a model as a folder that runs without gnnzoo.",
    "check": "Verify an exported model on this machine.",
    "lammps": "Run an exported model in LAMMPS.",
    "md": "Run molecular dynamics of a model, in ASE.",
    "report": "Report on a model's physics, with a short run.",
}


def _set_quiet(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    verbosity = ctx.ensure_object(Verbosity)
    verbosity.quiet = verbosity.quiet or value


def _set_debug(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    verbosity = ctx.ensure_object(Verbosity)
    verbosity.debug = verbosity.debug or value
    quiet_tensorflow(debug=verbosity.debug)
    if value:
        versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("tensorflow", "keras", "numpy"))
        logger.debug(f"gnnzoo {__version__}, Python {platform.python_version()}, {versions}")


def _common_options() -> list[click.Parameter]:
    """Options that may stand before or after the command."""
    options = (
        ("--quiet", _set_quiet, "Print results, warnings and errors only."),
        ("--debug", _set_debug, "Print tracebacks, debug messages and TensorFlow's log."),
    )
    return [
        click.Option([name], is_flag=True, is_eager=True, expose_value=False, callback=callback, help=text)
        for name, callback, text in options
    ]


class LazyGroup(click.Group):
    """Group whose commands are imported when called; errors become one message and an exit code.

    Exit codes: 0 success, 1 internal error, 2 error that the user can fix, 3 trained, but no better than zero forces,
    or a run of dynamics that was stopped, 130 interrupted.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS]  # not list(...): once imported, the command `list` has that name here

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"{__name__}.{cmd_name}").command
        if not any(parameter.opts == ["--debug"] for parameter in command.params):
            command.params += _common_options()
        return command

    def resolve_command(
        self, ctx: click.Context, args: "list[str]"
    ) -> tuple[str | None, click.Command | None, "list[str]"]:
        if args[0] not in COMMANDS:
            ctx.fail(f"There is no command '{args[0]}'.{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = "gnnzoo",
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,  # as click declares them
    ) -> Any:
        """Run a command; in standalone mode every ending becomes an exit code and at most one message."""
        verbosity = extra["obj"] = Verbosity()  # filled by the options, wherever they stand
        if not standalone_mode:
            with reporting(verbosity):
                return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        args = sys.argv[1:] if args is None else args
        with standard_streams():
            run = functools.partial(super().main, args, prog_name, complete_var, standalone_mode=False, **extra)
            sys.exit(_exit_code(run, verbosity, args))


def _exit_code(run: Callable[[], object], verbosity: Verbosity, args: Sequence[str]) -> int:
    """Run a command, and print its error if it fails."""
    try:
        with _signals_as_interrupt(), reporting(verbosity):
            _refuse_other_encodings(args)
            code = run()
            sys.stdout.flush()
    except ReaderLeft:
        code = READER_LEFT
    except UserError as error:
        _print_traceback(verbosity, error)
        note(f"error: {in_terms_of(str(error), _options(args))}")
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:  # Ctrl-C
        note("interrupted")
        code = 130
    except Exception as error:
        _print_traceback(verbosity, error)
        text = " ".join(str(error).split())
        note(f"gnnzoo failed: {type(error).__name__}: {text}; run again with --debug for the traceback")
        code = 1
    return code if isinstance(code, int) else 0


def _options(args: Sequence[str]) -> set[str]:
    """Options of the command that was typed."""
    typed = next((word for word in args if word in COMMANDS), None)
    if typed is None:
        return set()
    parameters = importlib.import_module(f"gnnzoo.cli.{typed}").command.params
    return {name for parameter in parameters if isinstance(parameter, click.Option) for name in parameter.opts}


def _refuse_other_encodings(args: Sequence[str]) -> None:
    """Raise if an argument is not UTF-8: neither TensorFlow nor JSON can hold such a path."""
    for word in args:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise UserError(
                f"the argument '{word}' is not UTF-8",
                expected="names in UTF-8; the working folder may have any name",
                hint="cd into that folder and leave its name out, or rename it",
            ) from None


def _print_traceback(verbosity: Verbosity, error: Exception) -> None:
    if verbosity.debug:
        note("".join(traceback.format_exception(error)).rstrip())


@contextlib.contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """Make a command that is terminated, or whose terminal closes, clean up as after Ctrl-C, unless it handles that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in stop_signals() if number != signal.SIGINT}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@click.group(cls=LazyGroup, params=_common_options(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gnnzoo", message="%(prog)s %(version)s")
def main() -> None:
    """Neural force fields from LAMMPS dumps: declared in JSON, trained, evaluated, exported.

    \b
    gnnzoo convert argon.lammpstrj
    gnnzoo train recipes/water.json
    gnnzoo transfer water.keras --target argon
    gnnzoo freeze
    """
