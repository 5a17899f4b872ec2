"""What the tests of whole workflows share: a folder for a module."""

import pytest

import gnnzoo.workflows.transfer as transferring


@pytest.fixture(scope="module")
def workshop(uncompiled, tmp_path_factory):
    """A working folder for all tests of a module; those that ask for `folder` run in one of their own."""
    folder = tmp_path_factory.mktemp("workshop")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def few_points():
    """Transfers look at two distances of each pair of atoms alone: for tests that do not look at pairs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transferring, "_POINTS", 2)
        yield
