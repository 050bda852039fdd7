"""Datasets over HTTP, up to the moment in which a worker takes over."""

import base64
import hashlib
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fastapi.testclient import TestClient

from app.infra.database import Database
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Dataset, DatasetStatus, Problem
from tests.builders.stored_rows import NAMES, store_ready_dataset

BODY = b"label,a\n" * 1000


def created(api: TestClient) -> str:
    answer = api.post("/v1/datasets", json={"name": "letters"})
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/datasets/{answer.json()['id']}"
    return str(answer.json()["id"])


def test_a_body_is_stored_hashed_and_handed_to_a_worker(
    api: TestClient, storage: Storage, sent: list[tuple[Task, UUID]]
) -> None:
    dataset_id = created(api)
    answer = api.put(f"/v1/datasets/{dataset_id}/files/letters.csv", content=BODY)
    assert answer.status_code == 202
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["status"] == "ingesting"
    assert answer.json()["files"] == [
        {"name": "letters.csv", "bytes": len(BODY), "sha256": hashlib.sha256(BODY).hexdigest()}
    ]
    assert storage.locate_upload(UUID(dataset_id), "letters.csv").read_bytes() == BODY
    assert sent == [(Task.INGEST, UUID(dataset_id))]


def test_several_files_wait_for_the_last(api: TestClient, sent: list[tuple[Task, UUID]]) -> None:
    dataset_id = created(api)
    for name in ("images.gz", "labels.gz"):
        answer = api.put(f"/v1/datasets/{dataset_id}/files/{name}?complete=false", content=b"x")
        assert (answer.status_code, answer.json()["status"]) == (201, "uploading")
    assert sent == []
    answer = api.post(f"/v1/datasets/{dataset_id}/ingestion")
    assert (answer.status_code, answer.json()["status"]) == (202, "ingesting")
    assert [file["name"] for file in answer.json()["files"]] == ["images.gz", "labels.gz"]
    assert sent == [(Task.INGEST, UUID(dataset_id))]


def test_a_file_sent_again_replaces_the_first(api: TestClient, storage: Storage) -> None:
    dataset_id = created(api)
    for body in (b"first", b"second"):
        answer = api.put(f"/v1/datasets/{dataset_id}/files/a.csv?complete=false", content=body)
    assert [file["bytes"] for file in answer.json()["files"]] == [6]
    assert storage.locate_upload(UUID(dataset_id), "a.csv").read_bytes() == b"second"


def test_no_file_enters_a_dataset_that_is_being_read(api: TestClient, storage: Storage) -> None:
    dataset_id = created(api)
    api.put(f"/v1/datasets/{dataset_id}/files/a.csv", content=BODY)
    answer = api.put(f"/v1/datasets/{dataset_id}/files/b.csv", content=BODY)
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert not storage.locate_upload(UUID(dataset_id), "b.csv").exists()


def test_ingestion_without_a_file_is_refused(api: TestClient) -> None:
    answer = api.post(f"/v1/datasets/{created(api)}/ingestion")
    assert answer.status_code == 409
    assert "at least one file" in answer.json()["detail"]


def leftovers(storage: Storage) -> list[Path]:
    return [path for path in storage.root.rglob("*") if path.is_file()] if storage.root.exists() else []


def test_a_body_over_the_limit_is_refused_by_its_announcement(
    api: TestClient, chosen: Settings, storage: Storage
) -> None:
    api.app.dependency_overrides |= limit(chosen, upload_max_bytes=100)  # type: ignore[attr-defined]
    answer = api.put(f"/v1/datasets/{created(api)}/files/a.csv", content=b"x" * 101)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert "at most 100 bytes, this one has 101" in answer.json()["detail"]
    assert leftovers(storage) == []


def test_a_body_that_grows_over_the_limit_is_stopped(
    api: TestClient, chosen: Settings, storage: Storage
) -> None:
    api.app.dependency_overrides |= limit(chosen, upload_max_bytes=100)  # type: ignore[attr-defined]
    chunks = (b"x" * 60 for _ in range(2))
    answer = api.put(f"/v1/datasets/{created(api)}/files/a.csv", content=chunks)
    assert answer.status_code == 413
    assert leftovers(storage) == []


def test_a_body_that_the_disk_cannot_hold_is_refused(api: TestClient, chosen: Settings) -> None:
    api.app.dependency_overrides |= limit(chosen, upload_reserve_bytes=1 << 60)  # type: ignore[attr-defined]
    answer = api.put(f"/v1/datasets/{created(api)}/files/a.csv", content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (507, "no_space")


def limit(chosen: Settings, **changes: int) -> dict[object, object]:
    from app.routes.shared.callers import provide_settings  # noqa: PLC0415

    changed = chosen.model_copy(update=changes)
    return {provide_settings: lambda: changed}


def test_an_empty_body_is_refused(api: TestClient) -> None:
    answer = api.put(f"/v1/datasets/{created(api)}/files/a.csv", content=b"")
    assert answer.status_code == 422
    assert "the body is empty" in answer.json()["detail"]


@pytest.mark.parametrize("header", ["content-digest", "repr-digest"])
def test_a_wrong_digest_is_refused_and_a_right_one_taken(
    api: TestClient, storage: Storage, header: str
) -> None:
    dataset_id = created(api)
    right = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    url = f"/v1/datasets/{dataset_id}/files/a.csv"
    refused = api.put(url, content=BODY, headers={header: f"sha-256=:{wrong}:"})
    assert (refused.status_code, refused.json()["code"]) == (400, "digest_mismatch")
    assert leftovers(storage) == []
    assert api.put(url, content=BODY, headers={header: f"sha-256=:{right}:"}).status_code == 202


@pytest.mark.parametrize("name", [".hidden", "...", "a%00b", "a%5Cb", "x" * 201])
def test_odd_file_names_are_refused(api: TestClient, name: str) -> None:
    answer = api.put(f"/v1/datasets/{created(api)}/files/{name}", content=b"x")
    assert answer.status_code == 422
    assert "the file name must be" in answer.json()["detail"]


def test_an_unknown_dataset_is_not_found(api: TestClient) -> None:
    missing = uuid4()
    for answer in (
        api.get(f"/v1/datasets/{missing}"),
        api.put(f"/v1/datasets/{missing}/files/a", content=b"x"),
        api.delete(f"/v1/datasets/{missing}"),
    ):
        assert answer.status_code == 404
        assert answer.json()["detail"] == f"there is no dataset {missing}"


def test_an_unknown_field_is_refused_with_its_pointer(api: TestClient) -> None:
    answer = api.post("/v1/datasets", json={"name": "a", "colour": "red"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/body/colour"


def test_pages_follow_their_cursors_to_the_end(api: TestClient) -> None:
    ids = [created(api) for _ in range(5)]
    seen, url = [], "/v1/datasets?limit=2"
    while url:
        answer = api.get(url)
        seen += [item["id"] for item in answer.json()["items"]]
        url = answer.links.get("next", {}).get("url", "")
    assert seen == ids[::-1]


def test_a_made_up_cursor_is_refused(api: TestClient) -> None:
    answer = api.get("/v1/datasets?cursor=bm90IGpzb24")
    assert answer.status_code == 422
    assert "cursor must be" in answer.json()["detail"]


def test_problems_are_listed_in_order(api: TestClient, database: Database, storage: Storage) -> None:
    dataset = store_ready_dataset(database, storage)
    with database.transaction() as session:
        session.add_all(
            Problem(dataset_id=dataset.id, number=n, key=f"{n}.jpg", code="unreadable", detail="truncated")
            for n in range(3)
        )
    first = api.get(f"/v1/datasets/{dataset.id}/problems?limit=2").json()
    assert [item["key"] for item in first["items"]] == ["0.jpg", "1.jpg"]
    rest = api.get(f"/v1/datasets/{dataset.id}/problems?limit=2&cursor={first['next_cursor']}").json()
    assert [item["key"] for item in rest["items"]] == ["2.jpg"]
    assert rest["next_cursor"] is None


def test_samples_by_position_and_class(api: TestClient, database: Database, storage: Storage) -> None:
    dataset = store_ready_dataset(database, storage, samples=7, truth=[0, 1, 2, 0, 1, 2, 1])
    one = api.get(f"/v1/datasets/{dataset.id}/samples/6").json()
    assert (one["key"], one["given_label"], one["true_label"]) == ("key-6", NAMES[0], NAMES[1])
    found = api.get(f"/v1/datasets/{dataset.id}/samples?given_label=ant").json()["items"]
    assert [item["position"] for item in found] == [0, 3, 6]
    unknown = api.get(f"/v1/datasets/{dataset.id}/samples?given_label=dog")
    assert "'dog' is not a class" in unknown.json()["detail"]
    assert api.get(f"/v1/datasets/{dataset.id}/samples/7").status_code == 404


def test_a_sample_that_is_not_there_yet(api: TestClient) -> None:
    assert api.get(f"/v1/datasets/{created(api)}/samples").status_code == 409


def test_deleting_removes_rows_and_files(api: TestClient, database: Database, storage: Storage) -> None:
    dataset = store_ready_dataset(database, storage)
    assert api.delete(f"/v1/datasets/{dataset.id}").status_code == 204
    assert api.get(f"/v1/datasets/{dataset.id}").status_code == 404
    assert not storage.locate_dataset(dataset.id).exists()


def test_a_dataset_with_audits_is_kept(api: TestClient, database: Database, storage: Storage) -> None:
    dataset = store_ready_dataset(database, storage)
    audit = api.post("/v1/audits", json={"dataset_id": str(dataset.id)}).json()
    answer = api.delete(f"/v1/datasets/{dataset.id}")
    assert (answer.status_code, answer.json()["audits"]) == (409, [audit["id"]])


def test_a_rejection_says_why(api: TestClient, database: Database) -> None:
    with database.transaction() as session:
        dataset = Dataset(
            name="bad",
            options={},
            status=DatasetStatus.REJECTED,
            error={"code": "one_class", "detail": "two classes or more, found 1"},
        )
        session.add(dataset)
        session.flush()
    answer = api.get(f"/v1/datasets/{dataset.id}").json()
    assert answer["error"] == {"code": "one_class", "detail": "two classes or more, found 1"}
