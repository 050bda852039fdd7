"""Refusals say what was expected, what was found, and what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.builders import box_archives as made

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Refusal = Callable[..., Any]

LINES = [json.dumps({"text": f"a message {row}", "label": "xy"[row % 2]}) for row in range(12)]


def test_texts_without_class_folders(refusal: Refusal, tmp_path: Path) -> None:
    loose = made.pack(tmp_path / "d.zip", {f"{n}.txt": b"words of a text" for n in range(12)})
    assert "expected a folder of texts for each class; found 12 texts" in str(refusal(loose))


@pytest.mark.parametrize("padding", ["", "x" * 10_000])
def test_coco_without_its_pictures(refusal: Refusal, tmp_path: Path, padding: str) -> None:
    file = tmp_path / "instances.json"
    file.write_text(json.dumps({"info": padding, **made.describe_coco()}))
    assert "found COCO annotations without their pictures (put them into one zip" in str(refusal(file))


def test_coco_that_is_cut_off_before_its_boxes(refusal: Refusal, tmp_path: Path) -> None:
    members = made.coco()
    text = members["annotations/instances_train2017.json"]
    cut = text[: text.index(b'"annotations"') - 20]
    found = refusal(made.pack(tmp_path / "d.zip", members | {"annotations/instances_train2017.json": cut}))
    assert found.code == "bad_annotations"


def test_coco_without_categories(refusal: Refusal, tmp_path: Path) -> None:
    document = made.describe_coco() | {"categories": []}
    found = refusal(made.pack(tmp_path / "d.zip", made.coco(document)))
    boxes = f"expected the categories of {made.PICTURES * made.BOXES} boxes; found none in the list"
    assert boxes in str(found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: None, "'data.yaml' of YOLO, but no text file with boxes for most pictures"),
        (lambda text: text.replace(b" ", b", "), "one text file for each picture, but no lines as YOLO has"),
    ],
)
def test_yolo_without_labels_that_fit(
    refusal: Refusal, tmp_path: Path, change: Callable[[bytes], bytes | None], said: str
) -> None:
    members = {
        name: change(content) if name.endswith(".txt") else content for name, content in made.yolo().items()
    }
    kept = {name: content for name, content in members.items() if content is not None}
    assert "data.yaml" in kept
    assert said in str(refusal(made.pack(tmp_path / "d.zip", kept)))


def test_a_broken_line_of_json_is_named_by_its_number(refusal: Refusal, tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    file.write_text("\n".join([*LINES[:7], '{"text": "b" "label": "x"}', *LINES[8:]]))
    assert 'expected a JSON object in line 8; found \'{"text": "b"' in str(refusal(file))
    file.write_text("\n".join([*LINES[:3], "no object", *LINES[4:]]))
    assert "found in line 4 'no object" in str(refusal(file))


def test_the_number_of_a_line_counts_all_blocks_before_it(refusal: Refusal, tmp_path: Path) -> None:
    file = tmp_path / "d.jsonl"
    many = [json.dumps({"text": "w" * 1000, "label": "x"})] * 3000  # 3 MB are read in blocks of 1 MB
    file.write_text("\n".join([*many, "{broken"]))
    assert "in line 3001" in str(refusal(file))


def test_a_list_within_an_object(refusal: Refusal, tmp_path: Path) -> None:
    file = tmp_path / "d.json"
    file.write_text(json.dumps({"data": [json.loads(line) for line in LINES]}))
    assert "found one object, whose 'data' is a list of 12 objects (upload that list alone)" in str(
        refusal(file)
    )


def test_tables_without_a_row(refusal: Refusal, tmp_path: Path) -> None:
    csv = tmp_path / "d.csv"
    csv.write_text("a,b,label\n")
    frame = tmp_path / "d.parquet"
    columns = {"age": pa.array([], pa.float64()), "city": pa.array([], pa.string())}
    pq.write_table(pa.table({**columns, "label": pa.array([], pa.string())}), frame)
    for file in (csv, frame):
        assert "found no row below the header" in str(refusal(file)), file
    blank = tmp_path / "d.jsonl"
    blank.write_text("\n\n \n")
    assert "found a file of blanks" in str(refusal(blank))
