"""Audits of several runs: searches, comparisons and repeats, trained for real on small data."""

from uuid import UUID

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.audits import audit_service
from app.infra.database import Database
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Audit, AuditStatus, Dataset, Run, RunStatus, Score
from models.label_errors.ensemble import average_signals
from tests.worker.job_steps import plan_audit, read_row, train_and_finish
from worker.finish.finishing_job import finish
from worker.jobs import signal_files
from worker.maintenance.sweep import sweep
from worker.train.training_job import execute

REHEARSAL = {"noise": "uniform", "rate": 0.2, "seed": 5, "mapping": None, "matrix": None}


def statuses(database: Database, audit: Audit) -> list[str]:
    with database.transaction() as session:
        return [run.status for run in audit_service.list_runs(session, [audit.id])[audit.id]]


def test_a_comparison_scores_by_the_best_on_held_out_labels(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, api: TestClient
) -> None:
    compare = ["ce", "fw", {"method": "limit_l", "beta": 0.3}]
    audit, runs = plan_audit(database, digits, compare=compare, repeats=2, rehearsal=REHEARSAL, epochs=4)
    assert [run.parent_number for run in runs] == [None, 0, None, None, 3, None]
    train_and_finish(database, storage, chosen, audit, runs)
    answer = api.get(f"/v1/audits/{audit.id}").json()
    labels = [variant["label"] for variant in answer["variants"]]
    assert labels == ["CE", "FW", "LIMIT_L - S, beta 0.3"]
    accuracies = [variant["figures"]["validation_accuracy"]["mean"] for variant in answer["variants"]]
    best = answer["variants"][int(np.argmax(accuracies))]
    assert [variant["is_chosen"] for variant in answer["variants"]] == [
        variant is best for variant in answer["variants"]
    ]
    assert [run["number"] for run in answer["runs"] if run["is_chosen"]] == best["runs"]
    result = answer["runs"][5]["result"]
    epochs = api.get(f"/v1/audits/{audit.id}/epochs").json()[5]["epochs"]
    kept = epochs[result["kept_epoch"] - 1]
    assert result["validation_accuracy"] == max(epoch["validation_accuracy"] for epoch in epochs)
    assert result["test_accuracy"] == kept["validation_true_accuracy"]
    assert 0 <= result["roc_auc"] <= 1


def test_an_ensemble_averages_its_runs(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings
) -> None:
    audit, runs = plan_audit(database, digits, repeats=2)
    assert train_and_finish(database, storage, chosen, audit, runs).status == AuditStatus.SUCCEEDED
    parts = [signal_files.load(storage, storage.locate_run(audit.id, number)) for number in (0, 1)]
    assert not (parts[0]["distance"] == parts[1]["distance"]).all()
    expected = average_signals(parts)["distance"]
    with database.transaction() as session:
        scores = session.scalars(select(Score).order_by(Score.position)).all()
    assert [score.distance for score in scores] == pytest.approx(expected.tolist())


def test_a_diverged_variant_does_not_cost_the_others(
    database: Database,
    digits: Dataset,
    storage: Storage,
    chosen: Settings,
    sent: list[tuple[Task, UUID]],
) -> None:
    audit, (bad, good) = plan_audit(database, digits, search={"beta": [1.0, 3.0]})
    with database.transaction() as session:
        audit_service.end_run(
            session, session.get_one(Run, bad.id), RunStatus.FAILED, {"code": "x", "detail": "y"}
        )
    assert statuses(database, audit) == ["failed", "queued"]
    execute(database, storage, chosen, good.id)
    assert sent[-1] == (Task.FINISH, audit.id)
    sent.clear()
    sweep(database, chosen, lambda _: 0)
    assert sent == [(Task.FINISH, audit.id)]
    finish(database, storage, audit.id)
    assert read_row(database, Audit, audit.id).status == AuditStatus.SUCCEEDED
    assert not read_row(database, Run, bad.id).is_chosen
    assert read_row(database, Run, good.id).is_chosen


def diverged(*_: object, **__: object) -> None:
    raise FloatingPointError("the loss is no longer finite")


def test_an_audit_fails_when_no_variant_is_left(
    database: Database,
    digits: Dataset,
    storage: Storage,
    chosen: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    audit, runs = plan_audit(database, digits, compare=["fw", "dmi"])
    monkeypatch.setattr("worker.train.training_job.train_on", diverged)
    execute(database, storage, chosen, runs[0].id)
    assert statuses(database, audit) == ["failed", "cancelled", "cancelled"]
    failed = read_row(database, Audit, audit.id)
    assert (failed.status, (failed.error or {})["code"]) == (AuditStatus.FAILED, "FloatingPointError")


def test_a_run_stops_when_its_audit_has_ended_without_it(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings
) -> None:
    audit, (first, second) = plan_audit(database, digits, repeats=2, epochs=1000)
    with database.transaction() as session:
        audit_service.end_run(
            session, session.get_one(Run, first.id), RunStatus.FAILED, {"code": "x", "detail": "y"}
        )
    assert statuses(database, audit) == ["failed", "cancelled"]
    with database.transaction() as session:
        session.get_one(Run, second.id).status = RunStatus.QUEUED
    execute(database, storage, chosen, second.id)
    assert read_row(database, Run, second.id).status == RunStatus.CANCELLED
