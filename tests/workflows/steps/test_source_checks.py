"""Sources that `gnnzoo validate` refuses without reading them."""

import json
import os

import pytest

from errors import refused
from gnnzoo.errors import RecipeError
from gnnzoo.workflows.recipes import validate
from small import recipe

BY_FILE = {"method": "file", "train": 0.5, "validation": 0.5, "test": 0}


def written(folder, source, **split):
    """A recipe file with these sources and split."""
    data = {"source": source, "split": BY_FILE | split}
    path = folder / "r.json"
    path.write_text(json.dumps(recipe(data=data).model_dump(mode="json", exclude_none=True, exclude_defaults=True)))
    return path


@pytest.mark.parametrize("name", ["b.extxyz", "b.*", "sub/b.extxyz"])
def test_a_file_for_validation_that_is_a_source_is_accepted(folder, name):
    assert validate([written(folder, ["a.extxyz", "sub/b.extxyz"], validation_files=[name])])


def test_a_file_for_validation_that_is_no_source_is_refused(folder):
    path = written(folder, ["a.extxyz", "b.extxyz"], validation_files=["c.extxyz"])
    with refused(RecipeError, "'c.extxyz'", file=path, key="data.source", expected="a.extxyz, b.extxyz"):
        validate([path])


def test_files_of_datasets_are_known_only_to_the_training(folder):
    assert validate([written(folder, ["a.h5", "b.h5"], validation_files=["run3.lammpstrj"])])


def test_too_few_files_are_refused(folder):
    path = written(folder, "a.extxyz")
    with refused(RecipeError, "1 file", file=path, hint="data.split.method"):
        validate([path])


def test_a_source_that_can_be_read_only_once_is_refused(folder):
    os.mkfifo(folder / "pipe")
    with refused(RecipeError, file="pipe", hint="gnnzoo convert pipe"):
        validate([written(folder, "pipe", method="blocks")])
