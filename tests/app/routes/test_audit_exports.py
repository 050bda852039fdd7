"""One audit for Label Studio, for cleanlab and for the mail."""

import asyncio
import io
import json
import re
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from app.exports.registry import ExportFile
from app.http.slow_work import run_elsewhere, run_slowly
from app.infra.database import Database
from app.infra.storage import Storage
from app.routes.shared.downloads import begin_download, respond_download
from app.tables import Audit, AuditMetrics, Score
from tests.builders.stored_rows import store_audit, store_finished_audit, store_ready_dataset

SUMMARY = {
    "sample_count": 12,
    "disagreement_count": 12,
    "expected_error_count": 3.1,
    "label_issue_count": 1,
    "histogram": {"edges": [0.0, 0.5, 1.0], "counts": [10, 2]},
    "per_class": [
        {"class": "<i>ant", "samples": 4, "expected_errors": 1.5, "label_issues": 1},
        {"class": "bee", "samples": 8, "expected_errors": 1.6, "label_issues": 0},
    ],
    "confused_pairs": [{"true": "cat", "given": "ant", "expected_count": 1.25}],
    "budget": {
        "total": 3.1,
        "review": [1, 6, 12],
        "expected_found": [1.0, 2.5, 3.1],
        "to_find": [{"share": 0.8, "review": 6, "found": 2.5}],
    },
}
METRICS = {
    "sample_count": 12,
    "error_count": 2,
    "roc_auc": 0.98765,
    "precision_at_noise_rate": 0.5,
    "histogram": {"edges": [0.0, 0.5, 1.0], "right": [9, 1], "wrong": [1, 1]},
}


@pytest.fixture
def audit(database: Database, storage: Storage) -> Audit:
    made = store_finished_audit(database, store_ready_dataset(database, storage))
    with database.transaction() as session:
        session.get_one(Audit, made.id).summary = SUMMARY
    return made


def review(api: TestClient, audit: Audit, position: int, **verdict: str) -> None:
    path = f"/v1/datasets/{audit.dataset_id}/samples/{position}/review"
    assert api.put(path, json={"reviewer": "ada", **verdict}).status_code == 200


def test_label_studio_s_tasks_name_what_its_configuration_names(api: TestClient, audit: Audit) -> None:
    review(api, audit, 11, verdict="relabel", label="bee")
    review(api, audit, 10, verdict="drop")
    answer = api.get(f"/v1/audits/{audit.id}/exports/label-studio.json", params={"limit": 3})
    assert "attachment" in answer.headers["content-disposition"]
    tasks = answer.json()
    assert [task["data"]["key"] for task in tasks] == ["key-11", "key-10", "key-9"]
    assert tasks[0]["data"]["image"].startswith("data:image/png;base64,")
    assert tasks[0]["predictions"][0]["score"] == 0.5
    assert [len(task["annotations"]) for task in tasks] == [1, 1, 0]
    assert tasks[1]["annotations"][0]["result"][0]["value"] == {"choices": ["limit-audit:drop"]}
    assert tasks[0]["predictions"][0]["model_version"] == f"limit-audit {audit.id}"
    parts = [part for task in tasks for each in ("predictions", "annotations") for part in task[each]]
    identifiers = [part["result"][0]["id"] for part in parts]
    assert len({*identifiers}) == len(identifiers) == 5, "Label Studio asks for an id of each result"
    chosen = tasks[0]["annotations"][0]["result"][0]
    assert chosen["value"] == {"choices": ["bee"]}
    view = ET.fromstring(api.get(f"/v1/audits/{audit.id}/exports/label-studio.xml").text)  # noqa: S314 - ours
    choices = view.find("Choices")
    assert choices is not None
    assert (choices.get("name"), choices.get("toName")) == (chosen["from_name"], chosen["to_name"])
    assert [choice.get("value") for choice in choices] == ["ant", "bee", "cat", "Drop this sample", "Unsure"]
    assert view.find("Image") is not None


def test_tasks_may_point_to_the_service(api: TestClient, audit: Audit) -> None:
    path = f"/v1/audits/{audit.id}/exports/label-studio.json"
    (task,) = api.get(path, params={"limit": 1, "pictures": "url"}).json()
    assert task["data"]["image"] == f"http://127.0.0.1/v1/datasets/{audit.dataset_id}/samples/11/image"
    assert api.get(task["data"]["image"]).headers["content-type"] == "image/png"


def test_cleanlab_finds_arrays_in_order_of_position(api: TestClient, audit: Audit) -> None:
    answer = api.get(f"/v1/audits/{audit.id}/exports/cleanlab.npz")
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as found:
        assert found["labels"].tolist() == [0, 1, 2] * 4
        assert found["ids"].tolist() == [f"key-{position}" for position in range(12)]
        # Given .25, suggested .5 (the class after it), and the .25 that is left for the third class.
        np.testing.assert_allclose(found["pred_probs"][0], [0.25, 0.5, 0.25])
        np.testing.assert_allclose(found["pred_probs"][1], [0.25, 0.25, 0.5])
        np.testing.assert_allclose(found["pred_probs"].sum(axis=1), 1, rtol=1e-6)
        np.testing.assert_allclose(found["label_quality"], [1 - 1 / (12 - at) for at in range(12)], rtol=1e-6)
        assert found["is_label_issue"].tolist() == [False] * 11 + [True]


def test_cleanlab_shares_what_the_given_label_leaves_where_another_is_suggested(
    api: TestClient, database: Database, audit: Audit
) -> None:
    # If the given label is wrong, the second class is right with .8 and the third with .2.
    changed = {"suggested_confidence": 0.8, "second_label": 2, "second_probability": 0.2}
    with database.transaction() as session:
        of_first = (Score.audit_id == audit.id) & (Score.position == 0)
        session.execute(update(Score).where(of_first).values(changed))
    answer = api.get(f"/v1/audits/{audit.id}/exports/cleanlab.npz")
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as found:
        np.testing.assert_allclose(found["pred_probs"][0], [0.25, 0.6, 0.15], rtol=1e-6)


class Loads(HTMLParser):
    """Collects what a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "data"}]


def test_a_report_loads_nothing_and_runs_nothing(api: TestClient, audit: Audit, database: Database) -> None:
    with database.transaction() as session:
        session.add(AuditMetrics(audit_id=audit.id, document=METRICS))
    review(api, audit, 11, verdict="relabel", label="bee")
    answer = api.get(f"/v1/audits/{audit.id}/exports/report.html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Loads()
    page.feed(answer.text)
    assert len(page.found) == 12
    assert all(source.startswith("data:image/png;base64,") for source in page.found)
    assert not page.tags & {"script", "link", "iframe", "object"}
    assert not re.search(r"url\(|@import", answer.text)
    for expected in ("ROC AUC 0.9877", "&lt;i&gt;ant", "relabel: bee", "80&#8239;% in the first 6."):
        assert expected in answer.text
    assert "<i>ant" not in answer.text


def test_a_report_without_truth_or_budget(api: TestClient, audit: Audit, database: Database) -> None:
    with database.transaction() as session:
        small = {name: SUMMARY[name] for name in SUMMARY if name not in {"budget", "confused_pairs"}}
        session.get_one(Audit, audit.id).summary = small
    text = api.get(f"/v1/audits/{audit.id}/exports/report.html").text
    assert "Comparison with the correct labels" not in text
    assert "Confused pairs" not in text


def test_planted_labels_are_nobody_s_task(api: TestClient, audit: Audit, database: Database) -> None:
    with database.transaction() as session:
        session.get_one(Audit, audit.id).configuration = {**audit.configuration, "rehearsal": {"rate": 0.1}}
    answer = api.get(f"/v1/audits/{audit.id}/exports/label-studio.json")
    assert answer.status_code == 422
    assert "rehearsal" in api.get(f"/v1/audits/{audit.id}/exports/report.html").text


@pytest.mark.parametrize("name", ["report.html", "cleanlab.npz", "label-studio.json", "label-studio.xml"])
def test_an_audit_that_has_not_ended_has_nothing_to_export(
    api: TestClient, database: Database, storage: Storage, name: str
) -> None:
    waiting = store_audit(database, store_ready_dataset(database, storage))
    answer = api.get(f"/v1/audits/{waiting.id}/exports/{name}")
    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")


def test_tasks_are_json_line_by_line(api: TestClient, audit: Audit) -> None:
    text = api.get(f"/v1/audits/{audit.id}/exports/label-studio.json").text
    assert len(json.loads(text)) == 12
    assert len(text.splitlines()) == 14


@pytest.mark.parametrize("name", ["record.zip", "report.html"])
def test_what_is_made_when_it_is_asked_for_comes_whole(api: TestClient, audit: Audit, name: str) -> None:
    answer = api.get(f"/v1/audits/{audit.id}/exports/{name}", headers={"Range": "bytes=0-3"})
    assert answer.status_code == 200
    assert len(answer.content) > 4
    assert not {"etag", "accept-ranges", "content-range", "repr-digest"} & set(answer.headers)


@pytest.mark.parametrize(
    ("name", "plain", "encoded"),
    [
        ("a/b ä.csv", "a_b_.csv", "a_b%20%C3%A4.csv"),
        ("../.profile", "_._.profile", "_._.profile"),
        ("a\\b'\"c", "a_b_c", "a_b%27%22c"),
    ],
)
def test_a_download_is_called_like_a_file_of_the_folder(name: str, plain: str, encoded: str) -> None:
    file = ExportFile(name=name, media_type="text/csv", blocks=iter([b"x"]))
    answer = respond_download(begin_download(file), run_slowly, None)
    header = answer.headers["content-disposition"]
    assert header == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def test_every_block_is_written_in_the_threads_that_began_the_file() -> None:
    threads = []

    def write() -> Iterator[bytes]:
        for block in (b"a", b"", b"b"):
            threads.append(threading.current_thread().name)
            yield block

    async def download() -> bytes:
        file = ExportFile(name="x", media_type="text/csv", blocks=write())
        begun = await run_elsewhere(None, lambda: begin_download(file))
        answer = respond_download(begun, run_elsewhere, None)
        return b"".join([block async for block in answer.body_iterator if isinstance(block, bytes)])

    assert asyncio.run(download()) == b"ab"
    assert all(name.startswith("elsewhere") for name in threads), threads
