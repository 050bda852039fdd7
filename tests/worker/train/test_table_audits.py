"""A table with categories, dates and blanks, from its file to a corrected file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from sklearn.metrics import roc_auc_score

from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Audit, AuditStatus, Dataset, Run
from tests.worker.job_steps import plan_audit, read_row, store_upload
from worker.finish.finishing_job import finish
from worker.ingest.ingestion_job import ingest
from worker.jobs import evidence_files
from worker.train.training_job import execute

Write = Callable[[Path], Path]
COUNT = 240
TRAINED = {"network": "mlp", "epochs": 6, "folds": 2, "method": "limit", "input_size": None}


def make_columns() -> tuple[dict[str, list[Any]], np.ndarray]:
    """Return a table whose label follows a city and an age, and which of its labels are wrong."""
    generator = np.random.default_rng(0)
    correct = generator.integers(0, 2, COUNT)
    wrong = generator.random(COUNT) < 0.1
    noise_N = 8 * generator.normal(size=COUNT)
    cities = [["Oslo", "Rome", "Bonn"], ["Lima", "Cairo", "Bonn"]]
    table: dict[str, list[Any]] = {
        "city": [cities[side][generator.integers(3)] for side in correct],
        "age": [
            None if row % 10 == 0 else int(40 + 15 * correct[row] + noise_N[row]) for row in range(COUNT)
        ],
        "since": [f"2024-{1 + generator.integers(12):02}-11" for _ in range(COUNT)],
        "note": [f'a note, with "quotes" {row}' for row in range(COUNT)],
        "label": [("left", "stays")[side] for side in np.where(wrong, 1 - correct, correct)],
    }
    return table, wrong


def write_csv(path: Path) -> Path:
    table, _ = make_columns()

    def write(cell: object) -> str:
        text = "" if cell is None else str(cell)
        return '"' + text.replace('"', '""') + '"' if '"' in text or "," in text else text

    rows = [",".join(map(write, row)) for row in zip(*table.values(), strict=True)]
    path.write_bytes("\r\n".join([",".join(table), *rows, ""]).encode())
    return path


def write_parquet(path: Path) -> Path:
    table, _ = make_columns()
    pq.write_table(pa.table(table | {"city": pa.array(table["city"]).dictionary_encode()}), path)
    return path


def read(database: Database, storage: Storage, chosen: Settings, file: Path) -> Dataset:
    dataset = store_upload(database, storage, file)
    ingest(database, storage, chosen, dataset.id)
    return read_row(database, Dataset, dataset.id)


def test_a_table_is_audited_by_its_cells_and_says_why(
    database: Database, storage: Storage, *, chosen: Settings, api: TestClient, tmp_path: Path
) -> None:
    dataset = read(database, storage, chosen, write_csv(tmp_path / "table.csv"))
    assert (dataset.kind, dataset.format, dataset.sample_count) == ("tables", "csv", COUNT)
    audit, (run,) = plan_audit(database, dataset, **TRAINED)
    execute(database, storage, chosen, run.id)
    finish(database, storage, audit.id)
    assert read_row(database, Audit, audit.id).status == AuditStatus.SUCCEEDED
    evidence = evidence_files.load(storage, storage.locate_run(audit.id, run.number))
    assert evidence is not None
    assert evidence.is_out_of_sample_N.all()
    items = api.get(f"/v1/audits/{audit.id}/suspects", params={"limit": COUNT}).json()["items"]
    _, wrong = make_columns()
    ranked = [wrong[item["position"]] for item in items]
    assert roc_auc_score(ranked, -np.arange(COUNT)) > 0.85
    similar = api.get(f"/v1/audits/{audit.id}/samples/{items[0]['position']}/similar").json()
    assert similar["feature_names"] == ["city", "age", "since"]
    table, _ = make_columns()
    assert similar["features"] == [table[name][items[0]["position"]] for name in similar["feature_names"]]
    assert similar["given"]["samples"][0]["features"][2].startswith("2024-")
    assert similar["reasons"]["label"] != items[0]["given_label"]
    effects = {each["column"]: each["effect"] for each in similar["reasons"]["columns"]}
    assert effects
    assert max(effects, key=effects.__getitem__) in {"city", "age"}
    assert list(effects.values()) == sorted(effects.values(), reverse=True)
    assert min(effects.values()) > 0


def test_lists_tell_a_row_by_its_first_cells(
    database: Database, storage: Storage, *, chosen: Settings, api: TestClient, tmp_path: Path
) -> None:
    file = tmp_path / "table.csv"
    rows = [f"{20 + row},Rome,{row % 2 == 0},2.5,{'abc' * 60},{'xy'[row % 2]}" for row in range(40)]
    rows[3] = f",<b>Köln</b>,TRUE,1234567.25,{'d e' * 60},y"
    file.write_text("\n".join(["age,city,paid,price,remark,label", *rows]))
    dataset = store_upload(database, storage, file, include_columns=["age", "remark"])
    ingest(database, storage, chosen, dataset.id)
    assert read_row(database, Dataset, dataset.id).kind == "tables"
    found = api.get(f"/v1/datasets/{dataset.id}/snippets", params={"positions": "3,0"}).json()["items"]
    assert [each["position"] for each in found] == [3, 0]
    assert found[0]["text"].startswith("city <b>Köln</b> · paid yes · price 1.23457e+06 · remark d ed e")
    assert found[1]["text"].startswith("age 20 · city Rome · paid yes · price 2.5 · remark abcabc")
    assert all(len(each["text"]) == 161 for each in found)  # and the mark that it was cut


def test_numbers_without_names_are_told_by_their_keys(
    database: Database, storage: Storage, *, chosen: Settings, api: TestClient, tmp_path: Path
) -> None:
    rows, labels = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    names = np.array(["length", "width", "height"])
    np.savez(tmp_path / "plain.npz", features=rows, labels=labels)
    np.savez(tmp_path / "named.npz", features=rows, labels=labels, feature_names=names)
    plain, named = (read(database, storage, chosen, tmp_path / f"{name}.npz") for name in ("plain", "named"))
    assert api.get(f"/v1/datasets/{plain.id}/snippets", params={"positions": "0"}).json()["items"] == []
    (item,) = api.get(f"/v1/datasets/{named.id}/snippets", params={"positions": "7"}).json()["items"]
    length, width, height = (f"{value:.6g}" for value in rows[7].astype(np.float32).tolist())
    assert item["text"] == f"length {length} · width {width} · height {height}"


def test_a_table_that_is_too_much_for_trees_says_so(
    database: Database,
    storage: Storage,
    *,
    chosen: Settings,
    api: TestClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.table_views.boosted_trees.WORK_MAX", 1_000)
    dataset = read(database, storage, chosen, write_csv(tmp_path / "table.csv"))
    audit, (run,) = plan_audit(database, dataset, **TRAINED | {"epochs": 1})
    execute(database, storage, chosen, run.id)
    finish(database, storage, audit.id)
    assert [remark["code"] for remark in read_row(database, Run, run.id).remarks] == ["no_trees"]
    similar = api.get(f"/v1/audits/{audit.id}/samples/3/similar").json()
    assert similar["reasons"] is None
    assert len(similar["features"]) == 3


def test_a_random_check_shows_the_cells(
    database: Database, storage: Storage, *, chosen: Settings, api: TestClient, tmp_path: Path
) -> None:
    dataset = read(database, storage, chosen, write_parquet(tmp_path / "table.parquet"))
    audit, (run,) = plan_audit(database, dataset, **TRAINED | {"epochs": 1})
    execute(database, storage, chosen, run.id)
    finish(database, storage, audit.id)
    assert api.put(f"/v1/audits/{audit.id}/check", json={"samples": 100}).status_code == 200
    checks = api.get(f"/v1/audits/{audit.id}/check/samples").json()
    assert checks["feature_names"] == ["city", "age", "since"]
    table, _ = make_columns()
    item = checks["items"][0]
    assert item["features"] == [table[name][item["position"]] for name in checks["feature_names"]]


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_a_corrected_table_differs_in_the_decided_labels_alone(
    database: Database, storage: Storage, *, chosen: Settings, api: TestClient, tmp_path: Path, write: Write
) -> None:
    file = write(tmp_path / "table.file")
    dataset = read(database, storage, chosen, file)
    given = make_columns()[0]["label"]
    new = "left" if given[7] == "stays" else "stays"
    address = f"/v1/datasets/{dataset.id}/samples/{{}}/review"
    assert api.put(address.format(7), json={"verdict": "relabel", "label": new}).status_code == 200
    assert api.put(address.format(9), json={"verdict": "drop"}).status_code == 200
    answer = api.get(f"/v1/datasets/{dataset.id}/exports/dataset")
    assert answer.status_code == 200
    if write is write_csv:
        lines = file.read_bytes().split(b"\r\n")
        lines[8] = lines[8].removesuffix(given[7].encode()) + new.encode()
        assert answer.content == b"\r\n".join(lines[:10] + lines[11:])
        return
    (tmp_path / "out.parquet").write_bytes(answer.content)
    expected, found = pq.read_table(file), pq.read_table(tmp_path / "out.parquet")
    kept = [row for row in range(COUNT) if row != 9]
    assert found.drop_columns("label").equals(expected.drop_columns("label").take(kept))
    labels = expected["label"].to_pylist()
    labels[7] = new
    assert found["label"].to_pylist() == [labels[row] for row in kept]
