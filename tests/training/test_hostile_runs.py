"""Files of runs that others made, or that are damaged: run.json, checkpoints and log.csv are checked before use."""

import io
import json
import os
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from errors import refused
from gnnzoo.errors import ModelError, UserError
from gnnzoo.training.checkpoints import Checkpoint, load_checkpoint, restored_state, save_checkpoint
from gnnzoo.training.log import read_log
from gnnzoo.training.progress import TrainingState
from gnnzoo.training.runs import Run, unfinished_run

STATE = {
    "status": "interrupted",
    "recipe": {"name": "tiny"},
    "dataset": {"path": "a.h5", "fingerprint": "f"},
    "output": "tiny.keras",
    "started": "today",
    "scales": {"force": 1.0, "neighbors": 2.0, "energy_offsets": None, "shortest": None},
}
WRONG_STATES = {
    "status": 1,
    "recipe": [],
    "dataset": {"path": 3},
    "output": None,
    "started": 5,
    "scales": {"force": "x", "neighbors": 1},
    "origin": "x",
    "trained": -1,
}


def run_with(text: str, name: str = "tiny-001") -> Run:
    folder = Path("runs") / name
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(text)
    return Run(folder)


@pytest.mark.parametrize("key", WRONG_STATES)
def test_a_wrong_or_missing_entry_of_a_run_is_named(key, folder):
    for number, state in enumerate([STATE | {key: WRONG_STATES[key]}, {k: v for k, v in STATE.items() if k != key}]):
        run = run_with(json.dumps(state), f"tiny-{number}")
        if number and key in ("scales", "origin", "trained"):  # which older runs do not have
            assert run.state["status"] == "interrupted"
            continue
        with refused(UserError, key, file=run.folder / "run.json", hint="--resume"):
            _ = run.state


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 10_000, '{"status": NaN}', '{"x": ' + "9" * 10_000 + "}"])
def test_a_run_that_is_no_record_is_refused(text, folder):
    with refused(UserError, file="run.json"):
        _ = run_with(text).state


def test_one_bad_run_does_not_hide_the_others(folder, messages):
    run_with("{", "tiny-002")
    Path("runs/tiny-003").mkdir(parents=True)
    os.mkfifo("runs/tiny-003/run.json")
    good = run_with(json.dumps(STATE), "tiny-001")
    assert unfinished_run(Path("tiny.keras"), "tiny") == good
    assert "runs/tiny-002/run.json" in messages()


@pytest.fixture(scope="module")
def network():
    inputs = keras.Input((2,))
    return keras.Model(inputs, keras.layers.Dense(3)(inputs))


@pytest.fixture
def saved(network, folder):
    optimizer = keras.optimizers.SGD()
    optimizer.build(network.trainable_variables)
    state = TrainingState([4], losses=[0.5]).to_json()
    return save_checkpoint(folder, 7, network, optimizer, state)


def npy(header: str, content: bytes = b"") -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


def array(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


MEMBERS = {
    "a lying length": ("network/0.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}")),
    "a lying size": ("network/0.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", bytes(20))),
    "objects": ("network/0.npy", npy("{'descr': '|O', 'fortran_order': False, 'shape': (2, 3)}", b"\x80\x04.")),
    "code in the header": ("network/0.npy", npy("__import__('os').system('touch ran')")),
    "another type": ("network/0.npy", array(np.zeros((2, 3)))),
    "another shape": ("network/0.npy", array(np.zeros((3, 2), "float32"))),
    "another order": ("network/0.npy", array(np.asfortranarray(np.zeros((2, 3), "float32")))),
    "no array": ("network/0.npy", b"x"),
    "a long array": ("network/0.npy", bytes(10_000_000)),
    "one more": ("network/9.npy", array(np.zeros(3))),
    "a state of bytes": ("state.npy", array(np.array(b"{}"))),
    "a long state": ("state.npy", npy("{'descr': '<U1000000000000', 'fortran_order': False, 'shape': ()}")),
    "a state that is no object": ("state.npy", array(np.array("[]"))),
}


def rewritten(path: Path, name: str, content: bytes | None, compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()} | {name: content}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member, value in members.items():
            if value is not None:
                archive.writestr(member, value)


@pytest.mark.parametrize("name", MEMBERS)
def test_an_array_that_is_not_that_of_the_network_is_refused(name, saved, network):
    before = [weight.numpy() for weight in network.weights]
    rewritten(saved.path, *MEMBERS[name])
    with refused(ModelError, file=saved.path, hint="delete it"):
        load_checkpoint(saved, network)
    for weight, value in zip(network.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)
    assert os.listdir() == [saved.path.name]


@pytest.mark.parametrize("content", [b"", b"PK", b"x" * 1000])
def test_a_checkpoint_that_is_no_archive_is_refused(content, saved, network):
    saved.path.write_bytes(content)
    with refused(ModelError, file=saved.path, hint="delete it"):
        load_checkpoint(saved, network)


def test_a_missing_or_compressed_array_is_refused(saved, network):
    rewritten(saved.path, "network/1.npy", None)
    with refused(ModelError, "network", file=saved.path):
        load_checkpoint(saved, network)
    rewritten(saved.path, "network/1.npy", array(np.zeros(3, "float32")), zipfile.ZIP_DEFLATED)
    with refused(ModelError, "compressed", file=saved.path):
        load_checkpoint(saved, network)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lengths", []),
        ("lengths", [10**12]),
        ("lengths", [4, 4]),
        ("stage", 5),
        ("losses", ["x"]),
        ("plateau", {"best": 1}),
        ("follow_every", 0),
        ("seconds", None),
        ("strange", 1),
    ],
)
def test_a_state_of_another_training_is_refused(key, value):
    state = TrainingState([4]).to_json()
    checkpoint = Checkpoint(Path("step-00000001.npz"), 1)
    assert restored_state(checkpoint, state, 1) == TrainingState([4])
    with refused(ModelError, key.replace("stage", "stages"), file=checkpoint.path, hint="delete it"):
        restored_state(checkpoint, state | {key: value}, 1)


@pytest.mark.parametrize("text", ["step,mae\nx,1\n", "a,b\n1,2\n", "step,mae\n1,y\n"])
def test_a_log_that_is_none_is_refused(text, folder):
    Path("log.csv").write_text(text)
    with refused(UserError, file="log.csv", hint="remove it"):
        read_log(Path("log.csv"))
