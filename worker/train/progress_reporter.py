"""What a training stores while it runs: progress, epochs, checkpoints and the provisional ranking."""

from dataclasses import asdict
from time import monotonic
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.infra import leases
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Run, RunEpoch
from models.training.progress import EpochRecord, Progress
from worker.jobs import clean_labels, devices
from worker.jobs.clean_labels import Labels
from worker.jobs.heartbeat import Heartbeat, LeaseLost, WorkerStopping
from worker.jobs.waiting import is_disk_full, retry_during_outage
from worker.train import checkpoints, provisional_ranking
from worker.train.claimed_run import Job

log = structlog.get_logger()
ALL_SAMPLES = slice(None)


class ProgressReporter:
    """The progress callback of the training loop: it stores progress, epochs and checkpoints, or raises.

    It raises `Cancelled`, `WorkerStopping` (after a checkpoint) and `LeaseLost`.
    """

    def __init__(
        self,
        database: Database,
        storage: Storage,
        settings: Settings,
        job: Job,
        heartbeat: Heartbeat[Run],
    ) -> None:
        self._database, self._storage, self._settings = database, storage, settings
        self._job, self._heartbeat = job, heartbeat
        self._folder = storage.locate_run(job.run.audit_id, job.run.number)
        self._started = self._checkpointed = self._ranked = monotonic()

    def __call__(self, progress: Progress) -> None:
        """Take the progress of the training, about five times a second and after every epoch."""
        self._heartbeat.progress = {
            name: getattr(progress, name)
            for name in ("stage", "epoch", "epochs", "step", "steps", "samples_per_second", "eta_seconds")
        } | {"gpu_memory_bytes": devices.measure_memory(self._job.devices[0])}
        try:
            self._heartbeat.check()
        except WorkerStopping:
            # A checkpoint at the end of an epoch is after it: the next worker does not report this epoch.
            if progress.finished is not None:
                self._store(progress.finished, progress)
            self._save_checkpoint(progress)
            raise
        if progress.finished is not None:
            finished = progress.finished
            retry_during_outage(lambda: self._store(finished, progress), self._heartbeat)
        if monotonic() - self._checkpointed >= self._settings.checkpoint_seconds:
            self._save_checkpoint(progress)

    def begin_evidence(self) -> None:
        """Say that the epochs are over; what follows has no steps, only the seconds before it."""
        last = self._heartbeat.progress or {}
        self._heartbeat.progress = last | {
            "stage": "evidence",
            "samples_per_second": None,
            "eta_seconds": None,
            "training_seconds": monotonic() - self._started,
        }

    def _save_checkpoint(self, progress: Progress) -> None:
        """Store a checkpoint; on a full disk keep the last one and continue training."""
        try:
            checkpoints.save(self._storage, self._folder, progress.state())
        except Exception as error:
            if not is_disk_full(error):
                raise
            log.warning("no checkpoint, the disk is full", run=str(self._job.run.id))
        self._checkpointed = monotonic()

    def _store(self, record: EpochRecord, progress: Progress) -> None:
        run = self._job.run
        with self._database.transaction() as session:
            # The run made progress: lapses are counted from zero again.
            if not leases.update_held(session, Run, run.id, run.attempt, lapses=0):
                raise LeaseLost
            _put_epoch(session, run.id, make_epoch_row(record, self._job))
            if self._job.updates_ranking and monotonic() - self._ranked >= self._settings.provisional_seconds:
                size = self._settings.provisional_size
                provisional_ranking.replace(
                    session, run.audit_id, asdict(progress.signals()), self._job.labels, size=size
                )
                self._ranked = monotonic()


def make_epoch_row(record: EpochRecord, job: Job) -> dict[str, Any]:
    """Return an epoch's figures, with the accuracies on true labels, which training never uses."""
    return {
        **{
            name: getattr(record, name)
            for name in (
                "epoch", "seconds", "learning_rate", "classifier_loss", "predictor_loss", "gradient_norm",
                "squared_gradient_norm",
                "accuracy", "predictor_accuracy", "validation_accuracy",
            )
        },
        **(asdict(record.memorisation) if record.memorisation is not None else {}),
        "true_accuracy": _measure_true_accuracy(record.classifier_predictions_N, job.labels.truth),
        "predictor_true_accuracy": _measure_true_accuracy(record.predictor_predictions_N, job.labels.truth),
        "validation_true_accuracy": _measure_true_accuracy(
            record.classifier_predictions_N, job.labels.truth, record.held_out_index
        ),
    }  # fmt: skip


def _measure_true_accuracy(
    predictions: Labels | None, truth: Labels | None, index: Labels | slice = ALL_SAMPLES
) -> float | None:
    """Return the accuracy on the true labels of the indexed samples; None if none is known."""
    if predictions is None or truth is None:
        return None
    has_truth = truth[index] != clean_labels.UNKNOWN
    return float((predictions == truth)[index][has_truth].mean()) if has_truth.any() else None


def _put_epoch(session: Session, run_id: UUID, values: dict[str, Any]) -> None:
    statement = insert(RunEpoch).values(run_id=run_id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["run_id", "epoch"], set_=values))
