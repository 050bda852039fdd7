"""Ingestion as a job: a real file, a real database."""

from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import (
    Dataset,
    DatasetStatus,
    OwnValues,
    Problem,
    Sample,
    Truth,
)
from tests.builders.pictures import write_digits_zip
from tests.worker.job_steps import count_rows, read_row, store_upload
from worker.ingest.ingestion_job import ingest


def test_an_upload_becomes_ready(database: Database, digits: Dataset, storage: Storage) -> None:
    assert digits.status == DatasetStatus.READY
    assert (digits.format, digits.kind, digits.sample_count) == ("class_folders", "images", 120)
    assert (digits.class_names, digits.shape) == (["0", "1", "2"], [8, 8, 1])
    assert count_rows(database, Sample) == 120
    labels = np.load(storage.locate_pack(digits.id) / "labels.npy")
    with database.transaction() as session:
        rows = session.execute(select(Sample.position, Sample.given_label, Sample.key)).all()
    assert all(labels[position] == label == int(key.split("/")[0]) for position, label, key in rows)


def test_ingestion_happens_once(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings
) -> None:
    ingest(database, storage, chosen, digits.id)
    assert read_row(database, Dataset, digits.id).attempt == 1
    assert count_rows(database, Sample) == 120


def test_an_unreadable_upload_is_rejected_with_the_reason(
    database: Database, storage: Storage, chosen: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(b"PK\x03\x04 and then nothing of use")
    dataset = store_upload(database, storage, file)
    ingest(database, storage, chosen, dataset.id)
    rejected = read_row(database, Dataset, dataset.id)
    assert rejected.status == DatasetStatus.REJECTED
    assert rejected.error is not None
    assert rejected.error["detail"]
    assert storage.locate_upload(dataset.id, "x.zip").exists()


def test_columns_that_are_no_features_are_stored(
    database: Database, storage: Storage, chosen: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    lines = [f"{row}.5,{'ab'[row % 2]},{'kim' if row % 4 else ''}" for row in range(20)]
    lines[7] = "nan,a,ana"
    file.write_text("\n".join(["x,label,annotator", *lines]))
    dataset = store_upload(database, storage, file)
    ingest(database, storage, chosen, dataset.id)
    ready = read_row(database, Dataset, dataset.id)
    assert (ready.shape, ready.sample_count) == ([1], 19)
    assert ready.own_columns == [{"name": "annotator", "kind": "text", "missing": 5, "source": "upload"}]
    with database.transaction() as session:
        stored = {row.position: row.document for row in session.scalars(select(OwnValues))}
    assert [stored[position] for position in (0, 1, 7)] == [{}, {"annotator": "kim"}, {}]


def test_truth_and_problems_of_an_upload_are_stored(
    database: Database, storage: Storage, chosen: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    lines = [f"r{i},{i},{i % 3}.5,{'ab'[i % 2]},{'ab'[i % 4 == 0]}" for i in range(20)]
    lines[7] = "r7,inf,0.5,a,a"
    file.write_text("\n".join(["id,x,z,label,true_label", *lines]))
    dataset = store_upload(database, storage, file)
    ingest(database, storage, chosen, dataset.id)
    ready = read_row(database, Dataset, dataset.id)
    assert (ready.status, ready.sample_count, ready.truth_version) == (DatasetStatus.READY, 19, 1)
    assert count_rows(database, Truth) == 19
    with database.transaction() as session:
        problem = session.scalars(select(Problem)).one()
    assert problem.key == "r7"


def test_pictures_are_served_as_trained_on_and_as_uploaded(
    digits: Dataset, storage: Storage, api: TestClient
) -> None:
    url = f"/v1/datasets/{digits.id}/samples/0/image"
    small, large, original = api.get(url), api.get(url + "?side=64"), api.get(url + "?variant=original")
    assert {answer.headers["content-type"] for answer in (small, large, original)} == {"image/png"}
    from tests.builders.pictures import decode_picture  # noqa: PLC0415

    stored = np.load(storage.locate_pack(digits.id) / "pack.npy")[0, ..., 0]
    assert (decode_picture(small.content) == stored).all()
    assert (decode_picture(original.content) == stored).all()
    assert decode_picture(large.content).shape == (64, 64)


def test_an_unexpected_error_rejects_the_upload_at_once_with_its_name(
    database: Database, storage: Storage, chosen: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = store_upload(database, storage, write_digits_zip(tmp_path / "digits.zip"))

    def broken(*_: object, **__: object) -> None:
        raise MemoryError("too much")

    monkeypatch.setattr("worker.ingest.ingestion_job.read_in_child", broken)
    ingest(database, storage, chosen, dataset.id)
    rejected = read_row(database, Dataset, dataset.id)
    assert (rejected.status, (rejected.error or {})["code"]) == (DatasetStatus.REJECTED, "internal")
