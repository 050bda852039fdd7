"""The consensus job: annotators' labels and an audit's out-of-sample evidence to what is stored of both.

Shape suffixes: N samples, J annotators.
"""

import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import structlog
from pyarrow import parquet
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audits import audit_service
from app.datasets import stored_consensus
from app.datasets.stored_consensus import ANNOTATORS, SAMPLES, blank
from app.http.work_apart import TooMuchWork, call_apart
from app.infra import removals
from app.infra.database import Database
from app.infra.errors import NoSpace, Unavailable
from app.infra.storage import Storage
from app.tables import Audit, AuditStatus, Dataset, Json, Run
from models.annotators.annotations import Annotations
from models.annotators.consensus import EXPLANATIONS, Consensus, Reason, find_consensus, take_majority
from worker.jobs import evidence_files
from worker.jobs.atomic_files import write_atomically
from worker.jobs.waiting import DATABASE_DOWN

log = structlog.get_logger()
AUDITS_TRIED = 5
CELLS_MAX = 64_000_000
"""Samples times classes, as for the evidence of audits: half a gigabyte for each of a few arrays."""
MEMORY_BYTES, CELL_BYTES = 2**30, 120
"""For finding a consensus, with what each sample and class, and each label, takes: fifteen numbers."""
CONSENSUS_SECONDS = 600
"""Of processor time: 300,000 labels of 100 annotators and ten classes take 14 of them, 2,400 labels of 120
annotators and 100 classes 66 (one thread of an AMD EPYC)."""
ASK_MIN = 0.005
"""Wrong labels that one more label must be expected to avoid for its sample to be listed: one in two
hundred."""
READ_SECONDS = 3600.0
TOO_LARGE = (
    "expected samples times classes of at most {most:,}, found {found:,}: the consensus cannot be formed"
)
Evidence = tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What the job starts from."""

    dataset: Dataset
    annotations: Annotations
    names: list[str]
    evidence: Evidence | None
    audit_id: UUID | None


def form_waiting(database: Database, storage: Storage) -> None:
    """Form the consensuses that wait, one after the other."""
    while True:
        with database.transaction() as session:
            waiting = session.scalar(stored_consensus.list_due().limit(1))
        if waiting is None:
            return
        form_consensus(database, storage, waiting)


def form_consensus(database: Database, storage: Storage, dataset_id: UUID) -> None:
    """Form and store the consensus of a dataset's annotators; an older one is replaced."""
    with database.transaction() as session:
        dataset = session.get(Dataset, dataset_id)
        if dataset is None or dataset.annotators is None:
            return
        stored_consensus.take_turn(session, dataset)
        audits = session.scalar(stored_consensus.count_audits(dataset_id))
        audit_id, evidence = _find_evidence(session, storage, dataset)
    version = dataset.annotators["version"]
    written: dict[str, str] = {}
    try:
        work = _load(storage, dataset, audit_id, evidence)
        found = _find_apart(work)
        written = _write(storage, work, found)
        document = _summarise(work, found) | {"files": written}
    except (*DATABASE_DOWN, NoSpace, Unavailable):
        raise
    except Exception as error:  # any other would come again
        log.exception("consensus not formed", dataset=str(dataset_id))
        document = {"error": {"code": type(error).__name__, "detail": str(error)[:500]}}
    document |= {"audits": audits, "formed_at": datetime.now(UTC).isoformat()}
    with database.transaction() as session:
        _store(session, storage, dataset_id, version, document)
    log.info("consensus formed", dataset=str(dataset_id), version=version)


def _find_apart(work: _Work) -> Consensus:
    """Find the consensus in a process of its own: a few kilobytes of labels can take hours of work."""
    cells = work.annotations.sample_count * work.annotations.class_count
    memory = MEMORY_BYTES + CELL_BYTES * (cells + len(work.annotations.label_R))
    with TemporaryDirectory(prefix="limit-audit-") as folder:
        target = Path(folder) / "consensus"
        arguments = {"annotations": work.annotations, "evidence": work.evidence, "destination": target}
        try:
            call_apart(
                find_and_write,
                arguments,
                what="labels of annotators",
                memory_bytes=memory,
                cpu_seconds=CONSENSUS_SECONDS,
            )
        except TooMuchWork:
            log.warning("the majority is the consensus", dataset=str(work.dataset.id))
            return take_majority(work.annotations, Reason.TOO_LARGE)
        found: Consensus = pickle.loads(target.read_bytes())  # noqa: S301 - our own process wrote it
        return found


def find_and_write(annotations: Annotations, evidence: Evidence | None, destination: Path) -> None:
    """Find the consensus of labels, and write it to a file for the process that asked for it."""
    destination.write_bytes(pickle.dumps(find_consensus(annotations, *(evidence or ()))))


def _store(session: Session, storage: Storage, dataset_id: UUID, version: int, document: Json) -> None:
    """Store the document, unless other labels were attached meanwhile; the files of the other go."""
    statement = select(Dataset).where(Dataset.id == dataset_id).with_for_update()
    dataset = session.scalars(statement).one_or_none()
    is_current = dataset is not None and (dataset.annotators or {}).get("version") == version
    before = (dataset.consensus or {}) if dataset is not None and is_current else document
    for name in (before.get("files") or {}).values():
        path = storage.locate_annotations(dataset_id, name)
        removals.schedule_removal(session, storage, path, after_seconds=READ_SECONDS)
    if dataset is not None and is_current:
        dataset.consensus = {"version": version, **document}


def _find_evidence(
    session: Session, storage: Storage, dataset: Dataset
) -> tuple[UUID | None, Evidence | None]:
    """Return the newest audit whose networks never saw the labels that they speak of, and what they say."""
    statement = (
        select(Audit)
        .where(Audit.dataset_id == dataset.id, Audit.status == AuditStatus.SUCCEEDED)
        .order_by(Audit.id.desc())
        .limit(AUDITS_TRIED)
    )
    for audit in session.scalars(statement).all():
        if audit.is_rehearsal:
            continue
        runs: list[Run] = audit_service.list_runs(session, [audit.id])[audit.id]
        folders = [storage.locate_run(audit.id, run.number) for run in runs if run.is_chosen]
        stored = [evidence_files.load(storage, folder) for folder in folders]
        found = [each for each in stored if each is not None]
        if found:
            return audit.id, evidence_files.join_probabilities(found)
    return None, None


def _load(storage: Storage, dataset: Dataset, audit_id: UUID | None, evidence: Evidence | None) -> _Work:
    cells = (dataset.sample_count or 0) * len(dataset.class_names or [])
    if cells > CELLS_MAX:
        raise ValueError(TOO_LARGE.format(most=CELLS_MAX, found=cells))
    assert dataset.annotators is not None
    with storage.open(storage.locate_annotations(dataset.id, dataset.annotators["file"])) as file:
        table = parquet.read_table(file)
    names = json.loads(table.schema.metadata[b"names"])
    annotations = Annotations(
        sample_R=table["position"].to_numpy(),
        annotator_R=table["annotator"].to_numpy(),
        label_R=table["label"].to_numpy(),
        sample_count=dataset.sample_count or 0,
        annotator_count=len(names),
        class_count=len(dataset.class_names or []),
    )
    return _Work(dataset=dataset, annotations=annotations, names=names, evidence=evidence, audit_id=audit_id)


def _rank_gains(found: Consensus) -> npt.NDArray[np.float64]:
    """Return each sample's rank by the worth of one more label, 1 the best; not a number below ASK_MIN."""
    rank_N = np.full(len(found.gain_N), np.nan)
    listed = np.flatnonzero(found.gain_N >= ASK_MIN)
    order = listed[np.argsort(-found.gain_N[listed], kind="stable")]
    rank_N[order] = np.arange(1, len(order) + 1)
    return rank_N


def _write(storage: Storage, work: _Work, found: Consensus) -> dict[str, str]:
    """Store both tables, and return their files' names."""
    tables = {SAMPLES: _list_samples(storage, work, found), ANNOTATORS: _list_annotators(work, found)}
    names = {what: f"{what}-{uuid4().hex}.parquet" for what in tables}
    for what, table in tables.items():
        path = storage.locate_annotations(work.dataset.id, names[what])
        write_atomically(path, partial(parquet.write_table, table, compression="zstd"))
        storage.publish(path)
    return names


def _list_samples(storage: Storage, work: _Work, found: Consensus) -> pa.Table:
    given_N = np.load(storage.fetch_pack_file(work.dataset, "labels.npy"))
    keys = parquet.read_table(storage.fetch_pack_file(work.dataset, "samples.parquet"), columns=["key"])
    rank_N = _rank_gains(found)
    gain_N = np.where(np.isnan(found.probability_N), np.nan, found.gain_N)
    columns = {
        "position": pa.array(np.arange(len(given_N), dtype=np.int32)),
        "key": keys["key"],
        "given_label": pa.array(given_N.astype(np.int32)),
        "consensus": _mask(found.label_N),
        "probability": blank(found.probability_N),
        "n_labels": pa.array(found.count_N.astype(np.int32)),
        "agreement": blank(found.agreement_N),
        "majority": _mask(found.majority_N),
        "is_tie": pa.array(found.is_tie_N),
        "ask_again": blank(rank_N).cast(pa.int32()),
        "expected_gain": blank(gain_N),
    }
    return pa.table(columns)


def _mask(label_N: npt.NDArray[np.int32]) -> pa.Array:
    return pa.array(label_N, mask=label_N < 0)


def _list_annotators(work: _Work, found: Consensus) -> pa.Table:
    """Return a row for each annotator, those with the most labels first."""
    quality, annotations = found.quality, work.annotations
    agrees_R = annotations.label_R == found.label_N[annotations.sample_R]
    labels_J = annotations.labels_per_annotator_J
    agreed_J = np.bincount(annotations.annotator_R, weights=agrees_R, minlength=len(labels_J))
    shown = [finding != "too_few" for finding in quality.findings_J]
    columns = {
        "annotator": pa.array(work.names),
        "labels": pa.array(labels_J),
        "agrees_with_consensus": pa.array(agreed_J / np.maximum(labels_J, 1)),
        "accuracy": blank(np.where(shown, quality.accuracy_J, np.nan)),
        "accuracy_low": blank(quality.low_J),
        "accuracy_high": blank(quality.high_J),
        "finding": pa.array(quality.findings_J, pa.string()),
        "confusions": pa.array(_describe_confusions(work, found, shown), pa.string()),
    }
    order = np.argsort(-labels_J, kind="stable")
    return pa.table(columns).take(pa.array(order))


CONFUSIONS_SHOWN, CONFUSION_MIN = 3, 0.05


def _describe_confusions(work: _Work, found: Consensus, shown: Sequence[bool]) -> list[str | None]:
    """Return each annotator's most frequent confusions in words: "true > label 12 %"."""
    matrices_JKL = found.quality.confusion_JKL
    if matrices_JKL is None:
        return [None] * len(shown)
    classes = work.dataset.class_names or []
    texts: list[str | None] = []
    for matrix, is_shown in zip(found.quality.matrix_of_annotator_J, shown, strict=True):
        if not is_shown:
            texts.append(None)
            continue
        off_KL = matrices_JKL[matrix] * (1 - np.eye(len(classes)))
        best = np.argsort(-off_KL, axis=None, kind="stable")[:CONFUSIONS_SHOWN]
        pairs = [divmod(int(each), len(classes)) for each in best]
        texts.append(
            "; ".join(
                f"{classes[true]} > {classes[label]} {off_KL[true, label]:.0%}"
                for true, label in pairs
                if off_KL[true, label] >= CONFUSION_MIN
            )
        )
    return texts


def _summarise(work: _Work, found: Consensus) -> dict[str, Any]:
    """Return the figures of all samples together."""
    is_labelled_N = found.count_N > 0
    alpha = found.alpha
    return {
        "audit_id": None if work.audit_id is None else str(work.audit_id),
        "labelled": int(is_labelled_N.sum()),
        "with_two_labels": int((found.count_N > 1).sum()),
        "alpha": None
        if alpha is None
        else {"alpha": alpha.alpha, "low": alpha.low, "high": alpha.high, "samples": alpha.samples},
        "reasons": [{"code": str(reason), "detail": EXPLANATIONS[reason]} for reason in found.reasons],
        "wrong_count": found.wrong_count,
        "wrong_interval": None if found.wrong_interval is None else list(found.wrong_interval),
        "ties": int(found.is_tie_N.sum()),
        "differs_from_majority": int((is_labelled_N & (found.label_N != found.majority_N)).sum()),
        "ask_again": int((found.gain_N >= ASK_MIN).sum()),
    }
