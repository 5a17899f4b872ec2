"""Train a prepared model and write its file: the part that training and transfer share.

with open_run(job, output, run) as folder:
    outcome = fit(job, folder, ...)
    finish(job, folder, outcome, output, overwrite)
"""

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import keras

from gnnzoo import __version__
from gnnzoo.data.frames.frame import Dataset
from gnnzoo.errors import Location, UserError
from gnnzoo.models.files import ForceField, save_model
from gnnzoo.models.info import Origin
from gnnzoo.outputs import OutputError, check_writable, refuse_existing
from gnnzoo.recipe.io.load import resolved
from gnnzoo.recipe.schema.training import Training
from gnnzoo.training.batches import Replay
from gnnzoo.training.checkpoints import checkpoints
from gnnzoo.training.loop import Interrupted, Outcome, Trainer
from gnnzoo.training.memory import keep_freed_memory
from gnnzoo.training.prepare import Prepared
from gnnzoo.training.runs import Run, new_run
from gnnzoo.training.targets import check_targets
from gnnzoo.transfer_learning.provenance import LayerTransfer, TransferOrigin
from gnnzoo.transfer_learning.training_settings import lora_adapters, resolve_training_settings
from gnnzoo.workflows.steps import training_messages
from gnnzoo.workflows.steps.model_info import dataset_info, model_info

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingJob:
    """A model and the data to train it on.

    Attributes:
        model: network and recipe; training fills in its `info`.
        dataset: the data.
        prepared: split, statistics, scales and graphs of the dataset.
        origin: provenance of transferred weights; None for random initial weights.
        replay: frames of the source model to train on as well.
    """

    model: ForceField
    dataset: Dataset
    prepared: Prepared
    origin: TransferOrigin | None = None
    replay: Replay | None = None

    @property
    def settings(self) -> Training:
        """Training settings of the recipe, with the transfer strategy resolved."""
        return resolve_training_settings(self.model.recipe, self.transferred_layers)

    @property
    def origin_info(self) -> Origin | None:
        """The provenance as JSON values."""
        return self.origin.to_json() if self.origin is not None else None

    @property
    def transferred_layers(self) -> list[LayerTransfer]:
        """Records of transferred layers; empty for random initial weights."""
        return self.origin.layers if self.origin is not None else []


def check_output(output: Path, overwrite: bool) -> None:
    """Check that a model can be written to `output`, before any long work.

    Args:
        output: the .keras file.
        overwrite: whether it may exist.

    Raises:
        UserError: it exists, is not called .keras, or cannot be written.
    """
    if output.suffix != ".keras":
        raise UserError(
            f"a model's file ends in .keras, not '{output.suffix}'",
            location=Location(file=output),
            hint=f"-o {output.stem}.keras",
        )
    refuse_existing(output, overwrite)
    check_writable(output)


@contextlib.contextmanager
def open_run(job: TrainingJob, output: Path, run: Run | None) -> Iterator[Run]:
    """Lock a run folder and record how its training ends.

    Args:
        job: what is trained.
        output: the model's file.
        run: the run to resume; None makes a new one.

    Yields:
        The run.

    Raises:
        UserError: a quantity of the loss is missing in the data, or another process holds the run.
    """
    check_targets(job.settings, job.prepared.source, job.prepared.split)
    run = run or new_run(output.stem)
    with run.lock():
        training_messages.report_start(job.model, job.dataset, job.prepared, run)
        run.update(
            status="running",
            recipe=resolved(job.model.recipe),
            dataset=dataset_info(job.dataset),
            scales=asdict(job.prepared.scales),
            split_report=job.prepared.split_report.to_json(),
            output=str(output),
            origin=job.origin_info,
            started=time.strftime("%Y-%m-%d %H:%M:%S"),
            gnnzoo=__version__,
        )
        with _recorded_failure(run):
            yield run


def fit(
    job: TrainingJob,
    run: Run,
    *,
    time_limit: float | None = None,
    resume: bool = False,
    callbacks: tuple[keras.callbacks.Callback, ...] = (),
) -> Outcome:
    """Train the network and evaluate it on the held-out frames.

    Args:
        job: what is trained; its model's weights and `info` are set.
        run: folder for log and checkpoints.
        time_limit: seconds.
        resume: continue from the newest checkpoint.
        callbacks: Keras callbacks.

    Returns:
        How the training ended.
    """
    keep_freed_memory()
    model, prepared, settings = job.model, job.prepared, job.settings
    units = job.dataset.units
    with lora_adapters(model, prepared, job.transferred_layers):
        trainer = Trainer(
            model.network,
            settings,
            prepared,
            run.folder,
            report=lambda row, zero, left: logger.info(training_messages.validation_line(row, zero, left, units)),
            callbacks=callbacks,
            predictor=model.predictor,
            replay=job.replay,
        )
        outcome = trainer.run(time_limit=time_limit, resume=resume, until=run.state.get("trained"))
    run.update(trained=outcome.steps)
    model.info = model_info(model, job.dataset, prepared, outcome, run, job.origin_info)
    training_messages.report_end(outcome, settings, run, model)
    return outcome


def finish(job: TrainingJob, run: Run, outcome: Outcome, output: Path, overwrite: bool) -> None:
    """Write the trained model and mark the run as done.

    Args:
        job: with the trained model.
        run: the run.
        outcome: how the training ended.
        output: the .keras file.
        overwrite: replace an existing file, which is kept as a backup.
    """
    save_model(job.model, output, overwrite)
    run.update(status="done", steps=outcome.steps, seconds=round(outcome.seconds, 1), best=outcome.best.step)


@contextlib.contextmanager
def _recorded_failure(run: Run) -> Iterator[None]:
    """Record a run that fails or is interrupted, and log how to resume it."""
    try:
        yield
    except KeyboardInterrupt as error:
        saved = "all is saved" if isinstance(error, Interrupted) else "what was saved before is"
        if not checkpoints(run.folder / "checkpoints"):
            saved = "nothing was trained yet"
        _record(run, "interrupted", f"stopped; {saved} in {run.folder}. To go on, the same command with --resume")
        raise
    except OutputError:
        if not run.folder.exists():
            raise
        trained = "the training is complete and kept" if "trained" in run.state else "the run is kept"
        elsewhere = " and, for another place, -o OTHER.keras" if "trained" in run.state else ""
        _record(run, "failed", f"{trained} in {run.folder}. To go on, the same command with --resume{elsewhere}")
        raise
    except Exception:
        _record(run, "failed")
        raise


def _record(run: Run, status: str, message: str | None = None) -> None:
    with contextlib.suppress(OutputError):  # the error being raised is a full disk already
        run.update(status=status)
    if message:
        logger.info(message)
