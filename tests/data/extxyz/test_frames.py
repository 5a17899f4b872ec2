"""Frames that differ in what they hold: left out and named, and never in silence; files that cannot be read."""

import bz2
import gzip
import lzma
import resource

import numpy as np
import pyarrow as pa
import pytest

import gnnzoo
from errors import refused
from gnnzoo.data.extxyz import frames as reader
from gnnzoo.errors import DataError
from xyz_files import LATTICE, xyz_frame

FORCES = {"forces": 0.5}


def read(*texts, name="a.extxyz", **options):
    from pathlib import Path

    Path(name).write_text("".join(texts))
    made = gnnzoo.convert(name, "a.h5", overwrite=True, **options)
    with gnnzoo.open_dataset("a.h5") as dataset:
        return made, list(dataset), dataset.provenance


def named(messages, *parts):
    return any(all(str(part) in message for part in parts) for message in messages)


# --- frames -------------------------------------------------------------------------------------------------------


def test_an_isolated_atom_with_its_energy_has_no_force(folder):
    alone = xyz_frame({}, atoms="Ar", lattice="", energy=-3, config_type="IsolatedAtom")
    made, frames, provenance = read(xyz_frame(FORCES, energy=-1), alone)
    assert [len(frame) for frame in frames] == [2, 1]
    assert (frames[1].energy, frames[1].forces.tolist()) == (-3, [[0, 0, 0]])
    assert named(made.notes, "symmetry", "frame 1")
    assert provenance["quantities"]["groups"] == [["IsolatedAtom", 1]]


def test_other_frames_without_forces_are_left_out_and_named(folder):
    nan = xyz_frame({"forces": (np.nan,) * 3}, energy=-2)
    made, frames, provenance = read(xyz_frame({}, energy=-1), xyz_frame(FORCES, energy=-2), nan, "0\n" + LATTICE + "\n")
    assert [frame.energy for frame in frames] == [-2]
    assert named(made.doubts, "frame 0 (line 2)", "frame 2 (line 10)", "frame 3")
    assert [item["frame"] for item in provenance["quantities"]["left_out"]] == [0, 2, 3]


def test_a_file_of_unknown_forces_is_refused(folder):
    with refused(DataError, "forces", file="a.extxyz", expected="at least one"):
        read(xyz_frame({"forces": (np.nan,) * 3}))


def test_forces_that_are_not_finite_on_some_atoms_are_refused(folder):
    text = xyz_frame(FORCES).replace("0.25 -1.0\n", "nan -1.0\n", 1)
    with refused(DataError, "frame 1", "atom 1", file="a.extxyz", line=7):
        read(xyz_frame(FORCES), text)


@pytest.mark.parametrize(
    ("column", "field"),
    [({"charge": (0.1,)}, "charges"), ({"momenta": 1.0}, "velocities"), ({"mol": (1,)}, "molecules")],
)
@pytest.mark.parametrize("first", [True, False])
def test_optional_quantities_of_some_frames_are_left_out_and_named(folder, column, field, first):
    texts = [xyz_frame({**FORCES, **column})] * 2 + [xyz_frame(FORCES)] * 2
    made, frames, _ = read(*(texts if first else texts[::-1]))
    assert len(frames) == 4
    assert all(getattr(frame, field) is None for frame in frames)
    assert named(made.doubts, field, next(iter(column)), f"frame {2 if first else 0}")
    assert named(made.notes, "not used", next(iter(column)))
    assert getattr(read(*texts[:2])[1][0], field) is not None


def test_optional_quantities_that_are_not_finite_are_left_out_too(folder):
    made, frames, _ = read(xyz_frame({**FORCES, "charge": (0.1,)}), xyz_frame({**FORCES, "charge": (np.nan,)}))
    assert [frame.charges for frame in frames] == [None, None]
    assert named(made.doubts, "charge", "frame 1")


def test_frames_that_are_left_out_do_not_count(folder):
    made, frames, _ = read(xyz_frame({**FORCES, "charge": (0.1,)}), xyz_frame({}))
    assert frames[0].charges.tolist() == [0.1, 0.1]
    assert named(made.doubts, "frame 1")


def test_energies_and_virials_may_be_missing_in_some_frames(folder):
    texts = [
        xyz_frame(FORCES, energy=-1, virial="4 0 0 0 4 0 0 0 4"),
        xyz_frame(FORCES),
        xyz_frame(FORCES, energy="nan"),
    ]
    made, frames, _ = read(*texts)
    assert [frame.energy for frame in frames] == [-1, None, None]
    assert [frame.virial is None for frame in frames] == [False, True, True]
    assert named(made.notes, "energy from energy (1 of 3 frames)", "virial from virial (1 of 3 frames)")


@pytest.mark.parametrize("odd", ["unknown", "1 2 3", "_JSON [[1, 2], [3]]", "1 2 3 4 5 x"])
def test_an_odd_virial_is_left_out_of_its_frame(folder, odd):
    made, frames, _ = read(xyz_frame(FORCES, virial="4 0 0 0 4 0 0 0 4"), xyz_frame(FORCES, virial=odd))
    assert [frame.virial is None for frame in frames] == [False, True]
    assert named(made.doubts, "virial", "frame 1", "9")
    made, frames, _ = read(xyz_frame(FORCES, virial=odd))
    assert frames[0].virial is None
    assert named(made.doubts, "virial", "frame 0")


def test_both_candidates_in_different_frames_are_a_choice(folder):
    texts = [xyz_frame({"forces": 0.5}), xyz_frame({"REF_forces": 0.5})]
    with refused(DataError, hint="--column forces=REF_forces"):
        read(*texts)
    assert named(read(*texts, columns={"forces": "REF_forces"})[0].doubts, "frame 0")


@pytest.mark.parametrize(
    ("steps", "expected"), [((5, 7), [5, 7]), ((5, 0.5), [0, 1]), ((5, "x"), [0, 1]), ((5, "nan"), [0, 1])]
)
def test_steps_are_whole_numbers_of_all_frames_or_counted(folder, steps, expected):
    made, _, _ = read(*(xyz_frame(FORCES, step=step, time="inf") for step in steps))
    with gnnzoo.open_dataset(made) as dataset:
        assert dataset.steps.tolist() == expected
        assert dataset[0].time is None


# --- cells --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "boundary"),
    [
        ("", ("pp", "pp", "pp")),
        ('pbc="T T F"', ("pp", "pp", "ff")),
        ('pbc="1 0 1"', ("pp", "ff", "pp")),
        ("pbc=F", ("ff", "ff", "ff")),
        ("pbc=[T,F,F]", ("pp", "ff", "ff")),
        ('PBC="true false true"', ("pp", "ff", "pp")),
    ],
)
def test_periodic_directions(folder, words, boundary):
    assert read(xyz_frame(FORCES, words))[1][0].boundary == boundary


def test_periodic_directions_may_change_from_frame_to_frame(folder):
    _, frames, _ = read(xyz_frame(FORCES), xyz_frame(FORCES, 'pbc="F F F"'), xyz_frame(FORCES, lattice=""))
    assert [frame.boundary[0] for frame in frames] == ["pp", "ff", "ss"]


def test_periodic_directions_without_a_lattice_are_a_doubt(folder):
    assert named(read(xyz_frame(FORCES, 'pbc="T T T"', lattice=""))[0].doubts, "frame 0", "x y z")


@pytest.mark.parametrize(
    "lattice",
    [
        'Lattice="9 0 0"',
        'Lattice="9 0 0 0 9 0 0 0 nan"',
        'Lattice="1 0 0 2 0 0 0 0 1"',
        "Lattice=[[1,2,3],[0,1,0],[0,0,1]]",
    ],
)
def test_lattices_that_are_no_cell_are_refused(folder, lattice):
    with refused(DataError, "frame 0", file="a.extxyz", line=2):
        read(xyz_frame(FORCES, lattice=lattice))


def test_a_cell_under_another_name_is_not_overlooked(folder):
    with refused(DataError, "cell", file="a.extxyz", line=2, hint="sed -i 's/cell=/Lattice=/' a.extxyz"):
        read(xyz_frame(FORCES, lattice='cell="9 0 0 0 9 0 0 0 9"'))
    assert read(xyz_frame(FORCES, lattice='lattice="9 0 0 0 8 0 0 0 7"'))[1][0].volume == pytest.approx(504)


def test_species_by_number_or_by_name(folder):
    text = xyz_frame(FORCES, atoms="18 1").replace("species:S:1", "Z:I:1")
    assert list(read(text)[1][0].names) == ["Ar", "H"]
    assert list(read(xyz_frame(FORCES, atoms="AR cu"))[1][0].names) == ["Ar", "Cu"]
    _, (frame,), _ = read(xyz_frame(FORCES, atoms="2 1"), types={"1": "H", "2": "O"})
    assert (list(frame.names), frame.types.tolist()) == (["O", "H"], [2, 1])


@pytest.mark.parametrize("word", ["1\0", "1_0", "1e1_0", "0x1", "1d3", "\u0661", "1,5"])
def test_words_that_only_look_like_numbers_are_refused(folder, word):
    with refused(DataError, file="a.extxyz", line=3):
        read(xyz_frame(FORCES).replace(" 0.5 ", f" {word} ", 1))


# --- files --------------------------------------------------------------------------------------------------------

COMPRESSED = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "zst": lambda text: pa.compress(text, codec="zstd", asbytes=True),
}


@pytest.mark.parametrize("suffix", COMPRESSED)
@pytest.mark.parametrize("name", ["run.extxyz", "run.xyz"])
def test_compressed_files(folder, name, suffix):
    (folder / f"{name}.{suffix}").write_bytes(COMPRESSED[suffix]((xyz_frame(FORCES) * 3).encode()))
    made = gnnzoo.convert(f"{name}.{suffix}")
    assert (str(made.path), made.frames) == ("run.h5", 3)


@pytest.mark.parametrize("suffix", ["gz", "xz", "bz2"])
def test_damaged_archives_are_refused(folder, suffix):
    whole = COMPRESSED[suffix]((xyz_frame(FORCES) * 50).encode())
    (folder / f"a.xyz.{suffix}").write_bytes(whole[: len(whole) * 2 // 3])
    with refused(DataError, file=f"a.xyz.{suffix}", hint=f" -t a.xyz.{suffix}"):
        gnnzoo.convert(f"a.xyz.{suffix}")


def test_empty_lines_and_line_ends_of_windows(folder):
    text = xyz_frame(FORCES)
    assert len(read("\n\n", text, "\n", text, "\n \n")[1]) == 2
    (folder / "b.extxyz").write_bytes(text.replace("\n", "\r\n").encode())
    assert gnnzoo.open_dataset("b.extxyz")[0].forces[0, 0] == 0.5


def test_files_are_recognised_by_their_first_line(folder):
    (folder / "train.txt").write_text(xyz_frame(FORCES))
    assert gnnzoo.open_dataset("train.txt")[0].forces[0, 0] == 0.5
    for suffix, compress in COMPRESSED.items():
        (folder / f"train.{suffix}").write_bytes(compress(xyz_frame(FORCES).encode()))
        assert gnnzoo.open_dataset(f"train.{suffix}")[0].forces[0, 0] == 0.5


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        (xyz_frame(FORCES).replace("2\n", "1000000000\n", 1), 1, None),
        (xyz_frame(FORCES) * 2 + xyz_frame(FORCES).replace("2\n", "1000000000\n", 1), 9, "head -n 8 a.extxyz"),
        (xyz_frame(FORCES).replace("2\n", "3\n", 1), 1, None),
        (xyz_frame(FORCES) + xyz_frame(FORCES).replace("2\n", "1\n", 1), 8, None),
        (xyz_frame(FORCES).replace("2\n", "3\n", 1) + xyz_frame(FORCES), 6, None),
        (xyz_frame(FORCES).replace("0.25", "0.25 7", 1), 3, None),
        (xyz_frame(FORCES).replace("0.25", "x", 1), 3, None),
        ("2\n", 1, None),
        ("", None, None),
        ("two\n", 1, None),
        ("9" * 5000 + "\n", 1, None),
        ("\0" * 100, 1, None),
        ("2\n" + "k" * (reader.COMMENT_LIMIT + 1), 2, None),
        (xyz_frame(FORCES).replace("0.25", "0" * reader.ROW_LIMIT, 1), 3, None),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_files_that_are_not_what_they_announce(folder, text, line, hint, suffix):
    name = f"a.extxyz{suffix}"
    (folder / name).write_bytes(gzip.compress(text.encode()) if suffix else text.encode())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with refused(DataError, file=name, line=line, hint=None if suffix else hint):
        gnnzoo.convert(name, "a.h5")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB
    assert not (folder / "a.h5").exists()


def test_frames_of_absurd_size_are_refused_before_they_are_stored(folder, monkeypatch):
    monkeypatch.setattr(reader, "FRAME_LIMIT", 1000)
    (folder / "a.xyz.gz").write_bytes(gzip.compress((f"100000\n{LATTICE}\n" + "Ar 1 2 3\n" * 100_000).encode()))
    with refused(DataError, "frame 0", file="a.xyz.gz", line=1):
        gnnzoo.open_dataset("a.xyz.gz")


def test_archives_that_expand_as_no_numbers_do_are_refused(folder, monkeypatch):
    monkeypatch.setattr("gnnzoo.data.compression._EXPANDED", 10_000)
    (folder / "a.xyz.gz").write_bytes(gzip.compress(xyz_frame(FORCES).encode() * 5000))
    with refused(DataError, file="a.xyz.gz", hint="gunzip -k a.xyz.gz"):
        gnnzoo.open_dataset("a.xyz.gz")


def test_more_keys_than_quantities_are_refused(folder):
    words = [f"k{number}=1" for number in range(3000)]
    with refused(DataError, file="a.extxyz", line=2):
        read(xyz_frame(FORCES, *words))


def test_a_column_of_numbers_in_the_place_of_species_is_refused(folder, monkeypatch):
    """Each species costs time and memory; a file of 200,000 distinct ones did not end."""
    monkeypatch.setattr("gnnzoo.data.extxyz.dataset.MAX_SPECIES", 3)
    with refused(DataError, "3 species", file="a.extxyz", hint="species"):
        read(xyz_frame(FORCES, atoms="1.5 1.25 1.75"), xyz_frame(FORCES, atoms="1.5 2.25"))
