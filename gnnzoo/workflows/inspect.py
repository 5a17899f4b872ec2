"""What a dump, a dataset or a model holds."""

import json as json_text
from collections.abc import Mapping, Sequence
from pathlib import Path

from gnnzoo.console import note, progress
from gnnzoo.errors import UserError
from gnnzoo.outputs import written
from gnnzoo.workflows.datasets import cutoff_explained, find_files, open_dataset


def inspect(
    source: str | Path | Sequence[str | Path],
    *,
    cutoff: float | None = None,
    units: str | None = None,
    types: Mapping[int | str, str] | None = None,
    json: str | Path | None = None,
) -> dict:
    """Describe data or a model.

    Args:
        source: a dump, a glob or a list of dumps, a dataset, or a .keras model.
        cutoff: for the edges per atom, in the data's length unit; by default a few usual ones.
        units, types: fill in what the data do not tell.
        json: a file that gets the description; an older one is replaced and kept beside it.

    Returns:
        `kind` ("data" or "model") and what `gnnzoo.data.inspect.survey` tells, or what the model's file says of itself.

    Raises:
        DataError, ModelError: it cannot be read.
        UserError: the cutoff is none.
    """
    files = find_files(source)
    if cutoff is not None and not 0 < cutoff < float("inf"):
        raise UserError(f"a cutoff of {cutoff:g} gives no edges", expected="a positive length", hint="--cutoff 5")
    if files[0].suffix == ".keras":
        from gnnzoo.models.archive import read_info

        report = {"kind": "model", "path": str(files[0]), **read_info(files[0])}
    else:
        report = {"kind": "data", "path": str(files[0]), **_survey(files, cutoff, units, types)}
    if json is not None:
        with written(json, overwrite=True) as temporary:
            temporary.write_text(json_text.dumps(report, indent=1) + "\n")
        note(f"wrote {json}")
    return report


def _survey(files: list[Path], cutoff: float | None, units: str | None, types: Mapping | None) -> dict:
    from gnnzoo.data.inspect import survey

    hint = (
        f"--cutoff R with {'a smaller R' if cutoff else 'R in their length unit; or --units lj, if they are reduced'}"
    )
    with (
        open_dataset(files, units=units, types=types) as dataset,
        cutoff_explained(dataset.path, hint),
        progress("reading", len(dataset)) as shown,
    ):
        return survey(dataset, [cutoff] if cutoff else None, shown.advance)
