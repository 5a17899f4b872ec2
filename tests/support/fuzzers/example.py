"""example.npz of exported models, against NumPy's own reader."""

import io
import random
import zipfile
from pathlib import Path

import numpy as np

from fuzzers import changes
from fuzzers.fuzzer import Fuzzer
from gnnzoo.deploy.exported_folder import EXAMPLE

_ATOMS = 6
_LENGTH, _LENGTHS = b"'shape': (6,", [b"'shape': (7,", b"'shape': (60,", b"'shape': (-1,", b"'shape': (9999999999,"]
_VALUES = [np.nan, np.inf, 0, 1e308, -1]


class ExampleFuzzer(Fuzzer):
    """Changes to the arrays, to their headers and to the bytes of the archive."""

    name, file = "example", EXAMPLE

    def prepare(self, folder: Path) -> None:
        self._arrays = {
            "positions": np.arange(3.0 * _ATOMS).reshape(_ATOMS, 3),
            "forces": np.ones((_ATOMS, 3)),
            "cell": 9 * np.eye(3),
            "pbc": np.ones(3, bool),
            "types": np.ones(_ATOMS, np.int32),
            "molecules": np.arange(_ATOMS),
        }

    def write(self, path: Path, chance: random.Random) -> str:
        arrays, kind = dict(self._arrays), chance.randrange(7)
        name = chance.choice(sorted(arrays))
        if kind == 0:
            del arrays[name]
        elif kind == 1:
            arrays[name] = np.zeros(chance.choice([(), (0,), (3,), (3, 3), (_ATOMS, 3, 1)]), arrays[name].dtype)
        elif kind == 2:
            arrays[name] = arrays[name].astype(chance.choice(["U5", "S5", "O", "f2", "i1", "c16", "f8", "u8"]))
        elif kind == 3:
            arrays[name] = np.full(arrays[name].shape, chance.choice(_VALUES))
        elif kind == 4:
            arrays[chance.choice(["x", "../x", name.upper()])] = arrays.pop(name)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", chance.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
            for member, array in arrays.items():
                content = io.BytesIO()
                np.save(content, array)
                lie = chance.choice(_LENGTHS) if kind == 5 and member == name else _LENGTH
                archive.writestr(f"{member}.npy", content.getvalue().replace(_LENGTH, lie))
        data = buffer.getvalue()
        if kind == 6:
            change = chance.choice(changes.BINARY)
            data, name = change(data, chance), change.__name__
        path.write_bytes(data)
        return f"{kind} {name}"

    def read(self, path: Path) -> list[str]:
        from gnnzoo.deploy.stored_example import read_example

        example = read_example(path.parent)
        with np.load(path, allow_pickle=False) as stored:
            wrong = [name for name in example if not np.array_equal(example[name], stored[name])]
        return [f"{name} is not read as it stands" for name in wrong]
