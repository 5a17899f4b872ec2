"""The Python API prints nothing, but for one progress bar where it is asked for."""

import json
import os
import subprocess
import sys

import pytest

import dumps
from small import recipe


@pytest.fixture(scope="module")
def run_script(tmp_path_factory):
    """Runs Python code next to a dump and a recipe, without variables for TensorFlow; returns stdout and stderr."""
    folder = tmp_path_factory.mktemp("api")
    dumps.argon_dump(folder / "argon.lammpstrj", frames=12)
    settings = {"steps": 2, "warmup": {"epochs": 0}, "checkpoint_every": 1}
    (folder / "tiny.json").write_text(recipe(training=settings).model_dump_json(by_alias=True, exclude_unset=True))
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("TF_", "KERAS_", "COLUMNS"))}

    def run(code: str) -> tuple[str, str]:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=inherited, cwd=folder
        )
        assert done.returncode == 0, done.stderr
        return done.stdout, done.stderr

    return run


SILENT_AND_WITH_PROGRESS = """
import json, logging, sys
import gnnzoo

gnnzoo.train  # imports TensorFlow with gnnzoo's defaults
import tensorflow
tensorflow.config.run_functions_eagerly(True)  # compilation takes longer than the steps
model = gnnzoo.train("tiny.json", output="silent.keras")
assert model.info["training"]["steps"] == 2
gnnzoo.evaluate(model, "argon.lammpstrj", plot=False)
gnnzoo.inspect("argon.lammpstrj")
gnnzoo.pairs(model, points=2)
gnnzoo.freeze(model)

for stream in (sys.stdout, sys.stderr):
    print("BORDER", file=stream, flush=True)

records = []
class Keep(logging.Handler):
    def emit(self, record): records.append([record.levelname, record.name, record.getMessage()])
logging.getLogger("gnnzoo").addHandler(Keep())
logging.getLogger("gnnzoo").setLevel(logging.INFO)
gnnzoo.train("tiny.json", output="bar.keras", progress=True)
print(json.dumps(records))
"""


def test_only_progress_that_is_asked_for_is_shown_and_messages_go_to_a_logger(run_script):
    """Conversion, training, evaluation, inspection, pair curves and freezing print nothing; then one progress bar,
    which shows the last task at its end, and messages for a handler of the application.
    """
    out, err = run_script(SILENT_AND_WITH_PROGRESS)
    (before, out), (silent, err) = out.split("BORDER\n"), err.split("BORDER\n")
    assert (before, silent) == ("", "")
    (line,) = [line for line in err.splitlines() if line.strip()]
    assert line.split()[0] == "training"
    assert "2 of 2" in line
    records = json.loads(out)
    assert {level for level, *_ in records} <= {"INFO", "WARNING"}
    assert any(
        name.endswith("training_messages") and "parameters" in text and "run folder" in text
        for _, name, text in records
    )


def test_variables_that_the_program_has_set_are_kept(run_script):
    """Defaults for TensorFlow are set by the first name that needs it."""
    out, _ = run_script(
        "import os\n"
        "os.environ['TF_CPP_MIN_LOG_LEVEL'] = '2'\n"
        "import gnnzoo\n"
        "gnnzoo.open_dataset('argon.lammpstrj')\n"
        "assert 'KERAS_BACKEND' not in os.environ\n"
        "gnnzoo.pairs\n"
        "print(*(os.environ[name] for name in ('TF_CPP_MIN_LOG_LEVEL', 'KERAS_BACKEND', 'TF_USE_LEGACY_KERAS')))\n"
    )
    assert out == "2 tensorflow 1\n"
