"""gnnzoo: a declarative model zoo and command line for graph-neural-network force fields.

The public Python API; every name is imported on first use, so that `import gnnzoo` is fast. `train`, `transfer` and
`load_model` return the model (a `ForceField` with `.info`), the other workflows records with `to_json()`. Nothing is
printed: messages go to the logger `gnnzoo`, and `progress=True` of a long-running function shows a progress bar.

The first use of a name that needs TensorFlow sets defaults for TensorFlow (`gnnzoo.tensorflow_env`): the environment
variables TF_USE_LEGACY_KERAS, KERAS_BACKEND and TF_CPP_MIN_LOG_LEVEL where they are not set, and filters for warnings
of its packages after those of the program.
"""

import importlib
import importlib.metadata
import logging
import sys

logging.getLogger(__name__).addHandler(logging.NullHandler())

__version__ = importlib.metadata.version("gnnzoo")

_API = {
    "open_dataset": "gnnzoo.data.open_dataset",
    "Frame": "gnnzoo.data.frames.frame",
    "load_recipe": "gnnzoo.recipe.io.load",
    "build_model": "gnnzoo.workflows.models",
    "load_model": "gnnzoo.models.files",
    "convert": "gnnzoo.workflows.convert",
    "export": "gnnzoo.workflows.export",
    "inspect": "gnnzoo.workflows.inspect",
    "init": "gnnzoo.workflows.init",
    "train": "gnnzoo.workflows.train",
    "evaluate": "gnnzoo.workflows.evaluate",
    "transfer": "gnnzoo.workflows.transfer",
    "pairs": "gnnzoo.workflows.pairs",
    "freeze": "gnnzoo.workflows.freeze",
    "check": "gnnzoo.workflows.check",
    "lammps": "gnnzoo.workflows.lammps",
    "md": "gnnzoo.workflows.md",
    "report": "gnnzoo.workflows.report",
    "Calculator": "gnnzoo.deploy.ase_calculator",
}
_WITH_TENSORFLOW = {
    "build_model",
    "load_model",
    "convert",
    "train",
    "evaluate",
    "transfer",
    "pairs",
    "freeze",
    "check",
    "md",
    "report",
    "Calculator",
}
__all__ = ["__version__", *_API]


def __getattr__(name: str) -> object:
    if name in _API:
        if name in _WITH_TENSORFLOW and "tensorflow" not in sys.modules:
            importlib.import_module("gnnzoo.tensorflow_env").set_defaults()
        return getattr(importlib.import_module(_API[name]), name)
    raise AttributeError(f"module 'gnnzoo' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
