"""gnnzoo: a declarative model zoo and command line for graph-neural-network force fields.

The public Python API; every name is imported on first use, so that `import gnnzoo` costs nothing.
"""

import importlib
import importlib.metadata
import logging

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


def __getattr__(name: str):
    if name in _API:
        return getattr(importlib.import_module(_API[name]), name)
    raise AttributeError(f"module 'gnnzoo' has no attribute '{name}'")


def __dir__():
    return sorted(__all__)
