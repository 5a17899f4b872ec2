"""Checks of declared units against the numbers: impossible ones are errors, doubtful ones are warnings."""

from dataclasses import dataclass
from pathlib import Path

from gnnzoo.data.data_source import SourceKind
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.data.inspection.unit_evidence import UnitEvidence, unit_evidence
from gnnzoo.errors import DataError, Location
from gnnzoo.units import STYLES


def units_hint(kind: SourceKind) -> str:
    """How to declare other units of data, for `checked_units`.

    Args:
        kind: of the data. The units of a dataset were declared when it was made and cannot be declared again.

    Returns:
        The next command; `{style}` stands for the unit style.
    """
    return "gnnzoo convert DUMP --units {style}" if kind.is_dataset else "--units {style}"


def checked_units(dataset: Dataset, location: Path | str | None = None, *, hint: str) -> UnitEvidence:
    """Check a dataset's units on a few frames, in negligible time; inspection samples more.

    Args:
        dataset: any.
        location: the file to name in an error, by default the dataset's.
        hint: the next command of an error, see `units_hint`; `{style}` is replaced by a possible style.

    Returns:
        The evidence.

    Raises:
        DataError: the declared style is impossible.
    """
    evidence = quick_evidence(dataset, location or dataset.path)
    refuse_contradicted(evidence, location or dataset.path, hint)
    return evidence


def quick_evidence(dataset: Dataset, location: Path | str) -> UnitEvidence:
    """Collect evidence on a few frames.

    Args:
        dataset: any.
        location: the file to name in an error.

    Returns:
        The evidence.

    Raises:
        DataError: the frames are too absurd to search them for neighbours.
    """
    try:
        return unit_evidence(dataset, quick=True)
    except DataError as error:
        where = error.location or Location(file=location)
        raise DataError(error.what, location=where, expected=error.expected, hint=error.hint) from error


def refuse_contradicted(evidence: UnitEvidence, location: Path | str, hint: str) -> None:
    """Raise an error if the declared style is impossible.

    Args:
        evidence: of the data.
        location: the file to name.
        hint: see `checked_units`.

    Raises:
        DataError: the declared style is impossible.
    """
    if evidence.verdict != "contradicted":
        return
    certain = [piece for piece in evidence.against() if piece.certain]
    possible = [style for style in STYLES if all(style in piece.supports for piece in certain)]
    raise DataError(
        f"units {evidence.declared} are declared, but are impossible: {'; '.join(piece.text for piece in certain)}",
        location=Location(file=location),
        expected=f"units {' or '.join(possible)}" if possible else None,
        hint=hint.format(style=possible[0] if possible else "STYLE")
        + f"; if a line ITEM: UNITS of the dump says {evidence.declared}, fix that line first",
    )


def units_options(evidence: UnitEvidence) -> str:
    """Options that declare the units, none preferred where the numbers do not show them.

    Args:
        evidence: of the data.

    Returns:
        Such as --units metal or --units real.
    """
    return " or ".join(f"--units {style}" for style in evidence.possible())


def unit_warning(evidence: UnitEvidence, undeclared: str = "the data do not declare their units") -> str | None:
    """Warning about units that are doubtful, or not declared but evident.

    Args:
        evidence: of the data.
        undeclared: how the warning about undeclared units begins.

    Returns:
        A sentence; None where there is nothing to warn of.
    """
    if evidence.verdict == "doubtful":
        against = "; ".join(piece.text for piece in evidence.against())
        return f"units {evidence.declared} are declared, but doubtful: {against}"
    if evidence.verdict == "inferred":
        return f"{undeclared}; they look like {evidence.inferred}: {evidence.words()}"
    return None


@dataclass(frozen=True)
class UnitChoice:
    """The unit style to write into a recipe, the reason for it, and whether it was only inferred."""

    style: str
    reason: str
    inferred: bool


def choose_units(dataset: Dataset, hint: str) -> UnitChoice:
    """Choose the unit style of a dataset: the declared one, or the one its numbers show.

    Args:
        dataset: any.
        hint: see `checked_units`.

    Returns:
        The style with its reason.

    Raises:
        DataError: the units are neither declared nor evident, or the declared ones are impossible.
    """
    evidence = unit_evidence(dataset)
    refuse_contradicted(evidence, dataset.path, hint)
    if evidence.declared is not None:
        against = "see the warnings" if evidence.verdict == "doubtful" else "consistent with the data"
        quantities = dataset.provenance.get("quantities") or {}
        if quantities.get("units_by_convention"):
            return UnitChoice(evidence.declared, f"{quantities['units_from']}, not declared; {against}", True)
        return UnitChoice(evidence.declared, f"declared, and {against}", False)
    if evidence.inferred is None:
        found = "; ".join(piece.text for piece in evidence.evidence) or "there are too few atoms or forces"
        raise DataError(
            f"the data do not declare their units, and the numbers do not show them: {found}",
            location=Location(file=dataset.path),
            expected=f"one of {' '.join(sorted(STYLES))}",
            hint=f"{units_options(evidence)}, as in the line `units` of the LAMMPS input",
        )
    return UnitChoice(evidence.inferred, f"inferred, not declared: {evidence.words()}", True)
