"""Audits of texts on an encoder's features: chosen, computed in shards, judged, and taken again."""

import csv
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet
from sqlalchemy import select

from app.features import feature_files, feature_service
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import AuditStatus, Dataset, FeatureSet, FeatureShard, Run
from models.encoders.encoder_adding import add_encoder
from models.encoders.encoder_loading import load_encoder
from tests.builders.text_encoders import LENGTH, WIDTH, write_sentence_folder
from tests.worker.job_steps import compute_features, plan_audit, read_row, store_upload, train_and_finish
from worker.features.original_texts import read_texts
from worker.ingest.ingestion_job import ingest
from worker.train.training_job import execute

COUNT, SHARD_SIZE = 60, 25
SUBJECTS = (("refund", "invoice", "charged", "price"), ("password", "login", "locked", "reset"))
TRAINED = {"network": "mlp", "epochs": 3, "folds": 2, "method": "limit", "input_size": None}


@pytest.fixture
def settings(chosen: Settings, tmp_path: Path) -> Settings:
    """Return settings with an encoder of texts that somebody added."""
    folder = tmp_path / "encoders"
    add_encoder(write_sentence_folder(tmp_path / "sentences"), folder, name=None, asked={})
    return chosen.model_copy(update={"encoders_dir": folder, "feature_shard_size": SHARD_SIZE})


def make_texts() -> list[str]:
    generator = np.random.default_rng(0)
    return [f"number {row} about " + " ".join(generator.choice(SUBJECTS[row % 2], 5)) for row in range(COUNT)]


def read(
    database: Database, storage: Storage, settings: Settings, folder: Path, texts: Sequence[str]
) -> Dataset:
    """Return a dataset of texts with two labels in turn; the sixth label is wrong."""
    folder.mkdir()
    with (folder / "texts.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        rows.writerows((text, f"class {(row + (row == 5)) % 2}") for row, text in enumerate(texts))
    dataset = store_upload(database, storage, folder / "texts.csv")
    ingest(database, storage, settings, dataset.id)
    return read_row(database, Dataset, dataset.id)


def list_reports(database: Database, dataset_id: UUID) -> list[tuple[int, int]]:
    """Return the number of texts of each shard, and how many of these were not encoded again."""
    with database.transaction() as session:
        found = session.scalars(select(FeatureSet).where(FeatureSet.dataset_id == dataset_id)).one()
        shards: list[FeatureShard] = feature_service.list_shards(session, found.id)
    return [(shard.stop - shard.start, (shard.report or {})["reused"]) for shard in shards]


def test_texts_are_audited_on_the_features_of_an_added_encoder(
    database: Database, storage: Storage, settings: Settings, api: TestClient, tmp_path: Path
) -> None:
    texts = make_texts()
    dataset = read(database, storage, settings, tmp_path / "first", texts)
    audit, runs = plan_audit(database, dataset, **TRAINED)
    done = train_and_finish(database, storage, settings, audit, runs)
    assert done.status == AuditStatus.SUCCEEDED, done.error
    run = read_row(database, Run, runs[0].id)
    assert run.encoder is not None
    assert (run.encoder["name"], run.encoder["length"]) == ("sentences", LENGTH)
    assert "the first encoder of texts of those added here" in run.encoder["reason"]
    assert list_reports(database, dataset.id) == [(25, 0), (25, 0), (10, 0)]
    features = (done.provenance or {})["features"][0]
    assert (features["encoder"], features["width"], features["unreadable"]) == ("sentences", WIDTH, [])
    assert "sentence-transformers" in features["versions"]
    with database.transaction() as session:
        found = session.scalars(select(FeatureSet)).one()
        rows = feature_files.open_rows(storage, found, feature_service.list_shards(session, found.id))
    expected = load_encoder("sentences", settings.encoder_folder, "cpu").encode(texts)
    np.testing.assert_allclose(rows[list(range(COUNT))], expected, atol=1e-2)
    asked = api.get(f"/v1/audits/{audit.id}").json()["runs"][0]["encoder"]
    assert (asked["name"], asked["length"]) == ("sentences", LENGTH)
    words = api.get(f"/v1/audits/{audit.id}/samples/5/similar").json()["reasons"]["words"]
    assert words, "the words of the text speak as without an encoder"


def test_without_an_encoder_texts_are_trained_on_their_terms(
    database: Database, storage: Storage, settings: Settings, tmp_path: Path
) -> None:
    dataset = read(database, storage, settings, tmp_path / "first", make_texts())
    _, runs = plan_audit(database, dataset, **TRAINED, encoder="none")
    execute(database, storage, settings, runs[0].id)
    assert compute_features(database, storage, settings) == 0
    run = read_row(database, Run, runs[0].id)
    assert (run.encoder or {})["reason"] == "trained on the terms of the texts, as requested"


def test_another_upload_encodes_only_the_texts_that_changed(
    database: Database, storage: Storage, settings: Settings, tmp_path: Path
) -> None:
    texts = make_texts()
    for name in ("first", "second"):
        dataset = read(database, storage, settings, tmp_path / name, texts)
        audit, runs = plan_audit(database, dataset, **TRAINED)
        assert train_and_finish(database, storage, settings, audit, runs).status == AuditStatus.SUCCEEDED
        texts = [*texts[30:], *texts[:29], "a text that was not there before"]
    assert list_reports(database, dataset.id) == [(25, 25), (25, 25), (10, 9)]


def test_only_the_rows_of_a_shard_are_read(tmp_path: Path) -> None:
    table = pa.table({"text": [str(row) for row in range(10)]})
    parquet.write_table(table, tmp_path / "t.parquet", row_group_size=4)
    assert read_texts(tmp_path / "t.parquet", 3, 9) == ["3", "4", "5", "6", "7", "8"]
    assert read_texts(tmp_path / "t.parquet", 0, 2) == ["0", "1"]
