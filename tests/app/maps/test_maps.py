"""Routes of maps and selections: started once, an ETag, verdicts by point, samples as a filter."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pyarrow import csv, parquet
from sqlalchemy import update

from app.infra.database import Database
from app.infra.queue import Task
from app.infra.storage import Storage
from app.maps import map_files
from app.tables import Audit, AuditMap, MapStatus
from tests.builders.stored_rows import NAMES, store_audit, store_finished_audit, store_ready_dataset

FACTS: dict[str, Any] = {
    "source": "inputs",
    "encoder": None,
    "points": 12,
    "samples": 12,
    "highest_ranked": 12,
    "landmarks": 12,
    "is_complete": True,
    "seconds": 0.1,
}


@pytest.fixture
def audit(database: Database, storage: Storage) -> Audit:
    return store_finished_audit(database, store_ready_dataset(database, storage))


def store_points(database: Database, storage: Storage, audit: Audit) -> np.ndarray:
    """Store a map of 12 points, as its job does."""
    rank = np.arange(1, 13)
    columns = np.stack([12 - rank, rank, -rank, rank, (12 - rank) % 3, (13 - rank) % 3, 1 / rank])
    path = map_files.locate_points(storage, audit.id, "made")
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        np.save(file, columns.astype(np.float32))
    values = {"status": MapStatus.SUCCEEDED, "facts": FACTS, "file": {"sha256": "made"}}
    with database.transaction() as session:
        session.execute(update(AuditMap).where(AuditMap.audit_id == audit.id).values(**values))
    return columns


def test_a_map_is_started_once_cancelled_and_started_again(
    api: TestClient, audit: Audit, sent: list[tuple[Task, Any]]
) -> None:
    url = f"/v1/audits/{audit.id}/map"
    assert api.get(url).json()["status"] == "none"
    assert api.get(f"{url}/points.npy").status_code == 404
    assert api.post(f"{url}/cancel").json()["status"] == "none"
    sent.clear()
    for _ in range(2):
        answer = api.put(url)
        assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert [task for task, _ in sent] == [Task.MAP]
    assert api.post(f"{url}/cancel").json()["status"] == "cancelled"
    assert api.put(url).json()["status"] == "queued"


def test_a_rehearsal_and_an_unfinished_audit_have_no_map(
    api: TestClient, database: Database, storage: Storage, audit: Audit
) -> None:
    dataset = store_ready_dataset(database, storage)
    unfinished = store_audit(database, dataset)
    assert api.put(f"/v1/audits/{unfinished.id}/map").status_code == 409
    with database.transaction() as session:
        values = {"configuration": {"rehearsal": {"noise": "uniform"}}}
        session.execute(update(Audit).where(Audit.id == audit.id).values(**values))
    answer = api.put(f"/v1/audits/{audit.id}/map")
    assert (answer.status_code, "rehearsal" in answer.json()["detail"]) == (409, True)


def test_points_and_verdicts_are_served_by_content(
    api: TestClient, database: Database, storage: Storage, audit: Audit
) -> None:
    url = f"/v1/audits/{audit.id}/map"
    api.put(url)
    columns = store_points(database, storage, audit)
    found = api.get(url).json()
    assert (found["status"], found["fraction"], found["facts"]) == ("succeeded", 1.0, FACTS)
    points = api.get(found["points_url"])
    assert np.load(io.BytesIO(points.content)) == pytest.approx(columns)
    known = {"If-None-Match": points.headers["etag"]}
    assert api.get(found["points_url"], headers=known).status_code == 304
    before = api.get(found["verdicts_url"])
    review = {"verdict": "relabel", "label": NAMES[0]}
    assert api.put(f"/v1/datasets/{audit.dataset_id}/samples/11/review", json=review).status_code < 300
    after = api.get(found["verdicts_url"], headers={"If-None-Match": before.headers["etag"]})
    assert np.load(io.BytesIO(before.content)).tolist() == [0] * 12
    assert np.load(io.BytesIO(after.content)).tolist() == [2] + [0] * 11
    known = {"If-None-Match": after.headers["etag"]}
    assert api.get(found["verdicts_url"], headers=known).status_code == 304


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_map_is_a_table_for_people(
    api: TestClient, database: Database, storage: Storage, audit: Audit, form: str
) -> None:
    url = f"/v1/audits/{audit.id}"
    assert api.get(f"{url}/exports/map").status_code == 404
    api.put(f"{url}/map")
    store_points(database, storage, audit)
    api.put(f"/v1/datasets/{audit.dataset_id}/samples/10/review", json={"verdict": "drop"})
    content = io.BytesIO(api.get(f"{url}/exports/map?format={form}").content)
    table: pa.Table = csv.read_csv(content) if form == "csv" else parquet.read_table(content)
    rows = table.to_pylist()
    assert [row["rank"] for row in rows] == list(range(1, 13))
    assert (rows[0]["position"], rows[0]["given_label"], rows[0]["x"]) == (11, NAMES[2], 1)
    assert [row["verdict"] or None for row in rows[:3]] == [None, "drop", None]


def test_selected_samples_are_a_filter_of_suspects_and_of_bulk_actions(api: TestClient, audit: Audit) -> None:
    url = f"/v1/audits/{audit.id}"
    selection = api.post(f"{url}/selections", json={"positions": [7, 2, 9, 7]}).json()
    assert selection["samples"] == 3
    assert api.post(f"{url}/selections", json={"positions": [2, 7, 9]}).json() == selection
    assert api.get(f"{url}/selections/{selection['id']}").json() == selection
    page = api.get(f"{url}/suspects?selection={selection['id']}").json()
    assert [item["position"] for item in page["items"]] == [9, 7, 2]
    both = api.get(f"{url}/suspects?selection={selection['id']}&given_label={NAMES[0]}").json()
    assert [item["position"] for item in both["items"]] == [9]
    body = {"action": "keep", "filters": {"selection": selection["id"]}}
    assert api.post(f"{url}/bulk-actions", json=body).json()["saved"] == 3


def test_a_selection_belongs_to_its_audit_and_has_samples_of_it(
    api: TestClient, database: Database, storage: Storage, audit: Audit
) -> None:
    url = f"/v1/audits/{audit.id}"
    assert api.post(f"{url}/selections", json={"positions": [12]}).status_code == 422
    assert api.post(f"{url}/selections", json={"positions": []}).status_code == 422
    assert api.post(f"{url}/selections", json={"positions": [-1]}).status_code == 422
    selection = api.post(f"{url}/selections", json={"positions": [1]}).json()["id"]
    other = store_finished_audit(database, store_ready_dataset(database, storage))
    assert api.get(f"/v1/audits/{other.id}/selections/{selection}").status_code == 404
    assert api.get(f"/v1/audits/{other.id}/suspects?selection={selection}").json()["items"] == []
    assert api.get(f"{url}/suspects?selection=nonsense").status_code == 422
