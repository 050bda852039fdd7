"""Columns of 0 and 1 that are a class each, and lists in JSON, as every reader of tables reads them."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from models.reading.several_labels.label_sets import split_label_set
from tests.builders.pictures import encode_png
from tests.worker.formats.conftest import Built
from worker.formats.shared.problems import IngestError

ROWS = 20
CAT = [at % 2 for at in range(ROWS)]
DOG = [int(at % 3 == 0) for at in range(ROWS)]
SETS = [
    tuple(name for name, has in (("cat", cat), ("dog", dog)) if has)
    for cat, dog in zip(CAT, DOG, strict=True)
]
Build = Callable[..., Built]
Refuse = Callable[..., IngestError]


def write_csv(path: Path, **columns: list[Any]) -> Path:
    rows = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join([",".join(columns), *rows]) + "\n")
    return path


def make_columns(**changed: list[Any]) -> dict[str, list[Any]]:
    """Return the columns of a table of features with two classes."""
    every: dict[str, list[Any]] = {
        "id": [f"k{at}" for at in range(ROWS)],
        "size": [at / 2 for at in range(ROWS)],
    }
    return every | {"cat": CAT, "dog": DOG} | changed


def find_sets(built: Built) -> list[tuple[str, ...]]:
    return [split_label_set(name, None) for name in built.given]


def get_layout(built: Built) -> dict[str, Any]:
    return dict(built.ingested.statistics["layout"])


def get_understood(built: Built) -> dict[str, Any]:
    return dict(built.ingested.statistics["understood"])


@pytest.mark.parametrize("chosen", [["cat", "dog"], ["cat..dog"], ["CAT", "dog"]])
def test_columns_of_a_csv_are_classes_and_no_features(
    build: Build, tmp_path: Path, chosen: list[str]
) -> None:
    built = build(write_csv(tmp_path / "t.csv", **make_columns()), class_columns=chosen)
    assert find_sets(built) == SETS
    assert built.pack.shape == (ROWS, 1)
    assert built.keys == [f"k{at}" for at in range(ROWS)]
    assert dict(built.ingested.statistics["member_counts"]) == {"cat": sum(CAT), "dog": sum(DOG)}
    assert get_layout(built)["class_columns"] == {
        "cat": {"column": "cat", "writing": ["0", "1"]},
        "dog": {"column": "dog", "writing": ["0", "1"]},
    }
    understood = get_understood(built)
    assert understood["label_sets"] == "a column for each class: cat, dog"
    assert {each["name"]: each["samples"] for each in understood["classes"]} == {
        "cat": sum(CAT),
        "dog": sum(DOG),
    }
    assert (understood["class_count"], understood["set_count"]) == (2, len(set(SETS)))


def test_classes_with_few_samples_are_named(build: Build, tmp_path: Path) -> None:
    rare = [f"rare{at}" for at in range(6)]
    labels = ["common"] * (ROWS - 7) + rare + ["rare0"]
    built = build(write_csv(tmp_path / "t.csv", size=[*range(ROWS)], label=labels))
    (note,) = [note for note in get_understood(built)["notes"] if note["code"] == "rare_classes"]
    assert note["text"] == (
        "fewer than 5 samples have the class 'rare0' (2), 'rare1' (1), 'rare2' (1), 'rare3' (1), 'rare4' (1)"
        " and 1 more: such labels can hardly be judged"
    )
    sets = ["a;b"] * (ROWS - 4) + ["a", "b", "b;c", "a;c"]
    built = build(write_csv(tmp_path / "s.csv", size=[*range(ROWS)], label=sets), label_separator=";")
    (note,) = [note for note in get_understood(built)["notes"] if note["code"] == "rare_classes"]
    assert note["text"] == "fewer than 5 samples have the class 'c' (2): such labels can hardly be judged"


def test_another_order_is_the_same_set_and_a_separator_that_no_label_has_is_said(
    build: Build, tmp_path: Path
) -> None:
    file = write_csv(
        tmp_path / "t.csv", size=[*range(ROWS)], label=["a;b", "b; a", "a"] * (ROWS // 3) + ["a"] * (ROWS % 3)
    )
    right = get_understood(build(file, label_separator=";"))
    assert [each["name"] for each in right["classes"]] == ["a", "b"]
    assert (right["class_count"], right["set_count"]) == (2, 2)
    assert "separator_not_found" not in {note["code"] for note in right["notes"]}
    wrong = get_understood(build(file, label_separator="|"))
    (note,) = [note for note in wrong["notes"] if note["code"] == "separator_not_found"]
    assert (wrong["class_count"], note["option"]) == (3, "label_separator")
    assert note["text"] == "the separator '|' stands in no label, so each label was read as one class"


@pytest.mark.parametrize(
    ("low", "high"), [("-1", "1"), ("False", "True"), ("no", "yes"), ("0.0", "1.0"), (False, True)]
)
def test_other_writings_of_yes_and_no(build: Build, tmp_path: Path, low: object, high: object) -> None:
    columns = make_columns(cat=[high if each else low for each in CAT])
    assert find_sets(build(write_csv(tmp_path / "t.csv", **columns), class_columns=["cat", "dog"])) == SETS


@pytest.mark.parametrize("odd", ["2", "-1", "maybe", "0.5", "true"])
def test_another_value_is_refused_by_name(refusal: Refuse, tmp_path: Path, odd: str) -> None:
    file = write_csv(tmp_path / "t.csv", **make_columns(dog=[odd, *DOG[1:]]))
    error = refusal(file, class_columns=["cat", "dog"])
    assert error.code == "bad_class_column"
    assert f"'dog', which is a class by class_columns; found '{odd}'" in str(error)


def test_what_comes_after_many_ways_to_write_a_number_is_looked_at(refusal: Refuse, tmp_path: Path) -> None:
    written = [f"{at % 2}.{'0' * (1 + at // 2)}" for at in range(60)]
    rows = [f"k{at},{at / 2},{cat}" for at, cat in enumerate([*written, "junk"])]
    file = tmp_path / "pets.csv"
    file.write_text("\n".join(["id,size,cat", *rows]) + "\n")
    error = refusal(file, class_columns=["cat"])
    assert (error.code, "junk" in str(error)) == ("bad_class_column", True)


def test_a_blank_cell_leaves_its_row_out(build: Build, tmp_path: Path) -> None:
    built = build(
        write_csv(tmp_path / "t.csv", **make_columns(dog=["", *DOG[1:]])), class_columns=["cat", "dog"]
    )
    assert find_sets(built) == SETS[1:]
    assert built.problems == [("k0", "missing_label")]
    notes = {note["code"]: note["text"] for note in get_understood(built)["notes"]}
    assert notes["class_cell_blank"].startswith("1 rows were left out")
    assert "'dog'" in notes["class_cell_blank"]


def test_columns_that_do_not_follow_each_other_are_suggested_one_by_one(
    refusal: Refuse, tmp_path: Path
) -> None:
    columns: dict[str, list[Any]] = {
        "id": [f"k{at}" for at in range(ROWS)],
        "cat": CAT,
        "size": [at / 2 for at in range(ROWS)],
    }
    error = str(refusal(write_csv(tmp_path / "t.csv", **columns, dog=DOG)))
    assert "'cat', 'dog' hold 0 and 1: if each is a class, name them in class_columns" in error
    assert "cat..dog" not in error


def test_a_table_with_such_columns_and_no_label_names_the_option(refusal: Refuse, tmp_path: Path) -> None:
    error = refusal(write_csv(tmp_path / "t.csv", **make_columns()))
    assert error.code == "missing_column"
    assert "'cat', 'dog' hold 0 and 1" in str(error)
    assert "class_columns" in str(error)


@pytest.mark.parametrize("other", ["label_column", "label_separator", "truth_column"])
def test_other_labels_beside_them_are_refused(build: Build, tmp_path: Path, other: str) -> None:
    with pytest.raises(ValueError, match=f"without {other}"):
        build(tmp_path / "t.csv", class_columns=["cat"], **{other: ";"})


def test_missing_columns_and_ranges_are_named(refusal: Refuse, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "t.csv", **make_columns())
    assert "'bird'" in str(refusal(file, class_columns=["cat", "bird"]))
    assert "'bird'" in str(refusal(file, class_columns=["cat..bird"]))
    assert "'dog..cat', whose last comes before" in str(refusal(file, class_columns=["dog..cat"]))


def test_a_file_without_a_table_does_not_ignore_them(refusal: Refuse, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for at in range(ROWS):
            archive.writestr(f"{'cat' if CAT[at] else 'dog'}/{at}.png", make_png(at))
    assert refusal(tmp_path / "pets.zip", class_columns=["cat"]).code == "bad_class_column"


def test_texts_in_json_lines_and_csv(build: Build, tmp_path: Path) -> None:
    texts = [f"{at} words of a comment" for at in range(ROWS)]
    rows = [
        {"text": text, "cat": bool(cat), "dog": dog} for text, cat, dog in zip(texts, CAT, DOG, strict=True)
    ]
    file = tmp_path / "t.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    built = build(file, class_columns=["cat..dog"])
    assert (built.ingested.kind, find_sets(built)) == ("texts", SETS)
    assert get_layout(built)["class_columns"]["cat"]["writing"] == ["false", "true"]
    table = write_csv(tmp_path / "t.csv", comment_text=texts, cat=CAT, dog=DOG)
    built = build(table, class_columns=["cat..dog"])
    assert (built.ingested.kind, find_sets(built)) == ("texts", SETS)


def test_parquet_of_features_and_of_pictures(build: Build, refusal: Refuse, tmp_path: Path) -> None:
    flags = {"cat": [bool(each) for each in CAT], "dog": [float(each) for each in DOG]}
    parquet.write_table(pa.table({"size": [at / 2 for at in range(ROWS)], **flags}), tmp_path / "f.parquet")
    built = build(tmp_path / "f.parquet", class_columns=["cat", "dog"])
    assert (built.pack.shape, find_sets(built)) == ((ROWS, 1), SETS)
    pictures = [{"bytes": make_png(at), "path": f"{at}.png"} for at in range(ROWS)]
    parquet.write_table(
        pa.table({"image": pictures, **flags, "camera": ["a"] * ROWS}), tmp_path / "p.parquet"
    )
    built = build(tmp_path / "p.parquet", class_columns=["cat", "dog"])
    assert (built.ingested.kind, find_sets(built)) == ("images", SETS)
    assert [each["name"] for each in built.ingested.statistics["own_columns"]] == ["camera"]
    assert "'cat', 'dog' hold false and true or 0 and 1" in str(refusal(tmp_path / "p.parquet"))


def make_png(shade: int) -> bytes:
    return encode_png(np.full((8, 8), shade, np.uint8))


def zip_pictures(path: Path, tables: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in tables.items():
            archive.writestr(name, text)
        for at in range(ROWS):
            archive.writestr(f"images/{at}.png", make_png(at))
    return path


def test_pictures_with_a_table_as_celeba_has_it(build: Build, refusal: Refuse, tmp_path: Path) -> None:
    minus = [f"{at}.png,{2 * CAT[at] - 1},{2 * DOG[at] - 1}" for at in range(ROWS)]
    partition = [f"{at}.png,{at % 3}" for at in range(ROWS)]
    tables = {
        "list_attr.csv": "\n".join(["image_id,cat,dog", *minus]),
        "list_partition.csv": "\n".join(["image_id,partition", *partition]),
    }
    file = zip_pictures(tmp_path / "faces.zip", tables)
    built = build(file, class_columns=["cat..dog"])
    assert (built.ingested.format, find_sets(built)) == ("manifest", SETS)
    assert get_layout(built)["class_columns"]["dog"]["writing"] == ["-1", "1"]
    assert get_layout(built)["tables"][0]["classes"] == {"cat": 1, "dog": 2}
    notes = [note["text"] for note in get_understood(built)["notes"] if note["code"] == "table_ignored"]
    assert notes == ["'list_partition.csv' was not read: another table has labels, this one has none"]
    guessed = [note for note in get_understood(build(file))["notes"] if note["option"] == "class_columns"]
    assert "'list_attr.csv' was not read" in guessed[0]["text"]
    assert "cat..dog" in guessed[0]["text"]
    file = zip_pictures(tmp_path / "alone.zip", {"list_attr.csv": tables["list_attr.csv"]})
    assert "cat..dog" in str(refusal(file))
    assert "'bird'" in str(refusal(file, class_columns=["bird"]))


def test_tables_of_splits_have_the_same_classes(build: Build, refusal: Refuse, tmp_path: Path) -> None:
    rows = [f"images/{at}.png,{DOG[at]},{CAT[at]}" for at in range(ROWS)]
    first = "\n".join(["file_name,dog,cat", *rows[:10]])
    second = "\n".join(["file_name,cat,dog", *(f"{row[:-3]}{row[-1]},{row[-3]}" for row in rows[10:])])
    file = zip_pictures(tmp_path / "a.zip", {"train.csv": first, "valid.csv": second})
    built = build(file, class_columns=["cat", "dog"])
    assert [set(each) for each in find_sets(built)] == [set(each) for each in SETS]
    assert len(built.ingested.class_names) == 4, "the order of the columns makes no other set"
    other = second.replace("cat,dog", "cat,bird")
    file = zip_pictures(tmp_path / "b.zip", {"train.csv": first, "valid.csv": other})
    assert "'dog'" in str(refusal(file, class_columns=["cat", "dog"]))


LISTS = [list(each) for each in SETS]


def test_lists_in_json_beside_pictures_are_sets(build: Build, tmp_path: Path) -> None:
    lines = [json.dumps({"file_name": f"images/{at}.png", "label": each}) for at, each in enumerate(LISTS)]
    lines[1] = json.dumps({"file_name": "images/1.png", "label": "cat"})
    lines[2] = json.dumps({"file_name": "images/2.png", "label": None})
    built = build(zip_pictures(tmp_path / "a.zip", {"metadata.jsonl": "\n".join(lines)}))
    assert find_sets(built) == [*SETS[:2], *SETS[3:]], "[] is a set without a class, null is no label"
    assert built.problems == [("images/2.png", "missing_label")]
    assert get_understood(built)["label_sets"] == "lists: each is a set of classes"


def test_lists_of_one_class_each_are_no_sets(build: Build, tmp_path: Path) -> None:
    lines = [
        json.dumps({"file_name": f"images/{at}.png", "label": [["cat", "dog"][at % 2]]}) for at in range(ROWS)
    ]
    built = build(zip_pictures(tmp_path / "a.zip", {"metadata.jsonl": "\n".join(lines)}))
    assert built.ingested.class_names == ("cat", "dog")
    assert "label_lists" not in get_layout(built)


@pytest.mark.parametrize("odd", [[{"name": "cat"}, {"name": "dog"}], [["cat"], ["dog"]], ["cat", 0.5]])
def test_lists_of_something_else_are_refused(refusal: Refuse, tmp_path: Path, odd: object) -> None:
    lines = [json.dumps({"file_name": f"images/{at}.png", "label": each}) for at, each in enumerate(LISTS)]
    lines[0] = json.dumps({"file_name": "images/0.png", "label": odd})
    error = refusal(zip_pictures(tmp_path / "a.zip", {"metadata.jsonl": "\n".join(lines)}))
    assert error.code == "nested_label"


def test_lists_in_json_lines_of_texts_are_sets(build: Build, tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    rows = [{"text": f"{at} words of a text", "label": each} for at, each in enumerate(LISTS)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert find_sets(build(file)) == SETS
