"""A workspace with one of everything, so that every route has something to answer with."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.audits import audit_service
from app.datasets import dataset_service
from app.infra.database import Database
from app.infra.storage import Storage
from app.reviews import random_checks
from app.tables import AuditMetrics, Review, Upload, Verdict
from app.webhooks import webhook_service
from tests.builders.stored_rows import store_finished_audit, store_ready_dataset

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
    """Store a dataset with truth, a finished audit, a verdict, an upload and a webhook; return their ids."""
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
        session.add(Review(dataset_id=dataset.id, position=3, verdict=Verdict.KEEP, reviewer="somebody"))
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
        "webhook": webhook.id,
        "delivery": delivery.id,
    }
    return {name: str(identifier) for name, identifier in ids.items()}
