"""Models: .keras files, the information in them, and checkpoints, against zipfile, json, h5py and NumPy."""

import io
import json
import os
import random
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from fuzzers import changes
from fuzzers.fuzzer import Fuzzer
from gnnzoo.models.archive import CONFIG_MEMBER, INFO_MEMBER, WEIGHTS_MEMBER, read_info
from small import recipe

_LAYERS = [
    {"layer": "atom_encoder", "units": 4, "hidden_layers": 0},
    {"layer": "pair_force_decoder", "units": 4, "hidden_layers": 0, "activation": "silu"},
]
_INFO = {
    "species": ["Ar"],
    "types": {"1": "Ar"},
    "units": "real",
    "split": {"train": [0, 1], "validation": [2], "test": [3]},
    "dataset": {"fingerprint": "0" * 64, "sources": ["1" * 64], "units": "real"},
    "cutoff": 6.0,
    "parameters": 100,
    "energy_offsets": None,
    "origin": None,
    "trained": "2026-01-01",
    "gnnzoo": "0.4.0",
}


def _network():
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from gnnzoo.models.build import Scales, build_network

    made = recipe(model={"layers": _LAYERS, "prior": [{"prior": "repulsion"}]})
    return made, build_network(made, ["Ar"], Scales(2.0, 7.0, shortest=[[[3.0]], [[3.0]]]))


def _members(folder: Path) -> dict[str, bytes]:
    """Members of the file of a small model."""
    from gnnzoo.models.files import ForceField, save_model

    made, network = _network()
    path = save_model(ForceField(network, made, dict(_INFO)), folder / "valid.keras", overwrite=True)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _write_archive(path: Path, members: dict[str, bytes], chance: random.Random) -> None:
    with zipfile.ZipFile(path, "w", chance.choice([zipfile.ZIP_STORED] * 3 + [zipfile.ZIP_DEFLATED])) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


class InfoFuzzer(Fuzzer):
    """The information that a model file stores, `gnnzoo.json`."""

    name, file = "gnnzoo.json", "input.keras"

    def prepare(self, folder: Path) -> None:
        self._members = _members(folder)
        self._info = json.loads(self._members[INFO_MEMBER])

    def write(self, path: Path, chance: random.Random) -> str:
        value, story = self._info, []
        for _ in range(chance.choice([1, 1, 2, 3])):
            value, change = changes.change_json(value, chance)
            story.append(change)
        _write_archive(path, self._members | {INFO_MEMBER: changes.dump_json(value, chance)}, chance)
        return ", ".join(story)

    def read(self, path: Path) -> list[str]:
        info = read_info(path)
        with zipfile.ZipFile(path) as archive:
            stated = json.loads(archive.read(INFO_MEMBER))
        return [] if info == stated else ["another value than json reads"]


class CardFuzzer(Fuzzer):
    """card.json of exported models, by its values and by its bytes."""

    name, file = "card", "card.json"

    def prepare(self, folder: Path) -> None:
        from gnnzoo.deploy.card import make_card
        from gnnzoo.deploy.comparison import Comparison
        from gnnzoo.models.files import ForceField

        made, network = _network()
        self._card = make_card(ForceField(network, made, dict(_INFO)), Comparison(1, 3, 0.0, 1.0)).to_json()

    def write(self, path: Path, chance: random.Random) -> str:
        value, story = self._card, []
        for _ in range(chance.choice([1, 1, 2, 3])):
            value, change = changes.change_json(value, chance)
            story.append(change)
        content = changes.dump_json(value, chance)
        if chance.random() < 0.3:
            change = chance.choice(changes.BINARY)
            content, story = change(content, chance), [*story, change.__name__]
        path.write_bytes(content)
        return ", ".join(story)

    def read(self, path: Path) -> list[str]:
        from gnnzoo.deploy.stored_card import read_card

        card = read_card(path)
        return [] if card == json.loads(path.read_bytes()) else ["another value than json reads"]


class KerasFuzzer(Fuzzer):
    """.keras files with changes to the archive and to each of its members."""

    name, file = "keras", "input.keras"

    def prepare(self, folder: Path) -> None:
        self._members, self._count = _members(folder), 0

    def write(self, path: Path, chance: random.Random) -> str:
        members, story = dict(self._members), ""
        kind = chance.randrange(8)
        if kind < 3:
            name = INFO_MEMBER if kind == 0 else CONFIG_MEMBER
            value, story = changes.change_json(json.loads(members[name]), chance)
            members[name] = changes.dump_json(value, chance)
        elif kind < 5:
            members[WEIGHTS_MEMBER], story = _changed_weights(members[WEIGHTS_MEMBER], chance)
        elif kind == 5:
            name = chance.choice(sorted(members))
            other = chance.choice(["x", "../x", "/tmp/x", name.upper(), chance.choice(sorted(members))])
            members[other], story = members.pop(name), f"{name} as {other}"
        elif kind == 6:
            name = chance.choice(sorted(members))
            change = chance.choice(changes.BINARY)
            members[name], story = change(members[name], chance), f"{change.__name__} in {name}"
        _write_archive(path, members, chance)
        if kind == 7:
            change = chance.choice(changes.BINARY)
            path.write_bytes(change(path.read_bytes(), chance))
            story = change.__name__
        return story

    def read(self, path: Path) -> list[str]:
        import keras

        from gnnzoo.models.files import load_model

        self._count += 1
        if self._count % 50 == 0:
            keras.backend.clear_session(free_memory=False)
        model = load_model(path)
        with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read(WEIGHTS_MEMBER))) as file:
            stored = list(_arrays(file))
        complaints = []
        for variable in model.network.variables:
            value = np.asarray(variable)
            if not any(value.shape == other.shape and np.array_equal(value, other) for other in stored):
                complaints.append(f"a weight is not in the file: {variable.path}")
            if value.dtype.kind == "f" and not np.isfinite(value).all():
                complaints.append(f"a weight is not finite: {variable.path}")
        return complaints


def _arrays(group: h5py.Group) -> Iterator[np.ndarray]:
    """All arrays; `visititems` reads more of a group than is needed, and fails where only that is damaged."""
    for item in group.values():
        if isinstance(item, h5py.Dataset):
            yield item[()]
        elif isinstance(item, h5py.Group):
            yield from _arrays(item)


def _changed_weights(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Weights with a change to one dataset."""
    buffer = io.BytesIO(data)
    with h5py.File(buffer, "a") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        name = chance.choice(names)
        values = file[name][()]
        kind = chance.randrange(6)
        del file[name]
        if kind == 1:
            file[name] = np.zeros((*values.shape, 2), values.dtype)
        elif kind == 2:
            file[name] = np.asarray(values).astype(chance.choice(["f2", "f8", "i4", "c16", "S4"]))
        elif kind == 3:
            file[name] = np.full_like(values, chance.choice([0, 1, 100]), dtype=values.dtype)
        elif kind == 4:
            file[name] = np.full(values.shape, chance.choice([np.nan, np.inf, 1e39, 1.5]))
        elif kind == 5:
            file[name] = chance.choice(
                [h5py.SoftLink("/nowhere"), h5py.ExternalLink("../canary.h5", "/"), h5py.SoftLink("/")]
            )
    return buffer.getvalue(), f"weights {kind} {name}"


class CheckpointFuzzer(Fuzzer):
    """Checkpoints of a run, and its run.json."""

    name, file = "checkpoint", "run-001"

    def prepare(self, folder: Path) -> None:
        import keras

        from gnnzoo.training.checkpoints import save_checkpoint
        from gnnzoo.training.progress import Patience, TrainingState

        _, self._network = _network()
        self._optimizer = keras.optimizers.Adam()
        self._optimizer.build(self._network.trainable_variables)
        state = TrainingState([10, 5], losses=[1.0, 0.5], plateau=Patience(0.5, 1.0)).to_json()
        self._valid = folder / "valid-run"
        shutil.rmtree(self._valid, ignore_errors=True)
        self._valid.mkdir()
        saved = save_checkpoint(self._valid, 10, self._network, self._optimizer, state)
        self._name, self._data = saved.path.name, saved.path.read_bytes()
        self._state = {
            **{"status": "interrupted", "recipe": {"name": "tiny"}, "output": "tiny.keras", "started": "today"},
            **{"dataset": _INFO["dataset"], "origin": None},
            "scales": {"force": 1.0, "neighbors": 7.0, "energy_offsets": None, "shortest": [[[3.0]], [[3.0]]]},
        }

    def write(self, path: Path, chance: random.Random) -> str:
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        data, state, story = self._data, json.dumps(self._state).encode(), ""
        kind = chance.randrange(4)
        if kind == 0:
            change = chance.choice(changes.BINARY)
            data, story = change(data, chance), change.__name__
        elif kind < 3:
            data, story = _changed_arrays(data, chance)
        else:
            value, story = changes.change_json(self._state, chance)
            state = changes.dump_json(value, chance)
        (path / self._name).write_bytes(data)
        (path / "run.json").write_bytes(state)
        return story

    def read(self, path: Path) -> list[str]:
        from gnnzoo.training.checkpoints import checkpoints, load_checkpoint, restored_state
        from gnnzoo.training.runs import Run

        state = Run(path).state
        complaints = [] if state == json.loads((path / "run.json").read_bytes()) else ["another state of the run"]
        for checkpoint in checkpoints(path):
            restored = load_checkpoint(checkpoint, self._network, self._optimizer)
            with np.load(checkpoint.path) as arrays:
                if restored_state(checkpoint, restored, 2).to_json() != restored | {
                    "stopped": restored.get("stopped", False)
                }:
                    complaints.append("the state of the checkpoint is not read as it stands")
                if restored != json.loads(str(arrays["state"])):
                    complaints.append("another state of the checkpoint")
                for kind, owner in (("network", self._network), ("optimizer", self._optimizer)):
                    for index, variable in enumerate(owner.variables):
                        value = np.asarray(variable)
                        if not np.array_equal(value, arrays[f"{kind}/{index}"], equal_nan=True):
                            complaints.append(f"other numbers in {kind} {index}")
        return complaints


def _changed_arrays(data: bytes, chance: random.Random) -> tuple[bytes, str]:
    """A checkpoint with a change to one of its arrays."""
    with np.load(io.BytesIO(data)) as stored:
        arrays = {name: stored[name] for name in stored.files}
    name, kind = chance.choice(sorted(arrays)), chance.randrange(7)
    if kind == 0:
        del arrays[name]
    elif kind == 1:
        arrays[name] = np.zeros((*arrays[name].shape, 2))
    elif kind == 2:
        arrays[name] = arrays[name].astype(chance.choice(["U5", "S5"]))
    elif kind == 3 and arrays[name].dtype.kind == "f":
        arrays[name] = np.full_like(arrays[name], chance.choice([np.nan, np.inf, 0, 1e38]))
    elif kind == 4:
        arrays[name + "x"] = arrays[name]
    elif kind == 5:
        value, _ = changes.change_json(json.loads(str(arrays["state"])), chance)
        arrays["state"] = np.array(changes.dump_json(value, chance).decode("utf-8", "replace"))
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    packed = buffer.getvalue()
    if kind == 6:  # a length of an array's header
        place = packed.find(b"'shape': (")
        packed = packed[:place] + b"'shape': (9" + packed[place + 11 :] if place >= 0 else packed
    return packed, f"array {kind} {name}"
