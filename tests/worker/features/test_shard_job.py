"""Features as jobs: shards of real pictures by a real encoder, waited for, lost, cancelled, unreadable."""

import io
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image
from pyarrow import parquet
from sqlalchemy import func, select, update

from app.audits import audit_service
from app.audits.audit_configuration import AuditConfiguration
from app.datasets import dataset_service
from app.features import feature_files, feature_service
from app.infra.database import Database
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.label_sets import class_views
from app.tables import (
    Audit,
    AuditStatus,
    Dataset,
    FeatureSet,
    FeatureShard,
    FeatureStatus,
    Run,
    RunStatus,
    ShardStatus,
)
from models.data_issues.neighbour_search import find_nearest
from models.data_issues.neighbours import Neighbours
from models.encoders.encoder_loading import load_encoder
from tests.worker.job_steps import count_rows, read_row, store_upload
from worker.features import encoded_inputs, known_features, shard_job
from worker.features.shard_computation import compute_features
from worker.finish.finishing_job import finish
from worker.ingest.ingestion_job import ingest
from worker.jobs import neighbour_files
from worker.jobs.heartbeat import Cancelled
from worker.maintenance.sweep import sweep
from worker.train.training_job import execute

ENCODER = "efficientnet_lite0"
SIDE, PER_CLASS = 96, 12
SHARD_SIZE = 10


@pytest.fixture
def settings(chosen: Settings) -> Settings:
    return chosen.model_copy(update={"feature_shard_size": SHARD_SIZE})


def draw_photograph(colour: int, number: int) -> np.ndarray:
    """Return a picture [S, S, 3] in one of two colours, with noise of its own."""
    generator = np.random.default_rng(1000 * colour + number)
    pixels = generator.integers(0, 120, (SIDE, SIDE + number, 3))
    pixels[..., colour] += 100
    return pixels.astype(np.uint8)


@pytest.fixture
def photographs(database: Database, storage: Storage, settings: Settings, tmp_path: Path) -> Dataset:
    """Return a dataset of 24 colour pictures of two classes, a zip of JPEGs and compressed PNGs."""
    file = tmp_path / "photographs.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(2 * PER_CLASS):
            colour, buffer = number % 2, io.BytesIO()
            encoding = "PNG" if number % 3 else "JPEG"
            Image.fromarray(draw_photograph(colour, number)).save(buffer, format=encoding)
            folder = 1 - colour if number == 5 else colour
            archive.writestr(f"class{folder}/{number:02}.{encoding.lower()}", buffer.getvalue())
    dataset = store_upload(database, storage, file)
    ingest(database, storage, settings, dataset.id)
    return read_row(database, Dataset, dataset.id)


def encode_png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


@dataclass(frozen=True)
class Jobs:
    """The jobs of one service, done one after the other."""

    database: Database
    storage: Storage
    settings: Settings

    def plan(self, dataset: Dataset, **configuration: object) -> tuple[Audit, Run]:
        asked = {"seed": 0, "epochs": 2, **configuration}
        with self.database.transaction() as session:
            audit = audit_service.create(
                session, dataset, name=None, configuration=AuditConfiguration.read(asked)
            )
            return audit, audit_service.list_runs(session, [audit.id])[audit.id][0]

    def train(self, run: Run) -> Run:
        execute(self.database, self.storage, self.settings, run.id)
        return read_row(self.database, Run, run.id)

    def compute(self, shard: FeatureShard) -> FeatureShard:
        shard_job.execute(self.database, self.storage, self.settings, shard.id)
        return read_row(self.database, FeatureShard, shard.id)

    def list_shards(self) -> list[FeatureShard]:
        with self.database.transaction() as session:
            return list(session.scalars(select(FeatureShard).order_by(FeatureShard.number)))

    def read_set(self) -> FeatureSet:
        with self.database.transaction() as session:
            return session.scalars(select(FeatureSet)).one()

    def open_rows(self) -> feature_files.FeatureRows:
        return feature_files.open_rows(self.storage, self.read_set(), self.list_shards())


@pytest.fixture
def jobs(database: Database, storage: Storage, settings: Settings) -> Jobs:
    return Jobs(database, storage, settings)


def read_keys(jobs: Jobs, dataset: Dataset) -> list[str]:
    """Return the keys of a dataset by position."""
    with jobs.database.transaction() as session:
        listed = dataset_service.list_samples(session, dataset.id, after=-1, limit=50, given_label=None)
        return [sample.key for sample, _ in listed]


def test_photographs_get_an_encoder_and_the_run_waits_for_its_features(
    jobs: Jobs, photographs: Dataset, sent: list[tuple[Task, UUID]]
) -> None:
    audit, run = jobs.plan(photographs)
    waiting = jobs.train(run)
    shards = jobs.list_shards()
    assert (waiting.status, waiting.attempt, waiting.lease_until) == (RunStatus.QUEUED, 0, None)
    assert waiting.encoder is not None
    assert waiting.encoder["name"] == ENCODER
    assert "taken for photographs" in waiting.encoder["reason"]
    assert [(shard.start, shard.stop) for shard in shards] == [(0, 10), (10, 20), (20, 24)]
    assert sent[-3:] == [(Task.FEATURES, shard.id) for shard in shards]
    assert read_row(jobs.database, Audit, audit.id).status == AuditStatus.RUNNING
    for shard in shards[:2]:
        jobs.compute(shard)
    assert jobs.train(run).status == RunStatus.QUEUED, "it does not start before the last shard"
    with jobs.database.transaction() as session:
        progress = feature_service.follow(session, [jobs.read_set().id])[jobs.read_set().id]
    assert (progress.done, progress.total, progress.shards_done) == (20, 24, 2)
    jobs.compute(shards[2])
    assert sent[-1] == (Task.TRAIN, run.id)
    trained = jobs.train(run)
    assert (trained.status, trained.attempt) == (RunStatus.SUCCEEDED, 1)
    assert (trained.configuration or {})["network"] == "mlp"
    finish(jobs.database, jobs.storage, audit.id)
    assert read_row(jobs.database, Audit, audit.id).status == AuditStatus.SUCCEEDED


def test_the_features_are_those_of_the_uploaded_pictures_and_later_audits_take_them(
    jobs: Jobs, photographs: Dataset, sent: list[tuple[Task, UUID]]
) -> None:
    _, run = jobs.plan(photographs)
    jobs.train(run)
    for shard in jobs.list_shards():
        assert jobs.compute(shard).status == ShardStatus.SUCCEEDED
    rows = jobs.open_rows()
    encoder = load_encoder(ENCODER, None, "cpu")
    keys = read_keys(jobs, photographs)
    pictures = []
    with zipfile.ZipFile(jobs.storage.locate_upload(photographs.id, "photographs.zip")) as archive:
        for key in keys:
            with Image.open(io.BytesIO(archive.read(key))) as image:
                pictures.append(encoder.prepare(image.convert("RGB")))
    expected = encoder.encode(torch.from_numpy(np.stack(pictures))).numpy()
    found = rows[list(range(24))].astype(np.float32)
    assert np.abs(found - expected).max() < 1e-2 * np.abs(expected).max(), "up to float16 and batches"
    assert [shard.report["originals"] for shard in jobs.list_shards() if shard.report] == [10, 10, 4]
    sent.clear()
    _, second = jobs.plan(photographs, seed=1)
    assert jobs.train(second).status == RunStatus.SUCCEEDED
    assert Task.FEATURES not in [task for task, _ in sent]
    assert count_rows(jobs.database, FeatureSet) == 1


def test_neighbours_are_searched_once_for_all_audits_and_again_where_too_few_are_stored(
    jobs: Jobs, photographs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []

    def search(features_ND: npt.NDArray[np.float16], *, count: int, **_: object) -> Neighbours:
        counts.append(count)
        return find_nearest(features_ND, count=count)

    monkeypatch.setattr(encoded_inputs, "find_nearest", search)
    _, run = jobs.plan(photographs)
    jobs.train(run)
    for shard in jobs.list_shards():
        jobs.compute(shard)
    assert jobs.train(run).status == RunStatus.SUCCEEDED
    assert jobs.train(jobs.plan(photographs, seed=1)[1]).status == RunStatus.SUCCEEDED
    assert counts == [23], "all others, as there are fewer than asked for"
    folder = jobs.storage.locate_feature_set(photographs.id, jobs.read_set().id)
    stored = neighbour_files.load(jobs.storage, folder)
    assert stored is not None
    assert stored.index_Nk.shape == (24, 10), "duplicates and outliers take the nearest ten"
    neighbour_files.save_neighbours(jobs.storage, folder, stored)
    assert jobs.train(jobs.plan(photographs, seed=2)[1]).status == RunStatus.SUCCEEDED
    assert counts == [23, 23]


def test_a_finished_audit_names_its_features_and_they_can_be_downloaded(
    jobs: Jobs, photographs: Dataset, api: TestClient
) -> None:
    audit, run = jobs.plan(photographs)
    jobs.train(run)
    answer = api.get(f"/v1/audits/{audit.id}").json()
    assert (answer["features"]["done"], answer["features"]["total"]) == (0, 24)
    first, *others = jobs.list_shards()
    jobs.compute(first)
    answer = api.get(f"/v1/audits/{audit.id}").json()
    assert (answer["features"]["done"], answer["features"]["shards_done"]) == (10, 1)
    assert answer["fraction"] == pytest.approx(0.98 * 0.33 * 10 / 24)
    for shard in others:
        jobs.compute(shard)
    jobs.train(run)
    finish(jobs.database, jobs.storage, audit.id)
    answer = api.get(f"/v1/audits/{audit.id}").json()
    (described,) = answer["provenance"]["features"]
    assert (described["encoder"], described["originals"], described["unreadable"]) == (ENCODER, 24, [])
    assert {"torch", "pillow", "limit-audit"} <= described["versions"].keys()
    assert "taken for photographs" in api.get(f"/audits/{audit.id}").text
    rows = jobs.open_rows()[list(range(24))]
    downloaded = np.load(io.BytesIO(api.get(f"/v1/audits/{audit.id}/exports/features.npy").content))
    np.testing.assert_array_equal(downloaded, rows)
    content = api.get(f"/v1/audits/{audit.id}/exports/features.parquet").content
    table = parquet.read_table(io.BytesIO(content))
    assert table["position"].to_pylist() == list(range(24))
    assert table.schema.metadata[b"encoder"] == ENCODER.encode()
    np.testing.assert_array_equal(np.stack(table["features"].to_numpy()), rows.astype(np.float32))
    position = api.get(f"/v1/audits/{audit.id}/suspects?limit=1").json()["items"][0]["position"]
    similar = api.get(f"/v1/audits/{audit.id}/samples/{position}/similar")
    assert similar.status_code == 200, similar.text


def test_a_picture_that_cannot_be_decoded_is_named_and_taken_from_the_pack(
    jobs: Jobs, photographs: Dataset
) -> None:
    with jobs.database.transaction() as session:
        sample, _ = dataset_service.get_sample(session, photographs.id, 3)
    assert sample.source_offset is not None
    upload = jobs.storage.locate_upload(photographs.id, "photographs.zip")
    content = bytearray(upload.read_bytes())
    content[sample.source_offset : sample.source_offset + 200] = bytes(200)
    upload.write_bytes(content)
    _, run = jobs.plan(photographs)
    jobs.train(run)
    shards = [jobs.compute(shard) for shard in jobs.list_shards()]
    assert [shard.status for shard in shards] == [ShardStatus.SUCCEEDED] * 3
    (named,) = shards[0].unreadable
    assert (named["position"], named["key"]) == (3, sample.key)
    encoder = load_encoder(ENCODER, None, "cpu")
    pack = np.load(jobs.storage.locate_pack(photographs.id) / "pack.npy")
    expected = encoder.encode(torch.from_numpy(encoder.prepare(Image.fromarray(pack[3]))[None])).numpy()
    np.testing.assert_allclose(jobs.open_rows()[[3]].astype(np.float32), expected, atol=0.02)


def test_an_upload_that_shares_pictures_with_another_has_only_its_new_ones_encoded(
    jobs: Jobs, photographs: Dataset, tmp_path: Path
) -> None:
    """The second upload has other compression, another order, one new picture and one that is drawn over."""
    _, run = jobs.plan(photographs)
    jobs.train(run)
    for shard in jobs.list_shards():
        jobs.compute(shard)
    before = jobs.open_rows()[list(range(24))]
    keys = read_keys(jobs, photographs)
    second = tmp_path / "again.zip"
    with (
        zipfile.ZipFile(jobs.storage.locate_upload(photographs.id, "photographs.zip")) as read,
        zipfile.ZipFile(second, "w", zipfile.ZIP_STORED) as archive,
    ):
        for key in reversed(keys):
            content = read.read(key)
            if key == keys[7]:
                content = encode_png(draw_photograph(0, 77))
            archive.writestr(f"class1/moved{key[7:]}" if key == keys[3] else key, content)
        archive.writestr("class0/new.png", encode_png(draw_photograph(0, 99)))
    dataset = store_upload(jobs.database, jobs.storage, second)
    ingest(jobs.database, jobs.storage, jobs.settings, dataset.id)
    again = read_row(jobs.database, Dataset, dataset.id)
    jobs.train(jobs.plan(again)[1])
    with jobs.database.transaction() as session:
        newest = session.scalars(select(FeatureSet).where(FeatureSet.dataset_id == again.id)).one()
        shards = feature_service.list_shards(session, newest.id)
    done = [jobs.compute(shard) for shard in shards]
    assert sum((shard.report or {})["reused"] for shard in done) == 23, "all but the new and the changed one"
    rows = feature_files.open_rows(jobs.storage, newest, done)[list(range(25))]
    places = {key: place for place, key in enumerate(keys)}
    for position, key in enumerate(read_keys(jobs, again)):
        place = places.get(keys[3] if "moved" in key else key)
        if place is None or place == 7:
            assert not (rows[position] == before).all(axis=1).any(), key
        else:
            np.testing.assert_array_equal(rows[position], before[place], key)


def test_views_of_two_classes_have_their_pictures_encoded_once(jobs: Jobs, tmp_path: Path) -> None:
    file = tmp_path / "scenes.zip"
    lines = ["file_name,label"]
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(2 * PER_CLASS):
            archive.writestr(f"{number:02}.png", encode_png(draw_photograph(number % 2, number)))
            lines.append(f"{number:02}.png,{'red' if number % 2 else 'sea;red' if number % 4 else 'sea'}")
        archive.writestr("metadata.csv", "\n".join(lines))
    dataset = store_upload(jobs.database, jobs.storage, file, label_separator=";")
    ingest(jobs.database, jobs.storage, jobs.settings, dataset.id)
    with jobs.database.transaction() as session:
        class_views.make_views(session, jobs.storage, session.get_one(Dataset, dataset.id), classes=None)
    with jobs.database.transaction() as session:
        views = session.scalars(select(Dataset.id).where(Dataset.view_of == dataset.id)).all()
    reused = []
    for view_id in views:
        ingest(jobs.database, jobs.storage, jobs.settings, view_id)
        jobs.train(jobs.plan(read_row(jobs.database, Dataset, view_id))[1])
        done = [jobs.compute(shard) for shard in jobs.list_shards() if shard.report is None]
        reused.append(sum((shard.report or {})["reused"] for shard in done))
    assert reused == [0, 24]


def test_a_lost_shard_is_computed_again_and_the_late_worker_writes_nothing(
    jobs: Jobs, photographs: Dataset, sent: list[tuple[Task, UUID]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run = jobs.plan(photographs)
    jobs.train(run)
    shards = jobs.list_shards()

    def lose_the_lease(*arguments: object, **named: object) -> object:
        """Do what happens while a worker is frozen: its lease lapses and the shard is swept."""
        monkeypatch.setattr(known_features, "compute_features", compute_features)
        freed = {"status": ShardStatus.QUEUED, "lease_until": None, "lapses": 1}
        long_ago = func.now() - timedelta(days=1)
        with jobs.database.transaction() as session:
            held = update(FeatureShard).where(FeatureShard.id == shards[1].id)
            session.execute(held.values(sent_at=long_ago, **freed))
        sent.clear()
        sweep(jobs.database, jobs.settings, lambda _: 0)
        assert (Task.FEATURES, shards[1].id) in sent
        return compute_features(*arguments, **named)  # type: ignore[arg-type]  # what it was called with

    monkeypatch.setattr(known_features, "compute_features", lose_the_lease)
    late = jobs.compute(shards[1])
    assert (late.status, late.sha256, late.lapses, late.attempt) == (ShardStatus.QUEUED, None, 1, 1)
    again = jobs.compute(shards[1])
    assert (again.status, again.attempt) == (ShardStatus.SUCCEEDED, 2)
    others = [jobs.compute(shard) for shard in (shards[0], shards[2])]
    assert [shard.attempt for shard in others] == [1, 1]
    assert jobs.read_set().status == FeatureStatus.READY


def test_a_shard_that_fails_ends_the_audit_with_its_reason_and_the_next_audit_begins_again(
    jobs: Jobs, photographs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit, run = jobs.plan(photographs)
    jobs.train(run)
    first, *others = jobs.list_shards()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the accelerator is on fire")

    monkeypatch.setattr(known_features, "compute_features", fail)
    assert jobs.compute(first).status == ShardStatus.FAILED
    ended = read_row(jobs.database, Audit, audit.id)
    assert ended.status == AuditStatus.FAILED
    assert ended.error == {"code": "RuntimeError", "detail": "the accelerator is on fire"}
    monkeypatch.undo()
    assert jobs.compute(others[0]).status == ShardStatus.QUEUED, "nobody needs it any more"
    _, second = jobs.plan(photographs)
    assert jobs.train(second).status == RunStatus.QUEUED
    for shard in (first, *others):
        jobs.compute(shard)
    assert jobs.train(second).status == RunStatus.SUCCEEDED


def test_a_shard_that_is_lost_too_often_ends_the_audit(jobs: Jobs, photographs: Dataset) -> None:
    audit, run = jobs.plan(photographs)
    jobs.train(run)
    with jobs.database.transaction() as session:
        session.execute(
            update(FeatureShard)
            .where(FeatureShard.number == 1)
            .values(
                status=ShardStatus.RUNNING, lapses=2, lease_until=func.now() - timedelta(seconds=1), attempt=3
            )
        )
    for _ in range(2):
        sweep(jobs.database, jobs.settings, lambda _: 0)
    ended = read_row(jobs.database, Audit, audit.id)
    assert (ended.status, (ended.error or {})["code"]) == (AuditStatus.FAILED, "worker_lost")
    assert jobs.read_set().status == FeatureStatus.FAILED


def test_a_cancelled_audit_ends_at_once_and_its_shards_stop(
    jobs: Jobs, photographs: Dataset, sent: list[tuple[Task, UUID]], monkeypatch: pytest.MonkeyPatch
) -> None:
    audit, run = jobs.plan(photographs)
    jobs.train(run)
    first, second, third = jobs.list_shards()
    jobs.compute(first)

    def cancel(*_: object, **__: object) -> object:
        with jobs.database.transaction() as session:
            assert audit_service.cancel(session, audit.id).status == AuditStatus.CANCELLED
        raise Cancelled

    monkeypatch.setattr(known_features, "compute_features", cancel)
    stopped = jobs.compute(second)
    assert (stopped.status, stopped.lease_until, stopped.lapses) == (ShardStatus.QUEUED, None, 0)
    monkeypatch.setattr(known_features, "compute_features", compute_features)
    assert jobs.compute(third).attempt == 0, "it is not even claimed"
    sent.clear()
    with jobs.database.transaction() as session:
        session.execute(update(FeatureShard).values(sent_at=func.now() - timedelta(days=1)))
    sweep(jobs.database, jobs.settings, lambda _: 0)
    assert not [task for task, _ in sent if task == Task.FEATURES], "nor sent again"
    _, later = jobs.plan(photographs)
    jobs.train(later)
    assert sent[-2:] == [(Task.FEATURES, second.id), (Task.FEATURES, third.id)], "the first is kept"


def test_a_lost_message_is_sent_again(
    jobs: Jobs, photographs: Dataset, sent: list[tuple[Task, UUID]]
) -> None:
    _, run = jobs.plan(photographs)
    jobs.train(run)
    sent.clear()
    with jobs.database.transaction() as session:
        session.execute(update(FeatureShard).values(sent_at=func.now() - timedelta(days=1)))
        session.execute(update(Run).values(sent_at=func.now() - timedelta(days=1)))
    sweep(jobs.database, jobs.settings, lambda _: 0)
    assert sorted(sent) == sorted((Task.FEATURES, shard.id) for shard in jobs.list_shards())
    for shard in jobs.list_shards():
        jobs.compute(shard)
    sent.clear()
    sweep(jobs.database, jobs.settings, lambda _: 0)
    assert sent == [(Task.TRAIN, run.id)]


def test_pictures_in_an_array_are_taken_from_the_pack(
    jobs: Jobs, database: Database, storage: Storage, settings: Settings, tmp_path: Path
) -> None:
    pixels = np.stack([draw_photograph(number % 2, 0)[:48, :48] for number in range(24)])
    np.savez(tmp_path / "pictures.npz", x=pixels, y=np.arange(24) % 2)
    dataset = store_upload(database, storage, tmp_path / "pictures.npz")
    ingest(database, storage, settings, dataset.id)
    _, run = jobs.plan(read_row(database, Dataset, dataset.id), encoder=ENCODER)
    jobs.train(run)
    shards = [jobs.compute(shard) for shard in jobs.list_shards()]
    assert [(shard.report or {})["originals"] for shard in shards] == [0, 0, 0]
    rows = jobs.open_rows()
    np.testing.assert_array_equal(rows[[0]], rows[[2]])
    encoder = load_encoder(ENCODER, None, "cpu")
    expected = encoder.encode(torch.from_numpy(encoder.prepare(Image.fromarray(pixels[1]))[None])).numpy()
    np.testing.assert_allclose(rows[[1]].astype(np.float32), expected, atol=0.02)


def test_another_encoder_under_the_same_name_is_refused(jobs: Jobs, photographs: Dataset) -> None:
    audit, run = jobs.plan(photographs)
    jobs.train(run)
    with jobs.database.transaction() as session:
        session.execute(update(FeatureSet).values(encoder_sha256="0" * 64))
    for expected in (ShardStatus.QUEUED, ShardStatus.QUEUED, ShardStatus.FAILED):
        assert jobs.compute(jobs.list_shards()[0]).status == expected
    error = read_row(jobs.database, Audit, audit.id).error or {}
    assert "another efficientnet_lite0" in error["detail"]


def test_deleting_a_dataset_deletes_its_features(jobs: Jobs, photographs: Dataset) -> None:
    audit, run = jobs.plan(photographs)
    jobs.train(run)
    first, *_ = jobs.list_shards()
    stored = jobs.compute(first)
    path = feature_files.locate_shard(jobs.storage, photographs.id, stored.sha256 or "")
    assert path.is_relative_to(jobs.storage.locate_dataset(photographs.id))
    assert path.exists()
    with jobs.database.transaction() as session:
        audit_service.cancel(session, audit.id)
        session.flush()
        audit_service.remove(session, audit.id)
        dataset_service.remove(session, photographs.id)
    assert (count_rows(jobs.database, FeatureSet), count_rows(jobs.database, FeatureShard)) == (0, 0)
