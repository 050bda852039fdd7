"""Datasets and audits as objects, against the API's own answers."""

from pathlib import Path

import pytest

from app.client import Audit, AuditAnswer, Client, ClientError, DatasetAnswer, Suspect
from app.infra.database import Database
from app.infra.storage import Storage
from app.schemas.audits.audit_schemas import AuditOut
from app.schemas.audits.result_schemas import Suspect as SuspectOut
from app.schemas.datasets.dataset_schemas import DatasetOut
from tests.builders.stored_rows import store_audit, store_ready_dataset


@pytest.mark.parametrize(
    ("promised", "schema"), [(Suspect, SuspectOut), (AuditAnswer, AuditOut), (DatasetAnswer, DatasetOut)]
)
def test_the_shapes_promise_what_the_service_answers(promised: type, schema: type) -> None:
    assert set(promised.__annotations__) <= set(schema.model_fields)  # type: ignore[attr-defined]


def test_suspects_come_one_by_one_or_as_a_frame(audit: Audit) -> None:
    suspects = audit.suspects(given_label="cat")
    assert [suspect["key"] for suspect in suspects] == ["key-11", "key-8", "key-5", "key-2"]
    assert [suspect["rank"] for suspect in suspects.first(2)] == [1, 4]
    frame = suspects.frame(3)
    assert frame["key"].tolist() == ["key-11", "key-8", "key-5"]
    assert frame["distance"].tolist() == pytest.approx([1, 1 / 4, 1 / 7])
    assert len(audit.suspects().frame()) == 12


def test_a_notebook_shows_pictures_with_both_labels(audit: Audit) -> None:
    shown = audit.suspects()._repr_html_()
    assert shown.count("data:image/png;base64,") == 12
    assert "cat → ant" in shown


def test_handles_speak_of_themselves(audit: Audit, client: Client) -> None:
    dataset = client.dataset(audit["dataset_id"])
    assert repr(dataset) == f"<Dataset 'made', ready, 12 samples of 3 classes, {dataset.id}>"
    said = "succeeded, cannot tell yet how many labels are wrong"
    assert repr(audit) == f"<Audit 'audit of made', {said}, {audit.id}>"
    assert repr(audit.suspects(given_label="cat")).endswith("the most suspicious first, given_label='cat'>")
    assert [found.id for found in client.datasets()] == [dataset.id]
    assert [found.id for found in client.audits(dataset_id=dataset.id)] == [audit.id]
    assert dataset.wait().answer["class_names"] == ["ant", "bee", "cat"]


def test_an_audit_is_started_and_cancelled(audit: Audit, client: Client) -> None:
    started = client.audit(audit["dataset_id"], name="again", seed=3)
    assert (started.name, started["configuration"]["seed"]) == ("again", 3)
    with pytest.raises(TimeoutError, match="still queued after 0 seconds"):
        started.wait(timeout=0)
    assert started.cancel().status == "cancelled"
    with pytest.raises(ClientError, match="cancelled: by request"):
        started.wait()
    started.delete()
    assert [found.id for found in client.audits()] == [audit.id]


def test_a_summary_needs_a_finished_audit(client: Client, database: Database, storage: Storage) -> None:
    waiting = client.get_audit(str(store_audit(database, store_ready_dataset(database, storage)).id))
    with pytest.raises(ClientError, match="this audit is queued"):
        _ = waiting.summary


def test_an_upload_arrives_whole(client: Client, tmp_path: Path, storage: Storage) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(b"x,label\n" * 400_000)
    seen: list[tuple[int, int]] = []
    dataset = client.upload(file, on_bytes=lambda *at: seen.append(at), label_column="label")
    assert (dataset.name, dataset.status) == ("data.csv", "ingesting")
    assert seen[-1] == (3_200_000, 3_200_000)
    stored = next(storage.root.glob("datasets/*/files/data.csv"))
    assert stored.read_bytes() == file.read_bytes()


def test_an_option_that_there_is_not_is_refused_with_those_there_are(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("x,label\n1,a\n")
    said = r"among format, label_column, .*; found 'labelcolumn'; did you mean label_column\?"
    for send in (client.upload, client.add):
        with pytest.raises(ClientError, match=said):
            send(str(file), labelcolumn="label")
    assert list(client.datasets()) == []


def test_verdicts_are_saved_and_carried_away(client: Client, audit: Audit, tmp_path: Path) -> None:
    said = [{"position": 1, "verdict": "relabel", "label": "cat"}, {"position": 2, "verdict": "drop"}]
    assert audit.review(said, reviewer="ada") == []
    (conflict,) = audit.review([{"position": 1, "verdict": "keep"}], reviewer="bob")
    assert conflict["current"]["reviewer"] == "ada"
    dataset = client.dataset(audit["dataset_id"])
    assert [review["key"] for review in dataset.reviews()] == ["key-1", "key-2"]
    assert [review["label"] for review in dataset.reviews(verdict="relabel")] == ["cat"]
    assert audit.export("cleanlab.npz", tmp_path) == tmp_path / "cleanlab.npz"
    report = audit.export("label-studio.xml", tmp_path / "view.xml")
    assert '<Choice value="cat"/>' in report.read_text()


def test_an_export_may_be_named_without_its_ending(audit: Audit, tmp_path: Path) -> None:
    assert audit.export("cleanlab", tmp_path) == tmp_path / "cleanlab.npz"
    with pytest.raises(ClientError, match=r"cleanlab\.npz exists already; to replace it, name the file"):
        audit.export("cleanlab", tmp_path)
    assert audit.export("cleanlab", tmp_path / "cleanlab.npz").stat().st_size
    for name in ("label-studio", "out/report.html", "labels.csv"):
        with pytest.raises(ClientError, match=r"the first argument of audit\.export says what to export"):
            audit.export(name, tmp_path)
    with pytest.raises(ClientError, match=r"'labels\.csv' is an export of the dataset"):
        audit.export("labels.csv", tmp_path)
