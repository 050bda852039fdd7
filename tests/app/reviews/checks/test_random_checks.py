"""Random checks of an audit over HTTP, with PostgreSQL."""

import threading
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection

from app.infra.database import Database
from app.infra.storage import Storage
from app.reviews import checked_figures, random_checks
from app.reviews.random_checks import DrawnChecks
from app.tables import Audit, Dataset
from tests.app.reviews.checks.checking import ERRORS, SAMPLES, address, check_all, judge, list_open
from tests.builders.stored_rows import store_audit, store_finished_audit, store_ready_dataset


def test_half_of_the_checks_are_drawn_first_and_the_rest_when_they_are_answered(
    api: TestClient, audit: Audit
) -> None:
    begun = api.put(address(audit), json={}).json()
    assert (begun["wanted"], begun["answered"], begun["unsure"]) == (100, 0, 0)
    assert (begun["is_finished"], begun["follows"], begun["error_share"]) == (False, False, None)
    first = list_open(api, audit)
    assert len(first) == len(set(first)) == 50
    assert first != sorted(first), "in random order"
    judge(api, audit, first[:20])
    assert list_open(api, audit) == first[20:], "it goes on where it was"
    judge(api, audit, first[20:])
    second = list_open(api, audit)
    assert len(second) == 50
    assert not set(first) & set(second)
    judge(api, audit, second)
    state = api.get(address(audit)).json()
    assert (state["answered"], state["is_finished"], state["follows"]) == (100, True, True)


def test_beginning_again_draws_nothing_and_more_keeps_what_was_drawn(api: TestClient, audit: Audit) -> None:
    api.put(address(audit), json={"samples": 50})
    first = list_open(api, audit)
    api.put(address(audit), json={"samples": 50})
    assert list_open(api, audit) == first
    done = check_all(api, audit)
    assert len(done) == 50
    more = api.put(address(audit), json={"samples": 80}).json()
    assert (more["wanted"], more["answered"], more["is_finished"]) == (80, 50, False)
    added = check_all(api, audit)
    assert len(added) == 30
    assert not set(added) & set(done)
    fewer = api.put(address(audit), json={"samples": 60})
    assert fewer.status_code == 422
    assert fewer.json()["detail"] == "expected 80 checks or more in all, found 60"


def test_samples_to_check_show_neither_score_nor_suggestion(api: TestClient, audit: Audit) -> None:
    api.put(address(audit), json={})
    item = api.get(address(audit, "/samples"), params={"limit": 1}).json()["items"][0]
    assert set(item) == {
        "position", "key", "split", "given_label", "true_label", "width", "height", "image_url", "features",
        "box",
    }  # fmt: skip
    assert item["true_label"] is None


def test_the_count_of_wrong_labels_rests_on_the_checks(api: TestClient, audit: Audit) -> None:
    assert api.get(address(audit)).status_code == 404
    api.put(address(audit), json={})
    early = api.get(address(audit, "/result"))
    assert (early.status_code, early.json()["detail"]) == (
        409, "this needs 50 decided random checks; found 0",
    )  # fmt: skip
    check_all(api, audit)
    result = api.get(address(audit, "/result")).json()
    assert result["rests_on"] == "checked: 100 samples at random"
    # Which samples are drawn differs from run to run: the tolerances are four standard errors and more.
    low, high = result["error_count_interval"]
    assert low < result["error_count"] < high
    assert result["error_count"] == pytest.approx(ERRORS, abs=35)
    # The order is right, so the cut finds what the count says, and nearly all that it flags is wrong.
    assert result["flagged_count"] == pytest.approx(ERRORS, abs=45)
    assert result["flagged_precision"]["centre"] > 0.5
    # The suggestion is right for every second wrong label.
    improves, worsens = result["suggestion_improves"], result["suggestion_worsens"]
    assert improves["centre"] == pytest.approx(0.5, abs=0.4)
    assert worsens["centre"] == pytest.approx(1 - result["flagged_precision"]["centre"])


def test_verdicts_in_the_rankings_order_are_known_and_no_sample(api: TestClient, audit: Audit) -> None:
    head = list(range(SAMPLES - 1, SAMPLES - 1 - ERRORS, -1))
    judge(api, audit, head)
    api.put(address(audit), json={"samples": 60})
    drawn = {*check_all(api, audit)}
    assert not drawn & set(head)
    result = api.get(address(audit, "/result")).json()
    # Every wrong label is in the head, and everything checked below it is right.
    assert result["error_count"] == ERRORS
    low, high = result["error_count_interval"]
    assert (low, high > ERRORS) == (ERRORS, True)


def test_a_verdict_that_is_saved_while_figures_are_made_is_in_the_next_ones(
    api: TestClient, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.put(address(audit), json={"samples": 50})
    check_all(api, audit)
    api.put(address(audit), json={"samples": 60})
    find_checks, open_checks = random_checks.find_checks, list_open(api, audit)

    def be_overtaken(connection: Connection, audit_id: UUID) -> DrawnChecks | None:
        drawn = find_checks(connection, audit_id)
        judge(api, audit, open_checks)
        return drawn

    with monkeypatch.context() as patch:
        patch.setattr(checked_figures, "find_checks", be_overtaken)
        assert api.get(address(audit, "/result")).json()["decided"] == 50
    assert api.get(address(audit, "/result")).json()["decided"] == 60


def test_checks_of_samples_that_have_a_verdict_count_at_once(api: TestClient, audit: Audit) -> None:
    judge(api, audit, list(range(SAMPLES)))
    for wanted in (50, 60):
        api.put(address(audit), json={"samples": wanted})
        assert api.get(address(audit, "/result")).json()["decided"] == wanted


def test_unsure_counts_for_nothing(api: TestClient, audit: Audit) -> None:
    api.put(address(audit), json={"samples": 50})
    for _ in range(2):
        entries = [{"position": position, "verdict": "unsure"} for position in list_open(api, audit)]
        api.post(f"/v1/datasets/{audit.dataset_id}/reviews", json={"reviews": entries})
    state = api.get(address(audit)).json()
    assert (state["answered"], state["unsure"], state["is_finished"]) == (50, 50, True)
    assert (state["follows"], state["error_share"]) == (False, None)


def test_all_samples_of_a_small_dataset_are_checked(
    api: TestClient, database: Database, storage: Storage
) -> None:
    small = store_finished_audit(database, store_ready_dataset(database, storage))
    state = api.put(address(small), json={}).json()
    assert state["wanted"] == 12
    positions = list_open(api, small)
    while positions:
        entries: list[dict[str, Any]] = [{"position": each, "verdict": "keep"} for each in positions]
        api.post(f"/v1/datasets/{small.dataset_id}/reviews", json={"reviews": entries})
        positions = list_open(api, small)
    result = api.get(address(small, "/result")).json()
    assert (result["error_count"], result["error_count_interval"]) == (0, [0, 0])


def test_of_two_who_begin_at_once_both_check_the_same(database: Database, audit: Audit) -> None:
    barrier, seen = threading.Barrier(2), []

    def begin() -> None:
        barrier.wait()
        with database.transaction() as session:
            stored = session.get_one(Audit, audit.id)
            random_checks.want_checks(session, stored, 100)
            seen.append([sample.position for sample in random_checks.list_open(session, stored, 100)])

    threads = [threading.Thread(target=begin) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen[0] == seen[1]
    assert len(seen[0]) == 50


def test_a_rehearsal_cannot_be_checked(api: TestClient, database: Database, dataset: Dataset) -> None:
    rehearsal = store_audit(database, dataset, rehearsal={"noise": "uniform", "rate": 0.1})
    assert api.put(address(rehearsal), json={}).status_code == 409


def test_checks_go_with_their_audit_and_verdicts_stay(api: TestClient, audit: Audit) -> None:
    api.put(address(audit), json={"samples": 50})
    check_all(api, audit)
    assert api.delete(f"/v1/audits/{audit.id}").status_code == 204
    assert api.get(f"/v1/datasets/{audit.dataset_id}/reviews").json()["counts"]["keep"] > 0
