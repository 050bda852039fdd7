"""Writes that begin while another one is not committed: the deletion of an audit, or the same write."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.audits import audit_service
from app.infra.database import Database
from app.infra.storage import Storage
from app.people.review_plans import set_plan
from app.tables import Audit, Dataset
from tests import patience
from tests.builders.stored_rows import store_finished_audit, store_ready_dataset

SAMPLES = 60
WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
CHOSEN = {"action": "drop", "samples": [{"position": 3}], "reviewer": "Ada"}
WRITES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "queue": ("POST", "/queue", {"count": 5, "reviewer": "Ada"}),
    "check queue": ("POST", "/check/queue", {"count": 5, "reviewer": "Ada"}),
    "review plan": ("PUT", "/review-plan", {"second_share": 0.5}),
    "checks": ("PUT", "/check", {"samples": 55}),
    "bulk action": ("POST", "/bulk-actions", CHOSEN),
    "map": ("PUT", "/map", {}),
    "selection": ("POST", "/selections", {"positions": [1, 2]}),
    "cancel": ("POST", "/cancel", {}),
}


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage, samples=SAMPLES)


@pytest.fixture
def audit(database: Database, dataset: Dataset) -> Audit:
    return store_finished_audit(database, dataset, sample_count=SAMPLES)


@contextmanager
def in_thread(work: Callable[[], Any]) -> Iterator[Callable[[], Any]]:
    """Run something beside the block; yield a function that waits for its end and returns its result."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:  # noqa: BLE001 - shown by the test
            found.append(error)

    def end() -> Any:  # noqa: ANN401 - whatever the work returns
        thread.join(patience.scale(30))
        return found[0]

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield end
    end()


def wait_for_lock(database: Database) -> None:
    """Wait until a statement waits for a lock."""
    deadline = time.monotonic() + patience.scale(2)
    with database.connect_for_reading() as connection:
        while not connection.scalar(WAITING):
            assert time.monotonic() < deadline, "nothing waits for the deletion"
            time.sleep(0.02)


def write_during_deletion(database: Database, audit_id: UUID, write: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Return the result of a write that begins after a deletion and before its commit."""
    with database.transaction() as session:
        audit_service.remove(session, audit_id)
        with in_thread(write) as end:
            wait_for_lock(database)
            session.commit()
            return end()


@pytest.mark.parametrize("name", WRITES)
def test_a_write_waits_for_a_deletion_and_finds_nothing(
    api: TestClient, database: Database, audit: Audit, name: str
) -> None:
    api.put(f"/v1/audits/{audit.id}/check", json={"samples": 50})
    method, path, body = WRITES[name]
    answer: httpx.Response = write_during_deletion(
        database, audit.id, lambda: api.request(method, f"/v1/audits/{audit.id}{path}", json=body)
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_undoing_is_refused_after_a_deletion(api: TestClient, database: Database, audit: Audit) -> None:
    done = api.post(f"/v1/audits/{audit.id}/bulk-actions", json=CHOSEN).json()
    path = f"/v1/audits/{audit.id}/bulk-actions/{done['id']}/undo"
    answer = write_during_deletion(database, audit.id, lambda: api.post(path))
    assert answer.status_code == 404


def test_what_comes_back_names_no_audit_that_is_deleted_meanwhile(
    api: TestClient, database: Database, dataset: Dataset, audit: Audit
) -> None:
    """Undoing restores a review that was given in another audit."""
    other = store_finished_audit(database, dataset, sample_count=SAMPLES)
    review = f"/v1/datasets/{dataset.id}/samples/3/review"
    first = api.put(review, json={"verdict": "keep", "reviewer": "Ada", "audit_id": str(other.id)}).json()
    chosen = {**CHOSEN, "samples": [{"position": 3, "version": first["version"]}]}
    done = api.post(f"/v1/audits/{audit.id}/bulk-actions", json=chosen).json()
    assert done["saved"] == 1
    path = f"/v1/audits/{audit.id}/bulk-actions/{done['id']}/undo"
    answer = write_during_deletion(database, other.id, lambda: api.post(path))
    assert (answer.status_code, answer.json()["restored"]) == (200, 1)
    assert (api.get(review).json()["verdict"], api.get(review).json()["audit_id"]) == ("keep", None)


def test_a_verdict_that_is_left_names_no_audit_that_is_deleted_meanwhile(
    api: TestClient, database: Database, dataset: Dataset, audit: Audit
) -> None:
    """Ada takes her verdict back; Ben's, which he gave in another audit, is the review then."""
    other = store_finished_audit(database, dataset, sample_count=SAMPLES)
    review, plan = f"/v1/datasets/{dataset.id}/samples/59/review", f"/v1/audits/{audit.id}/review-plan"
    api.put(plan, json={"second_share": 1.0})
    saved = {}
    for name, given_in in (("Ada", audit), ("Ben", other)):
        api.post(f"/v1/audits/{audit.id}/queue", json={"count": 100, "reviewer": name})
        body = {"verdict": "keep", "reviewer": name, "audit_id": str(given_in.id)}
        saved[name] = api.put(review, json=body).json()
    headers, params = {"If-Match": f'"{saved["Ada"]["version"]}"'}, {"reviewer": "Ada"}
    answer = write_during_deletion(
        database, other.id, lambda: api.delete(review, headers=headers, params=params)
    )
    assert answer.status_code == 204
    left = api.get(review).json()
    assert (left["reviewer"], left["verdict"], left["audit_id"]) == ("Ben", "keep", None)


def test_of_two_plans_at_once_the_second_keeps_the_seed_of_the_first(
    api: TestClient, database: Database, audit: Audit
) -> None:
    path = f"/v1/audits/{audit.id}/review-plan"
    with database.transaction() as session:
        set_plan(session, session.get_one(Audit, audit.id), second_share=0.2, seed=7)
        with in_thread(lambda: api.put(path, json={"second_share": 0.5})) as end:
            wait_for_lock(database)
            session.commit()
            answer = end()
    assert (answer.status_code, answer.json()) == (200, {"second_share": 0.5, "seed": 7})
