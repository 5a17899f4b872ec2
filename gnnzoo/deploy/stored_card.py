"""card.json as it is read: the keys that running a model needs, checked at the border."""

from pathlib import Path
from typing import Annotated

from annotated_types import Gt
from pydantic import AfterValidator, ConfigDict, Field, FiniteFloat, with_config
from typing_extensions import TypedDict

from gnnzoo.deploy.exported_folder import not_exported
from gnnzoo.errors import ModelError
from gnnzoo.file_formats import check_regular
from gnnzoo.json_records import LONGEST, parse_record
from gnnzoo.models.info import Text, TypeNumber, Units

_open = with_config(ConfigDict(extra="allow"))  # keys of later versions, and those that people read


def _distinct(species: list[str]) -> list[str]:
    if len(set(species)) != len(species):
        raise ValueError("names a species twice")
    return species


@_open
class StoredUnits(TypedDict):
    """Unit style, or None where the data declared none."""

    style: Units | None


@_open
class StoredGraph(TypedDict, total=False):
    """Pairs of species that are bonded within a molecule; None for any two different species."""

    bonds: list[Annotated[list[Text], Field(min_length=2, max_length=2)]] | None


@_open
class StoredRecipe(TypedDict):
    """The part of the recipe that a neighbour list needs."""

    graph: StoredGraph


@_open
class StoredCard(TypedDict):
    """What running an exported model needs of its card, see `deploy.card.Card`."""

    units: StoredUnits
    cutoff: Annotated[FiniteFloat, Gt(0)]
    types: dict[TypeNumber, Text]
    species: Annotated[list[Text], Field(min_length=1, max_length=1000), AfterValidator(_distinct)]
    molecules: bool
    recipe: StoredRecipe


def read_card(path: Path) -> StoredCard:
    """Read a card.json.

    Args:
        path: the file.

    Returns:
        Its content, exactly as it stands there.

    Raises:
        ModelError: it is missing, no JSON, or a key that is needed is missing or of another type; or a species has no
            type.
    """
    check_regular(path, "the card of an exported model", ModelError)
    try:
        if path.stat().st_size > LONGEST:
            raise ValueError(f"{path.stat().st_size:,} bytes, at most {LONGEST:,} are read")
        card = parse_record(path.read_bytes(), StoredCard)
        if missing := set(card["species"]) - set(card["types"].values()):
            raise ValueError(f"the species {min(missing)[:60]!r} has no type")
    except (OSError, ValueError) as error:
        raise not_exported(f"cannot be read: {error}", path, "the card of ") from error
    return card
