"""What expires, and what is brought to its end after an interruption."""

import hashlib
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from app.access import browser_sessions, keys
from app.audits import audit_service
from app.datasets import dataset_service, resumable_uploads
from app.infra import removals
from app.infra.database import Database
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import (
    Activity,
    Dataset,
    DatasetStatus,
    DeliveryStatus,
    Login,
    Removal,
    Scope,
    Upload,
    WebhookDelivery,
)
from app.webhooks import webhook_service
from tests.builders.stored_rows import store_audit, store_finished_audit, store_ready_dataset
from worker.finish import finishing_job
from worker.maintenance import retention
from worker.maintenance.tidy import tidy

BODY = b"a,label\n1,x\n" * 50


def begun(database: Database, storage: Storage, *, received: bytes, sha256: str | None = None) -> Upload:
    """Store an upload as a killed API leaves it."""
    with database.transaction() as session:
        dataset = dataset_service.create(session, name="x", options={})
        upload = resumable_uploads.create(
            session,
            dataset,
            name="rows.csv",
            size=len(BODY),
            sha256=sha256,
            complete=True,
            note="",
            expiry_seconds=3600,
            most=5,
        )
        upload.offset = len(received)
    file = resumable_uploads.locate_body(storage, upload)
    file.parent.mkdir(parents=True)
    file.write_bytes(received)
    return upload


def quiet(database: Database, seconds: float) -> None:
    """Let time pass for uploads."""
    with database.transaction() as session:
        session.execute(update(Upload).values(expires_at=Upload.expires_at - timedelta(seconds=seconds)))


def test_a_whole_upload_that_was_not_registered_becomes_a_file(
    database: Database, storage: Storage, chosen: Settings, sent: list[tuple[Task, UUID]]
) -> None:
    hourly = chosen.model_copy(update={"upload_expiry_seconds": 3600})
    upload = begun(database, storage, received=BODY)
    tidy(database, storage, hourly)
    assert sent == [], "its request may still be at work"
    quiet(database, chosen.resend_seconds + 1)
    tidy(database, storage, hourly)
    assert sent == [(Task.INGEST, upload.dataset_id)]
    assert storage.locate_upload(upload.dataset_id, "rows.csv").read_bytes() == BODY
    with database.transaction() as session:
        file = dataset_service.list_files(session, [upload.dataset_id])[upload.dataset_id][0]
    assert file.sha256 == hashlib.sha256(BODY).hexdigest()


def test_an_expired_upload_goes_with_its_bytes_and_a_living_one_stays(
    database: Database, storage: Storage, chosen: Settings
) -> None:
    gone = begun(database, storage, received=BODY[:9])
    quiet(database, 3601)
    kept = begun(database, storage, received=BODY[:9])
    tidy(database, storage, chosen)
    with database.transaction() as session:
        assert session.scalars(select(Upload.id)).all() == [kept.id]
    assert not resumable_uploads.locate_body(storage, gone).exists()
    assert resumable_uploads.locate_body(storage, kept).exists()


def test_an_expired_upload_keeps_its_bytes_until_the_deletion_of_its_row_is_committed(
    database: Database, storage: Storage, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begun(database, storage, received=BODY[:9])
    quiet(database, 3601)

    def fail(*_: object) -> None:
        raise RuntimeError("the transaction is rolled back")

    with monkeypatch.context() as patch:
        patch.setattr(retention, "delete_old_rows", fail)
        with pytest.raises(RuntimeError, match="rolled back"):
            tidy(database, storage, chosen)
    with database.transaction() as session:
        assert session.scalars(select(Upload.id)).all() == [upload.id]
    assert resumable_uploads.locate_body(storage, upload).read_bytes() == BODY[:9]
    tidy(database, storage, chosen)
    with database.transaction() as session:
        assert session.scalars(select(Upload.id)).all() == []
    assert not resumable_uploads.locate_body(storage, upload).exists()


def test_a_dataset_that_was_begun_and_given_up_is_deleted(
    database: Database, storage: Storage, chosen: Settings, api: TestClient
) -> None:
    given_up, recent, ready = (
        api.post("/v1/datasets", json={"name": "a"}).json()["id"],
        api.post("/v1/datasets", json={"name": "b"}).json()["id"],
        str(store_ready_dataset(database, storage).id),
    )
    api.put(f"/v1/datasets/{given_up}/files/a.csv?complete=false", content=BODY)
    api.put(f"/v1/datasets/{recent}/files/a.csv?complete=false", content=BODY)
    long_ago = func.now() - timedelta(seconds=chosen.upload_expiry_seconds + 1)
    with database.transaction() as session:
        session.execute(update(Dataset).values(created_at=long_ago))
        for file in dataset_service.list_files(session, [UUID(given_up)])[UUID(given_up)]:
            file.uploaded_at = long_ago
    tidy(database, storage, chosen)
    with database.transaction() as session:
        left = {str(identifier) for identifier in session.scalars(select(Dataset.id))}
    assert left == {recent, ready}
    assert not storage.locate_dataset(UUID(given_up)).exists()
    assert storage.locate_upload(UUID(recent), "a.csv").exists()


def test_half_a_body_of_a_killed_process_is_deleted_and_one_that_grows_stays(
    database: Database, storage: Storage, chosen: Settings
) -> None:
    old, new = (storage.locate_incoming(UUID(int=1), name) for name in ("old", "new"))
    old.parent.mkdir(parents=True)
    for file in (old, new):
        file.write_bytes(b"x")
    os.utime(old, (time.time() - 86_400,) * 2)
    tidy(database, storage, chosen)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_body_that_vanishes_while_bodies_are_listed_does_not_keep_the_others(
    database: Database, storage: Storage, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [storage.locate_incoming(UUID(int=number), "body") for number in range(3)]
    for body in bodies:
        body.parent.mkdir(parents=True)
        body.write_bytes(b"x")
        os.utime(body, (time.time() - 86_400,) * 2)
    vanished: list[Path] = []
    stat = Path.stat

    def vanish_first(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path in bodies and not vanished:
            vanished.append(path)
            path.unlink()  # its request ended: it was moved away
        return stat(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", vanish_first)
    tidy(database, storage, chosen)
    monkeypatch.undo()
    assert len(vanished) == 1
    assert [body.exists() for body in bodies] == [False] * 3


def test_an_interrupted_deletion_is_finished_later(
    database: Database,
    storage: Storage,
    chosen: Settings,
    api: TestClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = store_ready_dataset(database, storage)

    def busy(path: Path, **_: object) -> None:
        """Do nothing, as where a file is in use."""

    monkeypatch.setattr(shutil, "rmtree", busy)
    assert api.delete(f"/v1/datasets/{dataset.id}").status_code == 204
    assert storage.locate_dataset(dataset.id).exists()
    assert removals.remove_due(database, storage) == [f"datasets/{dataset.id}"]
    monkeypatch.undo()
    tidy(database, storage, chosen)
    assert not storage.locate_dataset(dataset.id).exists()
    with database.transaction() as session:
        assert session.scalars(select(Removal)).all() == []


def test_a_refused_deletion_promises_nothing(database: Database, storage: Storage, api: TestClient) -> None:
    dataset = store_ready_dataset(database, storage)
    api.post("/v1/audits", json={"dataset_id": str(dataset.id)})
    assert api.delete(f"/v1/datasets/{dataset.id}").status_code == 409
    assert removals.remove_due(database, storage) == []
    assert storage.locate_pack(dataset.id).exists()
    with database.transaction() as session:
        assert session.get_one(Dataset, dataset.id).status == DatasetStatus.READY


def test_what_a_killed_run_left_goes_once_its_audit_has_ended(
    database: Database, storage: Storage, chosen: Settings
) -> None:
    dataset = store_ready_dataset(database, storage)
    ended, going_on = store_finished_audit(database, dataset), store_audit(database, dataset)
    left = [
        storage.locate_run(audit.id, 0) / name
        for audit in (ended, going_on)
        for name in ("checkpoint.pt", ".checkpoint.pt.1f.partial", "network.pt")
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    tidy(database, storage, chosen)
    assert [path.exists() for path in left] == [False, False, True, True, True, True]


def test_what_was_kept_long_enough_is_forgotten(
    database: Database, storage: Storage, chosen: Settings, api: TestClient
) -> None:
    for name in ("old", "new"):
        api.post("/v1/datasets", json={"name": name})
    with database.transaction() as session:
        hook = webhook_service.create(
            session, url="https://hook.example/", events=[webhook_service.Event.FAILED]
        )
        deliveries = [webhook_service.send_test(session, hook) for _ in range(3)]
        deliveries[0].status = deliveries[1].status = DeliveryStatus.DELIVERED
        for row in (deliveries[0], deliveries[2]):  # the last one is still to be sent
            row.created_at = datetime.now(UTC) - timedelta(days=chosen.delivery_days + 1)
        kept = {deliveries[1].id, deliveries[2].id}
        oldest = session.scalars(select(Activity).order_by(Activity.id).limit(1)).one()
        oldest.created_at = datetime.now(UTC) - timedelta(days=chosen.activity_days + 1)
        key, secret = keys.create(session, name="a", scope=Scope.READ, expires_at=None)
        session.flush()
        for hours in (-1, 1):
            browser_sessions.log_in(session, secret, hours=hours)
    tidy(database, storage, chosen)
    with database.transaction() as session:
        assert set(session.scalars(select(WebhookDelivery.id))) == kept
        assert len(session.scalars(select(Activity)).all()) == 1
        assert len(session.scalars(select(Login).where(Login.key_id == key.id)).all()) == 1


def test_a_ranking_goes_an_hour_after_its_successor_was_made(
    database: Database, storage: Storage, chosen: Settings
) -> None:
    audit = store_finished_audit(database, store_ready_dataset(database, storage))
    folder = storage.locate_audit(audit.id)
    folder.mkdir(parents=True)
    for name in ("ranking.v0.csv", "ranking.v1.csv"):
        (folder / name).write_text("rank")
    with database.transaction() as session:
        found = audit_service.get(session, audit.id)
        found.files = {"ranking.csv": {"path": "ranking.v0.csv"}}
        finishing_job._schedule_removals(session, storage, found, {"ranking.csv": {"path": "ranking.v1.csv"}})  # noqa: SLF001
    tidy(database, storage, chosen)
    assert (folder / "ranking.v0.csv").exists()
    with database.transaction() as session:
        session.execute(update(Removal).values(due_at=func.now() - timedelta(seconds=1)))
    tidy(database, storage, chosen)
    assert [path.name for path in folder.iterdir()] == ["ranking.v1.csv"]


def test_the_folder_of_an_export_goes_after_its_api_was_killed(
    database: Database, storage: Storage, chosen: Settings
) -> None:
    names = ("export.killed", "export.under_way", "datasets", "export.written_to")
    folders = [storage.root / name for name in names]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "written.parquet").write_bytes(b"PAR1")
    long_ago = time.time() - 2 * 3600
    for path in (folders[0], folders[0] / "written.parquet", folders[2], folders[3]):
        os.utime(path, (long_ago, long_ago))
    tidy(database, storage, chosen)
    assert [folder.exists() for folder in folders] == [False, True, True, True]
