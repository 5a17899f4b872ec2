"""The record of a run: one row a validation, as CSV and for TensorBoard."""

import csv
import os
from pathlib import Path

import tensorflow as tf

from gnnzoo.outputs import told
from gnnzoo.training.runs import MORE_ROOM

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
    """Appends rows to `log.csv` and `tensorboard/` in a run's folder; a resumed run drops the rows it will repeat."""

    def __init__(self, folder: Path, from_step: int = 0):
        self.path = folder / "log.csv"
        rows = [row for row in read_log(self.path) if row["step"] <= from_step] if self.path.exists() else []
        temporary = self.path.with_suffix(".part")
        with told(self.path, MORE_ROOM):
            try:
                with temporary.open("w", newline="") as file:
                    writer = csv.DictWriter(file, COLUMNS)
                    writer.writeheader()
                    writer.writerows(rows)
                os.replace(temporary, self.path)
            finally:
                temporary.unlink(missing_ok=True)
        self._board = tf.summary.create_file_writer(str(folder / "tensorboard"))

    def write(self, row: dict) -> None:
        """Append one row; keys are `COLUMNS`."""
        with told(self.path, MORE_ROOM):
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, COLUMNS).writerow(row)
            with self._board.as_default(step=row["step"]):
                for name in COLUMNS[2:]:
                    tf.summary.scalar(name, row[name])
            self._board.flush()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(self, *_) -> None:
        self._board.close()


def read_log(path: Path) -> list[dict]:
    """The rows of a `log.csv`, as numbers; a last row that a full disk or a kill cut short is left out."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if all(row.values())]
    return [{name: (int if name == "step" else float)(value) for name, value in row.items()} for row in rows]
