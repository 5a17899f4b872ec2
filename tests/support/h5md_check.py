"""What the text of H5MD 1.1 (https://www.nongnu.org/h5md/releases/h5md-1.1.0.html) demands, held against a file.

Written from the text and without any of gnnzoo's own code. `problems` names each rule that is broken.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

FLOAT_OR_INTEGER, INTEGER = "fiu", "iu"
# Element -> kinds of number that it may hold, and the shape of one frame of it; N is the number of particles.
ELEMENTS = {
    "position": (FLOAT_OR_INTEGER, ("N", 3)),
    "image": (FLOAT_OR_INTEGER, ("N", 3)),
    "velocity": (FLOAT_OR_INTEGER, ("N", 3)),
    "force": (FLOAT_OR_INTEGER, ("N", 3)),
    "mass": ("f", ("N",)),
    "species": (INTEGER, ("N",)),
    "id": (INTEGER, ("N",)),
    "charge": (FLOAT_OR_INTEGER, ("N",)),
}
_FACTOR = re.compile(r"[A-Za-z]+([+-]?[1-9][0-9]*)?")


def problems(path: Path) -> list[str]:
    """The rules that a file breaks, in sentences; none where it is H5MD."""
    with h5py.File(path) as file:
        return [*_metadata(file), *_particles(file), *_observables(file), *_units(file)]


def _metadata(file: h5py.File) -> Iterator[str]:
    if "h5md" not in file:
        yield "there is no group h5md"
        return
    if not _is_version(file["h5md"].attrs.get("version"), (1, 1)):
        yield "h5md: version is not the integers 1 1"
    for name, attributes in (("author", ["name"]), ("creator", ["name", "version"])):
        for attribute in attributes:
            held = file["h5md"].get(name)
            if not isinstance(held, h5py.Group) or attribute not in held.attrs:
                yield f"h5md/{name}: has no {attribute}"
            elif not _is_fixed_string(held, attribute, ()):
                yield f"h5md/{name}: {attribute} is no string of fixed length"
    for name, module in file["h5md"].get("modules", {}).items():
        if not _is_version(module.attrs.get("version")):
            yield f"h5md/modules/{name}: version is not two integers"


def _is_version(value, wanted: tuple[int, int] | None = None) -> bool:
    value = np.asarray(value)
    return value.dtype.kind in INTEGER and value.shape == (2,) and (wanted is None or tuple(value) == wanted)


def _is_fixed_string(item, attribute: str, shape: tuple[int, ...]) -> bool:
    held = item.attrs.get_id(attribute)
    is_string = h5py.check_string_dtype(held.dtype)
    return held.shape == shape and is_string is not None and is_string.length is not None


def _particles(file: h5py.File) -> Iterator[str]:
    for group in file.get("particles", {}).values():
        yield from _box(group)
        if "image" in group and "position" not in group:
            yield "image without position"
        shape = group["position/value"].shape if "position/value" in group else None
        for name, item in group.items():
            if name == "box":
                continue
            broken = list(_element(item))
            yield from broken
            if broken:
                continue
            value = item["value"] if isinstance(item, h5py.Group) else item
            kinds, expected = ELEMENTS.get(name, (FLOAT_OR_INTEGER, None))
            if value.dtype.kind not in kinds:
                yield f"{item.name}: its numbers are {value.dtype}"
            own = value.shape[isinstance(item, h5py.Group) :]
            if expected and shape and own != tuple(shape[1] if size == "N" else size for size in expected):
                yield f"{item.name}: has the shape {value.shape}, and position {shape}"
        yield from _linked(group, "image")
        yield from _ids(group.get("id"), shape)


def _linked(group: h5py.Group, name: str) -> Iterator[str]:
    """`step` and `time` are to be those of position, through hard links."""
    if isinstance(group.get(name), h5py.Group) and "position" in group:
        for axis in ("step", "time"):
            if group[name].get(axis) != group["position"].get(axis):
                yield f"{group[name].name}/{axis}: is no hard link to that of position"


def _box(group: h5py.Group) -> Iterator[str]:
    box = group.get("box")
    if box is None:
        yield f"{group.name}: has no box"
        return
    dimension = np.asarray(box.attrs.get("dimension"))
    if dimension.dtype.kind not in INTEGER or dimension.shape != () or dimension != 3:
        yield f"{box.name}: dimension is {dimension}"
    if "boundary" not in box.attrs or not _is_fixed_string(box, "boundary", (3,)):
        yield f"{box.name}: boundary is not three strings of fixed length"
        return
    words = {word.decode() for word in box.attrs["boundary"]}
    if not words <= {"periodic", "none"}:
        yield f"{box.name}: boundary is {words}"
    if "edges" not in box:
        if words != {"none"}:
            yield f"{box.name}: has no edges"
        return
    yield from _element(box["edges"])
    yield from _linked(group, "box/edges")
    value = box["edges"]["value"] if isinstance(box["edges"], h5py.Group) else box["edges"]
    if value.shape[isinstance(box["edges"], h5py.Group) :] not in ((3,), (3, 3)):
        yield f"{box.name}/edges: has the shape {value.shape}"


def _ids(item, shape) -> Iterator[str]:
    """Each identifier once in a frame; the fill value, where the file defines one, is that of no particle."""
    if not isinstance(item, h5py.Group):
        rows = [] if item is None else [item[()]]
        nothing = None
    else:
        rows, value = item["value"][()], item["value"]
        defined = value.id.get_create_plist().fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED
        nothing = value.fillvalue if defined else None
    for row in rows:
        real = row if nothing is None else row[row != nothing]
        if len(np.unique(real)) != len(real):
            yield f"{item.name}: an identifier comes twice"


def _element(item) -> Iterator[str]:
    """An element that changes in time is a group of step, value and perhaps time; another one is a dataset."""
    if isinstance(item, h5py.Dataset):
        return
    if "step" not in item or "value" not in item:
        yield f"{item.name}: has no step and value"
        return
    step, length = item["step"], len(item["value"])
    if step.dtype.kind not in INTEGER:
        yield f"{item.name}/step: holds no integers"
    for name, series in (("step", step), ("time", item.get("time"))):
        if series is None or series.shape == ():
            continue
        if series.shape != (length,):
            yield f"{item.name}/{name}: has the shape {series.shape} for {length} frames"
        known = series[()][np.isfinite(series[()])]  # no number where it is unknown
        if np.any(np.diff(known) < 0):
            yield f"{item.name}/{name}: goes back"


def _observables(file: h5py.File) -> Iterator[str]:
    def visit(group: h5py.Group) -> Iterator[str]:
        for item in group.values():
            if isinstance(item, h5py.Dataset) or "value" in item or "step" in item:
                yield from _element(item)
            else:
                yield from visit(item)

    if "observables" in file:
        yield from visit(file["observables"])


def _units(file: h5py.File) -> Iterator[str]:
    """The module `units`: a system, and units that are factors of a symbol and perhaps a power."""
    found = []

    def visit(_name: str, item) -> None:
        if "unit" in item.attrs:
            found.append(item)

    file.visititems(visit)
    module = file.get("h5md/modules/units")
    if module is not None and not _is_text(module, "system"):
        yield "h5md/modules/units: system is no string of variable length"
    if found and module is None:
        yield "units without the module units"
    for item in found:
        if not _is_text(item, "unit"):
            yield f"{item.name}: its unit is no ASCII string of variable length"
            continue
        factors = item.attrs["unit"].split(" ")
        if not all(_FACTOR.fullmatch(factor) for factor in factors):
            yield f"{item.name}: the unit is '{item.attrs['unit']}'"


def _is_text(item, attribute: str) -> bool:
    if attribute not in item.attrs:
        return False
    held = item.attrs.get_id(attribute)
    kind = h5py.check_string_dtype(held.dtype)
    return held.shape == () and kind is not None and kind.length is None and kind.encoding == "ascii"
