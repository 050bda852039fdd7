"""Audits as jobs: from training to the files and what is served of them."""

import csv
import io
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet
from sqlalchemy import select, update

from app.audits import audit_service
from app.audits.audit_configuration import AuditConfiguration
from app.infra.database import Database
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import (
    Audit,
    AuditStatus,
    Dataset,
    ProvisionalScore,
    Run,
    RunEpoch,
    Sample,
    Score,
)
from tests.worker.job_steps import count_rows, plan_audit, read_row, store_upload, train_and_finish
from worker.finish.finishing_job import finish, report_again
from worker.ingest.ingestion_job import ingest
from worker.jobs import evidence_files, neighbour_files, signal_files
from worker.train.training_job import execute


def test_an_audit_from_training_to_its_files(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, sent: list[tuple[Task, UUID]]
) -> None:
    audit, runs = plan_audit(database, digits)
    execute(database, storage, chosen, runs[0].id)
    assert sent[-1] == (Task.FINISH, audit.id)
    assert read_row(database, Audit, audit.id).status == AuditStatus.RUNNING
    assert count_rows(database, RunEpoch) == 3
    assert count_rows(database, ProvisionalScore) == 120
    finish(database, storage, audit.id)
    done = read_row(database, Audit, audit.id)
    assert done.status == AuditStatus.SUCCEEDED
    assert (count_rows(database, Score), count_rows(database, ProvisionalScore)) == (120, 0)
    assert done.provenance is not None
    assert done.provenance["runs"][0]["configuration"]["method"] == "limit_g"
    assert done.summary is not None
    assert sum(done.summary["histogram"]["counts"]) == 120
    with database.transaction() as session:
        # Most columns come from a list, so that mypy knows none of them.
        scores: list[Any] = list(session.scalars(select(Score).order_by(Score.rank)))
    ranking = [score.score for score in scores]
    assert ranking == sorted(ranking, reverse=True)
    assert [score.rank for score in scores] == list(range(1, 121))
    assert {score.position for score in scores} == set(range(120))
    wrong = {score.position for score in scores[:12]}
    disagreements = {score.position: score.neighbour_disagreement or 0.0 for score in scores}
    assert np.mean([disagreements[position] for position in wrong]) > 2 * np.mean(
        list(disagreements.values())
    )
    found = neighbour_files.load(storage, storage.locate_run(audit.id, 0))
    assert found is not None
    assert found.index_Nk.shape == (120, 10)
    lines = (storage.locate_audit(audit.id) / done.files["ranking.csv"]["path"]).read_text().splitlines()  # type: ignore[index]
    table = parquet.read_table(storage.locate_audit(audit.id) / done.files["ranking.parquet"]["path"])  # type: ignore[index]
    rows = list(csv.DictReader(lines))
    assert [int(row["position"]) for row in rows] == [score.position for score in scores]
    assert table["position"].to_pylist() == [score.position for score in scores]
    assert "true_label" not in rows[0]
    assert [float(row["neighbour_disagreement"]) for row in rows] == pytest.approx(
        [disagreements[int(row["position"])] for row in rows], abs=1e-6
    )


def test_an_audit_can_be_ranked_by_its_neighbours(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings
) -> None:
    with database.transaction() as session:
        asked = {"seed": 0, "initialise": "none", "score": "neighbours", "epochs": 5}
        audit = audit_service.create(session, digits, name=None, configuration=AuditConfiguration.read(asked))
        runs = audit_service.list_runs(session, [audit.id])[audit.id]
    done = train_and_finish(database, storage, chosen, audit, runs)
    table = parquet.read_table(storage.locate_audit(audit.id) / done.files["ranking.parquet"]["path"])  # type: ignore[index]
    disagreement, margin = table["neighbour_disagreement"].to_numpy(), table["margin"].to_numpy()
    expected = 0.99 * disagreement + 0.01 / (1 + np.exp(margin / 4))
    assert table["score"].to_numpy() == pytest.approx(expected, abs=1e-5)
    assert (np.diff(table["score"].to_numpy()) <= 0).all()


def test_the_same_seed_gives_the_same_file(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings
) -> None:
    digests = []
    for seed in (1, 1, 2):
        audit, runs = plan_audit(database, digits)
        with database.transaction() as session:
            session.execute(update(Run).where(Run.audit_id == audit.id).values(seed=seed))
        files = train_and_finish(database, storage, chosen, audit, runs).files
        assert files is not None
        digests.append(files["ranking.csv"]["sha256"])
    assert digests[0] == digests[1] != digests[2]


def test_truth_attached_later_brings_metrics_and_columns(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, api: TestClient
) -> None:
    audit, runs = plan_audit(database, digits, epochs=20, folds=4)
    train_and_finish(database, storage, chosen, audit, runs)
    before = api.get(f"/v1/audits/{audit.id}/ranking.csv")
    with database.transaction() as session:
        samples = session.execute(select(Sample.key)).scalars().all()
    truth = "key,true_label\n" + "".join(f"{key},{key.split('/')[1][0]}\n" for key in samples)
    assert api.put(f"/v1/datasets/{digits.id}/truth", content=truth).json() == {
        "attached": 120,
        "differing": 12,
    }
    report_again(database, storage, audit.id)
    summary = api.get(f"/v1/audits/{audit.id}/summary").json()
    low, high = summary["estimate"]["interval"]
    assert low <= 12 <= high
    shown = api.get(f"/v1/audits/{audit.id}").json()["summary"]
    assert shown["per_class"] == summary["per_class"]
    assert "budget" not in shown
    issues = api.get(f"/v1/audits/{audit.id}/issues.csv")
    assert issues.text.startswith('"kind","number","position","key","given_label","group","score","detail"')
    metrics = api.get(f"/v1/audits/{audit.id}/metrics").json()
    assert (metrics["sample_count"], metrics["error_count"], metrics["noise_rate"]) == (120, 12, 0.1)
    assert metrics["roc_auc"] > 0.95
    assert sum(metrics["histogram"]["right"]) == 108
    assert sum(metrics["histogram"]["wrong"]) == 12
    assert {item["k"]: item["recall"] for item in metrics["at_k"]}[120] == 1.0
    after = api.get(f"/v1/audits/{audit.id}/ranking.csv")
    assert after.headers["etag"] != before.headers["etag"]
    rows = list(csv.DictReader(after.text.splitlines()))
    assert sum(row["is_error"] == "true" for row in rows) == 12
    assert json.dumps([r["position"] for r in rows]) == json.dumps(
        [r["position"] for r in csv.DictReader(before.text.splitlines())]
    )


def test_signals_that_an_older_version_stored_are_still_read(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, api: TestClient
) -> None:
    audit, runs = plan_audit(database, digits)
    train_and_finish(database, storage, chosen, audit, runs)
    before = list(csv.DictReader(api.get(f"/v1/audits/{audit.id}/ranking.csv").text.splitlines()))
    folder = storage.locate_run(audit.id, 0)
    arrays: dict[str, Any] = {**signal_files.load(storage, folder), "competence": 0.9, "doubt": np.ones(120)}
    np.savez(folder / signal_files.SIGNALS, **arrays)
    api.put(f"/v1/datasets/{digits.id}/truth", content=f"key,true_label\n{before[0]['key']},0\n")
    report_again(database, storage, audit.id)
    after = list(csv.DictReader(api.get(f"/v1/audits/{audit.id}/ranking.csv").text.splitlines()))
    assert set(after[0]) - set(before[0]) == {"true_label", "is_error"}
    assert [{name: row[name] for name in before[0]} for row in after] == before


def test_attached_probabilities_are_counted_as_out_of_sample(
    database: Database, storage: Storage, chosen: Settings, api: TestClient, tmp_path: Path
) -> None:
    # Three groups of rows, a third of the labels wrong, and a model that knows the groups.
    random = np.random.default_rng(0)
    true = np.arange(300) % 3
    given = np.where(np.arange(300) % 9 < 3, (true + random.integers(1, 3, 300)) % 3, true)
    rows = 6 * np.eye(3)[true] + random.normal(size=(300, 3))
    np.savez(tmp_path / "rows.npz", features=rows.astype(np.float32), labels=given)
    dataset = store_upload(database, storage, tmp_path / "rows.npz")
    ingest(database, storage, chosen, dataset.id)
    body = io.BytesIO()
    np.savez(body, probabilities=(np.eye(3)[true] * 0.94 + 0.02).astype(np.float32))
    assert api.put(f"/v1/datasets/{dataset.id}/probabilities", content=body.getvalue()).status_code == 200
    with database.transaction() as session:
        asked = AuditConfiguration.read({"method": "probabilities"})
        dataset = session.get_one(Dataset, dataset.id)
        audit = audit_service.create(session, dataset, name=None, configuration=asked)
        runs = audit_service.list_runs(session, [audit.id])[audit.id]
    train_and_finish(database, storage, chosen, audit, runs)
    summary = api.get(f"/v1/audits/{audit.id}/summary").json()
    estimate = summary["estimate"]
    assert estimate["may_claim"], estimate["reasons"]
    assert estimate["count"] == summary["expected_error_count"] == pytest.approx(100, rel=0.1)
    low, high = estimate["interval"]
    assert low <= 100 <= high
    assert summary["noise_rate"] == pytest.approx(estimate["count"] / 300)
    assert summary["health"] == pytest.approx(1 - summary["noise_rate"])
    assert summary["budget"]["total"] == pytest.approx(estimate["count"], rel=0.05)
    assert [sum(row) for row in summary["transition_matrix"]["matrix"]] == pytest.approx([1, 1, 1])
    assert sum(item["expected_errors"] for item in summary["per_class"]) == pytest.approx(
        summary["budget"]["total"], rel=1e-3
    )
    with database.transaction() as session:
        scores: list[Any] = list(session.scalars(select(Score).order_by(Score.position)))
    assert [score.is_label_issue for score in scores] == (given != true).tolist()
    assert [score.suggested_label for score in scores] == true.tolist()
    assert api.get(f"/v1/audits/{audit.id}").json()["theory"]["noise_rate_is_known"] is False
    assert f"{low:.0f} to {high:.0f}" in api.get(f"/audits/{audit.id}").text
    check_that_it_is_reported_alike(database, storage, api, audit)


def check_that_it_is_reported_alike(
    database: Database, storage: Storage, api: TestClient, audit: Audit
) -> None:
    """Check that the files, made again by newer true labels, say the same of every label."""
    before = list(csv.DictReader(api.get(f"/v1/audits/{audit.id}/ranking.csv").text.splitlines()))
    truth = f"key,true_label\n{before[0]['key']},0\n"
    assert api.put(f"/v1/datasets/{audit.dataset_id}/truth", content=truth).status_code == 200
    report_again(database, storage, audit.id)
    after = csv.DictReader(api.get(f"/v1/audits/{audit.id}/ranking.csv").text.splitlines())
    for row, former in zip(after, before, strict=True):
        assert {name: row[name] for name in former} == former


def test_without_evidence_the_audit_ranks_and_claims_nothing(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, api: TestClient
) -> None:
    audit, runs = plan_audit(database, digits, folds=1, blind_fraction=0.0)
    train_and_finish(database, storage, chosen, audit, runs)
    assert evidence_files.load(storage, storage.locate_run(audit.id, 0)) is None
    summary = api.get(f"/v1/audits/{audit.id}/summary").json()
    assert not summary["estimate"]["may_claim"]
    assert [reason["code"] for reason in summary["estimate"]["reasons"]] == ["not_out_of_sample"]
    assert (summary["expected_error_count"], summary["noise_rate"], summary["budget"]) == (None, None, None)
    assert summary["label_issue_count"] == summary["disagreement_count"]
    assert api.get(f"/v1/audits/{audit.id}").json()["theory"] is None
    suspects = api.get(f"/v1/audits/{audit.id}/suspects").json()["items"]
    assert {item["error_probability"] for item in suspects} == {None}
    for name in ("report.html", "cleanlab.npz", "label-studio.json"):
        assert api.get(f"/v1/audits/{audit.id}/exports/{name}").status_code == 200, name
    report = api.get(f"/v1/audits/{audit.id}/exports/report.html").text
    assert "Cannot tell yet how many labels are wrong." in report
    assert api.get(f"/audits/{audit.id}").text.count("Cannot tell yet how many.") == 1


def test_an_ensemble_averages_its_evidence_over_the_networks_that_are_blind(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings
) -> None:
    audit, runs = plan_audit(database, digits, folds=1, blind_fraction=0.5, repeats=2)
    done = train_and_finish(database, storage, chosen, audit, runs)
    found = [evidence_files.load(storage, storage.locate_run(audit.id, number)) for number in (0, 1)]
    parts = [each for each in found if each is not None]
    assert [each.probabilities_NK.dtype for each in parts] == [np.float32] * 2
    assert all(each.neighbours_Nk is not None and each.neighbours_Nk.shape == (120, 20) for each in parts)
    blind = [each.is_out_of_sample_N for each in parts]
    assert all(0.4 < each.mean() < 0.6 for each in blind)
    with database.transaction() as session:
        agreeing = select(Score).where(Score.suggested_label == Score.given_label)
        scores: list[Any] = list(session.scalars(agreeing.order_by(Score.position)))
    score = next(score for score in scores if blind[0][score.position] and not blind[1][score.position])
    expected = parts[0].probabilities_NK[score.position, score.suggested_label]
    assert score.suggested_confidence == pytest.approx(float(expected), abs=1e-3)
    assert done.summary is not None
    assert done.summary["estimate"]["interval"] is not None


def test_downloads_answer_conditions_ranges_and_heads(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, api: TestClient
) -> None:
    audit, runs = plan_audit(database, digits)
    train_and_finish(database, storage, chosen, audit, runs)
    url = f"/v1/audits/{audit.id}/ranking.csv"
    whole = api.get(url)
    assert whole.headers["content-type"].startswith("text/csv")
    assert whole.headers["repr-digest"].startswith("sha-256=:")
    again = api.get(url, headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    part = api.get(url, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    head = api.head(url)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(whole.content)))


def test_an_audit_that_cannot_be_finished_fails_with_the_reason(
    database: Database,
    digits: Dataset,
    storage: Storage,
    chosen: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    audit, runs = plan_audit(database, digits)

    def broken(*_: object, **__: object) -> None:
        raise KeyError("margin")

    monkeypatch.setattr("worker.jobs.score_rows.build_rows", broken)
    execute(database, storage, chosen.model_copy(update={"provisional_seconds": 1e9}), runs[0].id)
    finish(database, storage, audit.id)
    failed = read_row(database, Audit, audit.id)
    assert failed.status == AuditStatus.FAILED
    assert "finishing the audit failed" in (failed.error or {})["detail"]


def test_a_rehearsal_measures_how_many_planted_errors_are_found(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, api: TestClient
) -> None:
    rehearsal = {"noise": "uniform", "rate": 0.2, "seed": 5, "mapping": None, "matrix": None}
    audit, runs = plan_audit(database, digits, epochs=20, rehearsal=rehearsal)
    train_and_finish(database, storage, chosen, audit, runs)
    metrics = api.get(f"/v1/audits/{audit.id}/metrics").json()
    assert metrics["sample_count"] == 120
    assert 10 <= metrics["error_count"] <= 40
    assert metrics["roc_auc"] > 0.8
    summary = api.get(f"/v1/audits/{audit.id}/summary").json()
    rehearsed = summary["rehearsal"]
    assert (rehearsed["noise"], rehearsed["planted_count"]) == ("uniform", metrics["error_count"])
    assert rehearsed["roc_auc_uncorrected"] == pytest.approx(metrics["roc_auc"], abs=1e-6)
    assert rehearsed["recall"][-1]["recall"] > 0.7
    # No planted error stands among the user's: all that is ranked and counted has its label as uploaded.
    found = api.get(f"/v1/audits/{audit.id}/suspects?limit=120").json()["items"]
    uploaded = np.load(storage.locate_pack(digits.id) / "labels.npy")
    assert len(found) == summary["sample_count"] == 120 - metrics["error_count"]
    assert [item["rank"] for item in found] == list(range(1, len(found) + 1))
    assert all(int(item["given_label"]) == uploaded[item["position"]] for item in found)
    rows = list(csv.DictReader(api.get(f"/v1/audits/{audit.id}/ranking.csv").text.splitlines()))
    assert [int(row["position"]) for row in rows] == [item["position"] for item in found]
    assert "true_label" not in rows[0]
    assert not read_row(database, Dataset, digits.id).truth_version
