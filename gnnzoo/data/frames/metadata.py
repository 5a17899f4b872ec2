"""Metadata declared by the caller: units and type names that the data do not have.

A declaration supplements the data. One that contradicts them is an error.
"""

from collections.abc import Mapping
from typing import TypeVar

from gnnzoo import units as unit_styles
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.errors import DataError, Location

D = TypeVar("D", bound=Dataset)
TypeNames = Mapping[int | str, str] | Mapping[str, str] | Mapping[int, str]  # LAMMPS type -> name


def agreed_units(found: str | None, declared: str | None, location: Location) -> str | None:
    """Combine the unit style of data with a declared one.

    Args:
        found: style of the data; None where they have none.
        declared: by the caller.
        location: of the data, for errors.

    Returns:
        The style; None where neither is known.

    Raises:
        UserError: the declared style is unknown.
        DataError: it differs from that of the data.
    """
    unit_styles.style(declared)
    if declared is not None and found not in (None, declared):
        raise DataError(
            f"the data are in units {found}, but {declared} was declared",
            location=location,
            expected=found,
            hint=f"leave the declaration out, or declare units {found}",
        )
    return found or declared


def agreed_types(found: Mapping[int, str], declared: TypeNames | None, location: Location) -> dict[int, str]:
    """Combine the type names of data with declared ones.

    Args:
        found: type -> name, the number as text where the data have no name.
        declared: type, also as text -> name; types that do not occur are ignored.
        location: of the data, for errors.

    Returns:
        type -> name of every type in the data.

    Raises:
        DataError: a declared name differs from that of the data, or its type is not a number.
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


def _by_number(declared: TypeNames, location: Location) -> dict[int, str]:
    try:
        return {int(number): str(name) for number, name in declared.items()}
    except ValueError:
        wrong = next(number for number in declared if not str(number).strip().isdigit())
        raise DataError(
            f"type '{wrong}' is not a type number",
            location=location,
            expected='LAMMPS types by number, such as {"1": "O"}',
        ) from None


def apply_metadata(
    dataset: D, units: str | None = None, types: TypeNames | None = None, location: Location | None = None
) -> D:
    """Set declared units and type names on a dataset, and with it on its frames.

    Args:
        dataset: is changed.
        units, types: see `agreed_units` and `agreed_types`.
        location: for errors; by default the dataset's path.

    Returns:
        The same dataset.

    Raises:
        DataError: the declaration contradicts the data.
    """
    location = location or Location(dataset.path)
    dataset.units = agreed_units(dataset.units, units, location)
    dataset.type_names = agreed_types(dataset.type_names, types, location)
    return dataset
