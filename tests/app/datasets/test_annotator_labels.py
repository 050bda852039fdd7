"""Annotators' labels: attached as a long or a wide table, turned into a consensus, shown and exported."""

import csv
import io
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from app.audits import audit_service
from app.datasets import stored_consensus
from app.http.work_apart import TooMuchWork
from app.infra.database import Database
from app.infra.queue import Task
from app.infra.storage import Storage
from app.infra.workspace_scope import get_or_create_workspace
from app.tables import Dataset
from tests.builders.stored_rows import NAMES, store_finished_audit, store_ready_dataset
from worker.consensus import consensus_job
from worker.consensus.consensus_job import form_consensus, form_waiting
from worker.jobs import evidence_files

SAMPLES = 60
Sent = list[tuple[Task, UUID]]


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    made = store_ready_dataset(database, storage, samples=SAMPLES)
    with database.transaction() as session:
        found = session.get_one(Dataset, made.id)
        found.problem_count, found.statistics = 0, {"class_counts": dict.fromkeys(NAMES, 20)}
    return made


def attach(api: TestClient, dataset: Dataset, content: bytes, query: str = "") -> tuple[int, Any]:
    answer = api.put(f"/v1/datasets/{dataset.id}/annotations{query}", content=content)
    return answer.status_code, answer.json()


def make_wide(*, wrong: int = 0) -> bytes:
    """ana and bo agree with the given labels; kim labels every second sample, `wrong` of them wrongly."""
    rows = []
    for at in range(SAMPLES):
        kim = "" if at % 2 else NAMES[(at + (at // 2 < wrong)) % 3]
        rows.append(f"key-{at},{NAMES[at % 3]},{NAMES[at % 3]},{kim}")
    return "\n".join(["key,ana,bo,kim", *rows]).encode()


def test_a_wide_table_becomes_a_consensus(
    api: TestClient, database: Database, storage: Storage, dataset: Dataset, sent: Sent
) -> None:
    status, answer = attach(api, dataset, make_wide(wrong=15))
    assert (status, answer) == (200, {"annotators": 3, "labels": 150, "samples": 60, "left_out": []})
    assert (Task.CONSENSUS, dataset.id) in sent
    address = f"/v1/datasets/{dataset.id}"
    assert api.get(f"{address}/consensus").json()["state"] == "computing"
    assert api.get(f"{address}/annotators").status_code == 409
    form_consensus(database, storage, dataset.id)
    found = api.get(f"{address}/consensus").json()
    assert (found["state"], found["labelled"], found["ties"], found["audit_id"]) == ("ready", 60, 0, None)
    assert 0 < found["alpha"]["alpha"] < 1
    rows = api.get(f"{address}/annotators").json()["items"]
    assert [(row["annotator"], row["labels"]) for row in rows] == [("ana", 60), ("bo", 60), ("kim", 30)]
    assert (rows[0]["finding"], rows[2]["finding"], rows[2]["accuracy"]) == ("better", "too_few", None)
    assert rows[2]["accuracy_high"] < rows[0]["accuracy_low"]
    text = api.get(f"{address}/exports/consensus.csv").text
    exported = list(csv.DictReader(io.StringIO(text)))
    assert [row["consensus"] for row in exported] == [NAMES[at % 3] for at in range(SAMPLES)]
    assert (exported[1]["n_labels"], exported[1]["agreement"]) == ("2", "1")
    assert exported[1]["probability"] == ""  # no audit: nothing tells whether they err together
    people = list(csv.DictReader(io.StringIO(api.get(f"{address}/exports/annotators.csv").text)))
    assert [row["annotator"] for row in people] == ["ana", "bo", "kim"]


def test_the_evidence_of_an_audit_decides_where_annotators_do_not(
    api: TestClient, database: Database, storage: Storage, dataset: Dataset
) -> None:
    other = [NAMES[(at + (at == 7)) % 3] for at in range(SAMPLES)]
    rows = [f"{at},{NAMES[at % 3]},{other[at]}" for at in range(SAMPLES)]
    attach(api, dataset, "\n".join(["position,ana,bo", *rows]).encode())
    form_consensus(database, storage, dataset.id)
    alone = api.get(f"/v1/datasets/{dataset.id}/ask-again").json()
    assert alone["items"][0]["key"] == "key-7"
    assert (alone["items"][0]["is_tie"], alone["items"][0]["agreement"]) == (True, 0)
    audit = store_finished_audit(database, dataset)
    _store_evidence(database, storage, audit.id, sure_of=(np.arange(SAMPLES) + (np.arange(SAMPLES) == 7)) % 3)
    before = api.get(f"/v1/datasets/{dataset.id}/consensus").json()
    assert (before["state"], before["audit_id"], before["labelled"]) == ("renewing", None, SAMPLES)
    assert "An audit has ended since" in api.get(f"/datasets/{dataset.id}/annotators").text
    form_consensus(database, storage, dataset.id)
    after = api.get(f"/v1/datasets/{dataset.id}/consensus").json()
    assert (after["state"], after["audit_id"]) == ("ready", str(audit.id))
    exported = list(
        csv.DictReader(io.StringIO(api.get(f"/v1/datasets/{dataset.id}/exports/consensus.csv").text))
    )
    assert exported[7]["consensus"] == NAMES[2]
    assert [(exported[at]["verdict"], exported[at]["label"]) for at in (6, 7)] == [
        ("keep", ""),
        ("relabel", NAMES[2]),
    ]
    assert float(exported[6]["probability"]) > 0.9


def _store_evidence(
    database: Database, storage: Storage, audit_id: UUID, *, sure_of: np.ndarray[Any, Any]
) -> None:
    with database.transaction() as session:
        run = audit_service.list_runs(session, [audit_id])[audit_id][0]
        run.is_chosen = True
        folder = storage.locate_run(audit_id, run.number)
    folder.mkdir(parents=True, exist_ok=True)
    evidence = evidence_files.RunEvidence(
        probabilities_NK=0.91 * np.eye(3)[sure_of] + 0.03,
        is_out_of_sample_N=np.ones(SAMPLES, dtype=np.bool_),
        neighbours_Nk=None,
    )
    evidence_files.save(storage, folder, evidence)


def test_a_long_table_and_parquet_and_blanks_are_read(api: TestClient, dataset: Dataset) -> None:
    text = "id,worker,label,seconds\nkey-1,w 1,ant,3\nkey-1,w 2,,1\nkey-2,w 2,bee,2\n"
    assert attach(api, dataset, text.encode())[1] == {
        "annotators": 2, "labels": 2, "samples": 2, "left_out": ["seconds"]
    }  # fmt: skip
    file = io.BytesIO()
    parquet.write_table(pa.table({"position": [0, 1], "a": ["ant", None], "b": ["bee", "cat"]}), file)
    assert attach(api, dataset, file.getvalue())[1]["labels"] == 3


def test_only_the_needed_columns_of_parquet_need_to_be_right(api: TestClient, dataset: Dataset) -> None:
    file = io.BytesIO()
    when = pa.array([2**60, 0], pa.timestamp("ms"))  # a year that Python's dates do not have
    columns = {"when": when, "position": [0, 1], "worker": ["ana", "bo"], "label": ["ant", "bee"]}
    parquet.write_table(pa.table(columns), file)
    status, answer = attach(api, dataset, file.getvalue())
    assert (status, answer["labels"], answer["left_out"]) == (200, 2, ["when"]), answer


def test_the_columns_that_are_annotators_can_be_chosen(api: TestClient, dataset: Dataset) -> None:
    text = b"key,size,ana,bo,label\nkey-1,3.5,ant,bee,ant\n"
    status, answer = attach(api, dataset, text)
    assert status == 422
    assert "no class of this dataset has the name '3.5' of the column 'size'" in answer["detail"]
    assert attach(api, dataset, text, "?columns=ana&columns=bo")[1]["left_out"] == ["size", "label"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("key,ana\nnope,ant\n", "no sample has this key: 'nope'"),
        ("key,ana\nkey-1,ant\nkey-1,bee\n", "more than one label of a sample: ana at 'key-1'"),
        ("key,annotator,label\nkey-1,,ant\n", "1 to 200 printable characters"),
        ("ana,bo\nant,bee\n", "needs 'key' or 'position'"),
        ("key,label\nkey-1,ant\n", "a column for each annotator"),
        ("key,ana\nkey-1,\n", "no label of any annotator"),
        ("key,ana,bo\nkey-1,ant\n", "has 2 columns, expected 3"),
        ("key,ana,ana\nkey-1,ant,bee\n", "every column once"),
        ("position,ana\n60,ant\n", "no sample has this position"),
        ("position,ana\n1,ant\n1,bee\n", "more than one label of a sample: ana at position 1"),
        ("key,f0,ana\nkey-1,-0.1,ant\n", "the name '-0.1' of the column 'f0' (leave cells blank"),
        ("key,annotator,label\nkey-1,ana,wasp\n", "the name 'wasp' (leave cells blank that are no label)"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    api: TestClient, dataset: Dataset, text: str, sentence: str
) -> None:
    status, answer = attach(api, dataset, text.encode())
    assert (status, sentence in answer["detail"]) == (422, True), answer


def test_what_the_consensus_cannot_tell_has_no_verdict(
    api: TestClient, database: Database, storage: Storage, dataset: Dataset
) -> None:
    """Too few samples have two labels, so the consensus is the most frequent one."""
    rows = [f"{at},{NAMES[at % 3]},{NAMES[(at + 1) % 3] if at == 4 else ''}" for at in range(SAMPLES - 1)]
    attach(api, dataset, "\n".join(["position,ana,bo", *rows]).encode())
    form_consensus(database, storage, dataset.id)
    text = api.get(f"/v1/datasets/{dataset.id}/exports/consensus.csv").text
    exported = list(csv.DictReader(io.StringIO(text)))
    assert exported[4]["is_tie"] == "True"
    assert [exported[at]["verdict"] for at in (3, 4, 5, SAMPLES - 1)] == ["keep", "", "keep", ""]


def test_a_row_without_a_label_need_not_be_of_a_sample(api: TestClient, dataset: Dataset) -> None:
    wide = b"key,ana,bo\nkey-1,ant,\nleft-out,,\nkey-2,,bee\n"
    assert attach(api, dataset, wide) == (
        200,
        {"annotators": 2, "labels": 2, "samples": 2, "left_out": []},
    )
    long = b"key,annotator,label\nkey-1,ana,ant\nleft-out,bo,\n"
    assert attach(api, dataset, long)[1]["labels"] == 1


def test_the_column_of_keys_may_have_another_name(api: TestClient, dataset: Dataset) -> None:
    expected = {"annotators": 1, "labels": 1, "samples": 1, "left_out": []}
    assert attach(api, dataset, b"sample,ana\nkey-1,ant\n") == (200, expected)
    assert attach(api, dataset, b"client,ana\nkey-1,ant\n", "?key_column=client") == (200, expected)
    status, answer = attach(api, dataset, b"client,ana\nkey-1,ant\n", "?key_column=other")
    assert (status, "expected a column 'other'; found ['client', 'ana']" in answer["detail"]) == (422, True)


def test_nothing_is_there_before_labels_are_attached(api: TestClient, dataset: Dataset) -> None:
    assert api.get(f"/v1/datasets/{dataset.id}/consensus").status_code == 404
    assert api.get(f"/v1/datasets/{dataset.id}/exports/consensus.csv").status_code == 404
    page = api.get(f"/datasets/{dataset.id}/annotators").text
    assert "Attach labels of annotators" in page
    assert "exports/consensus.csv" not in api.get(f"/datasets/{dataset.id}").text


def test_new_labels_replace_the_old_ones_and_few_labels_claim_nothing(
    api: TestClient, database: Database, storage: Storage, dataset: Dataset
) -> None:
    attach(api, dataset, make_wide())
    form_consensus(database, storage, dataset.id)
    assert "exports/consensus.csv" in api.get(f"/datasets/{dataset.id}").text
    attach(api, dataset, b"key,<b>ana\nkey-1,ant\n")
    assert api.get(f"/v1/datasets/{dataset.id}/consensus").json()["state"] == "computing"
    form_consensus(database, storage, dataset.id)
    found = api.get(f"/v1/datasets/{dataset.id}/consensus").json()
    assert [reason["code"] for reason in found["reasons"]] == ["no_overlap"]
    assert (found["wrong_count"], found["ask_again"]) == (None, 0)
    page = api.get(f"/datasets/{dataset.id}/annotators").text
    assert "Cannot tell how many consensus labels are wrong" in page
    assert "<b>ana" not in page


def test_labels_that_take_too_much_work_leave_the_majority(
    api: TestClient, database: Database, storage: Storage, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise TooMuchWork("it takes more")

    monkeypatch.setattr(consensus_job, "call_apart", refuse)
    attach(api, dataset, make_wide(wrong=15))
    form_consensus(database, storage, dataset.id)
    found = api.get(f"/v1/datasets/{dataset.id}/consensus").json()
    assert (found["state"], found["labelled"], found["differs_from_majority"]) == ("ready", 60, 0)
    assert [reason["code"] for reason in found["reasons"]] == ["too_large"]
    assert found["wrong_count"] is None
    assert {row["finding"] for row in api.get(f"/v1/datasets/{dataset.id}/annotators").json()["items"]} == {
        "too_few"
    }


def test_what_waits_is_formed_once_and_workspaces_take_turns(
    database: Database, storage: Storage, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    formed = []

    def form(database: Database, storage: Storage, dataset_id: UUID) -> None:
        formed.append(dataset_id)
        form_consensus(database, storage, dataset_id)

    monkeypatch.setattr(consensus_job, "form_consensus", form)
    others = [store_ready_dataset(database, storage).id for _ in range(2)]
    with database.transaction() as session:
        workspace, _ = get_or_create_workspace(session, "another")
        for at in (dataset.id, *others):
            session.get_one(Dataset, at).annotators = {"version": 1, "names": 1, "labels": 1, "file": "gone"}
        session.get_one(Dataset, others[1]).workspace_id = workspace
    form_waiting(database, storage)
    assert formed[0] == dataset.id
    assert set(formed[1:]) == set(others)
    assert formed[1] == others[1], "the other workspace comes before the second of the first one"
    form_waiting(database, storage)
    assert len(formed) == 3, "what failed does not wait any more"
    store_finished_audit(database, dataset)
    form_waiting(database, storage)
    form_waiting(database, storage)
    assert formed[3:] == [dataset.id]


def test_deleting_what_is_formed_is_no_way_to_the_front(
    database: Database, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    formed: list[str] = []

    def form(database: Database, _: Storage, dataset_id: UUID) -> None:
        with database.transaction() as session:
            found = session.get_one(Dataset, dataset_id)
            formed.append(found.name)
            stored_consensus.take_turn(session, found)
            if found.name == "greedy":
                session.delete(found)  # its consensus is never stored
            else:
                found.consensus = {"version": 1, "audits": 0}

    monkeypatch.setattr(consensus_job, "form_consensus", form)
    with database.transaction() as session:
        for name in ("greedy", "greedy", "greedy", "modest", "modest"):
            workspace, _ = get_or_create_workspace(session, name)
            waits = Dataset(name=name, options={}, workspace_id=workspace, annotators={"version": 1})
            session.add(waits)
    form_waiting(database, storage)
    assert formed == ["greedy", "modest", "greedy", "modest", "greedy"]
