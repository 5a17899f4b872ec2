"""The information in a .keras file, read without Keras: our Keras archives hold one JSON file more."""

import json
import os
import zipfile
import zlib
from pathlib import Path

from gnnzoo.errors import Location, ModelError
from gnnzoo.models.info import ModelInfo, Origin
from gnnzoo.outputs import FULL

INFO_MEMBER = "gnnzoo.json"
# Exceptions that reading a damaged archive raises, depending on where the damage is.
DAMAGE = (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, KeyError, TypeError, OSError)
_LONGEST = 200  # characters quoted from another library's message: about two lines of a terminal
_LIST = "gnnzoo list shows the models in this folder"


def read_info(path: Path | str) -> ModelInfo:
    """Read the information in a .keras file, without its network.

    Args:
        path: the file.

    Returns:
        The information, with the recipe under "recipe".

    Raises:
        ModelError: the file does not exist, was not written by gnnzoo, or is damaged.
    """
    path = Path(path)
    location = Location(file=path)
    if not path.exists():
        raise ModelError("there is no such file", location=location, hint=_LIST)
    expected = "a .keras file written by gnnzoo train or gnnzoo transfer"
    if path.is_dir() or not zipfile.is_zipfile(path):
        raise ModelError("is not a Keras model", location=location, expected=expected, hint=_LIST)
    try:
        with zipfile.ZipFile(path) as archive:
            if INFO_MEMBER not in archive.namelist():
                what = "is not a model of gnnzoo: it holds no recipe"
                raise ModelError(what, location=location, expected=expected, hint=_LIST)
            return json.loads(archive.read(INFO_MEMBER))
    except DAMAGE as error:
        raise damaged(path, error) from error


def damaged(path: Path | str, error: Exception) -> ModelError:
    """The error to raise for a model that cannot be read.

    Args:
        path: the file.
        error: one of `DAMAGE`, raised while it was read.

    Returns:
        The error: no permission, full disk, or damaged.
    """
    location = Location(file=path)
    if isinstance(error, PermissionError):
        return ModelError("cannot be read: no permission", location=location)
    if isinstance(error, OSError) and error.errno in FULL:  # large weights are unpacked to disk first
        reason = os.strerror(error.errno)
        return ModelError(f"cannot be read: {reason}", location=location, hint="free some space")
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if len(reason) > _LONGEST:  # Keras quotes the whole configuration
        reason = reason[:_LONGEST] + " ..."
    return ModelError(
        f"is damaged or from another version: {reason}",
        location=location,
        hint="copy it again from where it was made, or train it again",
    )


def origins(info: ModelInfo) -> list[Origin]:
    """The chain of transfers that a model's weights went through.

    Args:
        info: information of the model.

    Returns:
        The origins, the most recent first; empty for a model trained from random weights.
    """
    chain, origin = [], info.get("origin")
    while origin:
        chain.append(origin)
        origin = origin.get("origin")
    return chain


def without_curves(origin: Origin | None) -> Origin | None:
    """Remove the dimer force curves from an origin and from those before it.

    Args:
        origin: of a model, or None.

    Returns:
        A copy for the provenance of another model.
    """
    if origin is None:
        return None
    kept = origin.copy()
    kept.pop("pairs", None)
    kept["origin"] = without_curves(origin.get("origin"))
    return kept
