"""People's own columns: attached, shown, filtered, compared and exported."""

import csv
import io
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Audit, Dataset, Score
from tests.builders.stored_rows import NAMES, store_finished_audit, store_ready_dataset

SAMPLES = 60


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage, samples=SAMPLES)


@pytest.fixture
def audit(database: Database, dataset: Dataset) -> Audit:
    return store_finished_audit(database, dataset)


def attach(api: TestClient, dataset: Dataset, text: str) -> tuple[int, Any]:
    answer = api.put(f"/v1/datasets/{dataset.id}/columns", content=text.encode())
    return answer.status_code, answer.json()


def make_table(name: str = "annotator") -> str:
    """kim labelled the last 20 samples, which rank first; nobody is noted for sample 0."""
    rows = [f"key-{row},{'kim' if row >= 40 else 'ana'},{row / 4}" for row in range(1, SAMPLES)]
    return "\n".join([f"key,{name},age", *rows])


def claim(database: Database, audit: Audit, *, wrong: int) -> None:
    """Let an audit claim that its first samples are wrong."""
    with database.transaction() as session:
        stored = session.get_one(Audit, audit.id)
        stored.summary = {"estimate": {"may_claim": True, "interval": [wrong - 2.0, wrong + 2.0]}}
        for score in session.query(Score).filter(Score.audit_id == audit.id):
            score.error_probability = 0.97 if score.rank <= wrong else 0.01


def test_a_table_is_attached_by_key_and_shown(api: TestClient, dataset: Dataset, audit: Audit) -> None:
    assert attach(api, dataset, make_table()) == (
        200,
        {"columns": ["annotator", "age"], "left_out": [], "samples": SAMPLES - 1},
    )
    kinds = {
        each["name"]: each["kind"] for each in api.get(f"/v1/datasets/{dataset.id}").json()["own_columns"]
    }
    assert kinds == {"annotator": "text", "age": "number"}
    first = api.get(f"/v1/audits/{audit.id}/suspects", params={"limit": 1}).json()["items"][0]
    assert first["own"] == {"annotator": "kim", "age": 59 / 4}
    assert api.get(f"/v1/audits/{audit.id}/samples/0").json()["own"] == {}


def test_a_column_is_replaced_and_others_stay(api: TestClient, dataset: Dataset, audit: Audit) -> None:
    attach(api, dataset, make_table())
    assert attach(api, dataset, "position,annotator,camera\n0,bo,north\n")[0] == 200
    assert api.get(f"/v1/audits/{audit.id}/samples/0").json()["own"] == {"annotator": "bo", "camera": "north"}
    assert api.get(f"/v1/audits/{audit.id}/samples/59").json()["own"] == {"age": 59 / 4}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("key,who\nnope,kim\n", "no sample has this key: 'nope'"),
        ("key,who\nkey-1,kim\nkey-1,ana\n", "appears more than once: 'key-1'"),
        ("who,camera\nkim,north\n", "needs 'key' or 'position'"),
        ("key,label\nkey-1,ant\n", "no column besides identifiers and labels"),
        ("key,who,who\nkey-1,a,b\n", "who"),
        ("key,who\nkey-1\n", "has 1 columns, expected 2"),
        ("key," + ",".join(f"c{number}" for number in range(21)), "at most 20 columns"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    api: TestClient, dataset: Dataset, text: str, sentence: str
) -> None:
    status, answer = attach(api, dataset, text)
    assert (status, sentence in answer["detail"]) == (422, True), answer


def test_suspects_are_filtered_by_value_range_and_absence(
    api: TestClient, dataset: Dataset, audit: Audit
) -> None:
    attach(api, dataset, make_table())

    def list_positions(**filters: str | float) -> list[int]:
        page = api.get(f"/v1/audits/{audit.id}/suspects", params={"limit": 100, **filters}).json()
        return [item["position"] for item in page["items"]]

    assert list_positions(column="annotator", value="kim") == list(range(59, 39, -1))
    assert list_positions(column="age", low=2, high=2.5) == [10, 9, 8]
    assert list_positions(column="age", value="2.25") == [9]
    assert list_positions(column="annotator") == [0]
    assert list_positions(column="annotator", value="'; drop table scores; --") == []
    refused = api.get(f"/v1/audits/{audit.id}/suspects", params={"column": "nope"})
    assert (refused.status_code, "'annotator', 'age'" in refused.json()["detail"]) == (422, True)


def read_sources(api: TestClient, audit: Audit) -> tuple[Any, dict[str | None, Any]]:
    answer = api.get(f"/v1/audits/{audit.id}/error-sources").json()
    groups = {group["value"]: group for column in answer["columns"][:1] for group in column["groups"]}
    return answer, groups


def test_where_nothing_may_be_claimed_only_the_ranking_speaks(
    api: TestClient, dataset: Dataset, audit: Audit
) -> None:
    attach(api, dataset, make_table())
    answer, groups = read_sources(api, audit)
    assert answer["basis"] == "ranking"
    assert {group["share"] for group in groups.values()} == {None}
    assert (groups["kim"]["finding"], groups["ana"]["finding"], groups[None]["finding"]) == (
        *("more", "fewer"),
        None,
    )
    assert "how many are wrong cannot be told yet" in answer["findings"][0]


def test_a_claimed_share_names_who_it_is(
    api: TestClient, database: Database, dataset: Dataset, audit: Audit
) -> None:
    claim(database, audit, wrong=12)
    attach(api, dataset, make_table())
    answer, groups = read_sources(api, audit)
    assert (answer["basis"], groups["kim"]["finding"]) == ("evidence", "more")
    assert groups["kim"]["share_low"] <= 12 / 20 <= groups["kim"]["share_high"]
    assert groups["ana"]["share_low"] <= 0.0005
    (said,) = [sentence for sentence in answer["findings"] if sentence.startswith("annotator ")]
    assert said.startswith("annotator kim: ")
    assert "probably wrong" in said
    numbers = answer["columns"][1]["groups"]
    assert [group["samples"] for group in numbers] == [12, 12, 11, 12, 12, 1]
    assert [group["low"] for group in numbers[:2]] == [0.25, 3.25]


def test_verdicts_and_new_columns_are_followed(api: TestClient, dataset: Dataset, audit: Audit) -> None:
    attach(api, dataset, make_table())
    read_sources(api, audit)
    path = f"/v1/datasets/{dataset.id}/samples/59/review"
    wrong = {"verdict": "relabel", "label": NAMES[0], "reviewer": "ada"}
    assert api.put(path, json=wrong).status_code == 200
    _, groups = read_sources(api, audit)
    assert (groups["kim"]["reviewed"], groups["kim"]["found_wrong"], groups["kim"]["checked"]) == (1, 1, 0)
    attach(api, dataset, "position,annotator\n0,bo\n")
    assert set(read_sources(api, audit)[1]) != set(groups)


def test_without_columns_there_is_nothing_to_compare(api: TestClient, audit: Audit) -> None:
    answer, _ = read_sources(api, audit)
    assert (answer["columns"], answer["findings"], answer["comparisons"]) == ([], [], 0)


def test_the_exports_have_them(api: TestClient, dataset: Dataset, audit: Audit) -> None:
    attach(api, dataset, make_table("=cmd()"))
    path = f"/v1/audits/{audit.id}/exports"
    ranking = list(csv.DictReader(io.StringIO(api.get(f"{path}/ranking-columns.csv").text)))
    assert [row["position"] for row in ranking] == [str(each) for each in range(59, -1, -1)]
    assert (ranking[0]["age"], ranking[-1]["age"]) == ("14.75", "")
    sources = list(csv.DictReader(io.StringIO(api.get(f"{path}/error-sources.csv").text)))
    assert [(row["column"], row["value"], row["samples"]) for row in sources][:3] == [
        *(("'=cmd()", "ana", "39"), ("'=cmd()", "kim", "20"), ("'=cmd()", "", "1"))
    ]
    assert float(sources[1]["place"]) == pytest.approx(1 / 6, abs=0.01)


def find_other(item: dict[str, Any]) -> str:
    return next(name for name in NAMES if name != item["given_label"])


def test_after_random_checks_the_shares_follow_them(api: TestClient, dataset: Dataset, audit: Audit) -> None:
    attach(api, dataset, make_table())
    api.put(f"/v1/audits/{audit.id}/check", json={"samples": SAMPLES})
    checks = f"/v1/audits/{audit.id}/check/samples"
    while items := api.get(checks, params={"limit": 100}).json()["items"]:
        reviews = [
            {"position": item["position"], "verdict": "relabel", "label": find_other(item)}
            if item["position"] >= 45
            else {"position": item["position"], "verdict": "keep"}
            for item in items
        ]
        body = {"reviews": reviews, "reviewer": "ada"}
        assert api.post(f"/v1/datasets/{dataset.id}/reviews", json=body).json()["conflicts"] == []
    answer, groups = read_sources(api, audit)
    assert (answer["basis"], groups["kim"]["finding"]) == ("checks", "more")
    assert answer["rests_on"] == "checked: 60 samples at random"
    assert (groups["kim"]["checked"], groups["kim"]["checked_wrong"]) == (20, 15)
    assert groups["kim"]["share_low"] <= 15 / 20 <= groups["kim"]["share_high"]
    assert " are wrong, more than of the others (checked: 60" in " ".join(answer["findings"])
