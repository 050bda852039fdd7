"""Suspects to Label Studio and its annotators' decisions back, in the shape that Label Studio documents."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.client import Audit, Client, ClientError

Task = dict[str, Any]


@pytest.fixture
def tasks(audit: Audit, tmp_path: Path) -> list[Task]:
    """Return our export as Label Studio exports it: with ids, without annotations yet."""
    found = json.loads(audit.export("label-studio.json", tmp_path / "tasks.json").read_text())
    return [{"id": 100 + at, "project": 7, "drafts": [], **task} for at, task in enumerate(found)]


def annotate(task: Task, *choices: str, by: object = 10, **more: object) -> None:
    part = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": [*choices]}}
    result = [{"id": "Dx_aB91ISN", "origin": "manual", **part}] if choices else []
    made = {"id": 1000 + task["id"], "result": result, "was_cancelled": False, "completed_by": by, **more}
    task["annotations"].append(made)


def write(tasks: list[Task], folder: Path) -> Path:
    file = folder / "export.json"
    file.write_text(json.dumps(tasks))
    return file


def test_decisions_come_back_as_verdicts_with_their_annotators(
    audit: Audit, client: Client, tasks: list[Task], tmp_path: Path
) -> None:
    # The classes of positions 11, 10, ... are cat, bee, ant, cat, bee, ant.
    ada = {"id": 3, "email": "ada@example.org", "first_name": "Ada", "last_name": ""}
    annotate(tasks[0], "ant", by=ada)
    annotate(tasks[1], "bee", by=ada)
    annotate(tasks[2], "limit-audit:drop")
    annotate(tasks[3], was_cancelled=True)
    annotate(tasks[4], "limit-audit:unsure", by=None)
    annotate(tasks[5], "cat")
    annotate(tasks[5], "cat", by=ada)
    annotate(tasks[6])
    file = write(tasks, tmp_path)
    expected = {"already": 0, "undecided": 6, "conflicts": [], "unknown": []}
    by = {"ada@example.org": 2, "Label Studio user 10": 3, "Label Studio": 1}
    told = audit.import_label_studio(file, dry_run=True)
    assert told == {"new": 6, **expected, "reviewers": by}
    dataset = client.dataset(audit["dataset_id"])
    assert list(dataset.reviews()) == []
    assert audit.import_label_studio(file) == {"saved": 6, **expected, "reviewers": by}
    stored = {
        review["position"]: (review["verdict"], review["label"], review["reviewer"])
        for review in dataset.reviews()
    }
    assert stored == {
        11: ("relabel", "ant", "ada@example.org"),
        10: ("keep", None, "ada@example.org"),
        9: ("drop", None, "Label Studio user 10"),
        8: ("unsure", None, "Label Studio user 10"),
        7: ("unsure", None, "Label Studio"),
        6: ("relabel", "cat", "Label Studio user 10"),
    }
    again = audit.import_label_studio(file)
    assert (again["saved"], again["already"], again["conflicts"]) == (0, 6, [])


def test_verdicts_go_out_as_annotations_and_come_back_unchanged(
    audit: Audit, tasks: list[Task], tmp_path: Path
) -> None:
    assert tasks[0]["data"]["dataset_id"] == audit["dataset_id"]
    verdicts = [
        {"position": 11, "verdict": "relabel", "label": "bee"},
        {"position": 10, "verdict": "keep"},
        {"position": 9, "verdict": "drop"},
        {"position": 8, "verdict": "unsure"},
    ]
    assert audit.review(verdicts, reviewer="eve") == []
    file = audit.export("label-studio.json", tmp_path / "again.json")
    view = audit.export("label-studio.xml", tmp_path / "view.xml").read_text()
    assert '<Choice value="Drop this sample" alias="limit-audit:drop"/>' in view
    told = audit.import_label_studio(file)
    assert (told["saved"], told["already"], told["undecided"], told["conflicts"]) == (0, 4, 8, [])


def test_what_somebody_else_decided_is_not_overwritten(
    audit: Audit, client: Client, tasks: list[Task], tmp_path: Path
) -> None:
    audit.review([{"position": 11, "verdict": "keep"}], reviewer="eve")
    annotate(tasks[0], "ant")
    annotate(tasks[1], "bee", by={"email": "ada@example.org"})
    annotate(tasks[1], "cat")
    told = audit.import_label_studio(write(tasks, tmp_path))
    assert told["saved"] == 0
    assert told["conflicts"] == [
        "key-11: eve has said keep, Label Studio user 10 says ant",
        "task 101, key-10: annotators disagree (ada@example.org: keep, Label Studio user 10: cat)",
    ]
    (review,) = client.dataset(audit["dataset_id"]).reviews()
    assert (review["verdict"], review["reviewer"]) == ("keep", "eve")


def test_tasks_of_other_data_and_unknown_classes_are_named(
    audit: Audit, tasks: list[Task], tmp_path: Path
) -> None:
    for task in tasks[:5]:
        annotate(task, "ant")
    tasks[0]["data"]["dataset_id"] = "another"
    tasks[1]["data"]["key"] = "renamed"
    tasks[2]["data"]["position"] = -1
    tasks[3]["annotations"][0]["result"][0]["value"]["choices"] = ["wolf"]
    annotate(tasks[4], "bee", "cat")
    del tasks[5]["data"]["dataset_id"]  # as exports of earlier versions
    annotate(tasks[5], "cat")
    told = audit.import_label_studio(write(tasks, tmp_path))
    assert told["saved"] == 1
    assert told["unknown"] == [
        "task 100: it is of the dataset another",
        "task 101: this dataset has no sample 'renamed' at position 10",
        "task 102: this dataset has no sample 'key-9' at position -1",
        "task 103: 'wolf' is no class of this dataset",
        "task 104: expected one choice; found 'bee', 'cat'",
    ]


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"id": 1, "choice": "ant"}]', "position,verdict\n"])
def test_another_file_is_refused(audit: Audit, tmp_path: Path, text: str) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)
    with pytest.raises(ClientError, match="expected Label Studio's"):
        audit.import_label_studio(file)
