"""What a .keras file says of itself, read without Keras: a Keras archive of ours carries one JSON file more."""

import json
import zipfile
from pathlib import Path

from gnnzoo.errors import ModelError, Place

INFO_MEMBER = "gnnzoo.json"


def read_info(path: Path | str) -> dict:
    """What a .keras file says of itself; the network is not touched, and nothing heavy is loaded.

    Raises:
        ModelError: there is no such file, or it is not one of ours.
    """
    path = Path(path)
    place = Place(file=path)
    if not path.exists():
        raise ModelError("there is no such file", place=place, hint="gnnzoo list shows the models in this folder")
    expected = "a .keras file written by gnnzoo train or gnnzoo transfer"
    if path.is_dir() or not zipfile.is_zipfile(path):
        raise ModelError("is not a Keras model", place=place, expected=expected)
    with zipfile.ZipFile(path) as archive:
        if INFO_MEMBER not in archive.namelist():
            raise ModelError("is not a model of gnnzoo: it carries no recipe", place=place, expected=expected)
        try:
            return json.loads(archive.read(INFO_MEMBER))
        except (ValueError, zipfile.BadZipFile) as error:
            raise ModelError(f"is damaged: {error}", place=place, expected=expected) from error
