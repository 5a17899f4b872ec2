"""What the tests of whole workflows share: a folder for a module."""

import pytest


@pytest.fixture(scope="module")
def workshop(uncompiled, tmp_path_factory):
    """A working folder for all tests of a module; those that ask for `folder` run in one of their own."""
    folder = tmp_path_factory.mktemp("workshop")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder
