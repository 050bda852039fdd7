"""Rows of an uploaded table that never were a sample, such as those without a label, stay in its exports."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from app.exports.final_labels import DROPPED_ROWS
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Dataset
from tests.worker.finish.test_exports import Service

ROWS = 24
UNLABELLED = (0, 5, 6, 23)
LABELS = [None if row in UNLABELLED else ("ant", "bee")[row % 2] for row in range(ROWS)]
SAMPLES = [row for row in range(ROWS) if row not in UNLABELLED]


@pytest.fixture
def service(api: TestClient, database: Database, storage: Storage, chosen: Settings) -> Service:
    return Service(api, database, storage, chosen)


def write_rows(folder: Path, kind: str) -> tuple[Path, list[str]]:
    """Write a table; return its file and its rows as text."""
    if kind == "csv":
        rows = [f"{row};{row / 2};{label or ''}\r\n" for row, label in enumerate(LABELS)]
        rows[6] = "6;3.0;ant;one cell too many\r\n"
        (folder / "rows.csv").write_text("id;x;label\r\n" + "".join(rows), newline="")
        return folder / "rows.csv", rows
    if kind == "jsonl":
        rows = [f'{{"x":  {row / 2}, "label":{json.dumps(label)}}}\n' for row, label in enumerate(LABELS)]
        (folder / "rows.jsonl").write_text("".join(rows))
        return folder / "rows.jsonl", rows
    table = pa.table({"x": [row / 2 for row in range(ROWS)], "label": LABELS})
    parquet.write_table(table, folder / "rows.parquet", row_group_size=7)
    return folder / "rows.parquet", list_rows(folder / "rows.parquet")


def list_rows(file: Path) -> list[str]:
    if file.suffix == ".parquet":
        return [str(row) for row in parquet.read_table(file).to_pylist()]
    return file.read_bytes().decode().splitlines(keepends=True)[file.suffix == ".csv" :]


def export(service: Service, dataset: Dataset, folder: Path) -> list[str]:
    folder.mkdir(exist_ok=True)
    return list_rows(service.export(dataset, folder))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_they_stay_also_in_versions_and_dropped_samples_do_not(
    service: Service, tmp_path: Path, kind: str
) -> None:
    file, rows = write_rows(tmp_path, kind)
    dataset = service.read([file])
    assert dataset.sample_count == ROWS - len(UNLABELLED)
    assert export(service, dataset, tmp_path / "out") == rows
    first, second, third = 3, 8, 10  # rows of the upload
    service.review(dataset, SAMPLES.index(first), "drop")
    service.review(dataset, SAMPLES.index(second), "relabel", "bee")
    expected = [*rows]
    expected[second] = rows[second].replace("ant", "bee")
    del expected[first]
    assert export(service, dataset, tmp_path / "out") == expected
    version = service.make_version(dataset)
    assert export(service, version, tmp_path / "out") == expected
    kept = [row for row in SAMPLES if row != first]
    service.review(version, kept.index(third), "drop")
    expected.remove(rows[third])
    assert export(service, version, tmp_path / "out") == expected
    assert export(service, service.make_version(version), tmp_path / "out") == expected


def test_a_version_of_an_earlier_service_does_not_bring_dropped_rows_back(
    service: Service, tmp_path: Path
) -> None:
    file, rows = write_rows(tmp_path, "csv")
    dataset = service.read([file])
    service.review(dataset, SAMPLES.index(3), "drop")
    version = service.make_version(dataset)
    (service.storage.locate_pack(version.id) / DROPPED_ROWS).unlink()
    samples = [rows[row] for row in SAMPLES if row != 3]
    assert export(service, version, tmp_path / "out") == samples
    service.review(version, 0, "drop")
    assert export(service, service.make_version(version), tmp_path / "out") == samples[1:]


def test_what_is_left_out_is_said(service: Service, tmp_path: Path) -> None:
    dataset = service.read([write_rows(tmp_path, "csv")[0]])
    notes = {note["code"]: note["text"] for note in (dataset.statistics or {})["understood"]["notes"]}
    assert notes["left_out"] == (
        "20 samples are used, 4 samples or files were left out: 3 missing_label, 1 bad_row; they are listed"
        " as problems"
    )
