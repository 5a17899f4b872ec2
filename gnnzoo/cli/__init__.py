"""The command line: one small module per command, imported when its name is typed.

`gnnzoo --help` knows each command's name and one line about it from the table below, so that it answers at once. A
command `x` is the click command called `command` in `gnnzoo/cli/x.py`; it imports its workflow late, calls it once and
prints.
"""

import contextlib
import importlib
import signal
import sys
import threading
from collections.abc import Iterator

import click

from gnnzoo import __version__
from gnnzoo.cli.console import Verbosity, note, reporting
from gnnzoo.errors import UserError, did_you_mean
from gnnzoo.tensorflow_env import quiet_tensorflow

# In the order of the work.
COMMANDS = {
    "list": "The recipes at hand, and the models in this folder with their figures.",
    "validate": "Check recipes as a whole, without running anything.",
    "schema": "What a recipe may hold: JSON schema, or text to read.",
    "simulate": "Run the LAMMPS simulation that a recipe names.",
    "convert": "Turn LAMMPS dumps into a dataset.",
    "export": "Turn a dataset back into a LAMMPS dump or extended XYZ.",
    "inspect": "What a dump, a dataset or a model holds.",
    "init": "Write a recipe that fits a dump, each choice explained.",
    "train": "Train the model that a recipe declares.",
    "evaluate": "Judge a model on data: forces, energies, virials.",
    "transfer": "Carry a model over to another substance.",
    "pairs": "Draw the force between two atoms that a model learned.",
    "freeze": "Turn a model into a folder that runs without gnnzoo.",
}


def _set_quiet(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    verbosity = ctx.ensure_object(Verbosity)
    verbosity.quiet = verbosity.quiet or value


def _set_debug(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    verbosity = ctx.ensure_object(Verbosity)
    verbosity.debug = verbosity.debug or value
    quiet_tensorflow(debug=verbosity.debug)


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
    """A group whose commands are imported when called, and whose errors are told in the user's words.

    Exit codes: 0 done, 1 a failure of ours, 2 something the user can mend, 130 interrupted.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS]  # not list(...): once imported, the command `list` goes by that name here

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"{__name__}.{cmd_name}").command
        if not any(parameter.opts == ["--debug"] for parameter in command.params):
            command.params += _common_options()
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]):
        if args[0] not in COMMANDS:
            ctx.fail(f"There is no command '{args[0]}'.{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])

    def main(self, args=None, prog_name="gnnzoo", complete_var=None, standalone_mode=True, **extra):
        """Run; in standalone mode (the console script) every ending becomes an exit code and at most one message."""
        verbosity = extra["obj"] = Verbosity()  # filled by the options, wherever they stand
        if not standalone_mode:
            with reporting(verbosity):
                return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        try:
            with _sigterm_as_interrupt(), reporting(verbosity):
                code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except UserError as error:
            _debugging(verbosity, error)
            note(f"error: {error}")
            code = error.exit_code
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except click.Abort:  # click's word for Ctrl-C
            note("interrupted")
            code = 130
        except Exception as error:
            _debugging(verbosity, error)
            text = " ".join(str(error).split())
            note(f"gnnzoo failed: {type(error).__name__}: {text}; run again with --debug for the traceback")
            code = 1
        sys.exit(code if isinstance(code, int) else 0)


def _debugging(verbosity: Verbosity, error: Exception) -> None:
    if verbosity.debug:
        sys.excepthook(type(error), error, error.__traceback__)


@contextlib.contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """A terminated command cleans up as after Ctrl-C, unless it handles the signal itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal, _frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@click.group(cls=LazyGroup, params=_common_options(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gnnzoo", message="%(prog)s %(version)s")
def main() -> None:
    """Neural force fields from LAMMPS dumps: declared in JSON, trained, judged, frozen.

    \b
    gnnzoo convert argon.lammpstrj
    gnnzoo train recipes/water.json
    gnnzoo transfer water.keras --target argon
    gnnzoo freeze
    """
