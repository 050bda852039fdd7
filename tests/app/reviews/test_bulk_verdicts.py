"""One decision for many samples: what it writes and leaves alone, and that undoing restores exactly."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Audit, Dataset, Review
from tests.builders.stored_rows import NAMES, store_finished_audit, store_ready_dataset

COUNT = 12


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage, samples=COUNT)


@pytest.fixture
def audit(database: Database, dataset: Dataset) -> Audit:
    return store_finished_audit(database, dataset, sample_count=COUNT)


def decide(api: TestClient, audit: Audit, **body: Any) -> Any:  # noqa: ANN401 - JSON
    answer = api.post(f"/v1/audits/{audit.id}/bulk-actions", json=body)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def read_reviews(api: TestClient, dataset: Dataset) -> dict[int, dict[str, Any]]:
    items = api.get(f"/v1/datasets/{dataset.id}/reviews?limit=500").json()["items"]
    return {item["position"]: item for item in items}


def undo(api: TestClient, audit: Audit, action: str) -> Any:  # noqa: ANN401 - JSON
    answer = api.post(f"/v1/audits/{audit.id}/bulk-actions/{action}/undo")
    assert answer.status_code == 200, answer.json()
    undone = answer.json()
    undone.pop("reviews")
    return undone


def without_versions(reviews: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {
        position: {name: value for name, value in review.items() if name != "version"}
        for position, review in reviews.items()
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"action": "keep"}, ("keep", None)),
        ({"action": "drop"}, ("drop", None)),
        ({"action": "unsure"}, ("unsure", None)),
        ({"action": "accept"}, ("relabel", NAMES[1])),
        ({"action": "relabel", "label": NAMES[2]}, ("relabel", NAMES[2])),
        ({"action": "relabel", "label": NAMES[0]}, ("keep", None)),
    ],
)
def test_selected_samples_get_the_verdict(
    api: TestClient, dataset: Dataset, audit: Audit, body: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    samples = [{"position": 0}, {"position": 3}]  # both are given the first class
    done = decide(api, audit, **body, samples=samples, reviewer="Ada")
    assert (done["saved"], done["left_out"]) == (2, 0)
    reviews = read_reviews(api, dataset)
    assert sorted(reviews) == [0, 3]
    assert {(review["verdict"], review["label"]) for review in reviews.values()} == {expected}
    assert {(review["reviewer"], review["is_looked_at"]) for review in reviews.values()} == {("Ada", True)}


def test_undoing_restores_the_earlier_verdicts_exactly(
    api: TestClient, dataset: Dataset, audit: Audit
) -> None:
    first = f"/v1/datasets/{dataset.id}/samples"
    body = {"verdict": "relabel", "label": NAMES[2], "reviewer": "Bob", "audit_id": str(audit.id)}
    version = api.put(f"{first}/4/review", json=body).json()["version"]
    before = read_reviews(api, dataset)
    samples = [{"position": 4, "version": version}, {"position": 5}]
    done = decide(api, audit, action="drop", samples=samples, reviewer="Ada")
    assert {review["verdict"] for review in read_reviews(api, dataset).values()} == {"drop"}
    assert undo(api, audit, done["id"]) == {"restored": 2, "changed_since": 0}
    after = read_reviews(api, dataset)
    assert without_versions(after) == without_versions(before)
    assert after[4]["version"] > version, "a version is never used twice"
    again = api.post(f"/v1/audits/{audit.id}/bulk-actions/{done['id']}/undo")
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    unknown = api.post(f"/v1/audits/{audit.id}/bulk-actions/{uuid4()}/undo")
    assert unknown.status_code == 404


def test_nobodys_newer_verdict_is_overwritten_by_the_action_or_by_its_undoing(
    api: TestClient, dataset: Dataset, audit: Audit
) -> None:
    url = f"/v1/datasets/{dataset.id}/samples"
    api.put(f"{url}/1/review", json={"verdict": "keep", "reviewer": "Bob"})
    done = decide(api, audit, action="drop", samples=[{"position": 1}, {"position": 2}, {"position": 3}])
    assert (done["saved"], done["left_out"]) == (2, 1)
    reviews = read_reviews(api, dataset)
    assert reviews[1]["verdict"] == "keep", "Bob's verdict was not seen, so it stays"
    seen = {"If-Match": f'"{reviews[2]["version"]}"'}
    api.put(f"{url}/2/review", json={"verdict": "unsure", "reviewer": "Bob"}, headers=seen)
    assert undo(api, audit, done["id"]) == {"restored": 1, "changed_since": 1}
    left = read_reviews(api, dataset)
    assert {position: review["verdict"] for position, review in left.items()} == {1: "keep", 2: "unsure"}


def test_filters_choose_all_that_match_and_replace_only_when_told(
    api: TestClient, dataset: Dataset, audit: Audit
) -> None:
    api.put(f"/v1/datasets/{dataset.id}/samples/0/review", json={"verdict": "keep", "reviewer": "Bob"})
    body = {"action": "accept", "filters": {"given_label": NAMES[0]}}
    preview = api.post(f"/v1/audits/{audit.id}/bulk-actions/preview", json=body).json()
    assert (preview["samples"], preview["reviewed"], preview["changed"]) == (3, 1, 3)
    assert (preview["wrong"], preview["rests_on"], preview["improves"]) == (None, "nothing yet", None)
    assert decide(api, audit, **body)["saved"] == 3
    reviews = read_reviews(api, dataset)
    assert sorted(reviews) == [0, 3, 6, 9]
    assert reviews[0]["reviewer"] == "Bob"
    done = decide(api, audit, **body, replaces=True)
    assert done["saved"] == 4
    assert {review["label"] for review in read_reviews(api, dataset).values()} == {NAMES[1]}
    undo(api, audit, done["id"])
    assert without_versions(read_reviews(api, dataset)) == without_versions(reviews)


@pytest.mark.parametrize(("state", "saved"), [("none", 11), ("keep", 1), ("drop", 0)])
def test_the_state_of_a_review_is_a_filter_too(
    api: TestClient, dataset: Dataset, audit: Audit, state: str, saved: int
) -> None:
    api.put(f"/v1/datasets/{dataset.id}/samples/0/review", json={"verdict": "keep", "reviewer": "Bob"})
    body = {"action": "unsure", "filters": {"review": state}, "replaces": True}
    preview = api.post(f"/v1/audits/{audit.id}/bulk-actions/preview", json=body)
    assert preview.json()["samples"] == saved
    assert decide(api, audit, **body)["saved"] == saved


def test_verdicts_that_nobody_looked_at_are_no_evidence(
    api: TestClient, dataset: Dataset, audit: Audit
) -> None:
    check = f"/v1/audits/{audit.id}/check"
    assert api.put(check, json={"samples": COUNT}).status_code == 200
    decide(api, audit, action="accept", filters={})
    progress = api.get(f"/v1/audits/{audit.id}/review-progress").json()
    assert (progress["reviewed"], progress["unseen"]) == (COUNT, COUNT)
    assert (progress["errors"], progress["precision"]) == (0, None)
    state = api.get(check).json()
    assert (state["answered"], state["error_share"]) == (0, None)
    (first, *_) = api.get(f"{check}/samples").json()["items"]
    url = f"/v1/datasets/{dataset.id}/samples/{first['position']}/review"
    looked_at = api.put(url, json={"verdict": "keep", "reviewer": "Ada"})
    assert (looked_at.status_code, looked_at.json()["is_looked_at"]) == (200, True)
    assert api.get(check).json()["answered"] == 1
    assert api.put(url, json={"verdict": "drop", "reviewer": "Bob"}).status_code == 412


def test_ten_thousand_samples_take_one_request(api: TestClient, database: Database, storage: Storage) -> None:
    count = 10_000
    large = store_ready_dataset(database, storage, samples=count)
    audit = store_finished_audit(database, large)
    samples = [{"position": position} for position in range(count)]
    done = decide(api, audit, action="accept", samples=samples)
    assert done["saved"] == count
    counts = api.get(f"/v1/datasets/{large.id}/reviews?limit=1").json()["counts"]
    assert counts["relabel"] == count
    assert undo(api, audit, done["id"])["restored"] == count
    assert read_reviews(api, large) == {}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"action": "keep"}, "either samples or filters"),
        ({"action": "keep", "filters": {}, "samples": [{"position": 1}]}, "either samples or filters"),
        ({"action": "relabel", "filters": {}}, "relabel needs a label"),
        ({"action": "keep", "label": NAMES[0], "filters": {}}, "relabel needs a label"),
        ({"action": "keep", "samples": [{"position": 1}, {"position": 1}]}, "each position once"),
        ({"action": "burn", "filters": {}}, "'keep', 'accept', 'relabel', 'drop' or 'unsure'"),
        ({"action": "relabel", "label": "zebra", "filters": {}}, "zebra"),
    ],
)
def test_what_cannot_be_decided_is_refused(
    api: TestClient, audit: Audit, body: dict[str, Any], words: str
) -> None:
    answer = api.post(f"/v1/audits/{audit.id}/bulk-actions", json=body)
    assert answer.status_code == 422
    assert words in answer.text


def test_what_an_earlier_version_left_unsure_is_decided_with_what_has_no_verdict(
    api: TestClient, database: Database, dataset: Dataset, audit: Audit
) -> None:
    for position, verdict in ((1, "unsure"), (2, "unsure"), (3, "keep")):
        path = f"/v1/datasets/{dataset.id}/samples/{position}/review"
        api.put(path, json={"verdict": verdict}).raise_for_status()
    with database.transaction() as session:
        carried = session.get_one(Review, (dataset.id, 1))
        carried.carried, carried.is_looked_at = {"version": 1, "verdict": "unsure"}, False
    body = {"action": "drop", "filters": {"review": "none"}, "reviewer": "Ada"}
    preview = api.post(f"/v1/audits/{audit.id}/bulk-actions/preview", json=body).json()
    assert (preview["samples"], preview["reviewed"]) == (COUNT - 2, 0)
    every = api.post(f"/v1/audits/{audit.id}/bulk-actions/preview", json=body | {"filters": {}}).json()
    assert (every["samples"], every["reviewed"]) == (COUNT - 2, 2), "two verdicts stay"
    assert decide(api, audit, **body)["saved"] == COUNT - 2
    reviews = read_reviews(api, dataset)
    assert [reviews[position]["verdict"] for position in (1, 2, 3)] == ["drop", "unsure", "keep"]


def claim(database: Database, audit: Audit, *interval: float) -> None:
    """Have the audit's own estimate claimed: the middle 3 and this interval."""
    estimate = {"estimate": {"may_claim": True}, "expected_error_count": 3.0}
    with database.transaction() as session:
        found = session.get_one(Audit, audit.id)
        found.summary = {"sample_count": COUNT, "expected_error_interval": [*interval], **estimate}


def test_how_many_of_some_labels_are_wrong_has_the_range_of_all_and_of_chance(
    api: TestClient, database: Database, audit: Audit
) -> None:
    claim(database, audit, 0.0, 9.0)
    samples = [{"position": position} for position in (11, 10, 9)]
    body = {"action": "drop", "samples": samples, "reviewer": "Ada"}
    preview = api.post(f"/v1/audits/{audit.id}/bulk-actions/preview", json=body).json()
    assert preview["wrong"] == pytest.approx(1 + 1 / 2 + 1 / 3, abs=1e-3)
    assert preview["wrong_interval"] == [0, 3], "all three may be wrong, or none"
    claim(database, audit, 2.9, 3.1)
    every = {"action": "drop", "filters": {}, "reviewer": "Ada"}
    preview = api.post(f"/v1/audits/{audit.id}/bulk-actions/preview", json=every).json()
    assert preview["wrong_interval"] == [0, 7], "3.1 expected of twelve, give or take chance"


def test_samples_that_somebody_picked_do_not_tell_what_the_next_ones_are_like(
    api: TestClient, database: Database, dataset: Dataset, audit: Audit
) -> None:
    claim(database, audit, 2.0, 5.0)
    path = f"/v1/audits/{audit.id}/review-progress"
    picked = [{"position": position} for position in (3, 4, 5)]
    decide(api, audit, action="accept", samples=picked, reviewer="Ada")
    progress = api.get(path).json()
    assert (progress["errors"], progress["recent_decided"]) == (3, 0)
    api.put(f"/v1/datasets/{dataset.id}/samples/11/review", json={"verdict": "keep"})
    assert api.get(path).json()["recent_decided"] == 1
