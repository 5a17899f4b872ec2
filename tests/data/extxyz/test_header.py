"""Comment lines of extended XYZ: keys and values as ASE parses them, and what is refused."""

import numpy as np
import pytest
from ase.io.extxyz import key_val_str_to_dict
from hypothesis import given
from hypothesis import strategies as st

from errors import refused
from gnnzoo.data.extxyz.header import parse_header
from gnnzoo.errors import DataError, Location

KEYS = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,8}", fullmatch=True).filter(
    lambda key: key.lower() not in ("properties", "lattice", "virial", "stress", "uid")
)
NUMBERS = st.one_of(st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False))


def header(comment, n_atoms=1):
    from pathlib import Path

    return parse_header(comment, n_atoms, Location(Path("a.extxyz"), 2), 0)


def test_many_columns_are_refused_at_once():
    """A search whose time grows with the square of their number takes minutes."""
    columns = ":".join(f"c{number}:S:1" for number in range(200_000))
    with refused(DataError, "200,000", line=2):
        header(f"Properties={columns}")


@st.composite
def comments(draw):
    """Keys with numbers, arrays, booleans or words, in the quotes and braces that ASE reads."""
    parts = []
    for key in draw(st.lists(KEYS, min_size=1, max_size=5, unique=True)):
        words = draw(
            st.one_of(
                st.lists(NUMBERS.map(str), min_size=1, max_size=9),
                st.lists(st.sampled_from(["T", "F", "true", "False"]), min_size=1, max_size=3),
                st.lists(st.from_regex(r"[g-z][A-Za-z:/-]{0,5}", fullmatch=True), min_size=1, max_size=3),
            )
        )
        opening, closing = draw(st.sampled_from(['""', "''", "{}"]))
        text = " ".join(words)
        bare = len(words) == 1 and draw(st.booleans())
        space = draw(st.sampled_from(["", " "]))
        parts.append(f"{key}{space}={space}{text if bare else opening + text + closing}")
    return "  ".join(parts)


@given(comments())
def test_values_are_those_of_ase(comment):
    values = header(f"{comment} Properties=species:S:1:pos:R:3").values
    expected = key_val_str_to_dict(comment)
    assert set(values) == set(expected)
    for key, value in expected.items():
        if isinstance(value, list):
            assert values[key] == value
        elif np.asarray(value).dtype.kind in "fi":
            np.testing.assert_allclose(values[key], value, rtol=1e-15)
        else:
            assert values[key] == value, key


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"_JSON [[1, 2], [3, 4]]"', [[1, 2], [3, 4]]),
        ("[[1, 2], [3, 4]]", [[1, 2], [3, 4]]),
        ("[1, 2, 3]", [1, 2, 3]),
        ("{1 2 3}", [1, 2, 3]),
        ("1.5D2", 150.0),
        ("nan", np.nan),
    ],
)
def test_numbers_and_arrays(text, value):
    np.testing.assert_array_equal(header(f"k={text} Properties=species:S:1:pos:R:3").values["k"], value)


@pytest.mark.parametrize("text", ["1_000", '"_JSON [[1, 2], [3]]"', '"_JSON {\\"a\\": 1}"', "[" * 5000 + "]" * 5000])
def test_what_is_no_number_stays_what_it_is(text):
    assert not isinstance(header(f"k={text} Properties=species:S:1:pos:R:3").values["k"], float | np.ndarray)


def test_escaped_quotes_belong_to_the_value():
    assert header(r'k="a \"b\" \\" Properties=species:S:1:pos:R:3').values["k"] == r'a "b" \ '.strip()


def test_columns_are_named_and_placed():
    found = header("properties=species:S:1:pos:R:3:f:R:3:id:I:1").columns
    assert [(column.name, column.start, column.width) for column in found.values()] == [
        *[("species", 0, 1), ("pos", 1, 3), ("f", 4, 3), ("id", 7, 1)]
    ]


@pytest.mark.parametrize("comment", ["Water's molecule, E = -1", "i = 0, time = 0.5, E = -17.1", "", "{"])
def test_remarks_of_plain_xyz_are_no_error(comment):
    assert list(header(comment).columns) == ["species", "pos"]


@pytest.mark.parametrize(
    ("comment", "names"),
    [
        ('Properties=species:S:1:pos:R:3 k="open', ['"']),
        ("Properties=species:S:1:pos:R", ["Properties"]),
        ("Properties=species:S:1:pos:X:3", ["pos"]),
        ("Properties=species:S:1:pos:R:999999999999999999", ["pos"]),
        ("Properties=species:S:1:pos:R:3:pos:R:3", ["pos"]),
        ("Properties=species:S:1:pos:R:3 energy=1 energy=2", ["energy"]),
        ('Properties=species:S:1:pos:R:3 energy="-1".25', ["energy", ".25"]),
        ("Properties=species:S:1:pos:R:3 k={1 2 3}energy=-1", ["k", "energy=-1"]),
    ],
)
def test_broken_comment_lines_are_refused(comment, names):
    with refused(DataError, *names, file="a.extxyz", line=2):
        header(comment)
