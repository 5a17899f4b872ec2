"""What every test needs: an environment set before TensorFlow loads, and folders of its own."""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # TF-GNN next to Keras 3
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
# Tests run in parallel processes, each of which would take every core for arrays too small to share.
for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(variable, "1")
# Networks are compiled for a few steps each: what slow passes of the compiler gain is less than the time they take.
os.environ.setdefault("XLA_FLAGS", "--xla_llvm_disable_expensive_passes=true")

import logging  # noqa: E402
from pathlib import Path  # noqa: E402

import pytest  # noqa: E402

logging.getLogger("gnnzoo").setLevel(logging.INFO)  # so that `caplog` gets all messages


@pytest.fixture
def messages(caplog):
    """Returns the messages that were logged since its last call, one a line, warnings marked with "warning: "."""

    def read() -> str:
        lines = [
            f"{'warning: ' if record.levelno >= logging.WARNING else ''}{record.getMessage()}"
            for record in caplog.records
            if record.name.startswith("gnnzoo") and record.levelno >= logging.INFO
        ]
        caplog.clear()
        return "\n".join(lines) + "\n" if lines else ""

    return read


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder, in which the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def uncompiled():
    """Steps run as they are written: to compile the few steps of a test takes five times as long as to run them."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def workshop(uncompiled, tmp_path_factory):
    """A working folder for all tests of a module; those that ask for `folder` run in one of their own."""
    folder = tmp_path_factory.mktemp("workshop")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def few_points():
    """Transfers look at two distances of each pair of atoms alone: for tests that do not look at pairs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gnnzoo.workflows.transfer.PAIR_POINTS", 2)
        yield


def pytest_addoption(parser):
    parser.addoption(
        "--update-snapshots", action="store_true", help="Write what commands print now to tests/snapshots."
    )


@pytest.fixture
def snapshot(request):
    """Compares a command's output with tests/snapshots/NAME.txt; the one place where wording is pinned.

    `snapshot(name, text, replace={"/tmp/...": "FOLDER"})`; pytest --update-snapshots writes the files again.
    """

    def compare(name: str, text: str, replace: dict[str, str] | None = None) -> None:
        for old, new in (replace or {}).items():
            text = text.replace(old, new)
        path = Path(__file__).parent / "snapshots" / f"{name}.txt"
        if request.config.getoption("--update-snapshots"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        assert path.is_file(), f"no snapshot {name}: pytest --update-snapshots writes it"
        assert text == path.read_text()

    return compare
