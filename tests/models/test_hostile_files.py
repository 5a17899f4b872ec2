"""Crafted .keras files: none runs, writes, reads elsewhere, downloads or takes memory, and each is refused by name.

Each file is made from one small model. An audit hook records whatever the interpreter does while it is read.
"""

import base64
import copy
import io
import json
import marshal
import os
import struct
import sys
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from errors import refused
from gnnzoo.cli import main
from gnnzoo.errors import ModelError, UserError
from gnnzoo.models.archive import CONFIG_MEMBER, INFO_MEMBER, WEIGHTS_MEMBER, open_archive, read_info
from gnnzoo.models.build import Scales, build_network
from gnnzoo.models.files import ForceField, load_model, save_model
from gnnzoo.models.weights import load_weights
from gnnzoo.workflows.evaluate import evaluate
from gnnzoo.workflows.freeze import newest_model
from gnnzoo.workflows.inspect import inspect
from gnnzoo.workflows.recipes import list_models
from small import ARGON, argon_dataset, recipe

LAYERS = [
    {"layer": "atom_encoder", "units": 4, "hidden_layers": 0},
    {"layer": "pair_force_decoder", "units": 4, "hidden_layers": 0, "activation": "silu"},
]
GIGABYTE = 1_000_000  # kB
_WATCHED = (
    "subprocess",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "socket",
    "shutil",
    "pickle",
    "ctypes.dl",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
events: list[str] = []
watching: list[bool] = []  # not empty while a file is read


def _record(event: str, arguments: tuple) -> None:
    if not watching:
        return
    if event.startswith(_WATCHED) or event in ("os.mkdir", "os.rename", "os.remove", "os.link", "os.symlink"):
        events.append(f"{event} {arguments[:2]}")
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING:
        events.append(f"open {arguments[0]} for writing")
    elif event == "open" and "secret" in str(arguments[0]):
        events.append(f"open {arguments[0]}")


@pytest.fixture(scope="module", autouse=True)
def audited():
    sys.addaudithook(_record)  # cannot be removed again; `watching` turns it off


@pytest.fixture(scope="module")
def honest(tmp_path_factory) -> dict[str, bytes]:
    """Members of the file of a small model, with a repulsion as a prior, whose numbers stand in its config."""
    made = recipe(ARGON, model={"layers": LAYERS, "prior": [{"prior": "repulsion"}]})
    network = build_network(made, ["Ar"], Scales(2.0, 7.0, shortest=[[[3.0]], [[3.0]]]))
    info = {
        "species": ["Ar"],
        "types": {"1": "Ar"},
        "units": "real",
        "split": {"train": [0], "validation": [], "test": []},
    }
    path = save_model(ForceField(network, made, info), tmp_path_factory.mktemp("honest") / "honest.keras")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def written(folder: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """A file of these members, in a folder with a secret file."""
    path = folder / "crafted.keras"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    (folder / "secret.txt").write_text("a secret\n" * 1000)
    return path


def peak() -> int:
    """Largest resident memory since the last call of `reset_peak`, kB."""
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0])


def reset_peak() -> int:
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def quietly(path: Path, read=load_model):
    """Read a file; nothing may have happened meanwhile. Returns the result, or the error."""
    before, names, start = reset_peak(), sorted(os.listdir(path.parent)), time.monotonic()
    events.clear()
    watching.append(True)
    try:
        outcome = read(path)
    except UserError as error:
        outcome = error
    finally:
        watching.clear()
    assert not events
    assert sorted(os.listdir(path.parent)) == names
    assert peak() - before < GIGABYTE
    assert time.monotonic() - start < 20  # a hang, not a speed
    return outcome


def assert_refused(path: Path, *names: str, read=load_model) -> None:
    """Loading is refused by name of what is wrong; listing and inspecting pass or are refused."""
    outcome = quietly(path, read)
    assert type(outcome) is ModelError, outcome
    text = str(outcome)
    assert all(name in text for name in names), text
    assert "crafted.keras" in text
    assert len(text) < 1000
    quietly(path, lambda path: list_models(path.parent))
    quietly(path, inspect)


def test_the_file_that_all_others_are_made_from_is_read(honest, tmp_path):
    again = load_model(written(tmp_path, honest))
    assert again.network.get_layer("pair_force_decoder_1").neighbor_scale == 7.0**-0.5
    assert again.network.get_layer("prior").terms[0]["shortest"] == [[3.0]]
    assert np.abs(again.forces(argon_dataset(1)[0])).max() > 1e-3


@pytest.fixture(scope="module")
def network(honest, tmp_path_factory):
    return load_model(written(tmp_path_factory.mktemp("network"), honest)).network


# --- config.json: what Keras would make, call or read ---------------------------------------------------------------


def layer(module: str, class_name: str, /, **config: object) -> dict:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": class_name}


def function(module: str, name: str) -> dict:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


_CODE = base64.b64encode(marshal.dumps(compile("import os; os.system('touch ran')", "x", "exec"))).decode()
_LAMBDA = {"class_name": "__lambda__", "config": {"code": _CODE, "defaults": None, "closure": None}}
STRANGE_LAYERS = {
    "CVE-2024-3660": layer("keras.layers", "Lambda", name="x", function=_LAMBDA),
    "CVE-2025-1550": function("os", "system") | {"name": "x", "inbound_nodes": [{"args": ["touch ran"], "kwargs": {}}]},
    "CVE-2025-8747": layer("keras.utils", "get_file", name="x", origin="file:///etc/passwd", fname="ran"),
    "CVE-2025-9906": function("keras.config", "enable_unsafe_deserialization") | {"name": "x"},
    "CVE-2025-12058": layer("keras.layers", "StringLookup", name="x", vocabulary="secret.txt"),
    "CVE-2025-12060": layer("keras.utils", "get_file", name="x", origin="http://127.0.0.1:9/a.tar", extract=True),
    "CVE-2025-12638": layer("keras.utils", "get_file", name="x", origin="http://127.0.0.1:9/a.tgz", untar=True),
    "CVE-2025-49655": layer("keras.layers", "TorchModuleWrapper", name="x", module=_CODE),
    "CVE-2026-1462": layer("keras.layers", "TFSMLayer", name="x", filepath="/tmp/saved_model"),
    "CVE-2026-12479": layer("keras.layers", "Dense", name="../../../ran", units=1),
    "Lambda without code": layer("keras.layers", "Lambda", name="x", function=function("builtins", "eval")),
    "a picture": layer("keras.utils", "save_img", name="x", path="secret.png", x=[[[0]]]),
    "a plot": function("keras.utils", "plot_model") | {"name": "x"},
    "zeros": function("keras.ops", "zeros") | {"name": "x", "inbound_nodes": [{"args": [[10**9]], "kwargs": {}}]},
    "a large layer": layer("keras.layers", "Dense", name="x", units=10**12),
    "an initializer": layer(
        "keras.layers",
        "Dense",
        name="x",
        kernel_initializer=layer("keras.utils", "get_file", origin="http://127.0.0.1:9"),
    ),
    "a random seed": layer("keras.random", "SeedGenerator", name="x", seed=1),
}


@pytest.mark.parametrize("name", STRANGE_LAYERS)
def test_a_layer_of_keras_or_python_is_not_made(name, honest, tmp_path):
    config = json.loads(honest[CONFIG_MEMBER])
    strange = copy.deepcopy(STRANGE_LAYERS[name])
    if not isinstance(strange["config"], dict):
        strange["config"] = {"name": "x", "function": strange["config"]}
    config["config"]["layers"].append(strange)
    path = written(tmp_path, honest | {CONFIG_MEMBER: json.dumps(config).encode()})
    assert_refused(path, CONFIG_MEMBER, strange["config"]["name"])


@pytest.mark.parametrize("name", ["CVE-2024-3660", "CVE-2025-1550", "an initializer"])
def test_the_model_itself_names_no_class(name, honest, tmp_path):
    config = json.loads(honest[CONFIG_MEMBER])
    for key in ("build_config", "compile_config"):
        config[key] = STRANGE_LAYERS[name]
    config |= {key: STRANGE_LAYERS[name][key] for key in ("module", "class_name", "registered_name")}
    for part in config["config"]["layers"]:
        part["module"], part["class_name"] = STRANGE_LAYERS[name]["module"], STRANGE_LAYERS[name]["class_name"]
        part["config"]["dtype"] = STRANGE_LAYERS[name]
    path = written(tmp_path, honest | {CONFIG_MEMBER: json.dumps(config).encode()})
    assert quietly(path).species == ["Ar"]  # none of this is looked at


def changed_config(**changes: object):
    def change(config: dict) -> None:
        for part in config["config"]["layers"]:
            part["config"] |= {key: value for key, value in changes.items() if key in part["config"]}

    return change


def rename_layer(config: dict) -> None:
    config["config"]["layers"][-2]["config"]["name"] = "another"


CONFIGS = {
    "no JSON": (b"\x80\x04]\x94.", ()),  # a pickle
    "too deep": (b"[" * 20_000, ("nested",)),
    "too long": (b'{"config": "' + b"x" * 5_000_000 + b'"}', ("bytes",)),
    "too many values": (b'{"config": {"layers": [' + b"[]," * 100_000 + b"0]}}", ()),
    "not finite": (b'{"config": {"layers": [NaN]}}', ("NaN",)),
    "no layers": (b'{"config": {"layers": 3}}', ("layers",)),
    "a list": (b"[]", ("layers",)),
    "another scale": (changed_config(neighbor_scale="7"), ("neighbor_scale",)),
    "an infinite scale": (changed_config(scale=1e999), ()),
    "scales of two species": (changed_config(scale=[1.0, 2.0]), ("force_scale",)),
    "a million scales": (changed_config(scale=[1.0] * 100_000), ("force_scale",)),
    "other units": (changed_config(units=10**9), ("units",)),
    "another table": (changed_config(table=[[0, 0, 0]]), ("atom_encoder_1.table",)),
    "another term": (
        changed_config(terms=[{"term": "repulsion", "shortest": [[3]] * 9, "shortest_inside": 1}]),
        ("prior",),
    ),
    "another name": (rename_layer, ("another",)),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_that_is_not_that_of_the_recipe_is_refused(name, honest, tmp_path):
    change, names = CONFIGS[name]
    if callable(change):
        config = json.loads(honest[CONFIG_MEMBER])
        change(config)
        change = json.dumps(config).encode()
    assert_refused(written(tmp_path, honest | {CONFIG_MEMBER: change}), *names)


# --- gnnzoo.json: information and recipe -----------------------------------------------------------------------------


def info_with(**changes: object):
    return lambda info: info.update(changes)


def recipe_with(section: str, **changes: object):
    return lambda info: info["recipe"][section].update(changes)


def layers_with(**changes: object):
    return lambda info: info["recipe"]["model"]["layers"][0].update(changes)


INFOS = {
    "species": (info_with(species="Ar"), ("species",)),
    "species of another kind": (info_with(species=["Ar", 1]), ("species.1",)),
    "other species": (info_with(species=["Xx"]), ()),
    "many species": (info_with(species=["Ar"] * 3000), ()),
    "types": (info_with(types={"0": "Ar"}), ("types",)),
    "units": (info_with(units="si"), ("units",)),
    "split": (info_with(split={"train": [1, -1], "validation": [], "test": []}), ("split.train.1",)),
    "a part of the split": (info_with(split={"train": []}), ("split", "validation")),
    "offsets": (info_with(energy_offsets=[0.0, 1.0]), ("offsets",)),
    "an endless number": (info_with(cutoff=float("inf")), ("Infinity",)),
    "example": (info_with(example={"positions": [[0, 0]]}), ("example.positions",)),
    "statistics": (info_with(statistics={"distances": {"bins": 10**12, "counts": {}}}), ("bins",)),
    "package": (info_with(layer_packages={"x": {"package": "x; touch ran", "version": "1"}}), ("package",)),
    "origin": (info_with(origin={"moves": [["a", "copied", "1", 1, ""]]}), ("moves",)),
    "no recipe": (lambda info: info.pop("recipe"), ("'recipe'",)),
    "hidden layers": (layers_with(hidden_layers=2 * 10**12), ("hidden_layers",)),
    "units of a layer": (layers_with(units=10**9), ("units",)),
    "units beyond the file": (layers_with(units=3000), ()),
    "functions": (recipe_with("graph", radial={"basis": "bessel", "functions": 10**9}), ("functions",)),
    "functions beyond the file": (recipe_with("graph", radial={"basis": "bessel", "functions": 1000}), ()),
    "layers": (recipe_with("model", layers=[{"layer": "prelu"}] * 20_000), ("layers",)),
    "an import path": (layers_with(layer="os:system"), ("os:system",)),
    "a keras class": (layers_with(keras_class="os:system"), ("keras_class",)),
    "a name": (layers_with(name="../../ran"), ("name",)),
    "a variable": (
        recipe_with("data", simulate={"input": "simulations/argon.in", "variables": {"dump": "x"}}),
        ("dump",),
    ),
    "an origin without its model": (info_with(origin={"recipe": "x"}), ("origin", "model")),
    "a frame beyond the data": (
        lambda info: info.update(dataset={"frames": 3}, split={"train": [3], "validation": [], "test": []}),
        ("split", "3"),
    ),
    "a species twice": (info_with(species=["Ar", "Ar"]), ("species",)),
    "an escape": (info_with(species=["\x1b[2J"]), ("species",)),
    "bins": (info_with(statistics={"distances": {"bins": 2, "counts": {"Ar-Ar": [1]}}}), ("bins",)),
    "a million texts": (info_with(trained=["x"] * 60_000), ("more than",)),
}


@pytest.mark.parametrize("name", INFOS)
def test_information_of_other_types_or_sizes_is_refused(name, honest, tmp_path):
    change, names = INFOS[name]
    info = json.loads(honest[INFO_MEMBER])
    change(info)
    assert_refused(written(tmp_path, honest | {INFO_MEMBER: json.dumps(info).encode()}), *names)


@pytest.mark.parametrize("content", [b"[1", b"[]", b"[" * 50_000, b'{"recipe": 1}', b"\xff\xfe", b"", b"9" * 10_000])
def test_information_that_is_no_record_is_refused(content, honest, tmp_path):
    assert_refused(written(tmp_path, honest | {INFO_MEMBER: content}), INFO_MEMBER)


def test_the_script_of_a_stored_recipe_does_not_run(honest, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("evil.in").write_text("shell touch ran\n")
    info = json.loads(honest[INFO_MEMBER])
    info["recipe"]["data"]["evaluation"] = {"x": {"source": "x.h5", "simulate": {"input": "evil.in", "variables": {}}}}
    path = written(tmp_path, honest | {INFO_MEMBER: json.dumps(info).encode()})
    with refused(UserError, "evil.in", hint="gnnzoo simulate RECIPE --on NAME --trust"):
        evaluate(path, on="x", plot=False)
    assert not Path("ran").exists()


# --- model.weights.h5 ---------------------------------------------------------------------------------------------

KERNEL = "layers/atom_encoder/perceptron/first/vars/0"  # (3, 4)


def external_storage(file: h5py.File) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, (3, 4), "float32", external=[("secret.txt", 0, 48)])


def virtual_dataset(file: h5py.File) -> None:
    del file[KERNEL]
    layout = h5py.VirtualLayout((3, 4), "float32")
    layout[:] = h5py.VirtualSource("secret.h5", "x", (3, 4))
    file.create_virtual_dataset(KERNEL, layout)


def chunked_bomb(file: h5py.File) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, (200_000, 20_000), "float32", chunks=(1000, 1000), compression="gzip")


def dataset(shape: tuple[int, ...] = (3, 4), kind: str = "float32", **options: object):
    def change(file: h5py.File) -> None:
        del file[KERNEL]
        file.create_dataset(KERNEL, shape, kind, **options)

    return change


def value(number: float):
    def change(file: h5py.File) -> None:
        file[KERNEL][1, 1] = number

    return change


def link(target: object):
    def change(file: h5py.File) -> None:
        del file[KERNEL]
        file[KERNEL] = target

    return change


def circle(file: h5py.File) -> None:
    file["layers/again"] = file["/"]


def move(file: h5py.File) -> None:
    file.move(KERNEL, "layers/elsewhere")


def empty(file: h5py.File) -> None:
    del file[KERNEL]
    file[KERNEL] = h5py.Empty("float32")


def unwritten(file: h5py.File) -> None:
    """An array whose bytes are not in the file: HDF5 fills them in when it is read."""
    del file[KERNEL]
    space = h5py.h5s.create_simple((3, 4))
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    h5py.h5d.create(file[str(Path(KERNEL).parent)].id, b"0", h5py.h5t.NATIVE_FLOAT, space, settings)


WEIGHTS = {
    "CVE-2026-0897": (chunked_bomb, "plain array"),
    "CVE-2026-1669, external": (external_storage, "plain array"),
    "CVE-2026-1669, virtual": (virtual_dataset, "plain array"),
    "an external link": (link(h5py.ExternalLink("secret.h5", "/x")), "link"),
    "a soft link": (link(h5py.SoftLink("/layers/atom_encoder/vars/0")), "link"),
    "a type": (link(np.dtype("float32")), "neither"),
    "chunks": (dataset(chunks=(1, 1)), "plain array"),
    "compression": (dataset(compression="gzip"), "plain array"),
    "another shape": (dataset((4, 3)), "(4, 3)"),
    "a large shape": (dataset((10**9, 10**6), chunks=None), "array"),
    "an array too many": (lambda file: file.create_dataset("more", data=np.zeros((7, 7), "float32")), "(7, 7)"),
    "integers": (dataset(kind="int32"), "int32"),
    "complex numbers": (dataset(kind="complex64"), "real"),
    "double precision": (dataset(kind="float64"), "float64"),
    "texts": (dataset(kind="S4"), "real"),
    "objects": (dataset(kind=h5py.string_dtype()), "real"),
    "references": (dataset(kind=h5py.ref_dtype), "real"),
    "no values": (empty, "array"),
    "unwritten values": (unwritten, "store"),
    "not a number": (value(np.nan), "finite"),
    "infinity": (value(-np.inf), "finite"),
    "a circle": (circle, "objects"),
    "another place": (move, "place"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_are_not_those_of_the_network_are_refused(name, honest, network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    change, text = WEIGHTS[name]
    with h5py.File("secret.h5", "w") as secret:
        secret["x"] = np.ones((3, 4), "float32")
    buffer = io.BytesIO(honest[WEIGHTS_MEMBER])
    with h5py.File(buffer, "r+") as file:
        change(file)
    path = written(tmp_path, honest | {WEIGHTS_MEMBER: buffer.getvalue()})

    def read(path: Path) -> None:  # as load_model, with a network that is built once
        with open_archive(path) as archive:
            load_weights(archive, path, network)

    assert_refused(path, text, read=read)


def test_weights_are_checked_when_a_model_is_loaded(honest, tmp_path):
    buffer = io.BytesIO(honest[WEIGHTS_MEMBER])
    with h5py.File(buffer, "r+") as file:
        value(np.nan)(file)
    assert_refused(written(tmp_path, honest | {WEIGHTS_MEMBER: buffer.getvalue()}), "finite")


# --- the archive ----------------------------------------------------------------------------------------------------


def lying(content: bytes, name: str, size: int, field: int = 24) -> bytes:
    """A size of a member replaced in the table of contents: the unpacked one, or at 20 that in the file."""
    data = bytearray(content)
    at = data.index(b"PK\x01\x02")
    while data[at + 46 : at + 46 + len(name)] != name.encode():
        at = data.index(b"PK\x01\x02", at + 4)
    data[at + field : at + field + 4] = struct.pack("<L", size)
    return bytes(data)


def large(honest: dict[str, bytes], at: Path) -> bytes:
    """A recipe with 2 GB of weights, which the file does not have."""
    info = json.loads(honest[INFO_MEMBER])
    info["recipe"]["model"]["layers"][-1] |= {"units": 4096, "hidden_layers": 32}
    return written(at, honest | {INFO_MEMBER: json.dumps(info).encode()}).read_bytes()


def with_member(honest: dict[str, bytes], name: str, content: bytes, compression: int, tmp_path: Path) -> bytes:
    path = written(tmp_path, {key: value for key, value in honest.items() if key != name})
    with zipfile.ZipFile(path, "a", compression) as archive:
        archive.writestr(name, content)
    return path.read_bytes()


def repeated(files: dict[str, bytes], at: Path) -> bytes:
    path = written(at, files)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(CONFIG_MEMBER, b"{}")
    return path.read_bytes()


def _with_table(content: bytes, size: int) -> bytes:
    return content[:-10] + struct.pack("<L", size) + content[-6:]


def _with_second_end(content: bytes) -> bytes:
    end = content[-22:]
    return content[:-22] + struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1) + end


def _encrypted(content: bytes) -> bytes:
    data = bytearray(content)
    at = data.index(b"PK\x01\x02")
    while at >= 0:
        data[at + 8] |= 1
        at = data.find(b"PK\x01\x02", at + 4)
    return bytes(data)


ARCHIVES = {
    "config of 60 MB": lambda files, at: with_member(files, CONFIG_MEMBER, bytes(60_000_000), zipfile.ZIP_DEFLATED, at),
    "information of 60 MB": lambda files, at: with_member(
        files, INFO_MEMBER, bytes(60_000_000), zipfile.ZIP_DEFLATED, at
    ),
    "weights of 60 MB": lambda files, at: with_member(
        files, WEIGHTS_MEMBER, bytes(60_000_000), zipfile.ZIP_DEFLATED, at
    ),
    "compressed weights": lambda files, at: with_member(
        files, WEIGHTS_MEMBER, files[WEIGHTS_MEMBER], zipfile.ZIP_DEFLATED, at
    ),
    "LZMA": lambda files, at: with_member(files, CONFIG_MEMBER, files[CONFIG_MEMBER], zipfile.ZIP_LZMA, at),
    "a repeated member": repeated,
    "a lie about a size": lambda files, at: lying(written(at, files).read_bytes(), CONFIG_MEMBER, 4_000_000_000),
    "a smaller lie": lambda files, at: lying(written(at, files).read_bytes(), INFO_MEMBER, 10),
    "a lie about the weights": lambda files, at: lying(large(files, at), WEIGHTS_MEMBER, 4_000_000_000, field=20),
    "npz weights": lambda files, at: written(
        at, {key: value for key, value in files.items() if key != WEIGHTS_MEMBER} | {"model.weights.npz": b"PK"}
    ).read_bytes(),
    "a table of 100 MB": lambda files, at: _with_table(written(at, files).read_bytes(), 100_000_000),
    "a second end": lambda files, at: _with_second_end(written(at, files).read_bytes()),
    "an encrypted member": lambda files, at: _encrypted(written(at, files).read_bytes()),
    "CVE-2025-9905": lambda files, at: files[WEIGHTS_MEMBER],  # the older format, a bare HDF5 file
    "a pickle": lambda files, at: (
        b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x09touch ran\x94\x85\x94R\x94."
    ),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_lies_or_expands_is_refused(name, honest, tmp_path):
    content = ARCHIVES[name](honest, tmp_path)
    path = tmp_path / "crafted.keras"
    path.write_bytes(content)
    assert_refused(path)


def test_members_of_any_name_are_not_unpacked(honest, tmp_path):
    names = ("../../ran", "/tmp/gnnzoo-ran", "assets/ran", "a\\..\\ran")
    path = written(tmp_path, honest | dict.fromkeys(names, b"x"))
    assert quietly(path).species == ["Ar"]
    assert not Path("/tmp/gnnzoo-ran").exists()


def test_one_bad_file_does_not_hide_the_others(honest, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, honest).rename("good.keras")
    Path("zeros.keras").write_bytes(bytes(1000))
    written(tmp_path, honest | {INFO_MEMBER: b"{"}).rename("bad.keras")
    os.mkfifo("pipe.keras")
    Path("gone.keras").symlink_to("nowhere")
    Path("folder.keras").mkdir()
    Path("recipes").mkdir()
    os.mkfifo("recipes/pipe.json")
    listed = {model.path.name: model for model in list_models()}
    assert len(listed) == 6
    assert listed["good.keras"].info["species"] == ["Ar"]
    assert all(model.problem for name, model in listed.items() if name != "good.keras")
    out = CliRunner().invoke(main, ["list"])
    assert out.exit_code == 0
    assert out.stdout.count("unreadable") == 5
    assert newest_model() == Path("good.keras")


def test_a_pipe_is_no_model(tmp_path):
    os.mkfifo(tmp_path / "crafted.keras")
    with refused(ModelError, file="crafted.keras", hint="gnnzoo list"):
        read_info(tmp_path / "crafted.keras")


@pytest.mark.parametrize("name", ["crafted.h5", "crafted.weights.h5", "crafted"])
def test_a_file_of_another_name_is_not_given_to_keras(name, honest, tmp_path):
    path = written(tmp_path, honest).rename(tmp_path / name)
    with refused(ModelError, file=name, hint="mv"):
        load_model(path)
