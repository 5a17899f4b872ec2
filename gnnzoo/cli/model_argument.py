"""The argument MODEL of every command that runs a model."""

import os


def check_models(*paths: str | None) -> None:
    """Refuse what is no model before TensorFlow is imported, which takes seconds.

    Args:
        paths: of models; exported ones, which are folders, are left to the command.

    Raises:
        ModelError: a file does not exist, was not written by gnnzoo, or is damaged.
    """
    from gnnzoo.deploy.exported_folder import CARD
    from gnnzoo.models.archive import read_info

    for path in paths:
        if path is not None and not os.path.lexists(os.path.join(path, CARD)):
            read_info(path)
