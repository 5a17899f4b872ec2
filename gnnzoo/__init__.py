"""gnnzoo: a declarative model zoo and command line for graph-neural-network force fields.

The public Python API; every name is imported on first use, so that `import gnnzoo` is fast. Nothing is printed:
messages go to the logger `gnnzoo`, and `progress=True` of a function shows a progress bar.
"""

import importlib
import importlib.metadata
import logging
import sys

logging.getLogger(__name__).addHandler(logging.NullHandler())

__version__ = importlib.metadata.version("gnnzoo")

_API = {
    "open_dataset": "gnnzoo.data.open_dataset",
    "load_recipe": "gnnzoo.recipe.io.load",
    "build_model": "gnnzoo.workflows.models",
    "load_model": "gnnzoo.workflows.models",
    "convert": "gnnzoo.workflows.convert",
    "export": "gnnzoo.workflows.export",
    "inspect": "gnnzoo.workflows.inspect",
    "init": "gnnzoo.workflows.init",
    "train": "gnnzoo.workflows.train",
    "evaluate": "gnnzoo.workflows.evaluate",
    "transfer": "gnnzoo.workflows.transfer",
    "pairs": "gnnzoo.workflows.pairs",
    "freeze": "gnnzoo.workflows.freeze",
}
__all__ = ["__version__", *_API]


def __getattr__(name: str) -> object:
    if name in _API:
        if "tensorflow" not in sys.modules:
            importlib.import_module("gnnzoo.tensorflow_env").quiet_tensorflow()
        return getattr(importlib.import_module(_API[name]), name)
    raise AttributeError(f"module 'gnnzoo' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
