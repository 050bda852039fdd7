"""Attaching truth after the upload."""

from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from app.datasets import truth
from app.infra.database import Database
from app.infra.queue import Task
from app.infra.storage import Storage
from app.tables import Dataset
from models.reading.class_lookup import ClassLookup
from tests.builders.stored_rows import store_finished_audit, store_ready_dataset


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage, samples=6)


def put(api: TestClient, dataset: Dataset, text: str) -> tuple[int, dict[str, object]]:
    answer = api.put(f"/v1/datasets/{dataset.id}/truth", content=text.encode())
    return answer.status_code, answer.json()


def test_by_key(api: TestClient, dataset: Dataset) -> None:
    assert put(api, dataset, "key,true_label\nkey-0,ant\nkey-1,cat\n") == (
        200,
        {"attached": 2, "differing": 1},
    )
    assert api.get(f"/v1/datasets/{dataset.id}/samples/1").json()["true_label"] == "cat"
    assert api.get(f"/v1/datasets/{dataset.id}").json()["has_truth"]


def test_by_position_with_other_columns_and_a_byte_order_mark(api: TestClient, dataset: Dataset) -> None:
    text = "\ufeffnote,position,true_label\r\nx,0,bee\r\n,5,cat\r\n"
    assert put(api, dataset, text) == (200, {"attached": 2, "differing": 1})


def test_a_blank_label_is_unknown_and_headers_may_be_capitals(api: TestClient, dataset: Dataset) -> None:
    assert put(api, dataset, "Position,True_Label\n0, bee \n1,\n") == (200, {"attached": 1, "differing": 1})


def test_no_more_rows_are_read_than_can_be_right(
    api: TestClient, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of a million rows for six samples keeps nobody busy."""
    monkeypatch.setattr(truth, "SPARE_ROWS", 10)
    read: list[str] = []

    class Counted(ClassLookup):
        def find(self, label: str) -> int | None:
            read.append(label)
            return super().find(label)

    monkeypatch.setattr(truth, "ClassLookup", Counted)
    status, body = put(api, dataset, "position,true_label\n" + "".join(f"{n},ant\n" for n in range(1000)))
    assert (status, len(read)) == (422, 7)
    assert "no sample has this position: '6'" in str(body["detail"])
    blank = put(api, dataset, "position,true_label\n" + "0,\n" * 1000)
    assert (blank[0], blank[1]["detail"]) == (422, "expected at most 16 rows for 6 samples; found more")


def test_new_truth_replaces_the_old(api: TestClient, dataset: Dataset) -> None:
    put(api, dataset, "position,true_label\n0,bee\n1,bee\n")
    assert put(api, dataset, "position,true_label\n0,ant\n") == (200, {"attached": 1, "differing": 0})
    assert api.get(f"/v1/datasets/{dataset.id}/samples/1").json()["true_label"] is None


def test_finished_audits_are_reported_anew(
    api: TestClient, database: Database, dataset: Dataset, sent: list[tuple[Task, UUID]]
) -> None:
    audit = store_finished_audit(database, dataset)
    put(api, dataset, "position,true_label\n0,bee\n")
    assert sent[-1] == (Task.REPORT, audit.id)
    answer = api.get(f"/v1/audits/{audit.id}/metrics")
    assert answer.status_code == 409
    assert "being computed" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,true_label\na,ant\n", "needs the columns 'true_label' and 'key' or 'position'"),
        ("key,given_label\nkey-0,ant\n", "needs the columns 'true_label'"),
        ("key,noisy_label\nkey-0,ant\n", "needs the columns 'true_label'"),
        ("key,true_label\n", "has no row with a true label"),
        ("key,true_label\nkey-9,ant\n", "no sample has this key: 'key-9'"),
        ("key,true_label\nkey-0,dog\n", "no class has this name: 'dog'"),
        ("key,true_label\nkey-0,ant\nkey-0,bee\n", "appears more than once: 'key-0'"),
        ("position,true_label\n0\n", "line 2 of the truth has 1 columns, expected 2"),
        ("position,true_label\n0,a\x00b\n", "line 2 of the truth contains a NUL character"),
    ],
)
def test_truth_that_does_not_fit_is_refused_and_the_old_kept(
    api: TestClient, dataset: Dataset, text: str, sentence: str
) -> None:
    put(api, dataset, "position,true_label\n0,bee\n")
    status, document = put(api, dataset, text)
    assert status == 422
    assert sentence in str(document["detail"])
    assert api.get(f"/v1/datasets/{dataset.id}/samples/0").json()["true_label"] == "bee"


def test_bytes_that_are_no_text_are_refused(api: TestClient, dataset: Dataset) -> None:
    answer = api.put(f"/v1/datasets/{dataset.id}/truth", content=b"key,true_label\n\xff\xfe,ant\n")
    assert answer.status_code == 422
    assert "UTF-8" in answer.json()["detail"]


def test_the_uploads_own_names_and_spellings_are_read(
    api: TestClient, database: Database, dataset: Dataset
) -> None:
    with database.transaction() as session:
        session.get_one(Dataset, dataset.id).class_names = ["0", "1", "2"]
    text = "sep=;\n# checked by hand\nid;label\nkey-0;1.0\nkey-1;nan\n\nkey-2;2\n"
    assert put(api, dataset, text)[1]["attached"] == 2
    assert api.get(f"/v1/datasets/{dataset.id}/samples/0").json()["true_label"] == "1"


def test_labels_that_share_no_class_with_the_given_ones_are_refused(
    api: TestClient, database: Database, dataset: Dataset
) -> None:
    with database.transaction() as session:
        session.get_one(Dataset, dataset.id).class_names = ["ant", "bee", "cat", "0", "1"]
    status, document = put(api, dataset, "key,true_label\nkey-0,0\nkey-1,1\n")
    assert status == 422
    assert "no given label is among the correct ones: 0, 1 against ant, " in str(document["detail"])


def test_another_encoding_is_named(api: TestClient, dataset: Dataset) -> None:
    answer = api.put(
        f"/v1/datasets/{dataset.id}/truth", content="key,true_label\nB\u00e4r,ant\n".encode("cp1252")
    )
    assert answer.status_code == 422
    detail = answer.json()["detail"]
    assert "cp1252" in detail
    assert "encoding=" not in detail, "there is no such option"


def test_an_error_of_the_table_blames_no_encoding(api: TestClient, dataset: Dataset) -> None:
    status, document = put(api, dataset, 'key,true_label\nkey-0,"ant\n')
    assert status == 422
    assert "is a quote not closed?" in str(document["detail"])
    assert "UTF-8" not in str(document["detail"])


def test_a_table_longer_than_what_is_read_to_recognise_it(
    api: TestClient, database: Database, storage: Storage
) -> None:
    dataset = store_ready_dataset(database, storage, samples=600)
    rows = "".join(f"key-{number},ant\n" for number in range(600))
    assert put(api, dataset, f"key,true_label\n{rows}") == (200, {"attached": 600, "differing": 400})
