"""Units held against the numbers wherever data come in: what cannot be is refused, what is doubtful is said."""

from collections.abc import Mapping
from pathlib import Path

from gnnzoo.data.data_source import resolve_source
from gnnzoo.data.frames import Dataset
from gnnzoo.data.inspection.unit_evidence import unit_evidence
from gnnzoo.errors import DataError, Location
from gnnzoo.units import STYLES


def checked_units(dataset: Dataset, location: Path | str | None = None, *, hint: str | None = None) -> dict:
    """Evidence about a dataset's units, of so few frames that nobody waits for it; inspection looks at more.

    Args:
        location: the file to name, by default the dataset's.
        hint: what to type where its units cannot be; `{style}` is what they may be. By default what fits the place.

    Raises:
        DataError: the declared style cannot be that of the numbers.
    """
    evidence = unit_evidence(dataset, in_passing=True)
    refuse_contradicted(evidence, location or dataset.path, hint)
    return evidence


def refuse_contradicted(evidence: Mapping, location: Path | str, hint: str | None = None) -> None:
    """Raise where the declared style cannot be that of the numbers; see `checked_units`."""
    if evidence["verdict"] != "contradicted":
        return
    certain = [found for found in evidence["evidence"] if found["certain"] and evidence["declared"] not in found["for"]]
    possible = [style for style in STYLES if all(style in found["for"] for found in certain)]
    if hint is None:
        # A dataset was told its units when it was made; they cannot be declared again.
        is_dataset = resolve_source(location, streams=True).kind.is_dataset
        hint = "gnnzoo convert DUMP --units {style}" if is_dataset else "--units {style}"
    raise DataError(
        f"units {evidence['declared']} are declared, but cannot be: {'; '.join(found['text'] for found in certain)}",
        location=Location(file=location),
        expected=f"units {' or '.join(possible)}" if possible else None,
        hint=hint.format(style=possible[0] if possible else "STYLE")
        + f"; if a line ITEM: UNITS of the dump says {evidence['declared']}, mend that line first",
    )


def unit_warning(evidence: Mapping, undeclared: str = "the data do not tell their units") -> str | None:
    """A sentence about units that are doubtful or not declared but told by the numbers; None where there is none."""
    declared, inferred = evidence["declared"], evidence["inferred"]
    if evidence["verdict"] == "doubtful":
        against = [found["text"] for found in evidence["evidence"] if found["for"] and declared not in found["for"]]
        return f"units {declared} are declared, but doubtful: {'; '.join(against)}"
    if evidence["verdict"] == "inferred":
        return f"{undeclared}; they look like {inferred}: {_words(evidence)}"
    return None


def choose_units(dataset: Dataset) -> tuple[str, str, bool]:
    """The unit style to write down, the reason for it in words, and whether it was only inferred.

    Raises:
        DataError: the data do not tell it, and cannot be told from the numbers; or it cannot be.
    """
    evidence = unit_evidence(dataset)
    refuse_contradicted(evidence, dataset.path)
    if evidence["declared"] is not None:
        against = "see the warnings" if evidence["verdict"] == "doubtful" else "nothing in the data speaks against it"
        return evidence["declared"], f"declared, and {against}", False
    if evidence["inferred"] is None:
        found = "; ".join(found["text"] for found in evidence["evidence"]) or "there is nothing to tell them by"
        raise DataError(
            f"the data do not tell their units, and cannot be told from the numbers: {found}",
            location=Location(file=dataset.path),
            expected=f"one of {' '.join(STYLES)}, as in the line `units` of the LAMMPS input",
            hint="the same command with --units real",
        )
    return evidence["inferred"], f"inferred, not declared: {_words(evidence)}", True


def _words(evidence: Mapping) -> str:
    return "; ".join(found["text"] for found in evidence["evidence"] if found["for"])
