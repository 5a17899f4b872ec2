"""What a .keras file says of itself, read without Keras: a Keras archive of ours carries one JSON file more."""

import json
import os
import zipfile
import zlib
from pathlib import Path

from gnnzoo.errors import Location, ModelError
from gnnzoo.outputs import FULL

INFO_MEMBER = "gnnzoo.json"
# What reading a damaged archive raises, depending on where the damage is.
DAMAGE = (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, KeyError, TypeError, OSError)
_LONGEST = 200  # characters of what an error below says
_LIST = "gnnzoo list shows the models in this folder"


def read_info(path: Path | str) -> dict:
    """What a .keras file says of itself; the network is not touched, and nothing heavy is loaded.

    Raises:
        ModelError: there is no such file, it is not one of ours, or it is damaged.
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
                what = "is not a model of gnnzoo: it carries no recipe"
                raise ModelError(what, location=location, expected=expected, hint=_LIST)
            return json.loads(archive.read(INFO_MEMBER))
    except DAMAGE as error:
        raise damaged(path, error) from error


def damaged(path: Path | str, error: Exception) -> ModelError:
    """What to say of a model that cannot be read because of `error`, one of `DAMAGE`."""
    if isinstance(error, PermissionError):
        return ModelError("cannot be read: no permission", location=Location(file=path))
    if isinstance(error, OSError) and error.errno in FULL:  # large weights are unpacked to disk first
        return ModelError(
            f"cannot be read: {os.strerror(error.errno)}", location=Location(file=path), hint="free some space"
        )
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    if len(reason) > _LONGEST:  # Keras tells the whole configuration
        reason = reason[:_LONGEST] + " ..."
    return ModelError(
        f"is damaged or from another version: {reason}",
        location=Location(file=path),
        hint="copy it again from where it was made, or train it again",
    )


def origins(info: dict) -> list[dict]:
    """Where a model's weights came from, the nearest first: what its file tells of each transfer."""
    found, origin = [], info.get("origin")
    while origin:
        found.append(origin)
        origin = origin.get("origin")
    return found


def without_curves(origin: dict | None) -> dict | None:
    """An origin, and those before it, as they go into the provenance of another model: without the pair curves."""
    if origin is None:
        return None
    kept = {key: value for key, value in origin.items() if key != "pairs"}
    return kept | {"origin": without_curves(origin.get("origin"))}
