"""Ingestion, training and finishing as jobs: real files, a real database, real training of small data."""

import csv
import json
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from pyarrow import parquet
from sqlalchemy import func, select, update
from torchvision.models import get_model

from app import audits, datasets
from app.database import Database
from app.queue import Task
from app.settings import Settings
from app.storage import Storage
from app.tables import (
    Audit,
    AuditStatus,
    Dataset,
    DatasetStatus,
    Problem,
    ProvisionalScore,
    Run,
    RunEpoch,
    RunStatus,
    Sample,
    Score,
    Truth,
)
from tests.made import digits_zip
from worker import checkpoints, heartbeat, neighbour_files, signal_files
from worker.finish import finish, report_again
from worker.ingest import ingest
from worker.train import execute

Row = TypeVar("Row")
SMALL = {"network": "mnist_cnn", "input_size": 28, "epochs": 3, "batch_size": 32, "method": "limit_g"}


def uploaded(database: Database, storage: Storage, file: Path) -> Dataset:
    with database.transaction() as session:
        dataset = datasets.create(session, name="digits", options={})
        datasets.put_file(session, dataset, name=file.name, size=file.stat().st_size, sha256="")
        target = storage.upload(dataset.id, file.name)
        target.parent.mkdir(parents=True)
        target.write_bytes(file.read_bytes())
        session.flush()
        datasets.start_ingestion(session, dataset)
    return dataset


@pytest.fixture
def digits(database: Database, storage: Storage, chosen: Settings, tmp_path: Path) -> Dataset:
    dataset = uploaded(database, storage, digits_zip(tmp_path / "digits.zip"))
    ingest(database, storage, chosen, dataset.id)
    return read(database, Dataset, dataset.id)


def read(database: Database, table: type[Row], identifier: UUID) -> Row:
    with database.transaction() as session:
        return session.get_one(table, identifier)


def count(database: Database, table: type[object]) -> int:
    with database.transaction() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def audited(database: Database, dataset: Dataset, **configuration: object) -> tuple[Audit, list[Run]]:
    with database.transaction() as session:
        audit = audits.create(
            session,
            dataset,
            name=None,
            configuration={"seed": 0, "initialise": "none", **SMALL, **configuration},
        )
        return audit, audits.runs(session, [audit.id])[audit.id]


def test_an_upload_becomes_ready(database: Database, digits: Dataset, storage: Storage) -> None:
    assert digits.status == DatasetStatus.READY
    assert (digits.format, digits.kind, digits.sample_count) == ("class_folders", "images", 120)
    assert (digits.class_names, digits.shape) == (["0", "1", "2"], [8, 8, 1])
    assert count(database, Sample) == 120
    labels = np.load(storage.pack(digits.id) / "labels.npy")
    with database.transaction() as session:
        rows = session.execute(select(Sample.position, Sample.given_label, Sample.key)).all()
    assert all(labels[position] == label == int(key.split("/")[0]) for position, label, key in rows)


def test_ingestion_happens_once(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings
) -> None:
    ingest(database, storage, chosen, digits.id)
    assert read(database, Dataset, digits.id).attempt == 1
    assert count(database, Sample) == 120


def test_an_unreadable_upload_is_rejected_with_the_reason(
    database: Database, storage: Storage, chosen: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(b"PK\x03\x04 and then nothing of use")
    dataset = uploaded(database, storage, file)
    ingest(database, storage, chosen, dataset.id)
    rejected = read(database, Dataset, dataset.id)
    assert rejected.status == DatasetStatus.REJECTED
    assert rejected.error is not None
    assert rejected.error["detail"]
    assert storage.upload(dataset.id, "x.zip").exists()


def test_truth_and_problems_of_an_upload_are_stored(
    database: Database, storage: Storage, chosen: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    lines = [f"r{i},{i},{i % 3}.5,{'ab'[i % 2]},{'ab'[i % 4 == 0]}" for i in range(20)]
    lines[7] = "r7,nan,0.5,a,a"
    file.write_text("\n".join(["id,x,z,label,true_label", *lines]))
    dataset = uploaded(database, storage, file)
    ingest(database, storage, chosen, dataset.id)
    ready = read(database, Dataset, dataset.id)
    assert (ready.status, ready.sample_count, ready.truth_version) == (DatasetStatus.READY, 19, 1)
    assert count(database, Truth) == 19
    with database.transaction() as session:
        problem = session.scalars(select(Problem)).one()
    assert problem.key == "r7"


def train_and_finish(
    database: Database, storage: Storage, chosen: Settings, audit: Audit, runs: list[Run]
) -> Audit:
    for run in runs:
        execute(database, storage, chosen, run.id)
    finish(database, storage, audit.id)
    return read(database, Audit, audit.id)


def test_an_audit_from_training_to_its_files(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, sent: list[tuple[Task, UUID]]
) -> None:
    audit, runs = audited(database, digits)
    execute(database, storage, chosen, runs[0].id)
    assert sent[-1] == (Task.FINISH, audit.id)
    assert read(database, Audit, audit.id).status == AuditStatus.RUNNING
    assert count(database, RunEpoch) == 3
    assert count(database, ProvisionalScore) == 120
    finish(database, storage, audit.id)
    done = read(database, Audit, audit.id)
    assert done.status == AuditStatus.SUCCEEDED
    assert (count(database, Score), count(database, ProvisionalScore)) == (120, 0)
    assert done.provenance is not None
    assert done.provenance["runs"][0]["configuration"]["method"] == "limit_g"
    assert done.summary is not None
    assert sum(done.summary["histogram"]["counts"]) == 120
    with database.transaction() as session:
        scores = session.scalars(select(Score).order_by(Score.rank)).all()
    ranking = [score.score for score in scores]
    assert ranking == sorted(ranking, reverse=True)
    assert [score.rank for score in scores] == list(range(1, 121))
    assert {score.position for score in scores} == set(range(120))
    wrong = {score.position for score in scores[:12]}
    disagreements = {score.position: score.neighbour_disagreement or 0.0 for score in scores}
    assert np.mean([disagreements[position] for position in wrong]) > 2 * np.mean(
        list(disagreements.values())
    )
    found = neighbour_files.load(storage, storage.run(audit.id, 0))
    assert found is not None
    assert found.index_Nk.shape == (120, 10)
    lines = (storage.audit(audit.id) / done.files["ranking.csv"]["path"]).read_text().splitlines()  # type: ignore[index]
    table = parquet.read_table(storage.audit(audit.id) / done.files["ranking.parquet"]["path"])  # type: ignore[index]
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
        audit = audits.create(session, digits, name=None, configuration=asked)
        runs = audits.runs(session, [audit.id])[audit.id]
    done = train_and_finish(database, storage, chosen, audit, runs)
    table = parquet.read_table(storage.audit(audit.id) / done.files["ranking.parquet"]["path"])  # type: ignore[index]
    disagreement, margin = table["neighbour_disagreement"].to_numpy(), table["margin"].to_numpy()
    expected = 0.99 * disagreement + 0.01 / (1 + np.exp(margin / 4))
    assert table["score"].to_numpy() == pytest.approx(expected, abs=1e-5)
    assert (np.diff(table["score"].to_numpy()) <= 0).all()


def test_an_audit_by_the_features_of_a_pretrained_network(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, tmp_path: Path
) -> None:
    network = get_model("resnet18", weights=None)
    torch.save(network.state_dict(), tmp_path / "resnet18.pth")
    settings = chosen.model_copy(update={"backbones_dir": tmp_path})
    with database.transaction() as session:
        asked = {"seed": 0, "initialise": "none", "backbone": "resnet18", "epochs": 5}
        audit = audits.create(session, digits, name=None, configuration=asked)
        runs = audits.runs(session, [audit.id])[audit.id]
    done = train_and_finish(database, storage, settings, audit, runs)
    assert (done.status, count(database, Score)) == (AuditStatus.SUCCEEDED, 120)
    trained = read(database, Run, runs[0].id).configuration or {}
    assert (trained["backbone"], trained["network"]) == ("resnet18", "mlp")


def test_an_audit_that_fine_tunes_a_pretrained_network(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, tmp_path: Path
) -> None:
    network = get_model("resnet18", weights=None)
    torch.save(network.state_dict(), tmp_path / "resnet18.pth")
    settings = chosen.model_copy(update={"backbones_dir": tmp_path})
    with database.transaction() as session:
        asked = {
            "seed": 0, "initialise": "none", "network": "pretrained_resnet18", "epochs": 1,
            "schedule": "constant", "learning_rate": 1e-9,
        }  # fmt: skip
        audit = audits.create(session, digits, name=None, configuration=asked)
        runs = audits.runs(session, [audit.id])[audit.id]
    done = train_and_finish(database, storage, settings, audit, runs)
    assert (done.status, count(database, Score)) == (AuditStatus.SUCCEEDED, 120)
    # With steps that small the weights are still those of the file.
    kept = checkpoints.load_network(storage, storage.run(audit.id, 0))
    torch.testing.assert_close(kept["trunk.1.conv1.weight"], network.conv1.weight.data)


def test_the_same_seed_gives_the_same_file(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings
) -> None:
    digests = []
    for seed in (1, 1, 2):
        audit, runs = audited(database, digits)
        with database.transaction() as session:
            session.execute(update(Run).where(Run.audit_id == audit.id).values(seed=seed))
        files = train_and_finish(database, storage, chosen, audit, runs).files
        assert files is not None
        digests.append(files["ranking.csv"]["sha256"])
    assert digests[0] == digests[1] != digests[2]


def test_truth_attached_later_brings_metrics_and_columns(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, api: TestClient
) -> None:
    audit, runs = audited(database, digits, epochs=20)
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
    assert summary["budget"]["total"] == pytest.approx(summary["expected_error_count"])
    assert [sum(row) for row in summary["transition_matrix"]["matrix"]] == pytest.approx([1, 1, 1])
    assert all(item["health"] > 0.6 for item in summary["per_class"])
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


def test_downloads_answer_conditions_ranges_and_heads(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, api: TestClient
) -> None:
    audit, runs = audited(database, digits)
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


def test_pictures_are_served_as_trained_on_and_as_uploaded(
    digits: Dataset, storage: Storage, api: TestClient
) -> None:
    url = f"/v1/datasets/{digits.id}/samples/0/image"
    small, large, original = api.get(url), api.get(url + "?side=64"), api.get(url + "?variant=original")
    assert {answer.headers["content-type"] for answer in (small, large, original)} == {"image/png"}
    from tests.pixels import pixels  # noqa: PLC0415

    stored = np.load(storage.pack(digits.id) / "pack.npy")[0, ..., 0]
    assert (pixels(small.content) == stored).all()
    assert (pixels(original.content) == stored).all()
    assert pixels(large.content).shape == (64, 64)


def test_initialisation_trains_the_parent_first(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, sent: list[tuple[Task, UUID]]
) -> None:
    audit, (parent, child) = audited(database, digits, initialise="ce")
    execute(database, storage, chosen, child.id)
    assert read(database, Run, child.id).status == RunStatus.QUEUED
    execute(database, storage, chosen, parent.id)
    assert sent[-1] == (Task.TRAIN, child.id)
    execute(database, storage, chosen, child.id)
    assert sent[-1] == (Task.FINISH, audit.id)
    finish(database, storage, audit.id)
    done = read(database, Audit, audit.id)
    assert done.status == AuditStatus.SUCCEEDED
    assert [run["configuration"]["method"] for run in (done.provenance or {})["runs"]] == ["ce", "limit_g"]


def test_a_cancelled_training_ends_as_cancelled(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings
) -> None:
    audit, runs = audited(database, digits, epochs=1000)
    with database.transaction() as session:
        session.execute(update(Audit).values(cancel_requested_at=func.now()))
    execute(database, storage, chosen, runs[0].id)
    assert read(database, Run, runs[0].id).status == RunStatus.CANCELLED
    assert read(database, Audit, audit.id).status == AuditStatus.CANCELLED


def test_a_run_handed_back_goes_on_with_the_same_numbers(
    database: Database,
    digits: Dataset,
    storage: Storage,
    chosen: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, (whole_run,) = audited(database, digits, epochs=5)
    execute(database, storage, chosen, whole_run.id)
    audit, (run,) = audited(database, digits, epochs=5)
    asked = iter([False] * 3)
    monkeypatch.setattr(heartbeat.stopping, "is_set", lambda: next(asked, True))
    execute(database, storage, chosen, run.id)
    back = read(database, Run, run.id)
    assert (back.status, back.lease_until) == (RunStatus.QUEUED, None)
    state = checkpoints.load(storage, storage.run(audit.id, 0))
    assert state is not None
    assert 0 < state["step"] < 5 * 4
    monkeypatch.undo()
    execute(database, storage, chosen, run.id)
    assert read(database, Run, run.id).status == RunStatus.SUCCEEDED
    expected = signal_files.load(storage, storage.run(whole.id, 0))
    found = signal_files.load(storage, storage.run(audit.id, 0))
    assert all((expected[name] == found[name]).all() for name in expected)
    assert not (storage.run(audit.id, 0) / checkpoints.CHECKPOINT).exists()


def test_a_run_handed_back_at_an_epochs_end_lacks_no_epoch(
    database: Database,
    digits: Dataset,
    storage: Storage,
    chosen: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, (run,) = audited(database, digits, epochs=3)
    original = heartbeat.Heartbeat.check

    def check(beating: heartbeat.Heartbeat[Run]) -> None:
        # The last step of epoch 2 has been reported: this call comes with its finished record.
        if beating.progress and (beating.progress["epoch"], beating.progress["step"]) == (2, 8):
            raise heartbeat.HandedBack
        original(beating)

    monkeypatch.setattr(heartbeat.Heartbeat, "check", check)
    execute(database, storage, chosen, run.id)
    monkeypatch.undo()
    assert read(database, Run, run.id).status == RunStatus.QUEUED
    execute(database, storage, chosen, run.id)
    with database.transaction() as session:
        stored = session.scalars(select(RunEpoch.epoch).where(RunEpoch.run_id == run.id)).all()
    assert sorted(stored) == [1, 2, 3]


def test_a_configuration_that_does_not_fit_fails_with_its_reason(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings
) -> None:
    audit, runs = audited(database, digits, input_size=4096)
    execute(database, storage, chosen, runs[0].id)
    failed = read(database, Audit, audit.id)
    assert failed.status == AuditStatus.FAILED
    assert failed.error is not None
    assert "expects an input_size of one of [28, 32], not 4096" in failed.error["detail"]


def test_an_unexpected_error_fails_the_run_at_once_with_its_name(
    database: Database,
    digits: Dataset,
    storage: Storage,
    chosen: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    audit, runs = audited(database, digits)

    def broken(*_: object, **__: object) -> None:
        raise TypeError("a programming error")

    monkeypatch.setattr("worker.train.train_on", broken)
    execute(database, storage, chosen, runs[0].id)
    failed = read(database, Audit, audit.id)
    assert failed.status == AuditStatus.FAILED
    assert failed.error == {"code": "TypeError", "detail": "a programming error"}


def test_an_unexpected_error_rejects_the_upload_at_once_with_its_name(
    database: Database, storage: Storage, chosen: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = uploaded(database, storage, digits_zip(tmp_path / "digits.zip"))

    def broken(*_: object, **__: object) -> None:
        raise MemoryError("too much")

    monkeypatch.setattr("worker.ingest.read_in_child", broken)
    ingest(database, storage, chosen, dataset.id)
    rejected = read(database, Dataset, dataset.id)
    assert (rejected.status, (rejected.error or {})["code"]) == (DatasetStatus.REJECTED, "internal")


def test_an_audit_that_cannot_be_finished_fails_with_the_reason(
    database: Database,
    digits: Dataset,
    storage: Storage,
    chosen: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    audit, runs = audited(database, digits)

    def broken(*_: object, **__: object) -> None:
        raise KeyError("margin")

    monkeypatch.setattr("worker.scores.rows", broken)
    execute(database, storage, chosen.model_copy(update={"provisional_seconds": 1e9}), runs[0].id)
    finish(database, storage, audit.id)
    failed = read(database, Audit, audit.id)
    assert failed.status == AuditStatus.FAILED
    assert "finishing them failed" in (failed.error or {})["detail"]


@pytest.mark.parametrize("method", ["fw", "dmi", "mae", "ce_gn", "soft_regularisation"])
def test_every_baseline_is_an_audit(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, method: str
) -> None:
    audit, runs = audited(database, digits, method=method)
    assert [run.request["method"] for run in runs] == (
        ["ce", method] if method in {"fw", "dmi"} else [method]
    )
    done = train_and_finish(database, storage, chosen, audit, runs)
    assert done.status == AuditStatus.SUCCEEDED, done.error
    assert done.theory is not None
    assert len(done.theory["runs"]) == len(runs)
    assert not done.theory["noise_rate_is_known"]


def test_a_rehearsal_measures_how_many_planted_errors_are_found(
    database: Database, digits: Dataset, storage: Storage, chosen: Settings, api: TestClient
) -> None:
    rehearsal = {"noise": "uniform", "rate": 0.2, "seed": 5, "mapping": None, "matrix": None}
    audit, runs = audited(database, digits, epochs=20, rehearsal=rehearsal)
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
    uploaded = np.load(storage.pack(digits.id) / "labels.npy")
    assert len(found) == summary["sample_count"] == 120 - metrics["error_count"]
    assert [item["rank"] for item in found] == list(range(1, len(found) + 1))
    assert all(int(item["given_label"]) == uploaded[item["position"]] for item in found)
    rows = list(csv.DictReader(api.get(f"/v1/audits/{audit.id}/ranking.csv").text.splitlines()))
    assert [int(row["position"]) for row in rows] == [item["position"] for item in found]
    assert "true_label" not in rows[0]
    assert not read(database, Dataset, digits.id).truth_version
