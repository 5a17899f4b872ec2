"""H5MD files, against h5py: changes to objects, types, shapes, links and attributes, and to bytes."""

import contextlib
import json
import random
from pathlib import Path

import h5py
import numpy as np

import dumps
from fuzzers import changes
from fuzzers.fuzzer import Fuzzer
from gnnzoo.data.convert import to_h5md
from gnnzoo.data.h5md.reader import H5mdDataset

_CANARY = 12345.678  # a number that stands in no input, only in a file next to it
_SHAPES = [(), (0,), (1,), (2,), (3,), (2, 3), (3, 3), (2, 3, 3), (2, 3, 4), (2, 3, 3, 3), (3, 2, 3), (1, 3, 3)]
_DTYPES = ["f8", "f4", "f2", ">f8", "i8", "i4", "i1", "u8", "u1", "c16", "S3", "?", "V4", [("a", "f8"), ("b", "i4")]]


class H5mdFuzzer(Fuzzer):
    """Datasets of gnnzoo and of other programs."""

    name, file = "h5md", "input.h5"

    def prepare(self, folder: Path) -> None:
        self._texts: list[bytes] = []
        water = dumps.water(frames=2, side=1)
        dump = dumps.write_dump(folder / "water.lammpstrj", water, dumps.WATER_COLUMNS)
        changing = [dumps.argon(1, side, seed=3, first=10 * side)[0] for side in (1, 2, 1)]
        other = dumps.write_dump(folder / "argon.lammpstrj", changing)
        for number, (source, options) in enumerate([(dump, {"units": "real"}), (other, {"compress": True})]):
            path = folder / f"{number}.h5"
            to_h5md([source], path, version="1", command="fuzz", **options)
            with h5py.File(path, "a") as file:
                file["gnnzoo/group"] = np.arange(len(file["gnnzoo/segment"])) % 3 - 1
                file["gnnzoo/provenance/groups"] = '["bulk", "surface"]'
            self._texts.append(path.read_bytes())
        self._texts.append(_foreign(folder / "foreign.h5"))
        self._canary = folder / "canary.h5"
        self._canary.write_bytes(self._texts[0])
        with h5py.File(self._canary, "a") as file:
            for name in ("position", "force"):
                file[f"particles/all/{name}/value"][...] = _CANARY
        self._canary.with_suffix(".raw").write_bytes(np.full(1000, _CANARY).tobytes())

    def write(self, path: Path, chance: random.Random) -> str:
        path.write_bytes(chance.choice(self._texts))
        story = []
        if chance.random() < 0.35:
            data = path.read_bytes()
            for _ in range(chance.choice([1, 1, 2, 4])):
                change = chance.choice(changes.BINARY)
                data = change(data, chance) if data else data
                story.append(change.__name__)
            path.write_bytes(data)
            return ", ".join(story)
        with h5py.File(path, "a") as file:
            for _ in range(chance.choice([1, 1, 2, 3])):
                names: list[str] = []
                file.visit(names.append)
                if names:
                    story.append(self._change(file, chance.choice(names), chance))
        return ", ".join(story)

    def _change(self, file: h5py.File, name: str, chance: random.Random) -> str:
        """Change the object of this name."""
        kinds = [_replace, _replace, _values, _resize, _attribute, _attribute, _json, _move, self._link, self._external]
        kind = chance.choice(kinds)
        with contextlib.suppress(
            *(TypeError, ValueError, OSError, RuntimeError, KeyError, AttributeError, IndexError, OverflowError),
            MemoryError,  # of a dataset that the change before has made huge
        ):  # HDF5 cannot do it
            kind(file, name, chance)
        return f"{kind.__name__.strip('_')} {name}"

    def _link(self, file: h5py.File, name: str, chance: random.Random) -> None:
        targets: list[str] = ["/", "/nowhere", name]
        file.visit(targets.append)
        target = chance.choice(targets)
        links = [h5py.SoftLink(f"/{target}"), h5py.SoftLink(target), h5py.ExternalLink(str(self._canary), f"/{target}")]
        links.append(h5py.ExternalLink(str(self._canary), f"/{name}"))
        hard = file.get(target) if target != "/" else file["/"]
        del file[name]
        file[name] = hard if chance.random() < 0.2 and hard is not None else chance.choice(links)

    def _external(self, file: h5py.File, name: str, chance: random.Random) -> None:
        """Data in another file: external storage or a virtual dataset."""
        shape = file[name].shape
        del file[name]
        if chance.random() < 0.5:
            raw = [(str(self._canary.with_suffix(".raw")), 0, h5py.h5f.UNLIMITED)]
            file.create_dataset(name, shape, "f8", external=raw)
        else:
            layout = h5py.VirtualLayout(shape, "f8")
            layout[...] = h5py.VirtualSource(str(self._canary), name, shape)
            file.create_virtual_dataset(name, layout)

    def read(self, path: Path) -> list[str]:
        with H5mdDataset(path) as dataset:
            frames = list(dataset)
            _ = dataset.fingerprint, dataset.signatures
            group = dataset._contents.group.name
        complaints = []
        with h5py.File(path, "r") as file:
            steps = _reference_steps(file, group, len(frames))
            for index, frame in enumerate(frames):
                complaints += _differences(frame, file[group], index)
                if frame.step != steps[index]:
                    complaints.append(f"another step: {frame.step} and {steps[index]}")
                if _CANARY in frame.positions or _CANARY in frame.forces:
                    complaints.append("bytes of another file were read")
                if not all(np.isfinite(values).all() for values in (frame.positions, frame.forces, frame.cell)):
                    complaints.append("a number is not finite")
        return complaints


def _foreign(path: Path) -> bytes:
    """A file as another program may write it."""
    chance = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.create_group("h5md").attrs["version"] = [1, 0]
        group = file.create_group("particles/atoms")
        for element, unit in (("position", "Angstrom"), ("force", "eV Angstrom-1"), ("velocity", "Angstrom ps-1")):
            group[f"{element}/value"] = chance.normal(size=(2, 3, 3)).astype(np.float32)
            group[f"{element}/value"].attrs["unit"] = unit
            group[f"{element}/step"] = 50
            group[f"{element}/step"].attrs["offset"] = 100
        group["id/value"] = np.array([[3, 1, 2], [2, 3, 1]])
        group.create_dataset("species/value", data=[[7, 4, 4], [4, 7, 4]], dtype=h5py.enum_dtype({"Ar": 4, "Kr": 7}))
        box = group.create_group("box")
        box.attrs["boundary"] = np.array([b"periodic", b"none", b"periodic"])
        box["edges"] = np.diag([4.0, 5.0, 6.0])
        file["observables/all/potential_energy/value"] = [-1.0, -2.0]
    return path.read_bytes()


# --- changes --------------------------------------------------------------------------------------------------------


def _replace(file: h5py.File, name: str, chance: random.Random) -> None:
    """A dataset of another type or shape in the place of an object."""
    old = file[name]
    shape = old.shape if isinstance(old, h5py.Dataset) and chance.random() < 0.5 else chance.choice(_SHAPES)
    dtype = old.dtype if isinstance(old, h5py.Dataset) and chance.random() < 0.4 else np.dtype(chance.choice(_DTYPES))
    values = (
        np.zeros(shape, dtype)
        if chance.random() < 0.5
        else np.frombuffer(chance.randbytes(int(np.prod(shape)) * dtype.itemsize), dtype).reshape(shape)
    )
    reference = old.ref
    del file[name]
    kind = chance.randrange(8)
    if kind == 0:
        file.create_group(name)
    elif kind == 1:
        file.create_dataset(name, data=reference, dtype=h5py.ref_dtype)
    elif kind == 2:
        file[name] = dtype
    elif kind == 3:
        file.create_dataset(name, data=h5py.Empty(dtype))
    elif kind == 4:
        file.create_dataset(name, data=chance.choice(changes.ODD_TEXTS))
    elif kind == 5 and shape:
        file.create_dataset(name, data=values, chunks=True, compression=chance.choice(["gzip", "lzf"]), shuffle=True)
    else:
        file.create_dataset(name, data=values)


def _values(file: h5py.File, name: str, chance: random.Random) -> None:
    """Odd numbers in some places of a dataset."""
    flat = file[name][()].ravel()
    for _ in range(chance.choice([1, 1, 3])):
        with np.errstate(over="ignore"):  # in 4 bytes an odd number may become infinite: odd, too
            flat[chance.randrange(len(flat))] = chance.choice(changes.ODD_NUMBERS)
    file[name][...] = flat.reshape(file[name].shape)


def _resize(file: h5py.File, name: str, chance: random.Random) -> None:
    """Another length, perhaps a huge one that is not written."""
    shape = list(file[name].shape)
    place = chance.randrange(len(shape))
    shape[place] = chance.choice([0, 1, shape[place] + 1, 100, 10**6, 10**9, 10**12])
    if file[name].maxshape[place] is None:
        file[name].resize(shape)
    else:
        dtype = file[name].dtype
        del file[name]
        file.create_dataset(name, shape, dtype, chunks=tuple(min(size, 100) or 1 for size in shape))


def _attribute(file: h5py.File, name: str, chance: random.Random) -> None:
    """An attribute removed, added or replaced."""
    item = file[name]
    names = [*item.attrs, "unit", "offset", "boundary", "dimension"]
    attribute = chance.choice(names)
    if chance.random() < 0.3 and attribute in item.attrs:
        del item.attrs[attribute]
        return
    texts = ["nm", "Angstrom", b"\xff", "periodic", "", "kcal mol-1 Angstrom-1"]
    values = [
        *texts,
        5,
        -(2**63),
        2**63 - 1,
        1.5,
        [1, 2, 3],
        ["none"] * 3,
        np.zeros((3, 3)),
        h5py.Empty("f8"),
        item.ref,
    ]
    item.attrs[attribute] = chance.choice(values)


def _json(file: h5py.File, name: str, chance: random.Random) -> None:
    """A change to a text of JSON."""
    texts: list[str] = []
    file.visititems(
        lambda key, item: texts.append(key) if isinstance(item, h5py.Dataset) and item.shape == () else None
    )
    name = chance.choice([text for text in texts if text.startswith("gnnzoo/")] or [name])
    value, _ = changes.change_json([json.loads(file[name][()])], chance)
    del file[name]
    file[name] = changes.dump_json(value[0] if isinstance(value, list) and value else value, chance)


def _move(file: h5py.File, name: str, chance: random.Random) -> None:
    """An object renamed, removed or copied."""
    kind = chance.randrange(3)
    if kind == 0:
        del file[name]
    elif kind == 1:
        file.move(name, f"{name}{chance.choice(['x', '/x', '2'])}")
    else:
        names: list[str] = []
        file.visit(names.append)
        other = chance.choice(names)
        if other in file and not other.startswith(name):
            del file[other]
            file.copy(file[name], other)


# --- the independent reader -----------------------------------------------------------------------------------------


def _differences(frame, group: h5py.Group, index: int) -> list[str]:
    """What differs between a frame and the file, as h5py reads it."""
    ids = _at(group, "id", index)
    order = np.arange(group["position/value"].shape[1]) if ids is None else np.argsort(ids, kind="stable")
    if ids is not None:
        order = [row for row in order if ids[row] in set(frame.ids.tolist())]
    found = []
    for element, values in (("position", frame.positions), ("force", frame.forces), ("species", frame.types)):
        expected = _at(group, element, index)
        if expected is not None and not np.array_equal(np.asarray(expected, np.float64)[order], values):
            found.append(f"other numbers of {element} in frame {index}")
    edges = group["box/edges"]
    edges = edges["value"][min(index, len(edges["value"]) - 1)] if isinstance(edges, h5py.Group) else edges[()]
    if not np.array_equal(np.diag(edges) if np.ndim(edges) == 1 else edges, frame.cell):
        found.append(f"another cell in frame {index}")
    return found


def _at(group: h5py.Group, element: str, index: int) -> np.ndarray | None:
    item = group.get(element)
    if item is None:
        return None
    return item["value"][index] if isinstance(item, h5py.Group) else item[()]


def _reference_steps(file: h5py.File, group: str, count: int) -> list[int]:
    step = file.get("gnnzoo/step", file.get(f"{group}/position/step"))
    if step is None:
        return list(range(count))
    if step.shape == ():
        return [int(step.attrs.get("offset", 0)) + int(step[()]) * index for index in range(count)]
    return [int(value) for value in step[()]]
