"""Provenance records: the same JSON in both directions, for complete, unfinished and older files."""

import hashlib
import json

import pytest

from gnnzoo.transfer_learning.provenance import (
    Forgetting,
    LayerTransfer,
    TransferOrigin,
    copied_layers,
    file_digest,
)

# As version 0.1.0 wrote it.
ORIGIN = {
    "model": "water.keras",
    "sha256": "abc",
    "recipe": "water",
    "dataset": {"path": "water.h5", "fingerprint": "def"},
    "origin": {"model": "first.keras", "recipe": "first", "origin": None, "moves": []},
    "moves": [
        ["atom_encoder_1", "copied", 40, 43, "species from the target"],
        ["head", "copied in part", 8, 16, "dense_1/kernel is new"],
        ["force_scale", "from the target", 0, 1, "scale from the target"],
    ],
    "gain": 0.5,
    "zero_shot": 1.25,
    "scale_fitted": {"mae": 0.1, "relative": 0.75},
    "pairs": [{"name": "Ar-Ar", "distances": [3.0], "forces": [0.5]}],
}
FORGOTTEN = {"before": 0.02, "after": 2.5, "frames": 16, "part": "test", "how": "changes put back"}


@pytest.mark.parametrize(
    "raw",
    [ORIGIN, ORIGIN | {"forgotten": FORGOTTEN}, ORIGIN | {"forgotten": None}],
    ids=["before training", "complete", "forgetting unknown"],
)
def test_a_record_is_written_as_it_was_read(raw):
    again = TransferOrigin.from_json(raw).to_json()
    assert json.dumps(again) == json.dumps(raw)  # the order of keys as well


def test_fields_that_a_record_does_not_have_get_defaults():
    origin = TransferOrigin.from_json({"model": "water.keras", "recipe": "water"})
    assert (origin.layers, origin.output_gain, origin.zero_shot, origin.origin) == ([], 1.0, None, None)
    assert not origin.trained


def test_only_completely_copied_layers_count_as_copied():
    assert copied_layers(TransferOrigin.from_json(ORIGIN).layers) == {"atom_encoder_1"}
    assert copied_layers([LayerTransfer("a", "reset", 0, 8), LayerTransfer("b", "left behind", 0, 0)]) == set()


def test_forgetting_is_added_after_training():
    origin = TransferOrigin.from_json(ORIGIN)
    forgetting = Forgetting(0.02, 2.5, 16, "test", "predicted directly")
    assert origin.after_training(forgetting).to_json()["forgotten"] == forgetting.to_json()
    assert origin.after_training(None).to_json()["forgotten"] is None
    assert "forgotten" not in origin.to_json()


def test_digest_of_a_file(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(b"weights")
    assert file_digest(path) == hashlib.sha256(b"weights").hexdigest()
    assert file_digest(None) is None
