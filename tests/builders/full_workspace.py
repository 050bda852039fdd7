"""A workspace with one of everything, so that every route has something to answer with."""

import hashlib
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audits import audit_service
from app.datasets import dataset_service
from app.features import feature_files
from app.infra.database import Database
from app.infra.storage import Storage
from app.maps import map_files
from app.places import bucket_accesses, hub_tokens
from app.reviews import random_checks
from app.tables import (
    AuditMap,
    AuditMetrics,
    Bulk,
    BulkAction,
    Dataset,
    FeatureSet,
    FeatureShard,
    FeatureStatus,
    MapStatus,
    Review,
    Run,
    SampleNote,
    Selection,
    ShardStatus,
    Upload,
    Verdict,
)
from app.webhooks import webhook_service
from tests.builders.stored_rows import store_finished_audit, store_ready_dataset

BUCKET = "photographs"
UPLOAD: dict[str, Any] = {"name": "a.zip", "size": 9, "complete": True, "note": ""}
HISTOGRAM = {"edges": [0.0, 1.5], "right": [4.0], "wrong": [8.0], "counts": [12.0]}
SUMMARY: dict[str, Any] = {
    "sample_count": 12,
    "expected_error_count": 4.0,
    "disagreement_count": 0,
    "label_issue_count": 0,
    "histogram": HISTOGRAM,
    "per_class": [],
}
METRICS: dict[str, Any] = {
    "sample_count": 12,
    "error_count": 8,
    "noise_rate": 0.5,
    "roc_auc": 0.5,
    "average_precision": 0.5,
    "precision_at_noise_rate": 0.5,
    "roc": {"x": [0.0, 1.0], "y": [0.0, 1.0]},
    "precision_recall": None,
    "at_k": [],
    "histogram": HISTOGRAM,
    "per_class": [],
    "suggestion_accuracy": 0.5,
}


def store_full_workspace(database: Database, storage: Storage) -> dict[str, str]:
    """Store a dataset with truth, an audit, a verdict, an upload and the rest; return ids."""
    dataset = store_ready_dataset(database, storage, truth=[0] * 12)
    audit = store_finished_audit(database, dataset)
    folder = storage.locate_audit(audit.id)
    folder.mkdir(parents=True)
    (folder / "stored.csv").write_text("rank\n")
    stored = {"path": "stored.csv", "sha256": "0", "repr_digest": "sha-256=:AA==:"}
    with database.transaction() as session:
        audit = audit_service.get(session, audit.id)
        audit.files = dict.fromkeys(("issues.csv", "ranking.csv", "ranking.parquet"), stored)
        audit.reported_truth_version = 1
        audit.summary = SUMMARY
        dataset_service.get(session, dataset.id).statistics = {}
        session.add(AuditMetrics(audit_id=audit.id, document=METRICS))
        dataset_service.put_file(
            session, dataset_service.get(session, dataset.id), name="made.npz", size=5, sha256="0" * 64
        )
        random_checks.want_checks(session, audit, 12)
        _store_features(session, storage, dataset.id, audit.id)
        session.add(Review(dataset_id=dataset.id, position=3, verdict=Verdict.KEEP, reviewer="somebody"))
        action = BulkAction(audit_id=audit.id, action=Bulk.KEEP, reviewer="somebody", is_looked_at=True)
        session.add(action)
        note = SampleNote(dataset_id=dataset.id, position=3, reviewer="write", text="blurred")
        session.add(note)
        selection = Selection(audit_id=audit.id, sha256="0", positions=[3, 5])
        session.add(selection)
        _store_map(session, storage, audit.id)
        _store_consensus(storage, dataset_service.get(session, dataset.id))
        bucket_accesses.put_access(session, BUCKET, endpoint=None, region=None, key_id=None, secret=None)
        hub_tokens.put_token(session, "hidden")
        upload = Upload(dataset_id=dataset.id, expires_at=datetime.now(UTC) + timedelta(days=1), **UPLOAD)
        session.add(upload)
        webhook = webhook_service.create(
            session, url="https://hook.example/", events=[webhook_service.Event.SUCCEEDED]
        )
        session.flush()
        delivery = webhook_service.send_test(session, webhook)
        session.flush()
    ids = {
        "dataset": dataset.id,
        "audit": audit.id,
        "upload": upload.id,
        "action": action.id,
        "selection": selection.id,
        "note": note.id,
        "webhook": webhook.id,
        "delivery": delivery.id,
    }
    return {name: str(identifier) for name, identifier in ids.items()}


def _store_consensus(storage: Storage, dataset: Dataset) -> None:
    """Store the consensus of one annotator, who labelled every sample."""
    samples = {
        "position": [0], "key": ["key-0"], "given_label": [0], "consensus": [0], "probability": [0.9],
        "n_labels": [1], "agreement": [1.0], "majority": [0], "is_tie": [False], "ask_again": [1],
        "expected_gain": [0.1],
    }  # fmt: skip
    annotators = {
        "annotator": ["ana"], "labels": [12], "agrees_with_consensus": [1.0], "accuracy": [0.9],
        "accuracy_low": [0.8], "accuracy_high": [0.95], "finding": ["better"], "confusions": [None],
    }  # fmt: skip
    for name, table in (("samples", samples), ("annotators", annotators)):
        path = storage.locate_annotations(dataset.id, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(pa.table(table), path)
    dataset.annotators = {"version": 1, "names": 1, "labels": 12, "samples": 12, "file": "labels"}
    dataset.consensus = {
        "version": 1, "audit_id": None, "labelled": 12, "with_two_labels": 0, "alpha": None,
        "reasons": [], "wrong_count": 1.0, "wrong_interval": [0.0, 2.0], "ties": 0,
        "differs_from_majority": 0, "ask_again": 1,
        "files": {"samples": "samples", "annotators": "annotators"},
    }  # fmt: skip


def _store_map(session: Session, storage: Storage, audit_id: UUID) -> None:
    """Store a map of the 12 samples."""
    with map_files.locate_points(storage, audit_id, "0").open("wb") as file:
        np.save(file, np.ones((len(map_files.COLUMNS), 12), dtype=np.float32))
    facts = {
        "source": "encoder", "encoder": "made", "points": 12, "samples": 12, "highest_ranked": 12,
        "landmarks": 12, "is_complete": True, "seconds": 0.1,
    }  # fmt: skip
    session.add(AuditMap(audit_id=audit_id, status=MapStatus.SUCCEEDED, facts=facts, file={"sha256": "0"}))


def _store_features(session: Session, storage: Storage, dataset_id: UUID, audit_id: UUID) -> None:
    """Store two features of each sample, and say that the audit's run was trained on them."""
    content = io.BytesIO()
    np.save(content, np.zeros((12, 2), dtype=feature_files.STORED))
    sha256 = hashlib.sha256(content.getvalue()).hexdigest()
    path = feature_files.locate_shard(storage, dataset_id, sha256)
    path.parent.mkdir(parents=True)
    path.write_bytes(content.getvalue())
    found = FeatureSet(
        dataset_id=dataset_id, encoder="made", encoder_sha256="0", width=2, status=FeatureStatus.READY
    )
    session.add(found)
    session.flush()
    session.add(
        FeatureShard(
            set_id=found.id,
            number=0,
            start=0,
            stop=12,
            status=ShardStatus.SUCCEEDED,
            queue="train",
            sha256=sha256,
            bytes=len(content.getvalue()),
        )
    )
    run = session.scalars(select(Run).where(Run.audit_id == audit_id)).one()
    run.is_chosen, run.feature_set_id = True, found.id
