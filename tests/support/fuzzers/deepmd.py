"""Folders and HDF5 files of DeePMD-kit, against NumPy's and h5py's own readers."""

import random
import shutil
from pathlib import Path

import h5py
import numpy as np

from fuzzers import changes
from fuzzers.fuzzer import Fuzzer
from gnnzoo.data.open_dataset import open_dataset

_FRAMES, _ATOMS = 4, 6
_TYPES = ["0 1 1 0 1 1", "0", "0 1 1 0 1 7", "0 1 1 0 1 -1", "a b", "0 1 1 0 1 99999999999", "", "0\n1\n1\n0\n1\n1\n"]
_NAMES = ["O H", "O", "O O", "H O C", "\x1b[31m \u00e9", "", "O " * 2000]
_LIES = [b"'shape': (4, 999999999999)", b"'shape': (9999999999999,)", b"'shape': (3, 18)", b"'shape': ()"]
_SYSTEMS = ["a", "a/b", "a/b/c/d/e/f"]  # groups of an HDF5 file; the last is deeper than any is looked for
_VALUES = [np.nan, np.inf, 0.0, 1e308, -1e9]


class DeepmdFuzzer(Fuzzer):
    """Changes to the files of a system, to the headers of its arrays and to their values."""

    name, file = "deepmd", "system"

    def prepare(self, folder: Path) -> None:
        random = np.random.default_rng(0)
        places = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [4, 4, 4], [5, 4, 4], [4, 5, 4]], float)
        self._arrays = {
            "coord": (places + random.normal(scale=0.05, size=(_FRAMES, _ATOMS, 3))).reshape(_FRAMES, -1),
            "force": random.normal(size=(_FRAMES, 3 * _ATOMS)),
            "box": np.tile(9 * np.eye(3).ravel(), (_FRAMES, 1)),
            "energy": random.normal(size=_FRAMES),
            "virial": random.normal(size=(_FRAMES, 9)),
            "real_atom_types": np.tile([0, 1, 1, 0, 1, 1], (_FRAMES, 1)),
        }

    def write(self, path: Path, chance: random.Random) -> str:
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        return self._write_hdf5(path, chance) if chance.random() < 0.4 else self._write_folder(path, chance)

    def _write_folder(self, path: Path, chance: random.Random) -> str:
        (path / "set.000").mkdir(parents=True)
        (path / "type.raw").write_text(_TYPES[0])
        (path / "type_map.raw").write_text(_NAMES[0])
        arrays = {name: array.copy() for name, array in self._arrays.items()}
        if chance.random() < 0.7:
            del arrays["real_atom_types"]
        kind, name = chance.randrange(9), chance.choice(sorted(arrays))
        if kind == 0:
            del arrays[name]
        elif kind == 1:
            arrays[name] = np.zeros(chance.choice([(), (0,), (_FRAMES,), (_FRAMES, 3), (1, 18), (_FRAMES, _ATOMS, 3)]))
        elif kind == 2:
            arrays[name] = arrays[name].astype(chance.choice(["U5", "S5", "O", "f2", "i1", "c16", "u8", "f4"]))
        elif kind == 3:
            if name == "real_atom_types" and chance.random() < 0.5:
                arrays[name] = arrays[name].astype(float)
            values = _VALUES if arrays[name].dtype.kind == "f" else [-2, 2, 99]
            arrays[name].reshape(-1)[chance.randrange(arrays[name].size)] = chance.choice(values)
        elif kind == 4:
            (path / "type.raw").write_text(chance.choice(_TYPES))
        elif kind == 5:
            (path / "type_map.raw").write_text(chance.choice(_NAMES))
        elif kind == 6:
            (path / "nopbc").touch()
        for each, array in arrays.items():
            file = path / "set.000" / f"{each}.npy"
            np.save(file, array, allow_pickle=True)
            data = file.read_bytes()
            if each == name and kind == 7:
                start = data.index(b"'shape'")
                lie = chance.choice(_LIES)
                data = data[:start] + lie + data[start + len(lie) :]
            elif each == name and kind == 8:
                data = chance.choice(changes.BINARY)(data, chance)
            file.write_bytes(data)
        return f"{kind} {name}"

    def _write_hdf5(self, path: Path, chance: random.Random) -> str:
        names = [name for name in sorted(self._arrays) if name != "real_atom_types" or chance.random() < 0.3]
        values: dict[str, object] = {f"set.000/{name}.npy": self._arrays[name].copy() for name in names}
        values["type.raw"], values["type_map.raw"] = np.array([0, 1, 1, 0, 1, 1]), np.array([b"O", b"H"])
        name, kind = chance.choice(sorted(values)), chance.randrange(8)
        array = np.asarray(values[name])
        if kind == 0:
            del values[name]
        elif kind == 1:
            values[name] = np.zeros(chance.choice([(), (0,), (_FRAMES,), (_FRAMES, 3), (1, 18), (_FRAMES, _ATOMS, 3)]))
        elif kind == 2:
            values[name] = chance.choice([b"O H", 7, np.array([b"\x1b[31m", b"\xff"]), h5py.SoftLink("/type.raw")])
        elif kind == 3 and array.dtype.kind == "f":
            array.reshape(-1)[chance.randrange(array.size)] = chance.choice(_VALUES)
        elif kind == 4:
            values[name] = h5py.ExternalLink("/etc/passwd", "/a")
        elif kind == 5:
            values["nopbc"] = True
        with h5py.File(path, "w") as file:
            system = file.create_group(chance.choice(_SYSTEMS))
            for each, value in values.items():
                system[each] = value
        if kind in (6, 7):
            path.write_bytes(chance.choice(changes.BINARY)(path.read_bytes(), chance))
        return f"hdf5 {kind} {name}"

    def _stored(self, path: Path) -> dict[str, np.ndarray]:
        """The arrays of the only set."""
        if path.is_dir():
            return {file.stem: np.load(file, allow_pickle=False) for file in (path / "set.000").glob("*.npy")}
        with h5py.File(path) as file:
            system = next(name for name in _SYSTEMS if f"{name}/type.raw" in file)
            return {name: file[f"{system}/set.000/{name}.npy"][()] for name in ("coord", "force")}

    def read(self, path: Path) -> list[str]:
        with open_dataset(path) as dataset:
            frames = list(dataset)
        arrays = self._stored(path)
        wrong = []
        for frame, place, force in zip(frames, arrays["coord"], arrays["force"], strict=True):
            real = np.ones(_ATOMS, bool)
            if len(frame) != _ATOMS:  # the mixed format
                continue
            for name, found, known in (("positions", frame.positions, place), ("forces", frame.forces, force)):
                if not np.array_equal(found, known.reshape(-1, 3)[real].astype(np.float64), equal_nan=True):
                    wrong.append(f"{name} are not read as they stand")
        return wrong
