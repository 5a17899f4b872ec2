"""The verdict on a model's physics: quantities with limits that are stated."""

from dataclasses import dataclass

from gnnzoo.records import Record

# Limits that hold for models that reproduce their reference in molecular dynamics; a verdict, not a law.
FORCE_ERROR = 0.05  # mean |dF| / mean |F|
ROTATION, NET_FORCE, ASYMMETRY = 1e-3, 1e-3, 1e-3
DRIFT = 1.0  # meV/atom/ns
TEMPERATURE = 0.05  # relative, at constant energy
SPREAD = 3.0  # standard deviations of the temperature of N atoms, sqrt(2 / 3N), that are fine for small boxes
UNCERTAIN = 0.3  # relative: a limit of the temperature above which it says nothing
STRUCTURE = 0.05  # of the largest peak; short runs have noise of some per cent


@dataclass(frozen=True)
class Finding(Record):
    """One quantity of the verdict.

    Attributes:
        name: what it is.
        value: as text.
        limit: as text.
        within: whether the value is within the limit; None where it could not be measured.
        meaning: what follows from it, in a sentence.
    """

    name: str
    value: str
    limit: str
    within: bool | None
    meaning: str


def finding(name: str, value: float | None, limit: float, unit: str, good: str, bad: str) -> Finding:
    """Compare a quantity with its limit.

    Args:
        name: of the quantity.
        value: its size; None where it could not be measured.
        limit: the largest that is fine.
        unit: "%" for shares, or a unit of both.
        good, bad: what follows from a value within and above the limit.

    Returns:
        The finding.
    """

    def shown(number: float) -> str:
        return f"{number:.2%}" if unit == "%" else f"{number:.3g} {unit}".rstrip()

    if value is None:
        return Finding(name, "not measured", shown(limit), None, "")
    within = abs(value) <= limit
    return Finding(name, shown(value), shown(limit), within, good if within else bad)


def sentence(findings: list[Finding]) -> str:
    """The verdict in one sentence.

    Args:
        findings: all of a model.

    Returns:
        Which limits are exceeded.
    """
    exceeded = [one.name for one in findings if one.within is False]
    unknown = [one.name for one in findings if one.within is None]
    head = (
        f"{len(exceeded)} of {len(findings)} limits are exceeded: {', '.join(exceeded)}"
        if exceeded
        else f"all {len(findings) - len(unknown)} limits that were measured are kept"
    )
    return head + (f"; not measured: {', '.join(unknown)}" if unknown else "")
