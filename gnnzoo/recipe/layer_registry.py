"""The layers that recipes may name: those of gnnzoo, and those of installed packages.

A package adds layers by entry points of the group `gnnzoo.layers`: the name is that of the layer, the object is its
entry, a subclass of `gnnzoo.recipe.schema.entry.Entry`. They are loaded when the recipe's schema is imported. A layer
that cannot be loaded is left out, with a warning when the first recipe is loaded, and is an error for recipes that name
it.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from types import MappingProxyType
from typing import get_args

from gnnzoo.recipe.schema import equivariant_layers, heads, layers
from gnnzoo.recipe.schema.entry import Entry

GROUP = "gnnzoo.layers"
_BUILT_IN = (layers, equivariant_layers, heads)  # in the order in which the schema lists their layers
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Package:
    """An installed distribution that adds layers."""

    name: str
    version: str

    @property
    def requirement(self) -> str:
        """What pip calls exactly this version."""
        return f"{self.name}=={self.version}"

    @property
    def install(self) -> str:
        """Command that installs it."""
        return f"pip install {self.requirement}"


@dataclass(frozen=True)
class BrokenLayer:
    """A layer that an installed package offers and that cannot be used.

    Attributes:
        package: that offers it.
        reason: why it cannot be used.
    """

    package: Package
    reason: str

    def __str__(self) -> str:
        return f"of the package {self.package.name} {self.package.version} cannot be used: {self.reason}"


@dataclass(frozen=True)
class LayerRegistry:
    """All layers, by the names that recipes use.

    Attributes:
        entries: class of the entry, gnnzoo's own layers first.
        packages: of layers that do not come with gnnzoo, the package that adds them.
        broken: layers that installed packages offer and that cannot be used.
    """

    entries: Mapping[str, type[Entry]]
    packages: Mapping[str, Package]
    broken: Mapping[str, BrokenLayer]


@cache
def registry() -> LayerRegistry:
    """All layers; packages are searched once in a process.

    Returns:
        Entries by name, the packages that they come from, and layers that cannot be used.
    """
    entries = {
        layer_name(entry): entry for module in _BUILT_IN for entry in vars(module).values() if _is_layer_entry(entry)
    }
    own, packages, broken = set(entries), {}, {}
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, _package(point).name))
    offers = Counter(point.name for point in points)
    for point in points:
        package = _package(point)
        try:
            if point.name in own:
                raise ValueError("gnnzoo has a layer of this name")
            if offers[point.name] > 1:
                others = sorted({_package(other).name for other in points if other.name == point.name} - {package.name})
                raise ValueError(f"{' and '.join(others) or 'it'} offers a layer of this name, too")
            entries[point.name] = _load(point)
            packages[point.name] = package
        except Exception as error:  # whatever the import of a foreign module raises
            reason = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
            broken[point.name] = BrokenLayer(package, reason)
    return LayerRegistry(*map(MappingProxyType, (entries, packages, broken)))


@cache
def warn_about_broken_layers() -> None:
    """Log a warning for each layer of an installed package that cannot be used; once in a process."""
    for name, layer in registry().broken.items():
        _log.warning("the layer '%s' %s", name, layer)


def layers_with(**traits: object) -> list[str]:
    """Names of the layers with these traits.

    Args:
        traits: attributes of `LayerTraits` and their values.

    Returns:
        Names in the order of the schema.
    """
    return [
        name
        for name, entry in registry().entries.items()
        if all(getattr(entry.traits, trait) == value for trait, value in traits.items())
    ]


def missing_packages(names: Iterable[str]) -> list[str]:
    """Packages that are not installed.

    Args:
        names: of distributions.

    Returns:
        Those of them that are missing, in their order.
    """
    return [name for name in names if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def layer_name(entry: type[Entry]) -> str:
    """Name by which recipes call a layer.

    Args:
        entry: class of the layer's entry.

    Returns:
        The one value of its field `layer`.

    Raises:
        ValueError: it has no such field, or one with several values.
    """
    names = get_args(entry.model_fields["layer"].annotation) if "layer" in entry.model_fields else ()
    if len(names) != 1:
        raise ValueError(f"{entry.__name__} has no field layer: Literal[NAME]")
    return str(names[0])


def _is_layer_entry(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Entry) and "layer" in value.model_fields


def _package(point: EntryPoint) -> Package:
    return Package(point.dist.name, point.dist.version) if point.dist else Package("unknown", "0")


def _load(point: EntryPoint) -> type[Entry]:
    """The entry that an entry point names, if it is one."""
    entry = point.load()
    if not (isinstance(entry, type) and issubclass(entry, Entry)):
        raise ValueError(f"{point.value} is no subclass of gnnzoo.recipe.schema.entry.Entry")
    if layer_name(entry) != point.name:
        raise ValueError(f"{point.value} is the entry of a layer '{layer_name(entry)}'")
    if not hasattr(entry, "keras_class"):
        raise ValueError(f"{point.value} names no keras_class")
    return entry
