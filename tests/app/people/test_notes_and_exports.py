"""Notes on samples, and who decided what in exports."""

import csv
import io

from tests.app.people.conversation import People


def test_notes_say_what_who_and_when(people: People) -> None:
    path = f"/v1/datasets/{people.dataset.id}/samples/59/notes"
    made = people.api.post(path, json={"text": " two animals\n=1+1 ", "reviewer": "Ada"}).json()
    assert (made["text"], made["reviewer"]) == ("two animals\n=1+1", "Ada")
    assert people.api.post(path, json={"text": "x" * 1001}).status_code == 422
    assert people.api.post(path, json={"text": "\x1b[2J"}).status_code == 422
    assert people.api.post(path.replace("/59/", "/999/"), json={"text": "a"}).status_code == 404
    assert people.api.get(path).json()["items"] == [made]
    one = f"/v1/datasets/{people.dataset.id}/notes/{made['id']}"
    assert people.api.delete(one, params={"reviewer": "Ben"}).status_code == 404
    assert people.api.delete(one, params={"reviewer": "Ada"}).status_code == 204
    assert people.api.get(path).json()["items"] == []


def test_exports_say_who_decided_what(people: People) -> None:
    people.plan(1)
    people.judge_twice(59, ("keep", None), ("drop", None))
    people.judge_many("Ada", {58: "drop"})
    path = f"/v1/datasets/{people.dataset.id}/samples/57/notes"
    people.api.post(path, json={"text": "=blurred", "reviewer": "Ada"})
    ranked = people.api.get(f"/v1/audits/{people.audit.id}/exports/ranking-columns.csv").text
    rows = {row["key"]: row for row in csv.DictReader(io.StringIO(ranked))}
    told = ("verdict", "reviewer", "second_reviewer", "agreement")
    assert [rows["key-59"][name] for name in told] == ["unsure", "Ada", "Ben", "disputed"]
    assert [rows["key-58"][name] for name in told] == ["drop", "Ada", "", ""]
    assert rows["key-57"]["note"].startswith("'=blurred (Ada, 20")
    tasks = people.api.get(f"/v1/audits/{people.audit.id}/exports/label-studio.json").json()
    data = {task["data"]["key"]: task["data"] for task in tasks}
    assert (data["key-59"]["reviewer"], data["key-59"]["second_reviewer"]) == ("Ada", "Ben")
