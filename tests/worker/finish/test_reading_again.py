"""The files of a dataset read again with other choices, as a new dataset."""

import csv
import io
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Dataset
from tests.worker.finish.test_exports import Service
from worker.ingest.ingestion_job import ingest

FACTS = "x,y,label,target\n" + "".join(f"{row / 7},{row / 3},{row % 2},{row % 3}\n" for row in range(12))


@pytest.fixture
def service(api: TestClient, database: Database, storage: Storage, chosen: Settings) -> Service:
    return Service(api, database, storage, chosen)


def test_another_label_column_makes_another_dataset(service: Service, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(FACTS)
    first = service.read([tmp_path / "data.csv"])
    understood = service.api.get(f"/v1/datasets/{first.id}").json()["understood"]
    assert understood["columns"]["label"] == "label"
    assert [entry["column"] for entry in understood["left_out"]] == ["target"]
    assert "label_chosen" in {note["code"] for note in understood["notes"]}
    answer = service.api.post(f"/v1/datasets/{first.id}/readings", json={"label_column": "target"})
    assert answer.status_code == 202, answer.json()
    ingest(service.database, service.storage, service.chosen, answer.json()["id"])
    again = service.api.get(f"/v1/datasets/{answer.json()['id']}").json()
    assert (again["status"], again["class_names"]) == ("ready", ["0", "1", "2"])
    assert service.api.get(f"/v1/datasets/{first.id}").json()["class_names"] == ["0", "1"]
    page = service.api.get(f"/datasets/{first.id}").text
    assert "What was understood" in page
    assert "several columns have names of labels" in page


def test_what_cannot_be_read_again_says_so(service: Service) -> None:
    with service.database.transaction() as session:
        dataset = Dataset(name="data.csv", status="rejected", options={}, error={"code": "x", "detail": "x"})
        session.add(dataset)
        session.flush()
        path = f"/v1/datasets/{dataset.id}/readings"
    answer = service.api.post(path, json={"encoding": "nonsense"})
    assert answer.status_code == 422
    assert "utf-16" in str(answer.json())
    answer = service.api.post(path, json={"label_column": "kind"})
    assert answer.status_code == 409
    assert "at least one file" in answer.json()["detail"]


def test_a_table_with_a_delimiter_of_its_own_is_read_and_comes_back(service: Service, tmp_path: Path) -> None:
    text = "id^kind^a\n" + "".join(f"r{row}^{'xy'[row % 2]}^{row}\n" for row in range(12))
    (tmp_path / "data.csv").write_text(text)
    answer = service.api.post("/v1/datasets", json={"name": "x", "delimiter": "many"})
    assert answer.status_code == 422
    assert "the word tab" in str(answer.json())
    dataset = service.read([tmp_path / "data.csv"], delimiter="^", label_column="kind")
    service.review(dataset, 1, "relabel", "x")
    assert service.export(dataset, tmp_path).read_text() == text.replace("r1^y^1", "r1^x^1")


def test_corrected_labels_come_out_as_they_were_written(service: Service, tmp_path: Path) -> None:
    text = 'id;label;a\r\nr0;"2.0";1\r\n' + "".join(f"r{row};{2 + row % 2};{row}\r\n" for row in range(1, 12))
    (tmp_path / "data.csv").write_bytes(text.encode())
    dataset = service.read([tmp_path / "data.csv"])
    service.review(dataset, 1, "relabel", "2")
    out = service.export(dataset, tmp_path).read_bytes()
    assert out == text.replace("r1;3;1", "r1;2.0;1").encode()
    assert len(list(csv.reader(io.StringIO(out.decode()), delimiter=";"))) == 13
