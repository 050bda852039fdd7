"""Decided sets in the corrected file: a column for each class, and lists in JSON; all else as it was."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Dataset
from tests.builders.pictures import encode_png
from tests.worker.finish.test_exports import Service
from tests.worker.versions.test_class_views import ask, decide, make_views

ROWS = 20
CAT = [at % 2 for at in range(ROWS)]
DOG = [int(at % 3 == 0) for at in range(ROWS)]
LISTS = [
    [name for name, has in (("cat", cat), ("dog", dog)) if has] for cat, dog in zip(CAT, DOG, strict=True)
]
Write = Callable[[Path], Path]


@pytest.fixture
def service(api: TestClient, database: Database, storage: Storage, chosen: Settings) -> Service:
    return Service(api, database, storage, chosen)


def make_png(shade: int) -> bytes:
    return encode_png(np.full((8, 8), shade, np.uint8))


def review(service: Service, dataset: Dataset) -> None:
    """Add a dog to sample 1, take the dog from 3 and give both to 2; drop 5; look at 4."""
    views = make_views(service, dataset)
    assert set(views) == {"cat", "dog"}
    decide(service, dataset, 1, labels=["cat", "dog"], asked=["dog"])
    decide(service, dataset, 2, labels=["dog", "cat"], asked=["dog", "cat"])
    decide(service, dataset, 3, labels=["cat"], asked=["dog"])
    decide(service, dataset, 4, labels=[], asked=["dog"])
    decide(service, dataset, 5, is_dropped=True)


def correct(service: Service, dataset: Dataset, tmp_path: Path) -> Path:
    review(service, dataset)
    (tmp_path / "out").mkdir()
    return service.export(dataset, tmp_path / "out")


def test_only_changed_cells_of_a_csv_change(service: Service, tmp_path: Path) -> None:
    words = [("FALSE", "TRUE"), ('" no"', '" yes"')]
    rows = [f'k{at}; {at / 2} ;{words[0][CAT[at]]};"a; b";{words[1][DOG[at]]}\r\n' for at in range(ROWS)]
    file = tmp_path / "animals.csv"
    file.write_bytes("".join(["id;size;cat;camera;dog\r\n", *rows]).encode())
    dataset = service.read([file], class_columns=["cat", "dog"])
    answer = ask(service, "GET", f"/v1/datasets/{dataset.id}")
    assert answer["has_label_sets"]
    after = correct(service, dataset, tmp_path).read_bytes().decode()
    rows[1] = rows[1].replace(" no", " yes")
    rows[2] = rows[2].replace("FALSE", "TRUE").replace(" no", " yes")
    rows[3] = rows[3].replace(" yes", " no")
    assert after == "".join(["id;size;cat;camera;dog\r\n", *rows[:5], *rows[6:]])
    labels = service.export(dataset, tmp_path / "out", "labels.csv").read_text()
    assert 'k1,"[""cat""]","[""cat"", ""dog""]",relabel,ada' in labels


def test_only_changed_values_of_json_lines_change(service: Service, tmp_path: Path) -> None:
    rows = [
        f'{{ "text": "{at} words of a text",  "cat":{json.dumps(bool(CAT[at]))}, "dog" : {DOG[at]} }}\n'
        for at in range(ROWS)
    ]
    file = tmp_path / "texts.jsonl"
    file.write_text("".join(rows))
    dataset = service.read([file], class_columns=["cat..dog"])
    after = correct(service, dataset, tmp_path).read_text()
    rows[1] = rows[1].replace('"dog" : 0', '"dog" : 1')
    rows[2] = rows[2].replace("false", "true").replace('"dog" : 0', '"dog" : 1')
    rows[3] = rows[3].replace('"dog" : 1', '"dog" : 0')
    assert after == "".join([*rows[:5], *rows[6:]])


@pytest.mark.parametrize(
    "kind", [pa.bool_(), pa.int8(), pa.float64(), pa.string(), pa.dictionary(pa.int8(), pa.string())]
)
def test_only_changed_cells_of_parquet_change(service: Service, tmp_path: Path, kind: pa.DataType) -> None:
    texts = pa.types.is_string(kind) or pa.types.is_dictionary(kind)
    cat, dog = (
        pa.array([str(bool(each)) for each in flags]).cast(kind) if texts else pa.array(flags).cast(kind)
        for flags in (CAT, DOG)
    )
    table = pa.table({"size": [at / 2 for at in range(ROWS)], "cat": cat, "dog": dog})
    parquet.write_table(table, tmp_path / "animals.parquet")
    dataset = service.read([tmp_path / "animals.parquet"], class_columns=["cat", "dog"])
    after = parquet.read_table(correct(service, dataset, tmp_path))
    assert after.schema.equals(table.schema)
    low, high = ("False", "True") if texts else (0, 1)
    expected = table.to_pylist()
    expected[1]["dog"] = expected[2]["cat"] = expected[2]["dog"] = high
    expected[3]["dog"] = low
    assert after.to_pylist() == [*expected[:5], *expected[6:]]


def zip_pictures(path: Path, name: str, rows: list[str], head: str = "") -> Path:
    with zipfile.ZipFile(path / "pictures.zip", "w") as archive:
        archive.writestr(name, head + "".join(rows))
        for at in range(ROWS):
            archive.writestr(f"images/{at}.png", make_png(at))
    return path / "pictures.zip"


def read_member(file: Path, name: str) -> str:
    with zipfile.ZipFile(file) as archive:
        assert "images/5.png" not in archive.namelist(), "a dropped picture is left out"
        return archive.read(name).decode()


def test_only_changed_cells_of_a_table_of_pictures_change(service: Service, tmp_path: Path) -> None:
    rows = [f"images/{at}.png, {2 * CAT[at] - 1},{2 * DOG[at] - 1},x\n" for at in range(ROWS)]
    head = "file_name,cat,dog,camera\n"
    dataset = service.read([zip_pictures(tmp_path, "labels.csv", rows, head)], class_columns=["cat", "dog"])
    after = read_member(correct(service, dataset, tmp_path), "labels.csv")
    rows[1] = "images/1.png, 1,1,x\n"
    rows[2] = "images/2.png, 1,1,x\n"
    rows[3] = "images/3.png, 1,-1,x\n"
    assert after == head + "".join([*rows[:5], *rows[6:]])


def test_only_changed_values_of_a_json_list_of_pictures_change(service: Service, tmp_path: Path) -> None:
    rows = [f'{{"file_name":"images/{at}.png", "cat":{CAT[at]},"dog":"{DOG[at]}" }}\n' for at in range(ROWS)]
    file = zip_pictures(tmp_path, "metadata.jsonl", rows)
    dataset = service.read([file], class_columns=["cat", "dog"])
    after = read_member(correct(service, dataset, tmp_path), "metadata.jsonl")
    rows[1] = rows[1].replace('"dog":"0"', '"dog":"1"')
    rows[2] = rows[2].replace('"cat":0,"dog":"0"', '"cat":1,"dog":"1"')
    rows[3] = rows[3].replace('"dog":"1"', '"dog":"0"')
    assert after == "".join([*rows[:5], *rows[6:]])


def change_lists(rows: list[Any]) -> list[Any]:
    """Return the labels after the review of `review`."""
    changed = [*rows[:1], ["cat", "dog"], rows[2], ["cat"], *rows[4:5], *rows[6:]]
    changed[2] = sorted(changed[2] + ["cat", "dog"])
    return changed


def test_lists_beside_pictures_stay_lists(service: Service, tmp_path: Path) -> None:
    labels: list[Any] = [*LISTS]
    labels[1] = "cat"
    rows = [
        f'{{"file_name":"images/{at}.png",  "label":{json.dumps(each)},"n":{at}}}\n'
        for at, each in enumerate(labels)
    ]
    dataset = service.read([zip_pictures(tmp_path, "metadata.jsonl", rows)])
    assert ask(service, "GET", f"/v1/datasets/{dataset.id}")["has_label_sets"]
    after = read_member(correct(service, dataset, tmp_path), "metadata.jsonl").splitlines(keepends=True)
    found = [json.loads(row)["label"] for row in after]
    assert [sorted(each) for each in found] == [sorted(each) for each in change_lists(labels)]
    assert after[0] == rows[0]
    assert after[1] == '{"file_name":"images/1.png",  "label":["cat", "dog"],"n":1}\n'
    assert after[5:] == rows[6:]


def test_lists_of_numbers_in_webdataset_stay_lists_of_numbers(service: Service, tmp_path: Path) -> None:
    numbers = {"cat": 3, "dog": 7}
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        for at, each in enumerate(LISTS):
            label = json.dumps({"label": [numbers[name] for name in each], "by": "kim"})
            for name, content in ((f"{at:03}.png", make_png(at)), (f"{at:03}.json", label.encode())):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    dataset = service.read([tmp_path / "shard.tar"])
    make_views(service, dataset)
    decide(service, dataset, 1, labels=["3", "7"], asked=["7"])
    decide(service, dataset, 4, labels=["7"], asked=["7"])
    decide(service, dataset, 3, labels=[], asked=["3", "7"])
    (tmp_path / "out").mkdir()
    with tarfile.open(service.export(dataset, tmp_path / "out")) as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        found = {
            name: file.read().decode() for name, file in files.items() if file and name.endswith(".json")
        }
    assert found["001.json"] == '{"label": [3, 7], "by": "kim"}'
    assert found["004.json"] == '{"label": [7], "by": "kim"}'
    assert found["003.json"] == '{"label": [], "by": "kim"}'
    assert found["000.json"] == '{"label": [7], "by": "kim"}'
    assert len(found) == ROWS


@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.large_list(pa.large_string())])
def test_lists_of_names_in_parquet_stay_lists(service: Service, tmp_path: Path, kind: pa.DataType) -> None:
    texts = [f"{at} words of a text" for at in range(ROWS)]
    given: list[Any] = [*LISTS]
    given[1] = ["cat "]
    table = pa.table({"text": texts, "labels": pa.array(given, kind)})
    parquet.write_table(table, tmp_path / "texts.parquet")
    dataset = service.read([tmp_path / "texts.parquet"])
    after = parquet.read_table(correct(service, dataset, tmp_path))
    assert after.schema.equals(table.schema)
    found, expected = after["labels"].to_pylist(), change_lists(given)
    expected[1] = ["cat ", "dog"]
    assert [sorted(each) for each in found] == [sorted(each) for each in expected]
    assert after["text"].to_pylist() == [*texts[:5], *texts[6:]]


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_lists_of_numbers_in_parquet_have_the_files_class_names(
    service: Service, tmp_path: Path, *, is_wrapped: bool
) -> None:
    numbers = [[("dog", "cat").index(name) for name in each] for each in LISTS]
    of_each = {"names": ["dog", "cat"], "_type": "ClassLabel"}
    feature = {"feature": of_each, "_type": "Sequence"} if is_wrapped else [of_each]
    table = pa.table({"x": [at / 2 for at in range(ROWS)], "label": pa.array(numbers, pa.list_(pa.int64()))})
    info = json.dumps({"info": {"features": {"label": feature}}})
    parquet.write_table(table.replace_schema_metadata({"huggingface": info}), tmp_path / "rows.parquet")
    dataset = service.read([tmp_path / "rows.parquet"])
    after = parquet.read_table(correct(service, dataset, tmp_path))
    found = [[("dog", "cat")[number] for number in each] for each in after["label"].to_pylist()]
    assert [sorted(each) for each in found] == [sorted(each) for each in change_lists([*LISTS])]
