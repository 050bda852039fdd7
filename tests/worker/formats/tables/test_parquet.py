from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.ingest.pack_building import IngestError


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def write(
        columns: dict[str, object],
        name: str = "upload.parquet",
        features: dict[str, Any] | None = None,
        group: int = 5,
    ) -> Path:
        table = pa.table(columns)
        if features:
            info = json.dumps({"info": {"features": features}})
            table = table.replace_schema_metadata({"huggingface": info})
        path = tmp_path / name
        pq.write_table(table, path, row_group_size=group)
        return path

    return write


@pytest.fixture
def images(pictures: np.ndarray, encoded: Callable[..., bytes]) -> list[dict[str, object]]:
    return [{"bytes": encoded(picture), "path": f"{row}.png"} for row, picture in enumerate(pictures)]


@pytest.mark.parametrize("column", ["image", "img", "photo"])
def test_hugging_face_images_with_class_names(
    build: Callable[..., Any],
    save: Callable[..., Path],
    images: list[dict[str, Any]],
    pictures: np.ndarray,
    column: str,
) -> None:
    features = {"label": {"names": ["zebra", "ant"], "_type": "ClassLabel"}}
    built = build(save({column: images, "label": [row % 2 for row in range(12)]}, features=features))
    assert built.ingested.format == "parquet_images"
    np.testing.assert_array_equal(built.pack, pictures)
    assert built.ingested.class_names == ("zebra", "ant")
    assert built.given == ["zebra", "ant"] * 6
    assert built.keys == [f"{row}.png" for row in range(12)]


def test_shards_come_train_first_in_natural_order(
    build: Callable[..., Any], save: Callable[..., Path], images: list[dict[str, Any]], pictures: np.ndarray
) -> None:
    def part(rows: range, name: str) -> Path:
        return save({"image": [images[row] for row in rows], "label": [f"c{row % 2}" for row in rows]}, name)

    files = [
        part(range(8, 12), "test-00000-of-00001.parquet"),
        part(range(4, 8), "train-00010-of-00011.parquet"),
        part(range(4), "train-00002-of-00011.parquet"),
    ]
    built = build(*files)
    np.testing.assert_array_equal(built.pack, pictures)
    assert built.splits == ["train"] * 8 + ["test"] * 4


def test_plain_bytes_truth_id_and_split(
    build: Callable[..., Any], save: Callable[..., Path], images: list[dict[str, Any]]
) -> None:
    columns = {
        "image": [image["bytes"] for image in images],
        "label": ["a", "b"] * 6,
        "true_label": ["a", None] * 6,
        "id": list(range(50, 62)),
        "split": ["val"] * 12,
    }
    built = build(save(columns))
    assert built.true == ["a", None] * 6
    assert built.keys[0] == "50"
    assert built.splits == ["val"] * 12


def test_rows_without_a_picture_or_label_are_problems(
    build: Callable[..., Any], save: Callable[..., Path], images: list[dict[str, Any]]
) -> None:
    images[3]["bytes"] = None
    images[4]["bytes"] = b"text"
    more = [dict(images[0], path=f"more{row}.png") for row in range(3)]
    built = build(save({"image": images + more, "label": ["a", "b"] * 7 + [None]}))
    assert sorted(built.problems) == [
        ("3.png", "missing_picture"),
        ("4.png", "not_an_image"),
        ("more2.png", "missing_label"),
    ]


def test_numeric_columns_are_features(build: Callable[..., Any], save: Callable[..., Path]) -> None:
    columns = {
        "a": np.arange(12),
        "b": np.linspace(0, 1, 12),
        "flag": [True, False] * 6,
        "label": [3, 900] * 6,
    }
    built = build(save(columns | {"id": [f"r{row}" for row in range(12)]}))
    assert built.ingested.format == "parquet_features"
    np.testing.assert_array_equal(
        built.pack, np.stack([np.arange(12), np.linspace(0, 1, 12), [1, 0] * 6], 1).astype(np.float32)
    )
    assert built.ingested.class_names == ("3", "900")
    assert built.keys[11] == "r11"


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.list_(pa.float64(), 4), pa.large_list(pa.int32())]
)
def test_lists_are_features(build: Callable[..., Any], save: Callable[..., Path], kind: pa.DataType) -> None:
    values = np.arange(48).reshape(12, 4)
    built = build(
        save({"embedding": pa.array(values.tolist(), kind), "label": ["a", "b"] * 6, "score": np.zeros(12)})
    )
    np.testing.assert_array_equal(built.pack, values.astype(np.float32))


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float64(), 2)])
def test_a_list_that_is_the_same_in_every_row_is_no_embedding(
    build: Callable[..., Any], save: Callable[..., Path], kind: pa.DataType
) -> None:
    same: list[list[float] | None] = [[1.0, 2.0]] * 12
    same[5] = None
    columns = {"a": np.arange(12) / 3, "tags": pa.array(same, kind), "label": ["a", "b"] * 6}
    built = build(save(columns))
    np.testing.assert_array_equal(built.pack, (np.arange(12) / 3)[:, None].astype(np.float32))
    left_out = built.ingested.statistics["understood"]["left_out"]
    assert left_out == [{"column": "tags", "reason": "the same in every row"}]
    same[11] = [1.0, 3.0]
    same[5] = [1.0, 2.0]
    assert build(save(columns | {"tags": pa.array(same, kind)})).pack.shape == (12, 2)


def test_bad_rows_of_features_are_problems(build: Callable[..., Any], save: Callable[..., Path]) -> None:
    lists: list[list[float] | None] = [[1.0, 2.0]] * 12
    lists[2], lists[3], lists[6] = [1.0], None, [np.nan, 1.0]
    built = build(save({"embedding": lists + [[1.0, 2.0]] * 3, "label": ["a", "b"] * 7 + [None]}))
    assert sorted(built.problems) == [
        ("14", "missing_label"),
        ("2", "non_finite_feature"),
        ("3", "non_finite_feature"),
        ("6", "non_finite_feature"),
    ]
    assert (built.pack == [1, 2]).all()


def test_features_that_are_no_numbers_are_refused(
    refusal: Callable[..., IngestError], save: Callable[..., Path]
) -> None:
    error = refusal(save({"a": [b"x"] * 12, "label": ["a", "b"] * 6}))
    assert error.code == "feature_count"
    assert "'a' (of the type binary)" in str(error)
    assert refusal(save({"a": [["x"]] * 12, "label": ["a", "b"] * 6})).code == "column_not_numeric"
    assert refusal(save({"a": [1] * 12, "label": [{"is": 1}] * 12})).code == "bad_dtype"
    assert refusal(save({"a": [1] * 12})).code == "missing_column"


def test_shards_of_two_schemas_are_refused(
    refusal: Callable[..., IngestError], save: Callable[..., Path]
) -> None:
    files = [save({"a": [1] * 12, "label": [1] * 12}, "1"), save({"b": [1] * 12, "label": [1] * 12}, "2")]
    assert refusal(*files).code == "mixed_files"


def test_cut_off_files_are_refused(refusal: Callable[..., IngestError], save: Callable[..., Path]) -> None:
    path = save({"a": np.arange(12), "label": ["a", "b"] * 6})
    path.write_bytes(path.read_bytes()[:-30])
    assert refusal(path).code == "broken_container"


def test_shards_in_an_archive(
    build: Callable[..., Any],
    save: Callable[..., Path],
    tar_of: Callable[..., Path],
    images: list[dict[str, Any]],
    pictures: np.ndarray,
) -> None:
    parts = {
        f"data/train-0000{at}-of-00002.parquet": save(
            {"image": images[6 * at : 6 * at + 6], "label": ["a", "b"] * 3}, f"{at}"
        ).read_bytes()
        for at in range(2)
    }
    built = build(tar_of(parts))
    np.testing.assert_array_equal(built.pack, pictures)
    assert built.splits == ["train"] * 12


def test_splits_and_feature_names_are_storable_text(
    build: Callable[..., Any], save: Callable[..., Path]
) -> None:
    built = build(save({"a\x00b": list(range(12)), "label": ["a", "b"] * 6, "split": ["tr\x00ain"] * 12}))
    assert built.splits[0] == "tr\ufffdain"
    assert built.ingested.statistics["feature_names"] == ["a\ufffdb"]


def test_lists_of_one_class_are_plain_labels(
    build: Callable[..., Any], save: Callable[..., Path], images: list[dict[str, Any]]
) -> None:
    labels = pa.array([*([["ant"], ["zebra"]] * 5), [], None], pa.list_(pa.string()))
    built = build(save({"image": images, "labels": labels}))
    assert built.given == ["ant", "zebra"] * 5
    assert built.ingested.problem_count == 2
    assert "label_lists" not in built.ingested.statistics["layout"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([[0, 1], [2]] * 6, "lists of numbers from 0 to 1, one for each class name; found 2"),
        ([[0.5], [1.0]] * 6, r"labels as integers, strings, or lists of these; found list<\w+: double>"),
    ],
)
def test_lists_of_something_else_are_refused(
    refusal: Callable[..., IngestError],
    save: Callable[..., Path],
    images: list[dict[str, Any]],
    labels: list[Any],
    expected: str,
) -> None:
    feature = {"feature": {"names": ["ant", "zebra"], "_type": "ClassLabel"}, "_type": "List"}
    error = refusal(save({"image": images, "label": labels}, features={"label": feature}))
    assert re.search(expected, error.message)


def test_lists_with_blanks_or_escapes_are_refused(
    refusal: Callable[..., IngestError], save: Callable[..., Path], images: list[dict[str, Any]]
) -> None:
    for odd in (None, "a\nb"):
        error = refusal(save({"image": images, "label": [["ant", "zebra"], ["ant", odd]] * 6}))
        assert error.code == "nested_label", odd
