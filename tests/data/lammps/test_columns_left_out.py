"""Dumps without ids, and dumps with elements in place of types."""

import numpy as np
import pytest

import gnnzoo
from errors import refused
from gnnzoo.errors import DataError

BOX = "ITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\n"


def dump(path, columns, *frames):
    """A dump of the rows of each frame."""
    texts = [
        f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(rows)}\n{BOX}ITEM: ATOMS {columns}\n"
        + "\n".join(rows)
        + "\n"
        for step, rows in enumerate(frames)
    ]
    path.write_text("".join(texts))
    return path


def water(*order):
    """Rows of a molecule, by number, with forces of their own."""
    rows = ["O 1 2 3 -1 0 0", "H 4 2 3 0.5 0 0", "H 8 2 3 0.25 0 0"]
    return [rows[number] for number in order]


@pytest.fixture
def element_only(folder):
    rows = [[f"{number + 1} {row}" for number, row in enumerate(water(0, 1, 2))]] * 2
    rows[1] = [*reversed(rows[1]), "4 C 6 6 6 0.125 0 0"]
    return dump(folder / "a.lammpstrj", "id element x y z fx fy fz", *rows)


def test_types_are_those_of_elements_in_alphabetical_order(element_only, caplog):
    with caplog.at_level("INFO"):
        made = gnnzoo.convert(element_only)
    for source in (element_only, made):
        with gnnzoo.open_dataset(source) as dataset:
            assert dataset.type_names == {1: "H", 2: "O", 3: "C"}  # C came later
            assert dataset[0].names.tolist() == ["O", "H", "H"] and dataset[0].types.tolist() == [2, 1, 1]
            assert dataset[1].names.tolist() == ["O", "H", "H", "C"]
            assert dataset[1].forces[:, 0].tolist() == [-1, 0.5, 0.25, 0.125]
    assert "column type" in caplog.text and "element" in caplog.text


@pytest.mark.parametrize("columns", [("type", "element"), ("element", "type")])
def test_frames_that_change_between_types_and_elements_are_refused(folder, columns):
    rows = {"type": ["1 1 1 1 1 0 0 0"], "element": ["1 O 1 1 1 0 0 0"]}
    one, other = (
        dump(folder / name, f"id {name} x y z fx fy fz", *[rows[name]] * count).read_text()
        for name, count in zip(columns, (1, 2), strict=True)
    )
    (folder / "a.lammpstrj").write_text(one + other[other.index("ITEM: TIMESTEP\n1") :])
    with refused(DataError, "columns change", file="a.lammpstrj", line=19, hint="separately"):
        gnnzoo.convert("a.lammpstrj")


def test_elements_that_lammps_made_up_name_no_type(folder):
    path = dump(folder / "a.lammpstrj", "id element x y z fx fy fz", ["1 C 1 1 1 0 0 0", "2 C 5 5 5 0 0 0"])
    with gnnzoo.open_dataset(path) as dataset:
        assert dataset.type_names == {1: "1"}
        assert any("C everywhere" in doubt for doubt in dataset.provenance["doubts"])


def test_neither_types_nor_elements_are_refused_with_the_dump_command(folder):
    path = dump(folder / "a.lammpstrj", "id x y z fx fy fz", ["1 1 1 1 0 0 0"])
    with refused(DataError, "type", "element", file=path, line=9, hint="id type x y z fx fy fz"):
        gnnzoo.open_dataset(path)


@pytest.mark.parametrize(("second", "kept"), [((0, 1, 2), True), ((2, 0, 1), False)])
def test_rows_without_ids_are_numbered_and_their_order_is_examined(folder, second, kept):
    path = dump(folder / "a.lammpstrj", "element x y z fx fy fz", water(0, 1, 2), water(*second))
    made = gnnzoo.convert(path)
    for source in (path, made):
        with gnnzoo.open_dataset(source) as dataset:
            assert [frame.ids.tolist() for frame in dataset] == [[1, 2, 3]] * 2
            assert np.array_equal(dataset[1].forces[:, 0], np.array([-1, 0.5, 0.25])[list(second)])
            (doubt,) = [doubt for doubt in dataset.provenance["doubts"] if "column id" in doubt]
            assert ("seems kept" in doubt) == kept and ("Atoms cannot be followed" in doubt) != kept
    assert any("column id" in doubt for doubt in made.doubts)


def test_a_single_frame_without_ids_shows_no_order(folder):
    path = dump(folder / "a.lammpstrj", "type x y z fx fy fz", ["2 1 1 1 0 0 0", "1 5 5 5 0 0 0"])
    with gnnzoo.open_dataset(path, types={1: "Ar", 2: "Kr"}) as dataset:
        assert dataset[0].names.tolist() == ["Kr", "Ar"]
        assert "With one frame" in dataset.provenance["doubts"][0]
