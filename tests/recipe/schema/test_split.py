"""The split of a recipe: its defaults, and errors about contradictions."""

import pytest

from errors import refused
from gnnzoo.errors import RecipeError
from small import recipe


def split(**values):
    return recipe(data={"split": values}).data.split


def test_the_gap_is_measured_unless_a_number_is_given():
    assert split().gap == "auto"
    assert split(gap=0).gap == 0
    assert split(method="file", validation_files=["a*"], test_files=["b"]).test_files == ["b"]
    assert split(method="file").validation_files == []


@pytest.mark.parametrize(
    ("values", "key", "names"),
    [
        ({"gap": "atuo"}, ".gap", ["atuo", "Did you mean 'auto'?"]),
        ({"gap": -1}, ".gap", [-1]),
        ({"gap": 1.5}, ".gap", ["'auto', or a whole number"]),
        ({"method": "files"}, ".method", ["Did you mean 'file'?"]),
        ({"validation_files": ["a"]}, "", ["validation_files", '"file"', '"blocks"']),
        ({"method": "file", "validation_files": ["a"]}, "", ["test_files", "set test to 0"]),
        (
            {"method": "file", "train": 0.9, "test": 0, "validation_files": ["a"], "test_files": ["b"]},
            "",
            ["test_files", "test is 0"],
        ),
    ],
)
def test_contradictions_are_an_error_at_their_key(values, key, names):
    with refused(RecipeError, *names, key=f"data.split{key}"):
        split(**values)
