"""Keras layers of the stack: each takes the graph, a dict of tensors, and returns what it changes in it.

Importing this package imports all its modules, so that every layer is registered by its name in recipes
(`registry.LAYERS`) and Keras can load saved models.
"""

from importlib import import_module
from pkgutil import iter_modules

from gnnzoo.layers.registry import LAYERS

__all__ = ["LAYERS"]

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
