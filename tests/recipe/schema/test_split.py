"""What a recipe may say of its split, and what it is told where that does not go together."""

import pytest

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
    ("values", "message"),
    [
        ({"gap": "atuo"}, "data.split.gap: \"atuo\" is not possible. Did you mean 'auto'?"),
        ({"gap": -1}, "data.split.gap: -1 is not possible"),
        ({"gap": 1.5}, "expected: 'auto', or a whole number"),
        ({"method": "files"}, "Did you mean 'file'?"),
        ({"validation_files": ["a"]}, 'validation_files and test_files need method "file", not "blocks"'),
        (
            {"method": "file", "validation_files": ["a"]},
            "files are named, but test_files names none: name some, or set test to 0",
        ),
        (
            {"method": "file", "train": 0.9, "test": 0, "validation_files": ["a"], "test_files": ["b"]},
            "test_files names files, but test is 0: give it a share, or name none",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(values, message):
    with pytest.raises(RecipeError) as caught:
        split(**values)
    assert message in str(caught.value)
