"""Commands whose standard streams are closed, full or without a reader."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import dumps

COMMAND = f"{sys.executable} -m gnnzoo.cli"


def run(line, folder):
    done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{} list | true; exit ${{PIPESTATUS[0]}}", 141),
        ("{} schema --markdown | true; exit ${{PIPESTATUS[0]}}", 141),
        ("{} list > /dev/full", 2),
        ("{} list >&-", 0),
        ("{} list >&- 2>&-", 0),
        ("{} inspect missing.h5 2>/dev/full", 2),
        ("{} inspect missing.h5 2>&-", 2),
    ],
)
def test_exit_codes(tmp_path, line, code):
    found, _, err = run(line.format(COMMAND), tmp_path)
    assert found == code
    assert "Traceback" not in err and "failed" not in err and "Exception ignored" not in err


def test_a_file_opened_while_stdout_and_stderr_are_closed_is_not_written_into(tmp_path):
    """The first two files opened would get the numbers of the closed streams."""
    code = (
        "import os, sys\n"
        "from gnnzoo.cli.streams import standard_streams\n"
        "with standard_streams():\n"
        "    out = open('data', 'w')\n"
        "    os.write(1, b'printed by a library'); os.write(2, b'printed by a library')\n"
        "    print('a result'); print('a message', file=sys.stderr)\n"
    )
    (tmp_path / "script.py").write_text(code)
    assert run(f"PYTHONPATH={os.getcwd()} {sys.executable} script.py >&- 2>&-", tmp_path)[0] == 0
    assert (tmp_path / "data").read_text() == ""


def test_a_folder_whose_name_is_not_utf_8(tmp_path):
    """Commands work inside of it; TensorFlow and JSON could not hold its name."""
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    dumps.argon_dump(tmp_path / "argon.lammpstrj", frames=3)
    dump = os.fsencode(tmp_path / "argon.lammpstrj")
    for arguments, code in (
        ([b"convert", dump, b"-o", b"a.h5"], 0),
        ([b"inspect", b"a.h5", b"--json", b"a.json"], 0),
        ([b"inspect", folder + b"/a.h5"], 2),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "gnnzoo.cli", *arguments], cwd=folder, capture_output=True, check=False, timeout=60
        )
        assert done.returncode == code, done.stderr
    assert b"next: cd " in done.stderr


def catches(process, number):
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{process}/status").read_text()
    (mask,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.mark.parametrize(("ignored", "ends"), [(False, True), (True, False)])
def test_a_closed_terminal_ends_a_command_unless_nohup(tmp_path, ignored, ends):
    """A command that waits for its data on a pipe, and gets SIGHUP."""
    program = "import signal, sys; from gnnzoo.cli import main\n"
    program += f"signal.signal(signal.SIGHUP, signal.SIG_{'IGN' if ignored else 'DFL'})\n"
    program += "main(['convert', '-', '-o', 'a.h5'])"
    process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, stdin=subprocess.PIPE)
    while not catches(process.pid, signal.SIGTERM):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGHUP)
    if ends:
        assert process.wait(timeout=20) == 130
    else:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        process.stdin.close()
        assert process.wait(timeout=20) == 2
    assert not list(tmp_path.iterdir())
