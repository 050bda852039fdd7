"""The finishing job: from runs to scores, files, metrics and provenance, in one transaction."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import structlog
from pyarrow import parquet
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.audits import audit_service
from app.audits.audit_configuration import AuditConfiguration
from app.infra import removals
from app.infra.database import Database, send_after_commit
from app.infra.queue import Task
from app.infra.storage import PACK, Storage
from app.tables import Audit, AuditMetrics, AuditStatus, Dataset, Issue, Problem, Run, RunStatus, Score
from models.catalogue.kinds import TEXTS_FILE
from models.label_errors.ensemble import average_signals
from models.ranking.ranking_scores import rank_by_signals
from worker.finish import (
    audit_provenance,
    audit_summary,
    information_bounds,
    issue_search,
    ranking_files,
    rehearsal_results,
    stored_findings,
    truth_metrics,
    variant_choice,
)
from worker.finish.box_issues import COLUMNS
from worker.finish.label_error_estimate import estimate_label_errors
from worker.jobs import audited_labels, clean_labels, neighbour_files, score_rows, signal_files
from worker.jobs.audited_labels import AuditLabels
from worker.jobs.bulk_copy import copy_into, update_statistics
from worker.jobs.score_rows import Findings
from worker.jobs.signal_files import Signals
from worker.jobs.waiting import DATABASE_DOWN, DISK_FULL, is_disk_full

log = structlog.get_logger()
THEORY_RUNS_MAX = 20
READ_SECONDS = 3600.0
"""How long a ranking's file is kept after a newer one exists: a user may be downloading it."""


def finish(database: Database, storage: Storage, audit_id: UUID) -> None:
    """Store the results of an audit whose runs have all ended, and end it."""
    try:
        _finish(database, storage, audit_id)
    except DATABASE_DOWN:
        raise  # a database outage: the sweeper retries it
    except Exception as error:  # any other error would come again: end the audit at once
        log.exception("audit not finished", audit=str(audit_id))
        is_full = is_disk_full(error)
        document = {
            "code": "disk_full" if is_full else type(error).__name__,
            "detail": DISK_FULL
            if is_full
            else f"the runs succeeded, but finishing the audit failed: {error}",
        }
        # The sweeper retries the finishing of a running audit.
        status = AuditStatus.RUNNING if is_full else AuditStatus.FAILED
        with database.transaction() as session:
            audit_service.change_status(session, audit_id, status, error=document)


def _finish(database: Database, storage: Storage, audit_id: UUID) -> None:
    with database.transaction() as session:
        audit = _lock_audit(session, audit_id, AuditStatus.RUNNING)
        if audit is None:
            return
        runs = audit_service.list_runs(session, [audit_id])[audit_id]
        if any(run.status in audit_service.UNFINISHED for run in runs):
            return
        dataset = session.get_one(Dataset, audit.dataset_id)
        labels = audited_labels.load_labels(session, storage, audit, dataset)
        _store_results(session, storage, audit, runs, labels)
        chosen = variant_choice.choose_runs(runs)
        for run in chosen:
            run.is_chosen = True
        signals = _average_signals(storage, audit, runs)
        names = dataset.class_names or []
        errors = estimate_label_errors(storage, audit, chosen, signals, labels)
        rows = _build_score_rows(audit, signals, labels, errors.findings)
        ranked = score_rows.drop_samples(rows, labels.planted)
        with ThreadPoolExecutor(1, thread_name_prefix="issues") as background:
            # This runs while PostgreSQL writes the scores and their indexes.
            search = background.submit(
                issue_search.find_issues, _load_audited_data(session, storage, dataset, runs)
            )
            session.execute(delete(Score).where(Score.audit_id == audit_id))
            copy_into(session, Score, ranked)
            _report(session, storage, audit, rows, labels, noise_rate=errors.counted.claimed_share)
            listed, counts = search.result()
            _list_issues(session, storage, audit, listed)
        audit_service.change_status(
            session,
            audit_id,
            AuditStatus.SUCCEEDED,
            error=None,
            summary={
                **audit_summary.summarise_ranking(ranked, names, errors.counted),
                "issues": counts,
                "rehearsal": rehearsal_results.summarise_rehearsal(
                    rows,
                    AuditConfiguration.read(audit.configuration).rehearsal,
                    labels,
                    class_count=len(names),
                    may_claim=errors.counted.may_claim,
                ),
            },
            provenance=audit_provenance.collect_provenance(session, storage, dataset, audit, runs),
        )
        update_statistics(session, Score)
        if dataset.annotators is not None and not audit.is_rehearsal:
            send_after_commit(session, Task.CONSENSUS, dataset.id)
    log.info("audit succeeded", audit=str(audit_id), samples=len(rows))


def report_again(database: Database, storage: Storage, audit_id: UUID) -> None:
    """Compute the metrics and files of a finished audit again with the current true labels."""
    with database.transaction() as session:
        audit = _lock_audit(session, audit_id, AuditStatus.SUCCEEDED)
        if audit is None:
            return
        dataset = session.get_one(Dataset, audit.dataset_id)
        if audit.reported_truth_version == dataset.truth_version:
            return
        labels = audited_labels.load_labels(session, storage, audit, dataset)
        runs = audit_service.list_runs(session, [audit_id])[audit_id]
        _store_results(session, storage, audit, runs, labels)
        signals = _average_signals(storage, audit, runs)
        findings = stored_findings.read_findings(session, audit, signals, sample_count=len(labels.given))
        rows = _build_score_rows(audit, signals, labels, findings)
        noise_rate = (audit.summary or {}).get("noise_rate")
        _report(session, storage, audit, rows, labels, noise_rate=noise_rate)
    log.info("audit reported again", audit=str(audit_id))


def _lock_audit(session: Session, audit_id: UUID, status: AuditStatus) -> Audit | None:
    """Lock and return the audit if it has this status; None if another worker holds it or it is deleted."""
    statement = select(Audit).where(Audit.id == audit_id, Audit.status == status)
    return session.scalars(statement.with_for_update(skip_locked=True)).one_or_none()


def _store_results(
    session: Session, storage: Storage, audit: Audit, runs: list[Run], labels: AuditLabels
) -> None:
    """Store the results of every run that succeeded."""
    epochs = audit_service.list_epochs(session, [run.id for run in runs])
    for run in runs:
        if run.status == RunStatus.SUCCEEDED:
            signals = signal_files.load(storage, storage.locate_run(audit.id, run.number))
            run.result = variant_choice.summarise_run(epochs[run.id], signals, labels)


def _average_signals(storage: Storage, audit: Audit, runs: list[Run]) -> Signals:
    """Return the averaged signals of the chosen runs."""
    folders = [storage.locate_run(audit.id, run.number) for run in runs if run.is_chosen]
    return average_signals([signal_files.load(storage, folder) for folder in folders])


def _build_score_rows(audit: Audit, signals: Signals, labels: AuditLabels, findings: Findings) -> pa.Table:
    """Return score rows in order of rank."""
    return score_rows.build_rows(audit.id, signals, labels.given, rank_by_signals(signals), findings)


def _load_audited_data(
    session: Session, storage: Storage, dataset: Dataset, runs: list[Run]
) -> issue_search.AuditedData:
    """Load the data in which issues are searched."""
    statement = select(Problem.key, Problem.code, Problem.detail).where(Problem.dataset_id == dataset.id)
    chosen = next(run for run in runs if run.is_chosen)
    has_texts = storage.exists(storage.locate_pack(dataset.id) / TEXTS_FILE)
    return issue_search.AuditedData(
        inputs=np.load(storage.fetch_pack_file(dataset, PACK), mmap_mode="r"),
        labels_N=np.load(storage.fetch_pack_file(dataset, "labels.npy")),
        samples=_read_samples(storage.fetch_pack_file(dataset, "samples.parquet")),
        class_names=dataset.class_names or [],
        problems=[(key, code, detail) for key, code, detail in session.execute(statement)],
        neighbours=neighbour_files.load(storage, neighbour_files.locate(storage, chosen, dataset.id)),
        texts=_read_texts(storage.fetch_pack_file(dataset, TEXTS_FILE)) if has_texts else (),
    )


def _read_texts(path: Path) -> list[str]:
    texts: list[str] = parquet.read_table(path).column("text").to_pylist()
    return texts


def _read_samples(path: Path) -> pa.Table:
    """Return key, split and, where there are boxes, their places; older files have no columns for these."""
    stored = parquet.read_schema(path).names
    return parquet.read_table(path, columns=[name for name in ("key", "split", *COLUMNS) if name in stored])


def _list_issues(session: Session, storage: Storage, audit: Audit, rows: pa.Table) -> None:
    """Store the issues of the data besides wrong labels."""
    dataset = session.get_one(Dataset, audit.dataset_id)
    session.execute(delete(Issue).where(Issue.audit_id == audit.id))
    copy_into(session, Issue, rows.append_column("audit_id", pa.repeat(str(audit.id), len(rows))))
    audit.files = (audit.files or {}) | ranking_files.write_issues(
        rows, storage, storage.locate_audit(audit.id), class_names=dataset.class_names or []
    )


def _report(
    session: Session,
    storage: Storage,
    audit: Audit,
    rows: pa.Table,
    labels: AuditLabels,
    *,
    noise_rate: float | None,
) -> None:
    """Write the files, and the figures that depend on true labels or else on a claimed noise rate."""
    dataset = session.get_one(Dataset, audit.dataset_id)
    truth = labels.truth
    samples = parquet.read_table(
        storage.fetch_pack_file(dataset, "samples.parquet"), columns=["key", "split"]
    )
    names = dataset.class_names or []
    clean = truth if labels.planted is None else clean_labels.load_true_labels(session, dataset)
    table = ranking_files.build_ranking_table(
        score_rows.drop_samples(rows, labels.planted), samples, names, clean
    )
    written = ranking_files.write(
        table, storage, storage.locate_audit(audit.id), version=dataset.truth_version
    )
    _schedule_removals(session, storage, audit, written)
    audit.files = (audit.files or {}) | written
    audit.reported_truth_version = dataset.truth_version
    if truth is not None:
        noise_rate = truth_metrics.measure_noise_rate(rows, truth)
    audit.theory = (
        None
        if noise_rate is None
        else _compute_bounds(
            session, audit, noise_rate, is_known=truth is not None, sizes=(len(names), len(rows))
        )
    )
    if truth is not None:
        document = truth_metrics.measure_ranking(rows, truth, names)
        statement = insert(AuditMetrics).values(audit_id=audit.id, document=document)
        session.execute(
            statement.on_conflict_do_update(index_elements=["audit_id"], set_={"document": document})
        )


def _schedule_removals(session: Session, storage: Storage, audit: Audit, written: dict[str, Any]) -> None:
    """Schedule the removal of files that newer ones replace, after READ_SECONDS."""
    for name, newer in written.items():
        before = (audit.files or {}).get(name)
        if before is not None and before["path"] != newer["path"]:
            path = storage.locate_audit(audit.id) / before["path"]
            removals.schedule_removal(session, storage, path, after_seconds=READ_SECONDS)


def _compute_bounds(
    session: Session, audit: Audit, noise_rate: float, *, is_known: bool, sizes: tuple[int, int]
) -> dict[str, Any]:
    runs = audit_service.list_runs(session, [audit.id])[audit.id]
    if len(runs) > THEORY_RUNS_MAX:
        runs = [run for run in runs if run.is_chosen]
    epochs = audit_service.list_epochs(session, [run.id for run in runs])
    class_count, sample_count = sizes
    return information_bounds.compute_bounds(
        noise_rate=noise_rate,
        is_known=is_known,
        class_count=class_count,
        sample_count=sample_count,
        runs=[(run, epochs[run.id]) for run in runs],
    )
