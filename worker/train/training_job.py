"""The training job: claim a run, train it under a heartbeat, store its network and its signals."""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import numpy as np
import numpy.typing as npt
import structlog
import torch
from sqlalchemy import func, null, select
from sqlalchemy.orm import Session

from app.audits import audit_service
from app.infra import leases
from app.infra.database import Database, send_after_commit
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import PACK, Storage
from app.tables import Audit, AuditStatus, Dataset, Run, RunStatus
from models.acceleration.data_parallel import limit_processes
from models.catalogue.kinds import CELLS, TERMS, TEXTS_FILE
from models.catalogue.methods import EXTERNAL
from models.catalogue.networks import NETWORKS
from models.catalogue.training_request import TrainingRequest
from models.configuration.planned_training import complete_request
from models.cross_fitting.cross_fitted import MEMORISATION
from models.data_issues.neighbour_search import find_nearest
from models.data_issues.neighbours import NEIGHBOURS, Neighbours, measure_disagreement
from models.encoders.encoder_loading import load_network
from models.label_errors.evidence import gather_signals
from models.ranking.ranking_scores import NEIGHBOUR_DISAGREEMENT, RANKING_SCORES, rank_by_signals
from models.training.loop import STATE_FORMAT
from models.training.ranks import RankLost, train_on
from models.training.remarks import Remark
from worker.features import encoded_inputs, feature_waiting
from worker.jobs import (
    audited_labels,
    devices,
    evidence_files,
    neighbour_files,
    reason_files,
    signal_files,
)
from worker.jobs.heartbeat import Cancelled, Heartbeat, LeaseLost, WorkerStopping
from worker.jobs.waiting import DATABASE_DOWN, retry_during_outage
from worker.train import checkpoints, external_run
from worker.train.claimed_run import Job
from worker.train.progress_reporter import ProgressReporter
from worker.train.training_evidence import EvidenceSearch, Trained

log = structlog.get_logger()
OUT_OF_MEMORY = "out_of_memory"
SMALLEST_HALVED = 4


def execute(database: Database, storage: Storage, settings: Settings, run_id: UUID) -> None:
    """Claim and train a run, and store how it ended; a run whose features are not ready is not claimed."""
    if not feature_waiting.request_features(database, settings, run_id):
        return
    with database.transaction() as session:
        run = _claim(session, settings, run_id)
    if run is None:
        return
    structlog.contextvars.bind_contextvars(audit=str(run.audit_id), attempt=run.attempt)
    folder = storage.locate_run(run.audit_id, run.number)
    try:
        with Heartbeat(
            database, Run, run.id, run.attempt, settings=settings, is_cancelled=_is_cancelled(run)
        ) as heartbeat:
            if run.method == EXTERNAL.name:
                external_run.store_signals(database, storage, settings, run, heartbeat)
            else:
                _train_and_store(database, storage, settings, run, heartbeat)
            retry_during_outage(lambda: _end(database, run, RunStatus.SUCCEEDED), heartbeat)
        checkpoints.discard(storage, folder)
    except Cancelled:
        _end(database, run, RunStatus.CANCELLED)
        checkpoints.discard(storage, folder)
    except WorkerStopping:
        _return_to_queue(database, run)
    except LeaseLost:
        log.warning("run lost its lease", run=str(run.id), attempt=run.attempt)
    except (*DATABASE_DOWN, RankLost):
        raise  # an outage or a killed process: the lease lapses and the run is retried
    except Exception as error:  # any other error would come again: end the run at once
        log.exception("run failed", run=str(run.id))
        _end(database, run, RunStatus.FAILED, {"code": type(error).__name__, "detail": str(error)})


def _claim(session: Session, settings: Settings, run_id: UUID) -> Run | None:
    parent = select(Run.status).where(
        Run.audit_id == select(Run.audit_id).where(Run.id == run_id).scalar_subquery(),
        Run.number == select(Run.parent_number).where(Run.id == run_id).scalar_subquery(),
    )
    audit_id = session.scalar(select(Run.audit_id).where(Run.id == run_id))
    if audit_id is None or session.scalar(parent) not in {None, RunStatus.SUCCEEDED}:
        return None
    audit_service.get(session, audit_id, lock=True)
    run = leases.claim(
        session,
        Run,
        run_id,
        lease_seconds=settings.lease_seconds,
        status=RunStatus.RUNNING,
        waiting=null(),
        worker=f"{socket.gethostname()}:{os.getpid()}",
        started_at=func.coalesce(Run.started_at, func.now()),
    )
    if run is not None:
        started = func.coalesce(Audit.started_at, func.now())
        audit_service.change_status(session, run.audit_id, AuditStatus.RUNNING, started_at=started)
    return run


def _train_and_store(
    database: Database, storage: Storage, settings: Settings, run: Run, heartbeat: Heartbeat[Run]
) -> None:
    job = _prepare(database, storage, settings, run)
    trained = _train_in_memory(database, storage, settings, job, heartbeat)
    neighbours = _find_neighbours(trained, job, heartbeat)
    folder = storage.locate_run(run.audit_id, run.number)
    remarks = (*trained.result.remarks, *trained.remarks)
    retry_during_outage(heartbeat.renew, heartbeat)
    retry_during_outage(lambda: _add_remarks(database, run, remarks), heartbeat)
    retry_during_outage(
        lambda: _store_results(storage, folder, trained, job.labels.given, neighbours, heartbeat.check),
        heartbeat,
    )


def _prepare(database: Database, storage: Storage, settings: Settings, run: Run) -> Job:
    names = devices.choose(settings.devices)
    with database.transaction() as session:
        audit = audit_service.get(session, run.audit_id)
        dataset = session.get_one(Dataset, audit.dataset_id)
        request = _read_request(run)
        situation = feature_waiting.describe_training(dataset, settings)
        config = complete_request(request, situation, seed=run.seed, has_parent=run.parent_number is not None)
        names = names[: limit_processes(config, dataset.sample_count or 0)]
        leases.update_held(
            session,
            Run,
            run.id,
            run.attempt,
            configuration={**asdict(config), **_describe_encoder(run)},
            device=devices.name(names),
        )
        labels = audited_labels.load_labels(session, storage, audit, dataset)
        first = select(func.min(Run.number)).where(Run.audit_id == audit.id, Run.variant.is_not(None))
        updates_ranking = session.scalar(first) == run.number
    return Job(
        run=run,
        dataset=dataset,
        request=request,
        config=config,
        devices=names,
        labels=labels,
        updates_ranking=updates_ranking,
    )


def _describe_encoder(run: Run) -> dict[str, str | None]:
    """Return the encoder's part of the stored configuration: its name, digests and licence."""
    encoder = run.encoder or {}
    if encoder.get("name") is None:
        return {"encoder": None}
    return {
        "encoder": encoder["name"],
        "encoder_sha256": encoder["sha256"],
        "encoder_weights_sha256": encoder["weights_sha256"],
        "encoder_licence": encoder["licence"],
    }


def _read_request(run: Run) -> TrainingRequest:
    """Return the run's request with its chosen encoder, and the halved batch size if it was halved."""
    encoder = feature_waiting.read_choice(run)
    request = replace(TrainingRequest.read(run.request), encoder=encoder, backbone=None)
    if not _has_halved_batch(run):
        return request
    return replace(request, batch_size=TrainingRequest.read(run.configuration or {}).batch_size)


def _has_halved_batch(run: Run) -> bool:
    """Return whether the batch was halved because it did not fit into the device's memory."""
    return any(remark["code"] == OUT_OF_MEMORY for remark in run.remarks)


def _train_in_memory(
    database: Database, storage: Storage, settings: Settings, job: Job, heartbeat: Heartbeat[Run]
) -> Trained:
    """Train; if the device runs out of memory, train once more from the start with half the batch."""
    try:
        return _train(database, storage, settings, job, heartbeat)
    except torch.OutOfMemoryError:
        if _has_halved_batch(job.run) or job.config.batch_size < SMALLEST_HALVED:
            raise
    # The memory of the first attempt is free only here: the error referred to it through its frames.
    torch.cuda.empty_cache()
    _record_halved_batch(database, job)
    checkpoints.discard(storage, storage.locate_run(job.run.audit_id, job.run.number))
    return _train(database, storage, settings, _prepare(database, storage, settings, job.run), heartbeat)


def _add_remarks(database: Database, run: Run, remarks: Sequence[Remark]) -> None:
    """Store what the method could not do, beside earlier remarks of the run."""
    if not remarks:
        return
    added = [asdict(remark) for remark in remarks]
    run.remarks = [*(each for each in run.remarks if each not in added), *added]
    with database.transaction() as session:
        if not leases.update_held(session, Run, run.id, run.attempt, remarks=run.remarks):
            raise LeaseLost


def _record_halved_batch(database: Database, job: Job) -> None:
    half = job.config.batch_size // 2
    detail = f"a batch of {job.config.batch_size} did not fit into the device's memory; trained with {half}"
    run = job.run
    run.remarks = [*run.remarks, {"code": OUT_OF_MEMORY, "detail": detail}]
    run.configuration = asdict(job.config) | {"batch_size": half}
    log.warning("batch halved", run=str(run.id), batch_size=half)
    with database.transaction() as session:
        values = {"remarks": run.remarks, "configuration": run.configuration}
        if not leases.update_held(session, Run, run.id, run.attempt, **values):
            raise LeaseLost


def _train(
    database: Database, storage: Storage, settings: Settings, job: Job, heartbeat: Heartbeat[Run]
) -> Trained:
    folder = storage.locate_run(job.run.audit_id, job.run.number)
    reporter = ProgressReporter(database, storage, settings, job, heartbeat)
    with _provide_pack(database, storage, job) as pack:
        result = train_on(
            job.devices,
            pack,
            job.labels.given,
            class_count=len(job.dataset.class_names or ()),
            config=job.config,
            on_progress=reporter,
            initial_state=_load_parent_network(storage, job.run),
            pretrained_state=_load_pretrained(settings, job.config.network),
            resume=_load_checkpoint(storage, folder),
            feature_width=_choose_feature_width(job, settings),
        )
        reporter.begin_evidence()
        search = _plan_evidence(database, storage, settings, job, heartbeat)
        return search.complete(result, pack, job.labels.given)


def _plan_evidence(
    database: Database, storage: Storage, settings: Settings, job: Job, heartbeat: Heartbeat[Run]
) -> EvidenceSearch:
    find_near = partial(_load_neighbours, database, storage, job, heartbeat)

    def find_file(name: str) -> Path | None:
        exists = storage.exists(storage.locate_pack(job.dataset.id) / name)
        return storage.fetch_pack_file(job.dataset, name) if exists else None

    return EvidenceSearch(
        find_near=None if job.run.feature_set_id is None else find_near,
        class_count=len(job.dataset.class_names or ()),
        device=job.devices[0],
        seed=job.config.seed,
        bytes_max=settings.features_max_bytes,
        on_block=heartbeat.check,
        cells=find_file(CELLS),
        texts=find_file(TEXTS_FILE),
        terms=find_file(TERMS),
    )


@contextmanager
def _provide_pack(database: Database, storage: Storage, job: Job) -> Iterator[Path]:
    """Yield the .npy file for training: the dataset's pack, or its features by an encoder."""
    if job.run.feature_set_id is None:
        yield storage.fetch_pack_file(job.dataset, PACK)
        return
    rows = encoded_inputs.open_set(database, storage, job.run.feature_set_id)
    with encoded_inputs.provide_pack(rows) as pack:
        yield pack


def _choose_feature_width(job: Job, settings: Settings) -> int:
    """Return how many of the network's own features are kept; none if it trains on an encoder's."""
    if job.run.feature_set_id is not None:
        return 0
    return neighbour_files.choose_width(len(job.labels.given), bytes_max=settings.features_max_bytes)


def _load_pretrained(settings: Settings, network: str) -> dict[str, torch.Tensor] | None:
    """Return the weights from which a network is fine-tuned, None if it starts from random ones."""
    backbone = NETWORKS[network].backbone
    return None if backbone is None else load_network(backbone, settings.encoder_folder).state_dict()


def _load_neighbours(database: Database, storage: Storage, job: Job, heartbeat: Heartbeat[Run]) -> Neighbours:
    """Return the nearest samples by the features of the run's encoder."""
    rows = encoded_inputs.open_set(database, storage, cast("UUID", job.run.feature_set_id))
    folder = neighbour_files.locate(storage, job.run, job.dataset.id)
    return encoded_inputs.load_neighbours(
        storage, folder, rows, device=job.devices[0], on_block=heartbeat.check
    )


def _find_neighbours(trained: Trained, job: Job, heartbeat: Heartbeat[Run]) -> Neighbours | None:
    """Return the nearest samples by the encoder's features, or the network's; None if none are kept."""
    if trained.near is not None:
        return trained.near.take(NEIGHBOURS)
    features_NW = trained.result.features_NW
    if features_NW is None:
        return None
    return find_nearest(features_NW, device=job.devices[0], seed=job.config.seed, on_block=heartbeat.check)


def _store_results(  # noqa: PLR0917 - one call, far above
    storage: Storage,
    folder: Path,
    trained: Trained,
    labels_N: npt.NDArray[np.int32],
    neighbours: Neighbours | None,
    on_block: Callable[[], None],
) -> None:
    result = trained.result
    checkpoints.save_network(storage, folder, result.start_state)
    ranking = RANKING_SCORES[result.config.score]
    signals = gather_signals(
        result.signals,
        labels_N,
        score=ranking.name,
        agreement_ratio=result.agreement_ratio,
        classifier_probabilities_NK=result.classifier_probabilities_NK,
        cross_fitted=result.cross_fitted,
        opinions=trained.views,
    )
    fitted = result.cross_fitted
    memorisation_N = None if fitted is None else fitted.measure_memorisation(labels_N)
    if memorisation_N is not None:
        signals[MEMORISATION] = memorisation_N
    if trained.evidence is not None:
        evidence_files.save(storage, folder, trained.evidence)
    if result.features_NW is not None and neighbours is not None:
        neighbour_files.save(storage, folder, result.features_NW, neighbours)
    if neighbours is not None:
        signals[NEIGHBOUR_DISAGREEMENT] = measure_disagreement(neighbours, labels_N)
        if ranking.uses_neighbours:
            signals["score"] = ranking.compute(signals)
    own = trained.table or trained.texts
    if own is not None and trained.evidence is not None:
        probabilities_NK = trained.evidence.probabilities_NK
        reasons = own.explain(rank_by_signals(signals), labels_N, probabilities_NK, on_block=on_block)
        reason_files.save(storage, folder, reasons)
    signal_files.save(storage, folder, signals)


def _load_checkpoint(storage: Storage, folder: Path) -> dict[str, Any] | None:
    """Return the checkpoint to resume from; None if there is none, or another version wrote it."""
    state = checkpoints.load(storage, folder)
    if state is not None and state.get("format") != STATE_FORMAT:
        log.warning("checkpoint of another version: the training starts again", format=state.get("format"))
        return None
    return state


def _load_parent_network(storage: Storage, run: Run) -> dict[str, torch.Tensor] | None:
    if run.parent_number is None:
        return None
    return checkpoints.load_network(storage, storage.locate_run(run.audit_id, run.parent_number))


def _is_cancelled(run: Run) -> Any:  # noqa: ANN401 - a predicate over sessions
    """Return a predicate: a user cancelled the audit, or the audit has ended without this run."""
    ended = (Audit.cancel_requested_at.is_not(None)) | Audit.status.in_(audit_service.TERMINAL)
    statement = select(ended).where(Audit.id == run.audit_id)
    return lambda session: bool(session.scalar(statement))


def _end(database: Database, run: Run, status: RunStatus, error: dict[str, str] | None = None) -> None:
    with database.transaction() as session:
        if leases.update_held(session, Run, run.id, run.attempt, worker=run.worker):
            audit_service.end_run(session, run, status, error)
    log.info("run ended", run=str(run.id), status=status)


def _return_to_queue(database: Database, run: Run) -> None:
    """Return a run to its queue for another worker; this does not count as a lapse."""
    waits = {"status": RunStatus.QUEUED, "lease_until": None, "worker": None, "sent_at": func.now()}
    with database.transaction() as session:
        if leases.update_held(session, Run, run.id, run.attempt, **waits):
            send_after_commit(session, Task.TRAIN, run.id, run.queue)
    log.info("run handed back", run=str(run.id))
