"""From a layer's recipe entry to its Keras class, which is imported here and not before."""

from collections.abc import Iterable
from importlib import import_module

from gnnzoo.errors import ModelError
from gnnzoo.layers.basic import StackLayer
from gnnzoo.recipe.layer_registry import registry
from gnnzoo.recipe.schema.entry import Entry


def layer_class(entry: Entry | type[Entry]) -> type[StackLayer]:
    """Import the Keras class of a layer, which also registers it for loading.

    Args:
        entry: of the layer, or its class.

    Returns:
        The class that `entry.keras_class` names.

    Raises:
        ModelError: the package of the layer cannot be imported, or the class is not a `StackLayer`.
    """
    module, _, name = entry.keras_class.partition(":")
    try:
        found = getattr(import_module(module), name)
    except Exception as error:
        raise _unusable(entry, f"{type(error).__name__}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, StackLayer)):
        raise _unusable(entry, "it is no subclass of gnnzoo.layers.basic.StackLayer")
    return found


def import_layers(entries: Iterable[Entry]) -> None:
    """Import the Keras classes of these entries, so that Keras can load a model that has them.

    Args:
        entries: the stack of a recipe.
    """
    for entry in entries:
        layer_class(entry)


def _unusable(entry: Entry | type[Entry], reason: str) -> ModelError:
    """The error about a class that cannot be used; a fault of gnnzoo's own layers is none of the user."""
    cls = entry if isinstance(entry, type) else type(entry)
    package = next((package for name, package in registry().packages.items() if registry().entries[name] is cls), None)
    source = f" of the package {package.name} {package.version}" if package else ""
    return ModelError(
        f"the layer class {entry.keras_class}{source} cannot be used: {reason}",
        hint=f"pip install --upgrade {package.name}" if package else None,
    )
