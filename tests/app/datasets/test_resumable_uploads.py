"""Resumable uploads over HTTP, request by request as tus 1.0 words them."""

import asyncio
import base64
import hashlib
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import func, select, update

from app.datasets import resumable_uploads
from app.infra.database import Database
from app.infra.errors import WrongState
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.routes.shared.callers import provide_settings as get_settings
from app.tables import Upload

BODY = b"a,label\n1,x\n" * 500
TUS = {"Tus-Resumable": "1.0.0"}


def metadata(**values: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def new_dataset(api: TestClient) -> str:
    return str(api.post("/v1/datasets", json={"name": "letters"}).json()["id"])


def begin(api: TestClient, dataset_id: str, size: int = len(BODY), **values: str) -> Response:
    values = {"filename": "rows.csv", **values}
    headers = TUS | {"Upload-Length": str(size), "Upload-Metadata": metadata(**values)}
    return api.post(f"/v1/datasets/{dataset_id}/uploads", headers=headers)


def begun(api: TestClient, dataset_id: str, **values: str) -> str:
    answer = begin(api, dataset_id, len(BODY), **values)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def patch(api: TestClient, url: str, offset: int, body: bytes, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    kind = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
    return api.patch(url, content=body, headers=TUS | kind | named)


def offset_of(api: TestClient, url: str) -> int:
    return int(api.head(url, headers=TUS).headers["upload-offset"])


def test_an_upload_goes_on_where_it_stopped_and_ends_like_a_put(
    api: TestClient, storage: Storage, sent: list[tuple[Task, UUID]]
) -> None:
    dataset_id = new_dataset(api)
    url = begun(api, dataset_id, sha256=hashlib.sha256(BODY).hexdigest())
    first = patch(api, url, 0, BODY[:1000])
    assert (first.status_code, first.headers["upload-offset"]) == (204, "1000")
    asked = api.head(url, headers=TUS)
    assert asked.headers["upload-offset"] == "1000"
    assert asked.headers["upload-length"] == str(len(BODY))
    assert asked.headers["cache-control"] == "no-store"
    assert "filename" in asked.headers["upload-metadata"]
    assert sent == []
    last = patch(api, url, 1000, BODY[1000:])
    assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(BODY)))
    stored = api.get(f"/v1/datasets/{dataset_id}").json()
    assert stored["status"] == "ingesting"
    digest = hashlib.sha256(BODY).hexdigest()
    assert stored["files"] == [{"name": "rows.csv", "bytes": len(BODY), "sha256": digest}]
    assert storage.locate_upload(UUID(dataset_id), "rows.csv").read_bytes() == BODY
    assert sent == [(Task.INGEST, UUID(dataset_id))]
    # A client that missed the last answer learns that all is done.
    assert offset_of(api, url) == len(BODY)
    assert patch(api, url, len(BODY), b"").status_code == 204
    assert sent == [(Task.INGEST, UUID(dataset_id))]


def test_every_answer_names_the_version_and_what_is_spoken(api: TestClient) -> None:
    dataset_id = new_dataset(api)
    answer = api.options(f"/v1/datasets/{dataset_id}/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-extension"] == "creation,checksum,expiration,termination"
    assert "sha1" in answer.headers["tus-checksum-algorithm"]
    url = begun(api, dataset_id)
    assert api.head(url, headers=TUS).headers["tus-resumable"] == "1.0.0"
    refused = api.head(url)
    assert (refused.status_code, refused.headers["tus-version"]) == (412, "1.0.0")
    assert patch(api, url, 5, b"x").headers["tus-resumable"] == "1.0.0"


def test_several_files_wait_for_the_last(api: TestClient, sent: list[tuple[Task, UUID]]) -> None:
    dataset_id = new_dataset(api)
    patch(api, begun(api, dataset_id, filename="a.gz", complete="false"), 0, BODY)
    assert sent == []
    patch(api, begun(api, dataset_id, filename="b.gz"), 0, BODY)
    assert sent == [(Task.INGEST, UUID(dataset_id))]


def test_another_offset_is_refused_with_the_right_one(api: TestClient) -> None:
    url = begun(api, new_dataset(api))
    patch(api, url, 0, BODY[:10])
    for offset in (0, 9, 11):
        answer = patch(api, url, offset, b"x")
        assert (answer.status_code, answer.json()["offset"]) == (409, 10)
    assert offset_of(api, url) == 10


def cut_off(api: TestClient, url: str, body: bytes, **headers: str) -> int:
    """PATCH a body whose connection closes before its end; return the status nobody is left to read."""
    received: Iterator[dict[str, object]] = iter(
        [{"type": "http.request", "body": body, "more_body": True}, {"type": "http.disconnect"}]
    )
    statuses: list[int] = []

    async def receive() -> dict[str, object]:
        return next(received)

    async def send(message: dict[str, object]) -> None:
        statuses.append(message.get("status", 0))  # type: ignore[arg-type]

    named = TUS | {
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": "0",
        "Host": "127.0.0.1",
    }
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "method": "PATCH",
        "path": url,
        "query_string": b"",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
        "headers": [(name.lower().encode(), value.encode()) for name, value in named.items()],
    }
    asyncio.run(api.app(scope, receive, send))  # type: ignore[arg-type]
    return statuses[0]


def test_what_arrived_before_the_line_broke_is_kept(api: TestClient, storage: Storage) -> None:
    dataset_id = new_dataset(api)
    url = begun(api, dataset_id)
    assert cut_off(api, url, BODY[:700]) == 400
    assert offset_of(api, url) == 700
    assert patch(api, url, 700, BODY[700:]).status_code == 204
    assert storage.locate_upload(UUID(dataset_id), "rows.csv").read_bytes() == BODY


def test_of_a_part_with_a_checksum_nothing_is_kept_before_it_was_checked(api: TestClient) -> None:
    url = begun(api, new_dataset(api))
    digest = base64.b64encode(hashlib.sha1(BODY, usedforsecurity=False).digest()).decode()
    assert cut_off(api, url, BODY[:700], Upload_Checksum=f"sha1 {digest}") == 400
    assert offset_of(api, url) == 0


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_part_with_a_wrong_checksum_is_dropped_and_a_right_one_kept(
    api: TestClient, algorithm: str
) -> None:
    url = begun(api, new_dataset(api))
    right = base64.b64encode(hashlib.new(algorithm, BODY[:600]).digest()).decode()
    wrong = patch(api, url, 0, BODY[1:601], Upload_Checksum=f"{algorithm} {right}")
    assert (wrong.status_code, wrong.json()["code"], offset_of(api, url)) == (460, "checksum_mismatch", 0)
    assert wrong.json()["title"] == "Checksum Mismatch"
    kept = patch(api, url, 0, BODY[:600], Upload_Checksum=f"{algorithm} {right}")
    assert (kept.status_code, offset_of(api, url)) == (204, 600)
    assert patch(api, url, 600, b"x", Upload_Checksum="md5 eA==").status_code == 422


def test_a_whole_upload_with_another_digest_is_refused_and_deleted(
    api: TestClient, storage: Storage, sent: list[tuple[Task, UUID]]
) -> None:
    dataset_id = new_dataset(api)
    url = begun(api, dataset_id, sha256=hashlib.sha256(b"other").hexdigest())
    answer = patch(api, url, 0, BODY)
    assert (answer.status_code, answer.json()["code"]) == (400, "digest_mismatch")
    assert api.head(url, headers=TUS).status_code == 404
    assert [path for path in storage.root.rglob("*") if path.is_file()] == []
    assert sent == []


def test_a_body_beyond_the_announced_size_is_refused(api: TestClient) -> None:
    url = begun(api, new_dataset(api))
    answer = patch(api, url, 0, BODY + b"x")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert offset_of(api, url) == 0


def test_giving_up_frees_the_bytes(api: TestClient, storage: Storage, database: Database) -> None:
    url = begun(api, new_dataset(api))
    patch(api, url, 0, BODY[:100])
    assert api.delete(url, headers=TUS).status_code == 204
    assert api.head(url, headers=TUS).status_code == 404
    assert [path for path in storage.root.rglob("*") if path.is_file()] == []
    with database.transaction() as session:
        assert session.scalars(select(Upload)).all() == []


def test_an_expired_upload_is_gone(api: TestClient, database: Database) -> None:
    url = begun(api, new_dataset(api))
    assert "GMT" in api.head(url, headers=TUS).headers["upload-expires"]
    with database.transaction() as session:
        session.execute(update(Upload).values(expires_at=func.now() - timedelta(seconds=1)))
    for answer in (api.head(url, headers=TUS), patch(api, url, 0, b"x")):
        assert answer.status_code == 410


def test_uploads_share_the_disk(api: TestClient, chosen: Settings, storage: Storage) -> None:
    room = storage.measure_free_bytes() // 2
    settings = chosen.model_copy(update={"upload_max_bytes": 1 << 62})
    api.app.dependency_overrides[get_settings] = lambda: settings  # type: ignore[attr-defined]
    dataset_id = new_dataset(api)
    assert begin(api, dataset_id, room).status_code == 201
    refused = begin(api, dataset_id, room + (64 << 20))
    assert (refused.status_code, refused.json()["code"]) == (507, "no_space")
    big = {"Content-Length": str(room + (64 << 20))}
    put = api.put(f"/v1/datasets/{dataset_id}/files/a.csv", content=iter([b"x"]), headers=big)
    assert put.status_code == 507


def test_limits_names_and_malformed_metadata_are_refused(api: TestClient, chosen: Settings) -> None:
    dataset_id = new_dataset(api)
    assert begin(api, dataset_id, chosen.upload_max_bytes + 1).status_code == 413
    assert begin(api, dataset_id, 0).status_code == 422
    assert begin(api, dataset_id, filename="../x").status_code == 422
    assert begin(api, dataset_id, sha256="zz").status_code == 422
    assert begin(api, dataset_id, complete="maybe").status_code == 422
    for words in ("", "filename", "filename ?", "other eA=="):
        headers = TUS | {"Upload-Length": "1", "Upload-Metadata": words}
        answer = api.post(f"/v1/datasets/{dataset_id}/uploads", headers=headers)
        assert answer.status_code == 422, words
    url = begun(api, dataset_id)
    answer = api.patch(url, content=b"x", headers=TUS | {"Upload-Offset": "0", "Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_no_upload_goes_on_once_the_dataset_is_read(api: TestClient) -> None:
    dataset_id = new_dataset(api)
    url = begun(api, dataset_id)
    api.put(f"/v1/datasets/{dataset_id}/files/whole.csv", content=BODY)
    assert patch(api, url, 0, BODY).status_code == 409
    assert begin(api, dataset_id).status_code == 409


def test_a_newer_request_fences_the_older_one(api: TestClient, database: Database) -> None:
    dataset_id = new_dataset(api)
    upload_id = UUID(begun(api, dataset_id).rpartition("/")[2])
    with database.transaction() as session:
        upload = resumable_uploads.get(session, UUID(dataset_id), upload_id, lock=True)
        older = resumable_uploads.claim(session, upload, 0, expiry_seconds=60)
        newer = resumable_uploads.claim(session, upload, 0, expiry_seconds=60)
    with pytest.raises(WrongState), database.transaction() as session:
        resumable_uploads.advance(session, upload_id, older, 500)
    with database.transaction() as session:
        resumable_uploads.advance(session, upload_id, newer, 10)
        assert session.scalars(select(Upload.offset)).one() == 10
