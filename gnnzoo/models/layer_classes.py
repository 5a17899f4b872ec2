"""From a layer's recipe entry to its Keras class, which is imported here and not before."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path

from gnnzoo.errors import Location, ModelError
from gnnzoo.layers.stack_layer import StackLayer
from gnnzoo.models.info import PackageInfo
from gnnzoo.recipe.layer_registry import Package, registry
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
        raise _unusable(entry, "it is no subclass of gnnzoo.layers.stack_layer.StackLayer")
    return found


def layer_packages(entries: Iterable[Entry]) -> dict[str, PackageInfo]:
    """Packages that the layers of a stack come from, other than gnnzoo itself.

    Args:
        entries: the stack of a recipe.

    Returns:
        By the layer's name, the name and the version of its package: what a model file stores.
    """
    packages = registry().packages
    return {
        entry.layer: {"package": packages[entry.layer].name, "version": packages[entry.layer].version}
        for entry in entries
        if entry.layer in packages
    }


def require_layers(packages: Mapping[str, PackageInfo], file: Path | str) -> None:
    """Check that the layers of a model file exist here.

    Args:
        packages: what the file stores: the package of each layer that does not come with gnnzoo.
        file: of the model.

    Raises:
        ModelError: the package of a layer is not installed, is of a version without it, or is broken.
    """
    for layer, known in packages.items():
        if layer in registry().entries:
            continue
        package = Package(known["package"], known["version"])
        broken = registry().broken.get(layer)
        raise ModelError(
            f"the layer '{layer}' {broken}" if broken else f"the layer '{layer}' needs the package {package.name}",
            location=Location(file=file),
            expected=f"{package.requirement}, with which the model was saved",
            hint=package.install,
        )


def _unusable(entry: Entry | type[Entry], reason: str) -> ModelError:
    """The error about a class that cannot be used, with the package that it comes from."""
    cls = entry if isinstance(entry, type) else type(entry)
    package = next((package for name, package in registry().packages.items() if registry().entries[name] is cls), None)
    source = f" of the package {package.name} {package.version}" if package else ""
    return ModelError(
        f"the layer class {entry.keras_class}{source} cannot be used: {reason}",
        hint=f"pip install -U {package.name}" if package else None,
    )
