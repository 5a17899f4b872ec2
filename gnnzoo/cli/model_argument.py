"""The argument MODEL of every command that runs a model."""

import os


def check_models(*paths: str | None) -> None:
    """Refuse what is no model before TensorFlow is imported, which takes seconds.

    Args:
        paths: of models; folders, and what does not exist, are left to the command.

    Raises:
        ModelError: a file was not written by gnnzoo, or is damaged.
    """
    from gnnzoo.models.archive import read_info

    for path in paths:
        if path is not None and os.path.lexists(path) and not os.path.isdir(path):
            read_info(path)
