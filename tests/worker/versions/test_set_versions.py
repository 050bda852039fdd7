"""A version of a dataset with sets of labels: its sets, its file, and the verdicts of its classes."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet
from sqlalchemy import select

from app.exports.registry import EXPORTS
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Dataset, Review
from models.reading.several_labels.label_sets import split_label_set
from tests.worker.finish.test_exports import Service
from tests.worker.versions.test_class_views import HAVING, SETS, ask, decide, make_views, write_table

DROPPED = 5


@pytest.fixture
def service(api: TestClient, database: Database, storage: Storage, chosen: Settings) -> Service:
    return Service(api, database, storage, chosen)


@pytest.fixture
def reviewed(service: Service, tmp_path: Path) -> Dataset:
    """Twelve rows: 2 gets a dog and a bird, 0 loses its dog, 5 is dropped, 3 keeps its dog."""
    dataset = service.read(write_table(tmp_path), label_separator=";")
    make_views(service, dataset)
    decide(service, dataset, 2, labels=["dog", "bird"], asked=["dog", "bird"])
    decide(service, dataset, 0, labels=[], asked=["dog"])
    decide(service, dataset, 3, labels=["dog", "bird"], asked=["dog"])
    decide(service, dataset, DROPPED, is_dropped=True)
    return dataset


def read_sets(service: Service, dataset: Dataset) -> dict[str, set[str]]:
    keys, labels, _, _ = service.content(dataset)
    return {key: {*split_label_set(label, ";")} for key, label in zip(keys, labels, strict=True)}


def expect_sets() -> dict[str, set[str]]:
    sets = {f"k{at}": {*split_label_set(text, ";")} for at, text in enumerate(SETS)}
    sets |= {"k2": {"dog", "bird"}, "k0": {"cat"}}
    del sets[f"k{DROPPED}"]
    return sets


def test_a_version_has_the_decided_sets(service: Service, reviewed: Dataset, tmp_path: Path) -> None:
    plan = ask(service, "GET", f"/v1/datasets/{reviewed.id}/versions/preview")
    assert {name: plan[name] for name in ("samples", "relabelled", "dropped", "unsure", "unlooked")} == {
        "samples": 11,
        "relabelled": 2,
        "dropped": 1,
        "unsure": 0,
        "unlooked": 0,
    }
    assert plan["warnings"] == ["no sample of the class 'CAT' is left"], "of classes, not of sets"
    assert plan["not_carried"][-1].startswith("Verdicts on a class are carried over when")
    version = service.make_version(reviewed)
    assert read_sets(service, version) == expect_sets()
    assert (version.version, version.parent_id) == (2, reviewed.id)
    listed = ask(service, "GET", f"/v1/datasets/{version.id}/class-views")["items"]
    counts = {each["class_name"]: each["samples"] for each in listed if each["samples"]}
    assert counts == {"dog": 5, "bird": 6, "cat": 4, "fish": 1}
    understood = (version.statistics or {})["understood"]
    assert {each["name"]: each["samples"] for each in understood["classes"] if each["samples"]} == counts
    assert understood["set_count"] == len({frozenset(each) for each in expect_sets().values()})
    (tmp_path / "out").mkdir()
    before = service.export(reviewed, tmp_path / "out").read_bytes()
    assert service.export(version, tmp_path / "out").read_bytes() == before, "the corrected file of both"


def test_the_view_of_a_version_has_the_verdicts_that_hold(service: Service, reviewed: Dataset) -> None:
    version = service.make_version(reviewed)
    view = make_views(service, version, ["dog"])["dog"]
    with service.database.transaction() as session:
        reviews = session.scalars(select(Review).where(Review.dataset_id == view.id)).all()
        found = {each.position: (each.verdict, each.label, each.is_looked_at) for each in reviews}
        sources = {each.position: each.carried for each in reviews}
    kept = ("keep", None, False)
    assert found == {0: kept, 2: kept, 3: kept}, "each is right by now, and no new look"
    assert sources[2] is not None
    assert (sources[2]["version"], sources[2]["verdict"], sources[2]["label"]) == (1, "relabel", "dog")
    keys, labels, _, _ = service.content(view)
    having = {f"k{at}" for at in HAVING["dog"]} - {"k0"} | {"k2"}
    assert {key for key, label in zip(keys, labels, strict=True) if label == "dog"} == having


def test_a_second_version_goes_on_from_the_first(service: Service, reviewed: Dataset, tmp_path: Path) -> None:
    second = service.make_version(reviewed)
    make_views(service, second, ["bird"])
    keys, _, _, _ = service.content(second)
    at = keys.index("k6")
    decide(service, second, at, labels=["cat", "dog", "bird"], asked=["bird"])
    third = service.make_version(second)
    expected = expect_sets() | {"k6": {"cat", "dog", "bird"}}
    assert (third.version, read_sets(service, third)) == (3, expected)
    (tmp_path / "out").mkdir()
    lines = service.export(third, tmp_path / "out").read_text().splitlines()
    assert {"k6,3.0,36,dog;cat;bird", "k0,0.0,0,cat", "k1,0.5,1,dog"} <= set(lines)
    view = make_views(service, third, ["dog"])["dog"]
    with service.database.transaction() as session:
        count = len(session.scalars(select(Review).where(Review.dataset_id == view.id)).all())
    assert count == 3, "the second version has no view of dogs: the first one's verdicts are carried over"


def test_a_version_of_columns_of_classes_rewrites_the_uploaded_file(service: Service, tmp_path: Path) -> None:
    rows = [f"{at / 2},{int(at % 2)},{int(at % 3 == 0)}" for at in range(20)]
    file = tmp_path / "animals.csv"
    file.write_text("\n".join(["size,cat,dog", *rows]) + "\n")
    first = service.read([file], class_columns=["cat", "dog"])
    make_views(service, first)
    decide(service, first, 1, labels=["cat", "dog"], asked=["dog"])
    decide(service, first, 4, is_dropped=True)
    second = service.make_version(first)
    make_views(service, second)
    decide(service, second, 0, labels=["dog", "cat"], asked=["cat"])
    (tmp_path / "out").mkdir()
    rows[0], rows[1] = "0.0,1,1", "0.5,1,1"
    del rows[4]
    lines = service.export(second, tmp_path / "out").read_text().splitlines()
    assert lines == ["size,cat,dog", *rows]
    labels = service.export(second, tmp_path / "out", "labels.csv").read_text()
    assert "version 1: relabel" in labels


def test_views_and_versions_of_texts_keep_the_texts(service: Service, tmp_path: Path) -> None:
    texts = [f"{at} words of a text" for at in range(20)]
    rows = [{"text": text, "cat": at % 2, "dog": int(at % 3 == 0)} for at, text in enumerate(texts)]
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    first = service.read([file], class_columns=["cat", "dog"])
    views = make_views(service, first)
    decide(service, first, 4, is_dropped=True)
    version = service.make_version(first)
    for dataset, expected in ((views["dog"], texts), (version, [*texts[:4], *texts[5:]])):
        folder = service.storage.locate_pack(dataset.id)
        assert parquet.read_table(folder / "texts.parquet")["text"].to_pylist() == expected
        assert (folder / "terms.npz").exists()


def test_every_export_and_comparison_of_sets_answers(service: Service, reviewed: Dataset) -> None:
    version = service.make_version(reviewed)
    make_views(service, version, ["dog"])
    for dataset in (reviewed, version):
        for name in (each.name for each in EXPORTS if each.scope == "dataset"):
            answer = service.api.get(f"/v1/datasets/{dataset.id}/exports/{name}")
            assert answer.status_code < 500, (name, answer.text)
    compared = ask(service, "GET", f"/v1/datasets/{reviewed.id}/comparison?with={version.id}")
    changed = {change["key"]: change["what"] for change in compared["changes"]}
    assert changed == {"k2": "relabelled", "k0": "relabelled", f"k{DROPPED}": "dropped"}
