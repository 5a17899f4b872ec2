"""What the caller says about data that do not say it themselves: their units, the names of their types.

A declaration fills in what is missing. Where it contradicts the data it is refused: never mixed in silence.
"""

from collections.abc import Mapping
from typing import TypeVar

from gnnzoo import units as unit_styles
from gnnzoo.data.frames import Dataset
from gnnzoo.errors import DataError, Location

D = TypeVar("D", bound=Dataset)


def agreed_units(found: str | None, declared: str | None, location: Location) -> str | None:
    """The unit style of data that say `found` of themselves.

    Raises:
        UserError: the declared style is not known.
        DataError: it is not that of the data.
    """
    unit_styles.style(declared)
    if declared is not None and found not in (None, declared):
        raise DataError(
            f"the data are in units {found}, but {declared} was declared",
            location=location,
            expected=found,
            hint=f"leave the declaration out, or say units {found}",
        )
    return found or declared


def agreed_types(
    found: Mapping[int, str], declared: Mapping[int | str, str] | None, location: Location
) -> dict[int, str]:
    """The name of each type in the data.

    Args:
        found: type -> name, the number as text where the data tell no name.
        declared: type, also as text -> name; types that do not occur are passed over.

    Raises:
        DataError: a declared name is not that of the data, or its type is no number.
    """
    names = dict(found)
    for number, name in _by_number(declared or {}, location).items():
        if number not in names:
            continue
        if names[number] not in (str(number), name):
            raise DataError(
                f"type {number} is {names[number]} in the data, but {name} was declared",
                location=location,
                expected=f"{number}={names[number]}",
            )
        names[number] = name
    return names


def _by_number(declared: Mapping[int | str, str], location: Location) -> dict[int, str]:
    try:
        return {int(number): str(name) for number, name in declared.items()}
    except ValueError:
        wrong = next(number for number in declared if not str(number).strip().isdigit())
        raise DataError(
            f"type '{wrong}' is no type number",
            location=location,
            expected='LAMMPS types by number, such as {"1": "O"}',
        ) from None


def apply_metadata(
    dataset: D, units: str | None = None, types: Mapping[int | str, str] | None = None, location: Location | None = None
) -> D:
    """The dataset itself, with what the caller declares of it filled in; its frames tell the same.

    Raises:
        DataError: the declaration contradicts the data.
    """
    location = location or Location(dataset.path)
    dataset.units = agreed_units(dataset.units, units, location)
    dataset.type_names = agreed_types(dataset.type_names, types, location)
    return dataset
