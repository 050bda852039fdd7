"""Issues over HTTP."""

import base64

import pytest
from fastapi.testclient import TestClient

from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Audit, Dataset, Issue
from tests.builders.stored_rows import store_audit, store_finished_audit, store_ready_dataset


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage)


@pytest.fixture
def audit(database: Database, dataset: Dataset) -> Audit:
    audit = store_finished_audit(database, dataset)
    with database.transaction() as session:
        for kind, number, position in (("outlier", 0, 5), ("outlier", 1, 2), ("unreadable", 0, None)):
            session.add(
                Issue(
                    audit_id=audit.id, kind=kind, number=number, position=position, key="k", detail="why",
                    given_label=None if position is None else 2,
                )
            )  # fmt: skip
    return audit


def test_issues_are_listed_by_kind_and_paged(api: TestClient, audit: Audit, dataset: Dataset) -> None:
    url = f"/v1/audits/{audit.id}/issues"
    first = api.get(url, params={"limit": 2})
    assert [(item["kind"], item["position"]) for item in first.json()["items"]] == [
        ("outlier", 5),
        ("outlier", 2),
    ]
    assert first.json()["items"][0]["given_label"] == "cat"
    assert first.json()["items"][0]["image_url"] == f"/v1/datasets/{dataset.id}/samples/5/image"
    second = api.get(first.links["next"]["url"]).json()
    assert [(item["kind"], item["position"], item["image_url"]) for item in second["items"]] == [
        ("unreadable", None, None)
    ]
    assert second["next_cursor"] is None


def test_issues_of_one_kind(api: TestClient, audit: Audit) -> None:
    url = f"/v1/audits/{audit.id}/issues"
    assert [item["number"] for item in api.get(url, params={"kind": "outlier"}).json()["items"]] == [0, 1]
    assert api.get(url, params={"kind": "ugly"}).status_code == 422


@pytest.mark.parametrize(
    "cursor", ['["\\u0000", "1"]', '["\\ud800", "1"]', '["outlier", "x"]', "[" * 300, '[["outlier"], "1"]']
)
def test_a_cursor_that_no_list_gave_out_is_refused(api: TestClient, audit: Audit, cursor: str) -> None:
    encoded = base64.urlsafe_b64encode(cursor.encode()).decode()
    answer = api.get(f"/v1/audits/{audit.id}/issues", params={"cursor": encoded})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


def test_an_issue_has_the_verdict_of_its_sample(api: TestClient, audit: Audit, dataset: Dataset) -> None:
    put = api.put(f"/v1/datasets/{dataset.id}/samples/2/review", json={"verdict": "drop"})
    items = api.get(f"/v1/audits/{audit.id}/issues").json()["items"]
    assert [item["review"] for item in items] == [None, put.json(), None]


def test_issues_need_an_audit_that_has_succeeded(
    api: TestClient, database: Database, dataset: Dataset
) -> None:
    assert api.get(f"/v1/audits/{store_audit(database, dataset).id}/issues").status_code == 409


def test_an_audit_without_an_issues_file_says_so(api: TestClient, audit: Audit) -> None:
    answer = api.get(f"/v1/audits/{audit.id}/issues.csv")
    assert answer.status_code == 404
    assert "a version without issues.csv" in answer.json()["detail"]
