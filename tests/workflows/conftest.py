"""What the tests of whole workflows share: a folder for a module, and steps that are not compiled."""

import pytest


@pytest.fixture(scope="module")
def uncompiled():
    """Steps run as they are written: to compile the few steps of a test takes five times as long as to run them."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def workshop(uncompiled, tmp_path_factory):
    """A working folder for all tests of a module; those that ask for `folder` run in one of their own."""
    folder = tmp_path_factory.mktemp("workshop")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder
