"""What follows the random checks of an audit: its figures, its ranking, its files and its advice."""

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pyarrow import csv, parquet
from sqlalchemy import update

from app.exports.final_labels import Decisions, decide_labels
from app.exports.registry import Issues
from app.infra.database import Database
from app.infra.storage import Storage
from app.reviews import checked_summary, relabelling
from app.reviews.checked_summary import correct_summary
from app.tables import Audit, Dataset, Score
from tests.app.reviews.checks.checking import ERRORS, SAMPLES, address, check_all, is_wrong, judge, list_open
from tests.builders.stored_rows import NAMES


def test_the_advice_and_the_errors_left_follow_the_checks(api: TestClient, audit: Audit) -> None:
    progress = f"/v1/audits/{audit.id}/review-progress"
    assert api.get(progress).json()["advice"] == "check"
    api.put(address(audit), json={})
    check_all(api, audit)
    checked = api.get(progress).json()
    assert checked["rests_on"] == "checked: 100 samples at random"
    assert checked["recent_precision"] is None, "checks tell nothing about the next of the ranking"
    assert checked["recent_decided"] == 0
    result = api.get(address(audit, "/result")).json()
    assert checked["expected_errors"] == pytest.approx(result["error_count"])
    assert checked["expected_errors_left"] == pytest.approx(result["error_count"] - checked["errors"])
    low, high = checked["expected_errors_left_interval"]
    assert low <= checked["expected_errors_left"] <= high
    assert checked["next_precision"] * 50 <= checked["expected_errors_left"]
    assert checked["advice"] == "go_on"
    in_order = [each for each in range(SAMPLES - 1, 0, -1) if not _has_verdict(api, audit, each)]
    judge(api, audit, [position for position in in_order if is_wrong(position)])
    judge(api, audit, [position for position in in_order if not is_wrong(position)][:60])
    assert api.get(progress).json()["advice"] == "stop"


def _has_verdict(api: TestClient, audit: Audit, position: int) -> bool:
    return api.get(f"/v1/datasets/{audit.dataset_id}/samples/{position}/review").status_code == 200


def test_the_ranking_follows_the_checks(api: TestClient, audit: Audit) -> None:
    suspects = f"/v1/audits/{audit.id}/suspects"
    before = api.get(suspects, params={"limit": 500}).json()["items"]
    assert [item["is_label_issue"] for item in before[:2]] == [True, False]
    api.put(address(audit), json={})
    assert api.get(suspects, params={"limit": 500}).json()["items"] == before, "nothing is decided yet"
    check_all(api, audit)
    result = api.get(address(audit, "/result")).json()
    after = api.get(suspects, params={"limit": 500}).json()["items"]
    assert [item["position"] for item in after] == [item["position"] for item in before]
    probabilities = [item["error_probability"] for item in after]
    assert sum(probabilities) == pytest.approx(result["error_count"], rel=1e-3)
    assert probabilities == sorted(probabilities, reverse=True)
    flagged = api.get(suspects, params={"limit": 500, "is_label_issue": True}).json()["items"]
    assert len(flagged) == result["flagged_count"] > 1
    assert [item["rank"] for item in flagged] == [item["rank"] for item in after if item["is_label_issue"]]
    others = api.get(suspects, params={"limit": 500, "is_label_issue": False}).json()["items"]
    assert len(others) == SAMPLES - len(flagged)
    one = api.get(f"/v1/audits/{audit.id}/samples/{flagged[0]['position']}").json()
    assert one["error_probability"] == flagged[0]["error_probability"]


def test_what_relabelling_would_do_is_unknown_until_flagged_samples_are_checked(
    api: TestClient, audit: Audit
) -> None:
    preview = f"/v1/audits/{audit.id}/relabelling"
    unknown = api.get(preview).json()
    assert (unknown["labels"], unknown["worsens"]) == (1, None)
    assert unknown["detail"].endswith("How many of them would be made worse is unknown.")
    labels = f"/v1/datasets/{audit.dataset_id}/exports/labels.csv"
    chosen = {"audit_id": str(audit.id), "issues": "relabel"}
    refused = api.get(labels, params=chosen)
    assert refused.status_code == 409
    assert "check samples at random first, or confirm it" in refused.json()["detail"]
    api.put(address(audit), json={})
    check_all(api, audit)
    known = api.get(preview).json()
    assert known["worsens"]["checked"] == known["improves"]["checked"] >= 10
    flagged = api.get(f"/v1/audits/{audit.id}/suspects", params={"is_label_issue": True, "limit": 500}).json()
    open_flagged = [item for item in flagged["items"] if item["review"] is None]
    assert known["labels"] == len(open_flagged) > 1
    assert f"About {known['worsens']['centre']:.0%} of them" in known["detail"]


def test_where_all_checks_are_right_nothing_is_flagged_and_nothing_to_consent_to(
    api: TestClient, database: Database, storage: Storage, audit: Audit, dataset: Dataset
) -> None:
    store_summary(database, audit)
    api.put(address(audit), json={})
    while positions := list_open(api, audit):
        entries = [{"position": position, "verdict": "keep"} for position in positions]
        api.post(f"/v1/datasets/{audit.dataset_id}/reviews", json={"reviews": entries})
    summary = api.get(f"/v1/audits/{audit.id}/summary").json()
    assert (summary["expected_error_count"], summary["label_issue_count"]) == (0, 0)
    assert summary["budget"]["total"] < 1
    assert sum(each["expected_errors"] for each in summary["per_class"]) < 1
    preview = api.get(f"/v1/audits/{audit.id}/relabelling").json()
    assert (preview["labels"], preview["worsens"]) == (0, None)
    assert preview["detail"] == "No label that nobody has looked at would change."
    with database.transaction() as session:
        stored = session.get_one(Audit, audit.id)
        relabelling.require_consent(session, stored, confirmed=False)
        decided = decide_labels(
            session, storage, session.get_one(Dataset, dataset.id), audit=stored, issues=Issues.RELABEL
        )
    assert list_decided_by_audit(decided) == []


def test_what_the_cut_of_the_checks_flags_is_dropped(
    api: TestClient, database: Database, storage: Storage, audit: Audit, dataset: Dataset
) -> None:
    api.put(address(audit), json={})
    check_all(api, audit)
    open_labels = api.get(f"/v1/audits/{audit.id}/relabelling").json()["labels"]
    with database.transaction() as session:
        decided = decide_labels(
            session, storage, session.get_one(Dataset, dataset.id),
            audit=session.get_one(Audit, audit.id), issues=Issues.DROP,
        )  # fmt: skip
    assert len(list_decided_by_audit(decided)) == open_labels > 1


def list_decided_by_audit(decided: Decisions) -> list[int]:
    sources = {position: decided.find_source(position) for position in range(len(decided.final_N))}
    return [position for position, source in sources.items() if source and source.name == "audit"]


def store_summary(database: Database, audit: Audit) -> None:
    """Store what an audit would say: 30 labels of each class are wrong, all of them of the class before."""
    members = {"expected_members": 100.0, "missed_rate": 0.3, "health": 0.5}
    per_class = [
        {"class": name, "samples": 100, "disagreements": 100, "expected_errors": 30.0, "label_issues": 1,
         "mean_distance": 0.1, "noise_rate": 0.3, **members}
        for name in NAMES
    ]  # fmt: skip
    matrix = [[0.7, 0.3, 0.0], [0.0, 0.7, 0.3], [0.3, 0.0, 0.7]]
    shares = {"share_of_true": 0.3, "share_of_given": 0.3}
    estimate = {
        "may_claim": True, "reasons": [], "count": 90.0, "interval": [80.0, 100.0], "sample_count": SAMPLES,
    }  # fmt: skip
    summary = {
        "sample_count": SAMPLES, "disagreement_count": SAMPLES, "expected_error_count": 90.0,
        "expected_error_interval": [80.0, 100.0], "label_issue_count": 1, "noise_rate": 0.3, "health": 0.7,
        "histogram": {"edges": [0.0, 1.0], "counts": [300.0]}, "per_class": per_class,
        "transition_matrix": {"rows": "true", "columns": "given", "classes": NAMES, "matrix": matrix},
        "confused_pairs": [{"true": "ant", "given": "bee", "expected_count": 30.0, **shares}],
        "budget": None, "estimate": estimate,
    }  # fmt: skip
    with database.transaction() as session:
        session.get_one(Audit, audit.id).summary = summary


def test_every_figure_of_the_summary_follows_the_checks(
    api: TestClient, database: Database, audit: Audit
) -> None:
    store_summary(database, audit)
    assert api.get(f"/v1/audits/{audit.id}/summary").json()["checked"] is None
    api.put(address(audit), json={})
    check_all(api, audit)
    result = api.get(address(audit, "/result")).json()
    summary = api.get(f"/v1/audits/{audit.id}/summary").json()
    assert (summary["checked"], summary["rests_on"]) == (100, "checked: 100 samples at random")
    count = result["error_count"]
    assert summary["expected_error_count"] == summary["estimate"]["count"] == count
    assert summary["expected_error_interval"] == result["error_count_interval"]
    assert summary["label_issue_count"] == result["flagged_count"]
    assert sum(each["label_issues"] for each in summary["per_class"]) == result["flagged_count"]
    assert sum(each["expected_errors"] for each in summary["per_class"]) == pytest.approx(count, rel=1e-3)
    assert summary["budget"]["total"] == pytest.approx(count, rel=1e-3)
    # Wrong labels given "bee" are of "ant", as before; only their number follows the checks.
    bee = summary["per_class"][1]
    (pair,) = summary["confused_pairs"]
    assert pair["expected_count"] == pytest.approx(bee["expected_errors"])
    assert bee["noise_rate"] == pytest.approx(bee["expected_errors"] / 100)
    assert all(sum(row) == pytest.approx(1) for row in summary["transition_matrix"]["matrix"])
    listed = api.get("/v1/audits").json()["items"][0]["summary"]
    assert listed["expected_error_count"] == count
    assert "Wrong labels, estimated" not in api.get("/audits").text
    report = api.get(f"/v1/audits/{audit.id}/exports/report.html").text
    assert "is an estimate without correct labels" not in report
    for text in (report, api.get(f"/audits/{audit.id}").text):
        assert "checked: 100 samples at random" in text
        assert "the order of the ranking stays" in text


def test_no_class_has_fewer_wrong_labels_than_people_found(
    api: TestClient, database: Database, audit: Audit
) -> None:
    store_summary(database, audit)
    api.put(address(audit), json={})
    check_all(api, audit)
    before = api.get(f"/v1/audits/{audit.id}").json()["summary"]["per_class"]
    reviewed = {
        each["position"]
        for each in api.get(f"/v1/datasets/{audit.dataset_id}/reviews?limit=500").json()["items"]
    }
    unseen = [position for position in range(0, 3 * len(reviewed), 3) if position not in reviewed][-8:]
    for position in unseen:
        path = f"/v1/datasets/{audit.dataset_id}/samples/{position}/review"
        assert api.put(path, json={"verdict": "relabel", "label": NAMES[1]}).status_code == 200
    after = api.get(f"/v1/audits/{audit.id}").json()["summary"]["per_class"]
    assert after[0]["expected_errors"] >= len(unseen)
    assert after[0]["expected_errors"] > before[0]["expected_errors"]


def test_a_corrected_summary_is_made_once_until_a_verdict_changes(
    api: TestClient, database: Database, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_summary(database, audit)
    api.put(address(audit), json={})
    positions = check_all(api, audit)
    made = []

    def correct(*arguments: Any) -> Any:  # noqa: ANN401 - passes on what the function takes and returns
        made.append(arguments)
        return correct_summary(*arguments)

    monkeypatch.setattr(checked_summary, "correct_summary", correct)
    first, again = (api.get("/v1/audits").json()["items"][0]["summary"] for _ in range(2))
    assert (len(made), first) == (1, again)
    right = next(position for position in positions if not is_wrong(position))
    path = f"/v1/datasets/{audit.dataset_id}/samples/{right}/review"
    version = api.get(path).json()["version"]
    wrong = {"verdict": "relabel", "label": NAMES[(right + 1) % 3]}
    api.put(path, json=wrong, headers={"If-Match": f'"{version}"'}).raise_for_status()
    changed = api.get("/v1/audits").json()["items"][0]["summary"]
    assert len(made) == 2
    assert changed["expected_error_count"] > first["expected_error_count"]


def change(api: TestClient, audit: Audit, position: int, verdict: str) -> None:
    path = f"/v1/datasets/{audit.dataset_id}/samples/{position}/review"
    version = api.get(path).json()["version"]
    answer = api.put(path, json={"verdict": verdict}, headers={"If-Match": f'"{version}"'})
    answer.raise_for_status()


def test_unsure_and_dropped_checks_are_named_and_the_interval_holds_both_readings(
    api: TestClient, database: Database, audit: Audit
) -> None:
    store_summary(database, audit)
    api.put(address(audit), json={"samples": 60})
    positions = check_all(api, audit)
    before = api.get(address(audit, "/result")).json()
    right = [position for position in positions if not is_wrong(position)][:8]
    for place, position in enumerate(right):
        change(api, audit, position, "drop" if place < 3 else "unsure")
    state, after = api.get(address(audit)).json(), api.get(address(audit, "/result")).json()
    assert (state["answered"], state["decided"], state["dropped"], state["unsure"]) == (60, 52, 3, 5)
    assert after["decided"] == before["decided"] - 8
    words = (
        "checked: 52 samples at random; 5 more unsure and 3 more dropped, which the range counts both as"
        " right and as wrong"
    )
    progress = api.get(f"/v1/audits/{audit.id}/review-progress").json()
    assert after["rests_on"] == progress["rests_on"] == words
    assert words in api.get(f"/audits/{audit.id}").text
    assert words in api.get(f"/v1/audits/{audit.id}/exports/report.html").text
    (low, high), (low_before, high_before) = after["error_count_interval"], before["error_count_interval"]
    assert low <= low_before <= ERRORS <= high_before < high
    assert state["error_share"]["high"] == pytest.approx(high / SAMPLES)


def test_samples_reviewed_from_the_top_are_named(api: TestClient, audit: Audit) -> None:
    api.put(address(audit), json={"samples": 60})
    positions = check_all(api, audit)
    judge(api, audit, [position for position in range(SAMPLES - 20, SAMPLES) if position not in positions])
    head = next(rank for rank in range(1, SAMPLES) if not _has_verdict(api, audit, SAMPLES - rank)) - 1
    others = sum(SAMPLES - rank not in positions for rank in range(1, head + 1))
    words = f"checked: 60 samples at random; {others} others reviewed from the top count as they are"
    assert api.get(address(audit, "/result")).json()["rests_on"] == words


def test_an_audit_that_could_tell_nothing_gets_its_figures_by_checks(
    api: TestClient, database: Database, audit: Audit
) -> None:
    store_summary(database, audit)
    nothing: dict[str, Any] = {"expected_error_count": None, "transition_matrix": None, "confused_pairs": []}
    with database.transaction() as session:
        stored = session.get_one(Audit, audit.id)
        stored.summary = (stored.summary or {}) | nothing | {"estimate": None}
        session.execute(update(Score).where(Score.audit_id == audit.id).values(error_probability=None))
    api.put(address(audit), json={})
    check_all(api, audit)
    summary = api.get(f"/v1/audits/{audit.id}/summary").json()
    assert summary["expected_error_count"] == pytest.approx(ERRORS, abs=35)
    assert (summary["transition_matrix"], summary["confused_pairs"]) == (None, [])
    assert summary["per_class"][0]["missed_rate"] is None
    suspect = api.get(f"/v1/audits/{audit.id}/suspects").json()["items"][0]
    assert suspect["error_probability"] > 0.5


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_rankings_files_follow_the_checks_and_say_so(
    api: TestClient, database: Database, storage: Storage, audit: Audit, kind: str
) -> None:
    suspects = f"/v1/audits/{audit.id}/suspects?limit=500"
    ranked = api.get(suspects).json()["items"]
    columns = ("rank", "position", "key", "given_label", "suggested_label", "distance", "error_probability")
    rows = [{name: item[name] for name in columns} | {"is_label_issue": False} for item in ranked]
    folder = storage.locate_audit(audit.id)
    folder.mkdir(parents=True)
    parquet.write_table(pa.Table.from_pylist(rows), folder / "ranking.v0.parquet")
    with database.transaction() as session:
        stored = {"path": "ranking.v0.parquet", "sha256": "0", "repr_digest": "sha-256=:AA==:"}
        session.get_one(Audit, audit.id).files = {"ranking.parquet": stored}
    api.put(address(audit), json={})
    check_all(api, audit)
    content = api.get(f"/v1/audits/{audit.id}/ranking.{kind}").content
    read = csv.read_csv if kind == "csv" else parquet.read_table
    table = read(io.BytesIO(content)).to_pylist()
    after = api.get(suspects).json()["items"]
    assert [row["is_label_issue"] for row in table] == [item["is_label_issue"] for item in after]
    shown = [item["error_probability"] for item in after]
    assert [row["error_probability"] for row in table] == pytest.approx(shown, abs=1e-6)
    assert {row["rests_on"] for row in table} == {"checked: 100 samples at random"}
    arrays = np.load(io.BytesIO(api.get(f"/v1/audits/{audit.id}/exports/cleanlab.npz").content))
    by_position = sorted(after, key=lambda item: item["position"])
    assert arrays["is_label_issue"].tolist() == [item["is_label_issue"] for item in by_position]
    assert 1 - arrays["label_quality"] == pytest.approx(
        np.array([item["error_probability"] for item in by_position]), abs=1e-6
    )
