"""Samples with several labels, from the file to the corrected file: every set is decided by hand."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import delete, select, text
from sqlalchemy.exc import OperationalError

from app.audits import audit_service
from app.infra.database import Database
from app.infra.errors import NoSpace
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.label_sets import class_views
from app.tables import Audit, AuditStatus, Dataset, DatasetFile, Review, Truth
from tests.builders.stored_rows import make_score, store_audit
from tests.worker.finish.test_exports import Service
from worker.ingest.ingestion_job import ingest

SETS = [
    "cat; dog",
    "dog",
    "",
    "cat;dog;bird",
    "bird",
    "CAT",
    "dog;cat",
    "bird;dog",
    "",
    "fish;cat",
    "bird",
    "bird",
]
HAVING = {"dog": [0, 1, 3, 6, 7], "bird": [3, 4, 7, 10, 11], "cat": [0, 3, 6, 9]}


def write_table(path: Path) -> list[Path]:
    lines = [f"k{at},{at / 2},{at * at},{label}" for at, label in enumerate(SETS)]
    (path / "animals.csv").write_text("\n".join(["id,a,b,label", *lines]) + "\n")
    return [path / "animals.csv"]


@pytest.fixture
def service(api: TestClient, database: Database, storage: Storage, chosen: Settings) -> Service:
    return Service(api, database, storage, chosen)


@pytest.fixture
def dataset(service: Service, tmp_path: Path) -> Dataset:
    return service.read(write_table(tmp_path), label_separator=";")


def ask(service: Service, method: str, path: str, status: int = 200, **sent: object) -> Any:  # noqa: ANN401
    answer = service.api.request(method, path, **sent)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    return answer.json()


def make_views(service: Service, dataset: Dataset, classes: list[str] | None = None) -> dict[str, Dataset]:
    body = {"classes": classes}
    made = ask(service, "POST", f"/v1/datasets/{dataset.id}/class-views", 202, json=body)["items"]
    views = {}
    for each in made:
        if each["dataset_id"] is not None:
            ingest(service.database, service.storage, service.chosen, UUID(each["dataset_id"]))
            with service.database.transaction() as session:
                views[each["class_name"]] = session.get_one(Dataset, UUID(each["dataset_id"]))
    return views


def audit_view(
    service: Service, view: Dataset, probabilities: dict[int, float], *, claims: bool = True
) -> Audit:
    """Store a finished audit of a view with these probabilities of an error; all others are tiny."""
    audit = store_audit(service.database, view)
    order = sorted(range(len(SETS)), key=lambda at: -probabilities.get(at, 0))
    with service.database.transaction() as session:
        found = session.get_one(Audit, audit.id)
        found.summary = {"estimate": {"may_claim": claims}, "label_issue_count": 1, "per_class": []}
        audit_service.change_status(session, audit.id, AuditStatus.SUCCEEDED)
        for rank, position in enumerate(order, 1):
            score = make_score(audit.id, position, rank=rank)
            score.given_label = int(position in HAVING[str(view.view_class)])
            score.suggested_label = 1 - score.given_label
            score.error_probability = probabilities.get(position, 0.001)
            score.is_label_issue = score.error_probability > 0.5
            session.add(score)
    return audit


def test_each_class_that_enough_samples_have_gets_a_view_with_its_own_labels(
    service: Service, dataset: Dataset
) -> None:
    answer = ask(service, "GET", f"/v1/datasets/{dataset.id}")
    assert (answer["has_label_sets"], answer["sample_count"], answer["view_of"]) == (True, 12, None)
    listed = ask(service, "GET", f"/v1/datasets/{dataset.id}/class-views")["items"]
    counts = {each["class_name"]: each["samples"] for each in listed}
    assert counts == {"cat": 4, "CAT": 1, "dog": 5, "bird": 5, "fish": 1}, (
        "classes differ in case, as elsewhere"
    )
    assert {each["class_name"]: each["not_audited"] for each in listed} == {
        "dog": None,
        "bird": None,
        "cat": "expected at least 5 samples that have it; found 4",
        "CAT": "expected at least 5 samples that have it; found 1",
        "fish": "expected at least 5 samples that have it; found 1",
    }
    views = make_views(service, dataset)
    assert set(views) == {"dog", "bird"}, "four cats are too few for a view"
    for name, view in views.items():
        assert (view.status, view.class_names, view.view_of) == ("ready", [f"not {name}", name], dataset.id)
        keys, labels, _, pack = service.content(view)
        assert [at for at, label in enumerate(labels) if label == name] == HAVING[name]
        assert keys == [f"k{at}" for at in range(12)]
        assert (pack == service.content(dataset)[3]).all(), "a view has the samples of its dataset"
        assert (view.statistics or {})["class_counts"] == {f"not {name}": 7, name: 5}
    again = make_views(service, dataset, ["dog"])
    assert again["dog"].id == views["dog"].id, "a view is made once"


def test_a_column_of_zeros_is_a_class_that_is_not_audited(service: Service, tmp_path: Path) -> None:
    rows = [f"k{at},{at / 2},{at * at},{at % 2},{int(at > 0)},0" for at in range(12)]
    (tmp_path / "zeros.csv").write_text("\n".join(["id,a,b,odd,most,never", *rows]) + "\n")
    read = service.read([tmp_path / "zeros.csv"], class_columns=["odd", "most", "never"])
    listed = ask(service, "GET", f"/v1/datasets/{read.id}/class-views")["items"]
    assert [(each["class_name"], each["samples"], each["not_audited"]) for each in listed] == [
        ("most", 11, "expected at least 5 samples that lack it; found 1"),
        ("odd", 6, None),
        ("never", 0, "expected at least 5 samples that have it; found 0"),
    ]


def test_truth_is_translated_for_each_class(service: Service, tmp_path: Path) -> None:
    true = ["dog", "dog", "dog", *SETS[3:]]
    rows = [f"k{at},{at / 2},{at * at},{label},{true[at]}" for at, label in enumerate(SETS)]
    (tmp_path / "animals.csv").write_text("\n".join(["id,a,b,label,true_label", *rows]) + "\n")
    dataset = service.read([tmp_path / "animals.csv"], label_separator=";")
    view = make_views(service, dataset)["dog"]
    with service.database.transaction() as session:
        truths = session.execute(select(Truth.position, Truth.true_label).where(Truth.dataset_id == view.id))
        found = {row.position: row.true_label for row in truths}
    assert found == {at: int("dog" in true[at]) for at in range(12) if true[at]}, "a blank truth is unknown"
    assert (view.statistics or {})["truth_differs"] == 1, "only sample 2 lacks a dog that it has"


def test_an_audit_of_sets_says_how_to_audit_each_class(service: Service, dataset: Dataset) -> None:
    answer = ask(service, "POST", "/v1/audits", 422, json={"dataset_id": str(dataset.id)})
    assert f"POST /v1/datasets/{dataset.id}/class-views" in answer["detail"]
    answer = ask(service, "POST", f"/v1/datasets/{dataset.id}/versions", 422, json={})
    assert "a version would be the same" in answer["detail"]


def test_a_view_is_corrected_and_read_through_its_dataset_alone(service: Service, dataset: Dataset) -> None:
    view = make_views(service, dataset)["dog"]
    for path in ("versions", "readings", "sync"):
        answer = ask(service, "POST", f"/v1/datasets/{view.id}/{path}", 409, json={})
        assert str(dataset.id) in answer["detail"], path
    again = service.read([service.storage.locate_upload(dataset.id, "animals.csv")], label_separator=";")
    found = {each["id"] for each in again.relatives or []}
    assert found == {str(dataset.id)}, "a view is no relative of what is uploaded"


def test_classes_without_a_view_are_named(service: Service, dataset: Dataset) -> None:
    body = {"classes": ["dog", "fish"]}
    answer = ask(service, "POST", f"/v1/datasets/{dataset.id}/class-views", 422, json=body)
    assert "'fish'" in answer["detail"]
    assert "dog" in answer["detail"]


def test_a_dataset_with_one_label_a_sample_has_no_views(service: Service, tmp_path: Path) -> None:
    plain = service.read(write_table(tmp_path))
    answer = ask(service, "GET", f"/v1/datasets/{plain.id}/class-views", 422)
    assert "label_separator" in answer["detail"]


def test_the_ranking_is_by_the_most_doubtful_label_and_claims_only_what_it_may(
    service: Service, dataset: Dataset
) -> None:
    views = make_views(service, dataset)
    audit_view(service, views["dog"], {2: 0.9, 0: 0.6})
    audit_view(service, views["bird"], {7: 0.7, 2: 0.2}, claims=False)
    page = ask(service, "GET", f"/v1/datasets/{dataset.id}/label-sets?limit=3")
    assert [item["position"] for item in page["items"]] == [2, 7, 0]
    first, second = page["items"][:2]
    assert (first["given"], first["final"]) == ([], [])
    assert [(each["class_name"], each["error_probability"]) for each in first["doubts"]] == [
        ("dog", pytest.approx(0.9)),
        ("bird", None),
    ]
    assert sorted(second["given"]) == ["bird", "dog"]
    doubts = [each["class_name"] for each in second["doubts"]]
    assert doubts == ["bird", "dog"], "asked about is the class of the best rank, claimed or not"
    rest = ask(service, "GET", f"/v1/datasets/{dataset.id}/label-sets?cursor={page['next_cursor']}")["items"]
    seen = [item["position"] for item in page["items"] + rest]
    assert sorted(seen) == list(range(12)), "every sample once"


def test_where_every_audit_may_claim_its_probabilities_they_are_compared(
    service: Service, dataset: Dataset
) -> None:
    views = make_views(service, dataset)
    audit_view(service, views["dog"], {2: 0.9, 0: 0.6})
    audit_view(service, views["bird"], {7: 0.55})
    page = ask(service, "GET", f"/v1/datasets/{dataset.id}/label-sets?limit=3")
    assert [item["position"] for item in page["items"]] == [2, 0, 7]


def decide(service: Service, dataset: Dataset, position: int, status: int = 200, **body: object) -> Any:  # noqa: ANN401
    path = f"/v1/datasets/{dataset.id}/samples/{position}/label-set"
    return ask(service, "PUT", path, status, json={"labels": [], "asked": [], "reviewer": "ada", **body})


def test_a_decision_is_a_verdict_of_what_was_asked_or_changed_and_of_nothing_else(
    service: Service, dataset: Dataset
) -> None:
    views = make_views(service, dataset)
    for view in views.values():
        audit_view(service, view, {})
    answer = decide(service, dataset, 2, labels=["Dog".lower()], asked=["dog"])
    assert answer["final"] == ["dog"]
    decide(service, dataset, 7, labels=["dog", "bird"], asked=["bird"])
    with service.database.transaction() as session:
        rows = session.scalars(select(Review)).all()
        verdicts = {(row.dataset_id, row.position): (row.verdict, row.label) for row in rows}
    assert verdicts == {
        (views["dog"].id, 2): ("relabel", 1),
        (views["bird"].id, 7): ("keep", None),
    }
    stale = decide(service, dataset, 2, 412, labels=[], asked=["dog"])
    assert stale["position"] == 2, "nobody overwrites a verdict they have not seen"
    seen = {doubt["class_name"]: doubt["version"] for doubt in answer["doubts"] if doubt["version"]}
    assert decide(service, dataset, 2, labels=[], asked=["dog"], seen=seen)["final"] == []
    assert "'fish'" in decide(service, dataset, 2, 422, labels=["fish"])["detail"]


def store_verdict(service: Service, view: Dataset, position: int, verdict: str) -> int:
    """Save a verdict on one class, as its own review does; return the version."""
    entry = {"position": position, "verdict": verdict}
    answer = ask(service, "POST", f"/v1/datasets/{view.id}/reviews", json={"reviews": [entry]})
    return int(answer["saved"][0]["version"])


def read_verdicts(service: Service, position: int) -> dict[UUID, str]:
    with service.database.transaction() as session:
        rows = session.scalars(select(Review).where(Review.position == position)).all()
        return {row.dataset_id: row.verdict for row in rows}


def test_what_was_said_of_another_class_stays(service: Service, dataset: Dataset) -> None:
    views = make_views(service, dataset)
    for view in views.values():
        audit_view(service, view, {})
    seen = {"bird": store_verdict(service, views["bird"], 7, "unsure")}
    decide(service, dataset, 7, labels=["dog", "bird"], asked=["dog"], seen=seen)
    assert read_verdicts(service, 7) == {views["dog"].id: "keep", views["bird"].id: "unsure"}
    added = decide(service, dataset, 2, labels=["dog", "bird"], asked=["dog"])["final"]
    seen = {"dog": decide(service, dataset, 2, 412, labels=["dog", "bird"], asked=["dog"])["version"]}
    answer = decide(service, dataset, 2, labels=["dog", "bird"], asked=["dog"], seen=seen)
    assert answer["final"] == added
    assert sorted(added) == ["bird", "dog"], "what the review added stays where it is sent as it is"


def test_a_drop_is_taken_back_by_deciding_which_labels_the_sample_has(
    service: Service, dataset: Dataset
) -> None:
    views = make_views(service, dataset)
    for view in views.values():
        audit_view(service, view, {})
    dropped = decide(service, dataset, 7, is_dropped=True)
    seen = {doubt["class_name"]: doubt["version"] for doubt in dropped["doubts"]}
    assert set(seen) == {"dog", "bird"}
    decide(service, dataset, 7, 412, labels=["dog", "bird"], asked=["dog"], seen={"dog": seen["dog"]})
    answer = decide(service, dataset, 7, labels=["dog", "bird"], asked=["dog"], seen=seen)
    assert not answer["is_dropped"]
    assert read_verdicts(service, 7) == {views["dog"].id: "keep"}, "nobody looked at the bird"


def test_a_decision_shows_before_any_audit_has_ended(service: Service, dataset: Dataset) -> None:
    make_views(service, dataset)
    answer = decide(service, dataset, 2, labels=["dog"], asked=["dog"])
    assert (answer["given"], answer["final"], answer["doubts"]) == ([], ["dog"], [])
    answer = decide(service, dataset, 7, is_dropped=True)
    assert (answer["final"], answer["is_dropped"]) == (["bird", "dog"], True)


def test_a_view_stays_until_a_decision_is_saved(service: Service, dataset: Dataset) -> None:
    view = make_views(service, dataset)["dog"]
    with service.database.transaction() as deciding, service.database.transaction() as deleting:
        assert "dog" in class_views.list_ready_views(
            deciding, deciding.get_one(Dataset, dataset.id), keep=True
        )
        deleting.execute(text("SET LOCAL lock_timeout = '100ms'"))
        with pytest.raises(OperationalError, match="lock timeout"):
            deleting.execute(delete(Dataset).where(Dataset.id == view.id))
        deleting.rollback()


def test_an_unsure_class_is_exported_as_unsure(service: Service, dataset: Dataset, tmp_path: Path) -> None:
    views = make_views(service, dataset)
    store_verdict(service, views["bird"], 7, "unsure")
    labels = service.export(dataset, tmp_path, "labels.csv").read_text()
    assert "k7,bird;dog,bird;dog,unsure" in labels


def test_a_class_whose_view_is_not_made_yet_cannot_be_decided(service: Service, dataset: Dataset) -> None:
    ask(service, "POST", f"/v1/datasets/{dataset.id}/class-views", 202, json={"classes": ["dog"]})
    assert "found 'dog'" in decide(service, dataset, 2, 422, labels=["dog"], asked=["dog"])["detail"]
    decide(service, dataset, 99, 404)


def test_the_corrected_file_has_the_decided_sets_and_every_other_byte(
    service: Service, dataset: Dataset, tmp_path: Path
) -> None:
    views = make_views(service, dataset)
    for view in views.values():
        audit_view(service, view, {})
    decide(service, dataset, 2, labels=["dog", "bird"], asked=["dog", "bird"])
    decide(service, dataset, 0, labels=[], asked=["dog"])
    decide(service, dataset, 7, labels=["dog"], asked=["bird"])
    decide(service, dataset, 11, is_dropped=True)
    (tmp_path / "out").mkdir()
    before = (tmp_path / "animals.csv").read_text().splitlines()
    after = service.export(dataset, tmp_path / "out").read_text().splitlines()
    expected = {1: "cat", 3: "bird;dog", 8: "dog"}
    for number, line in expected.items():
        before[number] = ",".join([*before[number].split(",")[:3], line])
    del before[12]
    assert after == before
    labels = service.export(dataset, tmp_path / "out", "labels.csv").read_text()
    assert "k2,(none),bird;dog,relabel,ada" in labels
    refused = service.api.get(f"/v1/datasets/{views['dog'].id}/exports/dataset")
    assert refused.status_code == 422
    assert "format=npz" in refused.json()["detail"]


def test_lists_in_json_lines_stay_lists(service: Service, tmp_path: Path) -> None:
    sets = [["dog"], ["dog", "cat"], []] * 6
    rows = [{"text": f"{at} words of a text", "label": each, "n": at} for at, each in enumerate(sets)]
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    dataset = service.read([file], label_separator=";")
    views = make_views(service, dataset)
    assert set(views) == {"dog", "cat"}
    decide(service, dataset, 0, labels=["cat", "dog"], asked=["cat"])
    (tmp_path / "out").mkdir()
    after = service.export(dataset, tmp_path / "out").read_text().splitlines()
    assert json.loads(after[0])["label"] == ["dog", "cat"]
    assert after[1:] == file.read_text().splitlines()[1:]


def test_a_file_whose_labels_look_like_sets_says_so(service: Service, tmp_path: Path) -> None:
    plain = service.read(write_table(tmp_path))
    notes = (plain.statistics or {})["understood"]["notes"]
    assert [note["option"] for note in notes if note["code"] == "labels_look_like_sets"] == [
        "label_separator"
    ]


def test_escapes_in_a_list_bring_no_control_characters_into_names(service: Service, tmp_path: Path) -> None:
    sets = [r'["a", "b"]'] * 8 + [r'["\ud800", "a"]', r'["x\u0000y", "a"]', r'["e\u001b[31m\r\nl", "a"]'] * 6
    lines = [json.dumps({"id": f"k{at}", "x": at, "label": each}) for at, each in enumerate(sets)]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    dataset = service.read([tmp_path / "rows.jsonl"], label_separator=";")
    listed = ask(service, "GET", f"/v1/datasets/{dataset.id}/class-views")["items"]
    assert all(each["class_name"].isprintable() for each in listed)
    assert {"a", "b"} <= {each["class_name"] for each in listed}
    ask(service, "POST", f"/v1/datasets/{dataset.id}/class-views", 202, json={"classes": None})


def test_views_above_the_quota_leave_nothing_behind(service: Service, dataset: Dataset) -> None:
    folder = service.storage.locate_upload(dataset.id, "x").parents[1]
    before = {path.name for path in folder.parent.iterdir()}
    assert folder.name in before
    with service.database.transaction() as session:
        file = session.scalars(select(DatasetFile)).one()
        with pytest.raises(NoSpace):
            class_views.make_views(
                session,
                service.storage,
                session.get_one(Dataset, dataset.id),
                classes=None,
                workspace_max_bytes=file.bytes + 1,
            )
        session.rollback()
    assert {path.name for path in folder.parent.iterdir() if any(path.rglob("*.csv"))} <= before


def test_a_decided_set_that_is_no_folder_is_refused(service: Service, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "scenes.zip", "w") as archive:
        for at in range(20):
            folder = "y;.." if at % 2 else "x"
            archive.writestr(f"{folder}/{at}.png", make_png(at))
    dataset = service.read([tmp_path / "scenes.zip"], label_separator=";")
    make_views(service, dataset)
    decide(service, dataset, 0, labels=[".."], asked=["x"])
    answer = service.api.get(f"/v1/datasets/{dataset.id}/exports/dataset")
    assert (answer.status_code, "'..'" in answer.json()["detail"]) == (422, True)


def make_png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (8, 8), shade).save(file, "PNG")
    return file.getvalue()


def test_versions_of_a_view_are_no_server_errors(service: Service, dataset: Dataset) -> None:
    view = make_views(service, dataset)["dog"]
    decide(service, dataset, 2, labels=["dog"], asked=["dog"])
    ask(service, "GET", f"/v1/datasets/{view.id}/exports/lineage.json", 409)
    decide(service, dataset, 2, 422, labels=["dog"], asked=["dog"], seen={"dog": 2**63})
