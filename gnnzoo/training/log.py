"""Training log: one row per validation, as CSV and for TensorBoard."""

import csv
import os
from collections.abc import Container
from pathlib import Path

import tensorflow as tf

from gnnzoo.errors import Location, UserError
from gnnzoo.outputs import translate_os_errors
from gnnzoo.training.runs import MORE_ROOM

LogRow = dict[str, float]  # by column

COLUMNS = (
    "step",
    "epoch",
    "seconds",
    "learning_rate",
    "loss",
    "mae",
    "mae_x",
    "mae_y",
    "mae_z",
    "sum_abs",
    "vector_mae",
    "relative",
)


class RunLog:
    """Appends rows to `log.csv` and `tensorboard/` in a run's folder.

    Args:
        folder: of the run.
        from_step: where a resumed run continues; rows beyond it will come again and are dropped.
        more: columns in addition to `COLUMNS`, which depend on the recipe.
        keep: steps whose rows are kept, all by default. An interruption leaves a row that a run without one does not
            have.
    """

    def __init__(
        self, folder: Path, from_step: int = 0, more: tuple[str, ...] = (), keep: Container[int] | None = None
    ):
        self.path, self.columns = folder / "log.csv", (*COLUMNS, *more)
        rows = read_log(self.path) if self.path.exists() else []
        rows = [row for row in rows if row["step"] <= from_step and (keep is None or row["step"] in keep)]
        temporary = self.path.with_suffix(".part")
        with translate_os_errors(self.path, MORE_ROOM):
            try:
                with temporary.open("w", newline="") as file:
                    writer = csv.DictWriter(file, self.columns, extrasaction="ignore")
                    writer.writeheader()
                    writer.writerows(rows)
                os.replace(temporary, self.path)
            finally:
                temporary.unlink(missing_ok=True)
        self._board = tf.summary.create_file_writer(str(folder / "tensorboard"))

    def write(self, row: LogRow) -> None:
        """Append `row`, which has a value for each column."""
        with translate_os_errors(self.path, MORE_ROOM):
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, self.columns).writerow(row)
            with self._board.as_default(step=row["step"]):
                for name in self.columns[2:]:
                    tf.summary.scalar(name, row[name])
            self._board.flush()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *_: object) -> None:
        self._board.close()


def read_log(path: Path) -> list[LogRow]:
    """Read a log.csv.

    Args:
        path: of the file.

    Returns:
        Rows with NaN in columns that an older session did not have, without a last row that a full disk or a kill cut
        short.
    """
    with path.open(newline="") as file:
        text = file.read()
    lines = text.splitlines() if text.endswith("\n") else text.splitlines()[:-1]
    rows = [row for row in csv.DictReader(lines) if None not in row.values()]
    try:
        if rows and not {"step", "mae"} <= set(rows[0]):
            raise ValueError("columns step and mae are missing")
        return [{name: _number(name, value) for name, value in row.items()} for row in rows]
    except (ValueError, TypeError) as error:
        hint = "remove it: the run is then resumed with a log of its own"
        raise UserError(f"is no training log: {error}", location=Location(file=path), hint=hint) from error


def _number(name: str, value: str) -> float:
    return int(value) if name == "step" else float(value or "nan")
