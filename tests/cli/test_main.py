"""The command line as a whole: fast help, messages, errors and exit codes."""

import logging
import os
import signal
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from gnnzoo import __version__
from gnnzoo.cli import COMMANDS, console, main
from gnnzoo.errors import DataError, Location
from gnnzoo.formatting import duration
from gnnzoo.progress import track
from lines import line_with

HEAVY = ("tensorflow", "keras", "tf_keras", "numpy", "h5py", "pydantic", "matplotlib", "rich")


@pytest.fixture
def run(monkeypatch):
    """Runs `gnnzoo ARGUMENTS`, where the command `list` calls `body`."""

    def run(*arguments: str, body=lambda: None):
        def callback(**_):
            body()

        monkeypatch.setattr("gnnzoo.cli.list.command", click.Command("list", callback=callback))
        return CliRunner().invoke(main, arguments)

    return run


def raising(error: BaseException):
    def body():
        raise error

    return body


def in_a_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- help -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], *([name] for name in COMMANDS)], ids=lambda names: " ".join(names) or "main")
def test_help_loads_nothing_heavy(arguments):
    out = in_a_new_process(
        "import sys\n"
        "from gnnzoo.cli import main\n"
        f"try: main({[*arguments, '--help']})\n"
        "except SystemExit as end: assert end.code == 0\n"
        f"print('loaded:', [name for name in {HEAVY} if name in sys.modules])"
    )
    assert out.startswith("Usage: gnnzoo " + " ".join(arguments))
    assert out.endswith("loaded: []\n")
    assert "--debug" in out and "--quiet" in out


def test_the_help_lists_the_commands_in_the_order_of_a_project(run):
    lines = run("--help").output.partition("Commands:\n")[2].splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")]
    assert listed == list(COMMANDS)


def test_the_version(run):
    assert run("--version").output == f"gnnzoo {__version__}\n"


# --- errors ---------------------------------------------------------------------------------------------------------


def test_an_unknown_command_suggests_the_nearest(run):
    result = run("trian")
    assert result.exit_code == 2
    line_with(result.stderr, "'trian'", "'train'")


def test_a_user_error_is_printed_with_place_expectation_and_next_step(run, snapshot):
    error = DataError("no forces", location=Location("a.dump", 9), expected="fx fy fz", hint="dump custom")
    result = run("list", body=raising(error))
    assert result.exit_code == 2
    snapshot("error", result.stderr)
    assert result.stdout == ""


def test_an_internal_error_is_one_line(run):
    result = run("list", body=raising(ZeroDivisionError("by\nzero")))
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "ZeroDivisionError: by zero" in result.stderr and "--debug" in result.stderr


@pytest.mark.parametrize("arguments", [("--debug", "list"), ("list", "--debug")], ids=" ".join)
@pytest.mark.parametrize(("error", "code"), [(ZeroDivisionError("by zero"), 1), (DataError("no forces"), 2)])
def test_debug_prints_the_traceback_before_or_after_the_command(run, arguments, error, code):
    result = run(*arguments, body=raising(error))
    assert result.exit_code == code
    assert "Traceback" in result.stderr
    assert "in body" in result.stderr


def test_ctrl_c_is_one_line_and_exit_code_130(run):
    result = run("list", body=raising(KeyboardInterrupt()))
    assert result.exit_code == 130
    assert result.stderr.strip() == "interrupted"


def test_sigterm_cleans_up_like_ctrl_c(run):
    cleaned = []

    def body():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        finally:
            cleaned.append(True)

    before = signal.getsignal(signal.SIGTERM)
    assert run("list", body=body).exit_code == 130
    assert cleaned
    assert signal.getsignal(signal.SIGTERM) == before


def test_wrong_options_are_usage_errors(run):
    result = run("list", "--nonsense")
    assert result.exit_code == 2
    assert "--nonsense" in result.stderr


# --- messages -------------------------------------------------------------------------------------------------------


def working():
    """A command that logs, tracks a task and prints a result."""
    log = logging.getLogger("gnnzoo.somewhere")
    log.debug("a detail")
    log.info("a message")
    with track("reading a.dump", 3) as task, track("hidden", 3, "steps", transient=True):
        task.advance(3)
    log.warning("a doubt")
    console.say("a result")


def test_messages_go_to_stderr_and_results_to_stdout(run):
    result = run("list", body=working)
    assert result.stdout == "a result\n"
    assert result.stderr.splitlines() == [
        "a message",
        "reading a.dump: 3 frames",
        "reading a.dump: 3 frames in 0.0 s",
        "warning: a doubt",
    ]


@pytest.mark.parametrize("arguments", [("--quiet", "list"), ("list", "--quiet")], ids=" ".join)
def test_quiet_leaves_results_and_warnings(run, arguments):
    result = run(*arguments, body=working)
    assert (result.stdout, result.stderr) == ("a result\n", "warning: a doubt\n")


def test_debug_adds_debug_messages(run):
    stderr = run("list", "--debug", body=working).stderr
    assert "a detail\na message\n" in stderr
    assert f"gnnzoo {__version__}, Python 3" in stderr


# --- console --------------------------------------------------------------------------------------------------------


def test_a_table_in_a_pipe_is_not_wrapped(capsys):
    console.table("errors", ("part [A]", "MAE"), [("x" * 200, 1.5), ("y", "12.25 %")])
    title, head, _, first, second, _ = capsys.readouterr().out.splitlines()
    assert title == "errors"
    assert head.split() == ["part", "[A]", "MAE"]
    assert first.split() == ["x" * 200, "1.5"]
    assert first.index("1.5") + 3 == second.index("12.25 %") + 7  # numbers end in one column


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.42, "0.4 s"), (3, "3 s"), (59.4, "59 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_tensorflow_is_imported_in_silence():
    code = "import os, gnnzoo.tensorflow_env as c; c.quiet_tensorflow(); import tensorflow; os.write(2, b'still here')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "still here"


def test_other_output_of_the_import_of_tensorflow_is_kept(folder):
    (folder / "tensorflow.py").write_text("import sys\nsys.stderr.write('I0000 noise\\nsomething important\\n')\n")
    code = "from gnnzoo.tensorflow_env import quiet_tensorflow\nquiet_tensorflow()\nimport tensorflow"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([".", os.environ.get("PYTHONPATH", "")])},
    )
    assert done.stderr == "something important\n"


WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None
from gnnzoo.cli import main
for place in ("pipe.keras", "folder", "missing.keras"):
    for words in ("freeze", "evaluate DATA", "pairs", "transfer --target argon", "md", "report DATA", "check"):
        name, *rest = words.split()
        try:
            main([name, place, *rest])
        except SystemExit as ended:
            print(ended.code)
"""


def test_what_is_no_model_is_refused_before_tensorflow_is_imported(folder):
    os.mkfifo("pipe.keras")
    os.mkdir("folder")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.split() == ["2"] * 21, done.stderr
    for place in ("pipe.keras", "folder", "missing.keras"):
        assert done.stderr.count(f"error: {place}") == 7
