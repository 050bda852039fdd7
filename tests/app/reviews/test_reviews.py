"""Verdicts of people over HTTP."""

import threading
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from app.access import keys
from app.infra.database import Database
from app.infra.errors import StaleVersion
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.reviews import verdicts as reviews
from app.reviews.opinions import Author, Entry
from app.routes.shared.callers import provide_settings as get_settings
from app.tables import Audit, Dataset, Issue, IssueKind, Run, Scope, Score, Verdict
from tests.builders.stored_rows import NAMES, store_audit, store_finished_audit, store_ready_dataset

SUMMARY = {"sample_count": 12, "expected_error_count": 3.0}


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage)


@pytest.fixture
def audit(database: Database, dataset: Dataset) -> Audit:
    made = store_finished_audit(database, dataset)
    with database.transaction() as session:
        session.get_one(Audit, made.id).summary = SUMMARY
    return made


def url(dataset: Dataset, position: int) -> str:
    return f"/v1/datasets/{dataset.id}/samples/{position}/review"


def test_a_verdict_is_kept_with_its_reviewer_time_and_version(
    api: TestClient, dataset: Dataset, audit: Audit
) -> None:
    body = {"verdict": "relabel", "label": "cat", "reviewer": "Ada", "audit_id": str(audit.id)}
    saved = api.put(url(dataset, 4), json=body)
    assert saved.status_code == 200, saved.json()
    read = api.get(url(dataset, 4))
    assert read.json() == saved.json()
    assert {name: read.json()[name] for name in body} == body
    assert read.headers["etag"] == f'"{read.json()["version"]}"'
    assert read.json()["reviewed_at"].startswith("20")


def test_a_verdict_is_overwritten_only_by_those_who_saw_it(api: TestClient, dataset: Dataset) -> None:
    first = api.put(url(dataset, 4), json={"verdict": "keep", "reviewer": "Ada"})
    blind = api.put(url(dataset, 4), json={"verdict": "drop", "reviewer": "Bob"})
    assert blind.status_code == 412
    assert blind.json()["code"] == "overtaken"
    assert blind.json()["detail"] == "Ada has saved 'keep' for position 4 meanwhile"
    seen = {"If-Match": first.headers["etag"]}
    second = api.put(url(dataset, 4), json={"verdict": "drop", "reviewer": "Bob"}, headers=seen)
    assert (second.status_code, second.json()["verdict"]) == (200, "drop")
    assert second.json()["version"] > first.json()["version"]
    late = api.put(url(dataset, 4), json={"verdict": "unsure"}, headers=seen)
    assert (late.status_code, late.json()["version"]) == (412, second.json()["version"])
    assert api.get(url(dataset, 4)).json()["verdict"] == "drop"


def test_a_version_is_never_used_twice(api: TestClient, dataset: Dataset) -> None:
    first = api.put(url(dataset, 4), json={"verdict": "keep"}).headers["etag"]
    assert api.delete(url(dataset, 4), headers={"If-Match": first}).status_code == 204
    assert api.get(url(dataset, 4)).status_code == 404
    assert api.delete(url(dataset, 4), headers={"If-Match": first}).status_code == 412
    again = api.put(url(dataset, 4), json={"verdict": "drop"}).headers["etag"]
    assert again != first
    assert api.put(url(dataset, 4), json={"verdict": "keep"}, headers={"If-Match": first}).status_code == 412


def test_of_two_reviewers_at_once_one_is_told(database: Database, dataset: Dataset) -> None:
    barrier, said = threading.Barrier(2), []

    def say(name: str) -> None:
        entry = Entry(position=3, verdict=Verdict.KEEP)
        barrier.wait()
        try:
            with database.transaction() as session:
                reviews.put(session, dataset, entry, Author(reviewer=name))
            said.append("saved")
        except StaleVersion:
            said.append("overtaken")

    threads = [threading.Thread(target=say, args=(name,)) for name in ("Ada", "Bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["overtaken", "saved"]


@pytest.mark.parametrize(
    ("position", "body", "expected"),
    [
        (4, {"verdict": "relabel"}, ({}, 422)),
        (4, {"verdict": "keep", "label": "cat"}, ({}, 422)),
        (4, {"verdict": "relabel", "label": "dog"}, ({}, 422)),
        (4, {"verdict": "maybe"}, ({}, 422)),
        (4, {"verdict": "keep", "audit_id": str(uuid4())}, ({}, 422)),
        (4, {"verdict": "keep"}, ({"If-Match": "newest"}, 422)),
        (4, {"verdict": "keep"}, ({"If-None-Match": '"1"'}, 422)),
        (12, {"verdict": "keep"}, ({}, 404)),
    ],
)
def test_what_cannot_be_a_verdict_is_refused(
    api: TestClient,
    dataset: Dataset,
    position: int,
    body: dict[str, str],
    expected: tuple[dict[str, str], int],
) -> None:
    headers, status = expected
    assert api.put(url(dataset, position), json=body, headers=headers).status_code == status


def test_several_verdicts_at_once_name_those_overtaken(api: TestClient, dataset: Dataset) -> None:
    version = api.put(url(dataset, 1), json={"verdict": "keep"}).json()["version"]
    api.put(url(dataset, 2), json={"verdict": "drop", "reviewer": "Ada"})
    entries = [
        {"position": 0, "verdict": "keep"},
        {"position": 1, "verdict": "relabel", "label": "ant", "version": version},
        {"position": 2, "verdict": "keep"},
    ]
    answer = api.post(
        f"/v1/datasets/{dataset.id}/reviews", json={"reviews": entries, "reviewer": "Bob"}
    ).json()
    assert [(item["position"], item["label"]) for item in answer["saved"]] == [(0, None), (1, "ant")]
    assert [(item["position"], item["current"]["reviewer"]) for item in answer["conflicts"]] == [(2, "Ada")]
    listed = api.get(f"/v1/datasets/{dataset.id}/reviews?limit=2").json()
    assert [item["position"] for item in listed["items"]] == [0, 1]
    assert listed["counts"] == {"keep": 1, "relabel": 1, "drop": 1, "unsure": 0}
    rest = api.get(f"/v1/datasets/{dataset.id}/reviews", params={"cursor": listed["next_cursor"]}).json()
    assert [item["verdict"] for item in rest["items"]] == ["drop"]
    assert rest["next_cursor"] is None


def test_suspects_carry_their_verdicts_and_can_be_filtered_by_them(
    api: TestClient, dataset: Dataset, audit: Audit
) -> None:
    for position, verdict in ((11, "keep"), (9, "drop")):
        api.put(url(dataset, position), json={"verdict": verdict})

    def found(state: str) -> list[int]:
        page = api.get(f"/v1/audits/{audit.id}/suspects", params={"review": state, "limit": 4}).json()
        return [item["position"] for item in page["items"]]

    assert found("none") == [10, 8, 7, 6]
    assert found("any") == [11, 9]
    assert found("drop") == [9]
    first = api.get(f"/v1/audits/{audit.id}/suspects").json()["items"][:2]
    assert [item["review"] and item["review"]["verdict"] for item in first] == ["keep", None]
    assert api.get(f"/v1/audits/{audit.id}/samples/9").json()["review"]["verdict"] == "drop"
    below = api.get(f"/v1/audits/{audit.id}/suspects", params={"after_rank": 10}).json()["items"]
    assert [item["rank"] for item in below] == [11, 12]
    cut = api.get(f"/v1/audits/{audit.id}/suspects", params={"is_label_issue": True}).json()["items"]
    assert [item["rank"] for item in cut] == [1]


def claim(database: Database, audit: Audit) -> None:
    """Have the audit's own estimate claimed: 3 wrong labels, 2 to 5."""
    claimed = {"estimate": {"may_claim": True}, "expected_error_interval": [2.0, 5.0]}
    with database.transaction() as session:
        session.get_one(Audit, audit.id).summary = SUMMARY | claimed


def read_progress(api: TestClient, audit: Audit) -> dict[str, Any]:
    progress: dict[str, Any] = api.get(f"/v1/audits/{audit.id}/review-progress").json()
    return progress


def test_the_progress_of_a_review(
    api: TestClient, database: Database, dataset: Dataset, audit: Audit
) -> None:
    claim(database, audit)
    begun = read_progress(api, audit)
    assert (begun["reviewed"], begun["precision"], begun["recent_precision"]) == (0, None, None)
    assert begun["recent_decided"] == 0
    assert (begun["expected_errors"], begun["expected_errors_interval"]) == (3.0, [2.0, 5.0])
    assert begun["rests_on"] == "estimated by the audit; nobody has checked it"
    api.put(url(dataset, 11), json={"verdict": "relabel", "label": "ant"})
    for position, verdict in ((10, "keep"), (8, "unsure"), (7, "drop")):
        api.put(url(dataset, position), json={"verdict": verdict})
    progress = read_progress(api, audit)
    assert (progress["reviewed"], progress["errors"]) == (4, 1), "a dropped label may have been right"
    assert (progress["precision"], progress["recent_precision"]) == (0.5, 0.5)
    assert progress["recent_decided"] == 2, "unsure and drop decide nothing"
    # The probabilities of the next eight samples count as 10 verdicts beside the two decided ones.
    upcoming = sum(1 / rank for rank in (3, 6, 7, 8, 9, 10, 11, 12)) / 8
    assert progress["next_precision"] == pytest.approx((10 * upcoming + 1) / 12, abs=1e-3)
    assert progress["expected_errors_left"] == pytest.approx(max(2.0, 8 * progress["next_precision"]))
    assert progress["expected_errors_left_interval"] == [0.0, 4.0], "a dropped label may have been wrong"
    assert progress["advice"] == "go_on", "twelve verdicts leave one in four possible"


def test_without_evidence_nothing_is_expected_and_samples_are_to_be_checked(
    api: TestClient, dataset: Dataset, audit: Audit
) -> None:
    for position in (11, 10, 9, 8):
        api.put(url(dataset, position), json={"verdict": "keep"})
    progress = read_progress(api, audit)
    assert (progress["rests_on"], progress["advice"]) == ("nothing yet", "check")
    assert progress["expected_errors"] is progress["expected_errors_left"] is None
    assert progress["verdicts_to_advice"] == 16


def test_four_verdicts_and_no_error_left_do_not_go_on(
    api: TestClient, database: Database, dataset: Dataset, audit: Audit
) -> None:
    claim(database, audit)
    with database.transaction() as session:
        session.execute(update(Score).where(Score.audit_id == audit.id).values(error_probability=0.001))
    for position in (11, 10, 9, 8):
        api.put(url(dataset, position), json={"verdict": "keep"})
    assert read_progress(api, audit)["advice"] == "nearly_done"


def test_errors_among_the_latest_verdicts_outweigh_low_probabilities(
    api: TestClient, database: Database, storage: Storage
) -> None:
    dataset = store_ready_dataset(database, storage, samples=40)
    audit = store_finished_audit(database, dataset)
    claim(database, audit)
    with database.transaction() as session:
        session.execute(update(Score).where(Score.audit_id == audit.id).values(error_probability=0.01))
    for position in range(39, 19, -1):
        label = NAMES[(position + 1) % 3]
        api.put(url(dataset, position), json={"verdict": "relabel", "label": label})
    progress = read_progress(api, audit)
    assert (progress["reviewed"], progress["errors"]) == (20, 20)
    assert progress["next_precision"] == pytest.approx((10 * 0.01 + 20) / 30, abs=1e-3)
    assert progress["advice"] == "go_on"


def test_groups_of_conflicting_duplicates_stay_open_until_their_labels_agree_or_all_are_decided(
    api: TestClient, database: Database, dataset: Dataset, audit: Audit
) -> None:
    with database.transaction() as session:
        for number, (position, group) in enumerate([(0, 0), (1, 0), (3, 1), (4, 1)]):
            session.add(
                Issue(
                    audit_id=audit.id, kind=IssueKind.CONFLICTING_DUPLICATE, number=number, position=position,
                    key=str(position), given_label=position % 3, group_number=group, detail="",
                )
            )  # fmt: skip
    assert read_progress(api, audit)["open_conflicts"] == 2
    api.put(url(dataset, 0), json={"verdict": "keep"})
    api.put(url(dataset, 3), json={"verdict": "unsure"})
    assert read_progress(api, audit)["open_conflicts"] == 2
    api.put(url(dataset, 1), json={"verdict": "relabel", "label": NAMES[0]})
    api.put(url(dataset, 4), json={"verdict": "drop"})
    assert read_progress(api, audit)["open_conflicts"] == 0


def test_when_all_samples_are_reviewed_the_review_is_over(
    api: TestClient, dataset: Dataset, audit: Audit
) -> None:
    for position in range(12):
        api.put(url(dataset, position), json={"verdict": "drop"})
    progress = read_progress(api, audit)
    assert (progress["next_precision"], progress["advice"]) == (None, "stop")


def test_a_suspect_is_shown_beside_what_looks_like_it_in_both_classes(
    api: TestClient, database: Database, storage: Storage, dataset: Dataset, audit: Audit
) -> None:
    pack = np.zeros((12, 8, 8, 1), np.uint8)
    pack[11] = pack[8] = 200  # given "cat"; so is 8
    pack[3] = 190  # the suggested class, "ant"
    np.save(storage.locate_pack(dataset.id) / "pack.npy", pack)
    found = api.get(f"/v1/audits/{audit.id}/samples/11/similar", params={"limit": 2}).json()
    assert (found["given"]["label"], found["other"]["label"]) == ("cat", "ant")
    assert [sample["position"] for sample in found["given"]["samples"]] == [8, 2]
    assert [sample["position"] for sample in found["other"]["samples"]] == [3, 0]
    assert found["features"] is None
    # A network's features say more than pixels, where a run kept them.
    with database.transaction() as session:
        session.query(Run).filter_by(audit_id=audit.id).update({"is_chosen": True})
    folder = storage.locate_run(audit.id, 0)
    folder.mkdir(parents=True)
    features = np.tile(np.array([1, 0], np.float16), (12, 1))
    features[[11, 5]] = [0, 1]
    np.save(folder / "features.npy", features)
    found = api.get(f"/v1/audits/{audit.id}/samples/11/similar", params={"limit": 1}).json()
    assert [sample["position"] for sample in found["given"]["samples"]] == [5]


def test_a_row_of_features_is_shown_beside_similar_rows(
    api: TestClient, database: Database, storage: Storage, dataset: Dataset, audit: Audit
) -> None:
    with database.transaction() as session:
        stored = session.get_one(Dataset, dataset.id)
        stored.kind, stored.statistics = "features", {"feature_names": ["length", "width"]}
    rows = np.arange(24, dtype=np.float32).reshape(12, 2)
    rows[11, 1] = np.nan
    np.save(storage.locate_pack(dataset.id) / "pack.npy", rows)
    found = api.get(f"/v1/audits/{audit.id}/samples/11/similar", params={"limit": 1}).json()
    assert (found["feature_names"], found["features"]) == (["length", "width"], [22.0, None])
    assert [(sample["position"], sample["features"]) for sample in found["given"]["samples"]] == [
        (8, [16.0, 17.0])
    ]


def test_a_rehearsal_cannot_be_reviewed(api: TestClient, database: Database, dataset: Dataset) -> None:
    rehearsal = store_audit(database, dataset, rehearsal={"noise": "uniform", "rate": 0.1})
    body = {"verdict": "keep", "audit_id": str(rehearsal.id)}
    answer = api.put(url(dataset, 0), json=body)
    assert answer.status_code == 422
    assert "planted" in answer.json()["detail"]


def test_verdicts_outlive_the_audit_but_not_the_dataset(
    api: TestClient, dataset: Dataset, audit: Audit
) -> None:
    api.put(url(dataset, 0), json={"verdict": "keep", "audit_id": str(audit.id)})
    assert api.delete(f"/v1/audits/{audit.id}").status_code == 204
    assert api.get(url(dataset, 0)).json()["audit_id"] is None
    assert api.delete(f"/v1/datasets/{dataset.id}").status_code == 204
    assert api.get(url(dataset, 0)).status_code == 404


def test_with_keys_the_key_is_the_reviewer(
    api: TestClient, database: Database, dataset: Dataset, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as session:
        _, secret = keys.create(session, name="Grace", scope=Scope.WRITE, expires_at=None)
    with_keys = chosen.model_copy(update={"authentication": "keys"})
    monkeypatch.setitem(api.app.dependency_overrides, get_settings, lambda: with_keys)  # type: ignore[attr-defined]
    headers = {"Authorization": f"Bearer {secret}"}
    saved = api.put(url(dataset, 0), json={"verdict": "keep", "reviewer": "Bob"}, headers=headers)
    assert saved.json()["reviewer"] == "Grace"
