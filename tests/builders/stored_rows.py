"""Datasets, audits and scores, stored as the service itself would leave them."""

from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from app.audits import audit_service
from app.audits.audit_configuration import AuditConfiguration
from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Audit, AuditStatus, Dataset, DatasetStatus, Sample, Score, Truth

NAMES = ["ant", "bee", "cat"]


def store_ready_dataset(
    database: Database, storage: Storage, *, samples: int = 12, truth: list[int] | None = None
) -> Dataset:
    """Store a ready dataset of 8x8 grey images whose given labels go 0, 1, 2, 0, 1, 2, ..."""
    labels = np.arange(samples) % len(NAMES)
    with database.transaction() as session:
        dataset = Dataset(
            name="made",
            options={},
            status=DatasetStatus.READY,
            kind="images",
            format="npz",
            sample_count=samples,
            class_names=NAMES,
            shape=[8, 8, 1],
            pack_sha256="0" * 64,
            truth_version=int(truth is not None),
        )
        session.add(dataset)
        session.flush()
        session.refresh(dataset)
        session.add_all(
            Sample(dataset_id=dataset.id, position=position, key=f"key-{position}", given_label=int(label))
            for position, label in enumerate(labels)
        )
        session.flush()
        session.add_all(
            Truth(dataset_id=dataset.id, position=position, true_label=label)
            for position, label in enumerate(truth or [])
        )
    folder = storage.locate_pack(dataset.id)
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (samples, 8, 8, 1), dtype=np.uint8)
    np.save(folder / "pack.npy", pixels)
    np.save(folder / "labels.npy", labels.astype(np.int32))
    keys = [f"key-{position}" for position in range(samples)]
    columns = {"key": keys, "split": pa.nulls(samples, pa.string())}
    parquet.write_table(pa.table(columns), folder / "samples.parquet")
    return dataset


def store_audit(database: Database, dataset: Dataset, **configuration: Any) -> Audit:  # noqa: ANN401
    """Store an audit as the API would."""
    with database.transaction() as session:
        return audit_service.create(
            session,
            dataset,
            name=None,
            configuration=AuditConfiguration.read(configuration),
        )


def store_finished_audit(database: Database, dataset: Dataset, **summary: object) -> Audit:
    """Store a finished audit in which position p has rank N - p, so that the last sample is the worst.

    Fields of a summary are stored with it, if any are given.
    """
    audit = store_audit(database, dataset)
    count = dataset.sample_count or 0
    with database.transaction() as session:
        audit_service.change_status(session, audit.id, AuditStatus.SUCCEEDED)
        session.add_all(make_score(audit.id, position, rank=count - position) for position in range(count))
        if summary:
            session.get_one(Audit, audit.id).summary = dict(summary)
    return audit


def make_score(audit_id: UUID, position: int, *, rank: int) -> Score:
    """Return a score whose distance is 1 / rank and whose suggestion is the class after the given one."""
    given = position % len(NAMES)
    return Score(
        audit_id=audit_id,
        position=position,
        rank=rank,
        given_label=given,
        score=1 / rank,
        distance=1 / rank,
        error_probability=1 / rank,
        is_label_issue=rank == 1,
        distance_average=1 / rank,
        distance_last=1 / rank,
        predicted_gradient_norm=0.1,
        margin=-1.0,
        loss=1.0,
        given_label_probability=0.25,
        suggested_label=(given + 1) % len(NAMES),
        suggested_confidence=0.5,
        second_label=given,
        second_probability=0.25,
    )
