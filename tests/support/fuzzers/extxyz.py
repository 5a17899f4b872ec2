"""Extended XYZ files, against ASE's reading."""

import bz2
import gzip
import random
import re
import warnings
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

import broken_dumps
from fuzzers.fuzzer import Fuzzer
from gnnzoo.data.frames.frame import Frame
from gnnzoo.data.open_dataset import open_dataset
from gnnzoo.elements import ATOMIC_NUMBERS
from xyz_files import xyz_frame

_WORDS = [
    *(
        "Properties=species:S:1:pos:R:3:forces:R:3",
        "Properties=pos:R:3",
        "energy=nan",
        "energy=-1",
        "pbc=F",
        'pbc="T T F"',
    ),
    *(
        'Lattice="0 0 0 0 0 0 0 0 0"',
        "Lattice=1",
        "stress=1",
        'stress="1 2 3 4 5 6"',
        'virial="1 0 0 0 1 0 0 0 1"',
        "time=x",
    ),
    *(
        "step=1e5",
        "Origin=0",
        "energy_unit=eV",
        ":R:3",
        ":I:1",
        ":L:1",
        ":S:1",
        "=",
        '"',
        "'",
        "[[1,2],[3,4]]",
        "99999999999",
    ),
]


def seeds() -> list[bytes]:
    """Files with one or more frames, with and without cell, energy and optional columns."""
    forces = {"forces": 0.5}
    rich = forces | {"momenta": 0.1, "charges": (0.5,), "REF_forces": 0.7}
    texts = [
        xyz_frame(forces, energy=-1.5),
        xyz_frame(forces, energy=-1.5) + xyz_frame(forces, atoms="Ar Kr Ar", energy=2.5),
        xyz_frame(forces, 'pbc="F F F"', lattice="", energy=-1),
        xyz_frame(rich, 'pbc="T T F"', energy=-1.25, stress="1 0 0 0 2 0 0 0 3"),
        xyz_frame(forces, "config_type=isolated", atoms="Ar", energy=0) + xyz_frame(forces, energy=-3.5),
        xyz_frame(forces, 'virial="1 0 0 0 1 0 0 0 1"', energy=-1.5, step=10) + xyz_frame(forces, energy=-1.5, step=20),
    ]
    return [text.encode() for text in texts]


class ExtxyzFuzzer(Fuzzer):
    """Files with changes to bytes, words, lines and keys; some compressed."""

    name, file = "extxyz", "input.extxyz"

    def prepare(self, folder: Path) -> None:
        self._texts = seeds()

    def write(self, path: Path, chance: random.Random) -> str:
        data, story = chance.choice(self._texts), []
        pack = chance.choice([None] * 20 + [gzip.compress, bz2.compress])
        for _ in range(chance.choice([1, 1, 2, 3])):
            if chance.random() < 0.3 and data:
                data = _changed_word(data, chance)
                story.append("key")
            elif data:
                change = chance.choice(broken_dumps.DAMAGES if pack else broken_dumps.CHANGES)
                data = change(data, chance)
                story.append(change.__name__.strip("_"))
        path.write_bytes(pack(data) if pack else data)
        return ", ".join(story)

    def read(self, path: Path) -> list[str]:
        with open_dataset(path, units="metal") as dataset:
            frames = list(dataset)
        text = _unpacked(path.read_bytes())
        plain = path.with_name("plain.extxyz")
        plain.write_bytes(text)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reference = ase.io.read(plain, index=":", format="extxyz")
        except Exception:  # ASE reads only species that are elements, and no virial but of 3 x 3 numbers
            reference = []
        # ASE stops at an empty line, reads frames without forces, and gives those without "pos" positions of 0.
        is_plain = b"\\" not in text  # which ASE drops
        if is_plain and len(reference) == len(frames) and all(_has_all(atoms) for atoms in reference):
            return [line for frame, atoms in zip(frames, reference, strict=True) for line in _differences(frame, atoms)]
        return strict_differences(frames, text)


def _has_all(atoms: Atoms) -> bool:
    named = "X" not in atoms.get_chemical_symbols()
    return named and bool(atoms.positions.any()) and atoms.calc is not None and "forces" in atoms.calc.results


def _unpacked(data: bytes) -> bytes:
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    return bz2.decompress(data) if data.startswith(b"BZh") else data


def strict_differences(frames: list[Frame], text: bytes) -> list[str]:
    """Frames whose species, positions and forces stand in no frame of the text, in its order."""
    waiting, found = strict_frames(text), []
    for frame in frames:
        while waiting and not _same(frame, *waiting[0]):
            waiting.pop(0)
        if not waiting:
            return [f"a frame of {len(frame)} atoms stands nowhere in the text"]
        waiting.pop(0)
    return found


def strict_frames(text: bytes) -> list[tuple[list[list[bytes]], list[np.ndarray]]]:
    """For each frame of a text the columns of one word, and those of three numbers."""
    lines, frames, number = text.replace(b"\r\n", b"\n").split(b"\n"), [], 0
    while number < len(lines):
        if not lines[number].strip():
            number += 1
            continue
        count, comment = int(lines[number]), lines[number + 1]
        rows = [line.split() for line in lines[number + 2 : number + 2 + count]]
        number += 2 + count
        properties = re.search(rb"Properties\s*=\s*(?:\"([^\"]*)\"|(\S+))", comment, re.IGNORECASE)
        words = (properties[properties.lastindex] if properties else b"species:S:1:pos:R:3").split(b":")
        try:
            frames.append(_strict_columns(words, rows))
        except (ValueError, IndexError):  # a frame that cannot be read has no equal
            continue
    return frames


def _strict_columns(words: list[bytes], rows: list[list[bytes]]) -> tuple[list[list[bytes]], list[np.ndarray]]:
    columns, start = {}, 0
    for name, width in zip(words[::3], words[2::3], strict=True):
        columns[name] = [row[start : start + int(width)] for row in rows]
        start += int(width)
    ids = columns.get(b"id")
    order = range(len(rows)) if ids is None else sorted(range(len(rows)), key=lambda row: int(ids[row][0]))
    columns = {name: [values[row] for row in order] for name, values in columns.items()}
    texts = [[row[0] for row in values] for values in columns.values() if values and len(values[0]) == 1]
    vectors = [values for values in columns.values() if values and len(values[0]) == 3]
    return texts, [np.array(values, float) for values in vectors if _numeric(values)]


def _numeric(rows: list[list[bytes]]) -> bool:
    number = rb"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"
    return all(re.fullmatch(number, word) for row in rows for word in row)


def _is_free(frame: Frame) -> bool:
    """Whether a frame is one atom without a force, which an isolated atom needs not state."""
    return len(frame) == 1 and not frame.forces.any()


def _same(frame: Frame, texts: list[list[bytes]], vectors: list[np.ndarray]) -> bool:
    names = list(frame.names)
    # an element in other letters, as AR, has its usual ones in the frame
    columns = [[_element(word.decode("utf-8", "replace")) for word in column] for column in texts]
    return (not any(name.isalpha() for name in names) or names in columns) and all(
        any(np.shape(wanted) == vector.shape and np.allclose(wanted, vector, rtol=1e-12, atol=0) for vector in vectors)
        for wanted in ((frame.positions,) if _is_free(frame) else (frame.positions, frame.forces))
    )


def _element(word: str) -> str:
    return word.capitalize() if word.capitalize() in ATOMIC_NUMBERS else word


def _changed_word(data: bytes, chance: random.Random) -> bytes:
    """Replace or insert a word of the file."""
    words = list(re.finditer(rb"\S+", data))
    if not words:
        return data
    word = chance.choice(words)
    stop = word.end() if chance.random() < 0.5 else word.start()
    return data[: word.start()] + chance.choice(_WORDS).encode() + b" " + data[stop:]


def _differences(frame: Frame, atoms: Atoms) -> list[str]:
    """What differs between a frame and ASE's reading."""
    if [re.sub(r"[^\x21-\x7e]", "", name) for name in frame.names] != atoms.get_chemical_symbols():
        return [f"other species: {list(frame.names)}"]
    pairs = {"positions": (frame.positions, atoms.positions)}
    results = atoms.calc.results if atoms.calc is not None else {}
    forces = results.get("forces", atoms.arrays.get("force"))
    if forces is not None:
        pairs["forces"] = frame.forces, forces
    if atoms.cell.rank == 3:
        pairs["cell"] = frame.cell, atoms.cell.array
    if frame.energy is not None and np.ndim(energy := results.get("energy", "")) == 0 and not isinstance(energy, str):
        pairs["energy"] = frame.energy, energy
    return [
        f"other {name}: {ours} and {theirs}"
        for name, (ours, theirs) in pairs.items()
        if np.shape(ours) != np.shape(theirs) or not np.allclose(ours, theirs, rtol=1e-12, atol=0, equal_nan=True)
    ]
