"""Somebody's own predicted probabilities: attached in every form, refused with a sentence, ranked at once."""

import io
import tracemalloc
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from app.audits import audit_service
from app.datasets.attachments import probability_tables
from app.infra.database import Database
from app.infra.errors import Invalid
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Dataset
from tests.builders.stored_rows import NAMES, store_ready_dataset
from worker.finish.finishing_job import finish
from worker.train.training_job import execute

KEYS = pa.chunked_array([[f"key-{position}" for position in range(12)]])
ROWS = np.full((12, 3), 0.1, dtype=np.float32)
ROWS[np.arange(12), (np.arange(12) + (np.arange(12) >= 10)) % 3] = 0.8  # the last two are given wrongly


def npz(**arrays: Any) -> bytes:  # noqa: ANN401 - passed on as they are
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def table() -> pa.Table:
    order = np.arange(12)[::-1]
    columns = {name: ROWS[order, label] for label, name in reversed(list(enumerate(NAMES)))}
    return pa.table({"key": [f"key-{position}" for position in order], "label": ["x"] * 12, **columns})


def as_csv() -> bytes:
    lines = [",".join(table().column_names)]
    lines += [",".join(map(str, row.values())) for row in table().to_pylist()]
    return "\n".join(lines).encode()


def as_parquet() -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(table(), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        npz(pred_probs=ROWS),
        npz(probabilities=ROWS[::-1, ::-1], position=np.arange(12)[::-1], class_names=np.array(NAMES[::-1])),
        as_csv(),
        as_parquet(),
    ],
    ids=["npz", "npz with positions and names", "csv", "parquet"],
)
def test_every_form_is_read_in_order_of_position(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    found = probability_tables.read(tmp_path / "file", keys=KEYS, class_names=NAMES)
    assert found == pytest.approx(ROWS)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (npz(x=ROWS), "needs an array named one of"),
        (npz(pred_probs=ROWS.astype(np.complex64)), "as numbers; found an array of complex64"),
        (npz(pred_probs=ROWS[:5]), "one row for each of 12 samples, found 5"),
        (npz(pred_probs=ROWS[:, :2]), "expected 3 probabilities in each row"),
        (npz(pred_probs=np.log(ROWS)), "must be probabilities that sum to 1"),
        (npz(pred_probs=ROWS, position=np.array([0, *range(11)])), "more than one row for a sample"),
        (npz(pred_probs=ROWS, ids=np.array(["key-0"] * 11 + ["other"])), "no sample has this key"),
        (npz(pred_probs=np.full((12, 30_000), 1e-5)), "expected at most 12 rows of 3"),
        (b"key,ant,bee\nkey-0,1,0\n", "expected a column for every class, found none for ['cat']"),
        (b"ant,bee,cat\n1,zero,0\n", "must be npz, Parquet or CSV with numbers"),
        (b"PAR1 and no more", "must be npz, Parquet or CSV with numbers"),
        (b"PK\x03\x04 and no more", "must be npz, Parquet or CSV with numbers"),
        (b"", "must be npz, Parquet or CSV with numbers"),
    ],
)
def test_what_does_not_fit_is_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(Invalid) as refused:
        probability_tables.read(tmp_path / "file", keys=KEYS, class_names=NAMES)
    assert sentence in str(refused.value)


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage)


def test_probabilities_are_ranked_without_training(
    api: TestClient, database: Database, storage: Storage, chosen: Settings, dataset: Dataset
) -> None:
    assert api.put(f"/v1/datasets/{dataset.id}/probabilities", content=npz(pred_probs=ROWS)).json() == {
        "attached": 12
    }
    body = {"dataset_id": str(dataset.id), "configuration": {"method": "probabilities"}}
    audit = api.post("/v1/audits", json=body).json()
    with database.transaction() as session:
        [run] = audit_service.list_runs(session, [UUID(audit["id"])])[UUID(audit["id"])]
    execute(database, storage, chosen, run.id)
    finish(database, storage, run.audit_id)
    done = api.get(f"/v1/audits/{audit['id']}").json()
    assert (done["status"], done["runs"][0]["method"]) == ("succeeded", "probabilities")
    found = api.get(f"/v1/audits/{audit['id']}/suspects?limit=3").json()["items"]
    assert [item["position"] for item in found[:2]] == [10, 11]
    assert (found[0]["given_label"], found[0]["suggested_label"]) == ("bee", "cat")
    if_wrong = found[0]["suggestions"]
    assert [one["label"] for one in if_wrong] == ["cat", "ant"]
    assert sum(one["probability"] for one in if_wrong) == pytest.approx(1, abs=1e-6)
    assert found[0]["suggested_confidence"] == if_wrong[0]["probability"] > 0.8
    assert found[2]["distance"] < found[1]["distance"]


def test_probabilities_must_be_there_and_alone(api: TestClient, dataset: Dataset) -> None:
    def refused(**configuration: object) -> str:
        body = {"dataset_id": str(dataset.id), "configuration": {"method": "probabilities", **configuration}}
        answer = api.post("/v1/audits", json=body)
        assert answer.status_code == 422
        return str(answer.json()["detail"])

    assert "PUT /v1/datasets/{id}/probabilities" in refused()
    api.put(f"/v1/datasets/{dataset.id}/probabilities", content=npz(pred_probs=ROWS))
    assert "nothing is trained" in refused(rehearsal={"rate": 0.1})
    assert "nothing is trained" in refused(compare=["ce", "limit_g"])


def read_csv(tmp_path: Path, text: str, keys: list[str]) -> np.ndarray:
    file = tmp_path / "p.csv"
    file.write_text(text)
    return probability_tables.read(file, keys=pa.chunked_array([keys]), class_names=["cat", "dog"])


def test_identifiers_are_texts(tmp_path: Path) -> None:
    keys = [f"{number:03d}" for number in (30, 3, 0, 21)]
    shuffled = [2, 0, 3, 1]
    lines = ["key,cat,dog", *(f"{keys[at]},{at / 4},{1 - at / 4}" for at in shuffled)]
    assert read_csv(tmp_path, "\n".join(lines), keys)[:, 0].tolist() == [0, 0.25, 0.5, 0.75]


def test_the_columns_name_says_whether_identifiers_are_positions(tmp_path: Path) -> None:
    keys = ["1", "0"]
    by_position = "position,cat,dog\n0,1,0\n1,0,1\n"
    assert read_csv(tmp_path, by_position, keys)[:, 0].tolist() == [1, 0]
    assert read_csv(tmp_path, by_position.replace("position", "id"), keys)[:, 0].tolist() == [0, 1]
    with pytest.raises(Invalid, match=r"no sample has this key.*'id' was read as the samples' key"):
        read_csv(tmp_path, by_position.replace("position", "id"), ["a", "b"])


@pytest.mark.parametrize("name", ["id", "ids", "key", "uid"])
def test_the_column_of_a_class_names_no_samples(tmp_path: Path, name: str) -> None:
    rows = pa.table({name: ["0.9", "0.1"], "b": ["0.1", "0.9"], "position": ["1", "0"]})
    lines = [",".join(rows.column_names), *(",".join(row.values()) for row in rows.to_pylist())]
    (tmp_path / "p.csv").write_text("\n".join(lines))
    numbers = [rows[at].cast(pa.float64()) for at in range(2)]
    parquet.write_table(pa.table([*numbers, rows[2]], names=rows.column_names), tmp_path / "p.parquet")
    named = {"class_names": np.array([name, "b"]), "position": np.array([1, 0])}
    (tmp_path / "p.npz").write_bytes(npz(pred_probs=np.array([[0.9, 0.1], [0.1, 0.9]]), **named))
    for file in ("p.csv", "p.parquet", "p.npz"):
        found = probability_tables.read(
            tmp_path / file, keys=pa.chunked_array([["x", "y"]]), class_names=[name, "b"]
        )
        assert found[:, 0] == pytest.approx([0.1, 0.9]), file


@pytest.mark.parametrize("text", ["position,0,1\n{}", "# made by us\nposition,0,1\n{}"])
def test_no_more_rows_are_kept_than_there_are_samples(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a plain table nor another one is read whole into memory."""
    monkeypatch.setattr(probability_tables, "BLOCK_BYTES", 1 << 16)
    file = tmp_path / "p.csv"
    file.write_text(text.format("0,0.5,0.5\n" * 1_000_000))
    keys = pa.chunked_array([["a", "b"]])
    tracemalloc.start()
    with pytest.raises(Invalid, match="expected one row for each of 2 samples, found"):
        probability_tables.read(file, keys=keys, class_names=["0", "1"])
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_semicolons_guards_and_other_unicode_forms_are_read(tmp_path: Path) -> None:
    keys = ["=a", "caf\u00e9"]
    text = "sep=;\nkey;cat;dog\ncafe\u0301;1;0\n'=a;0;1\n"
    assert read_csv(tmp_path, text, keys)[:, 0].tolist() == [0, 1]


def test_another_encoding_is_named_without_an_option_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes("key,cat,dog\nB\u00e4r,1,0\n".encode("cp1252"))
    with pytest.raises(Invalid, match="cp1252") as refused:
        probability_tables.read(
            tmp_path / "p.csv", keys=pa.chunked_array([["B\u00e4r"]]), class_names=["cat", "dog"]
        )
    assert "encoding=" not in str(refused.value)
