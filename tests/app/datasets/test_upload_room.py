"""How much more may be uploaded: the disk's reserve and a workspace's quota."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient

from app.datasets import dataset_service, resumable_uploads, upload_bodies
from app.datasets.shared_files import share_files
from app.infra.database import Database
from app.infra.errors import NoSpace, WrongState
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.infra.workspace_scope import get_or_create_workspace
from app.routes.shared.callers import provide_settings
from app.tables import Dataset
from tests.builders.stored_rows import store_ready_dataset

TUS = {"Tus-Resumable": "1.0.0", "Upload-Metadata": "filename Yi5jc3Y="}


def test_the_free_space_is_looked_at_again_while_a_body_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([2000, 999])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=next(free)))
    reserve = upload_bodies.Reserve(tmp_path, 1000)
    for _ in range(2):
        reserve.check(upload_bodies.LOOK_BYTES)
    reserve.check(0)
    with pytest.raises(NoSpace, match="expected 1000 free bytes on the disk besides this body; found 999"):
        reserve.check(upload_bodies.WRITE_BYTES)


def test_files_that_were_admitted_together_do_not_exceed_the_quota(
    api: TestClient, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = chosen.model_copy(update={"workspace_max_bytes": 100})
    api.app.dependency_overrides[provide_settings] = lambda: told  # type: ignore[attr-defined]
    monkeypatch.setattr(resumable_uploads, "measure_room", lambda *_, **__: 100)  # as each sees it at first
    dataset = api.post("/v1/datasets", json={"name": "x"}).json()["id"]
    url = f"/v1/datasets/{dataset}/files"
    answers = [api.put(f"{url}/{name}.csv?complete=false", content=b"x" * 60) for name in "ab"]
    assert [answer.status_code for answer in answers] == [201, 507]
    assert "with this file it has 120" in answers[1].json()["detail"]
    assert len(api.get(f"/v1/datasets/{dataset}").json()["files"]) == 1


def test_one_of_several_workspaces_promises_itself_half_of_the_room(
    api: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Storage, "measure_free_bytes", lambda _: 1000)
    dataset = api.post("/v1/datasets", json={"name": "x"}).json()["id"]
    begin = f"/v1/datasets/{dataset}/uploads"

    def promise(size: int) -> int:
        return api.post(begin, headers=TUS | {"Upload-Length": str(size)}).status_code

    assert (promise(600), promise(401)) == (201, 507)
    with database.transaction() as session:
        get_or_create_workspace(session, "another")
    assert promise(1) == 507
    monkeypatch.setattr(Storage, "measure_free_bytes", lambda _: 1300)
    assert (promise(50), promise(1)) == (201, 507)


def test_a_workspace_cannot_store_or_promise_more_than_its_quota(api: TestClient, chosen: Settings) -> None:
    told = chosen.model_copy(update={"workspace_max_bytes": 100})
    api.app.dependency_overrides[provide_settings] = lambda: told  # type: ignore[attr-defined]
    dataset = api.post("/v1/datasets", json={"name": "x"}).json()["id"]
    put = f"/v1/datasets/{dataset}/files/a.csv?complete=false"
    assert api.put(put, content=b"x" * 60).status_code == 201
    begin = f"/v1/datasets/{dataset}/uploads"
    assert api.post(begin, headers=TUS | {"Upload-Length": "30"}).status_code == 201
    refused = api.post(begin, headers=TUS | {"Upload-Length": "30"})
    assert (refused.status_code, refused.json()["code"]) == (507, "no_space")
    assert "room for 10 bytes" in refused.json()["detail"]
    assert api.put(put.replace("a.csv", "c.csv"), content=b"x" * 11).status_code == 507


def test_files_that_are_shared_above_the_quota_leave_nothing_behind(
    database: Database, storage: Storage
) -> None:
    source = store_ready_dataset(database, storage)
    storage.locate_upload(source.id, "a.csv").parent.mkdir(parents=True, exist_ok=True)
    for name in ("a.csv", "b.csv"):
        storage.locate_upload(source.id, name).write_bytes(b"x" * 60)
    with database.transaction() as session:
        for name in ("a.csv", "b.csv"):
            found = session.get_one(Dataset, source.id)
            dataset_service.put_file(session, found, name=name, size=60, sha256="0" * 64)
    for missing, quota in ((None, 239), ("b.csv", None)):
        if missing is not None:
            storage.locate_upload(source.id, missing).unlink()
        with database.transaction() as session:
            target = dataset_service.create(session, name="again", options={})
            folder = storage.locate_dataset(target.id)
            with pytest.raises((NoSpace, WrongState)):
                share_files(session, storage, source, target, workspace_max_bytes=quota)
            session.rollback()
        assert not [*folder.rglob("*.csv")]
