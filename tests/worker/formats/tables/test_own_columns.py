"""Columns about the samples are kept beside the pack and are no features."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.builders.pictures import encode_png

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

import numpy as np

COUNT = 12
PEOPLE = [f"p{row % 3}" for row in range(COUNT)]


def read_own(built: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - the fixture's own type
    rows = pq.read_table(built.ingested.pack_path.with_name("own.parquet")).to_pylist()
    assert [row["position"] for row in rows] == list(range(len(rows)))
    return [json.loads(row["document"]) for row in rows]


def write_csv(path: Path, *, broken: int | None = None) -> Path:
    lines = ["a,label,annotator,camera_angle,note"]
    for row in range(COUNT):
        number = "nan" if row == broken else row / 2
        lines.append(f"{number},{'xy'[row % 2]},{PEOPLE[row]},{row},n{row}")
    path.write_text("\n".join(lines))
    return path


def test_a_table_of_features_keeps_them_by_name_and_by_choice(
    build: Callable[..., Any], tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "rows.csv", broken=3)
    built = build(path, exclude_columns=["camera_angle", "note"])
    assert built.ingested.statistics["feature_names"] == ["a"]
    own = read_own(built)
    assert [row["annotator"] for row in own] == PEOPLE[:3] + PEOPLE[4:]
    assert [row["camera_angle"] for row in own] == [str(row) for row in range(COUNT) if row != 3]
    assert own[3]["note"] == "n4"
    assert [each["name"] for each in built.ingested.statistics["own_columns"]] == [
        *("camera_angle", "note", "annotator")
    ]
    understood = built.ingested.statistics["understood"]
    assert understood["own_columns"] == ["camera_angle", "note", "annotator"]
    assert "column_kept" in {note["code"] for note in understood["notes"]}


def test_a_table_of_mixed_cells_keeps_them(build: Callable[..., Any], tmp_path: Path) -> None:
    words = ["red", "green", "blue"] * 4
    lines = [f"{word},{'xy'[row % 2]},{PEOPLE[row]}" for row, word in enumerate(words)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["colour,label,annotator", *lines]))
    built = build(path)
    assert (built.ingested.kind, built.ingested.statistics["feature_names"]) == ("tables", ["colour"])
    assert read_own(built) == [{"annotator": name} for name in PEOPLE]
    columns = {"colour": words, "label": ["x", "y"] * 6, "annotator": PEOPLE}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    assert read_own(build(tmp_path / "rows.parquet")) == [{"annotator": name} for name in PEOPLE]


def test_a_column_that_is_asked_for_is_a_feature(build: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["a,batch,label"] + [f"{row},{row},{'xy'[row % 2]}" for row in range(COUNT)]))
    assert build(path).ingested.statistics["feature_names"] == ["a"]
    assert build(path, include_columns=["batch"]).ingested.statistics["feature_names"] == ["a", "batch"]
    only = tmp_path / "only.csv"
    only.write_text("\n".join(["batch,label"] + [f"{row},{'xy'[row % 2]}" for row in range(COUNT)]))
    assert build(only).ingested.statistics["feature_names"] == ["batch"], "nothing else is left"


def test_parquet_keeps_them_beside_features_and_beside_pictures(
    build: Callable[..., Any], tmp_path: Path
) -> None:
    labels = ["xy"[row % 2] for row in range(COUNT)]
    features = {"a": [float(row) for row in range(COUNT)], "label": labels, "rater": PEOPLE}
    pq.write_table(pa.table(features), tmp_path / "features.parquet")
    assert [row["rater"] for row in read_own(build(tmp_path / "features.parquet"))] == PEOPLE
    picture = encode_png(np.zeros((8, 8), np.uint8))
    pictures = {
        "image": [{"bytes": picture, "path": f"{row}.png"} for row in range(COUNT)],
        "label": labels,
        "anything": [row or None for row in range(COUNT)],
        "true_label": labels,
    }
    pq.write_table(pa.table(pictures), tmp_path / "pictures.parquet")
    own = read_own(build(tmp_path / "pictures.parquet"))
    assert own == [{} if row == 0 else {"anything": str(row)} for row in range(COUNT)]


def test_a_manifest_keeps_every_other_column_in_the_pictures_order(
    build: Callable[..., Any], tmp_path: Path
) -> None:
    rows = ["file_name,label,who,noisy_label"] + [
        f"{row}.png,{'xy'[row % 2]},{PEOPLE[row]},z" for row in range(COUNT)
    ]
    rows.insert(3, "gone.png,x,nobody,z")
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        archive.writestr("metadata.csv", "\n".join(rows))
        for row in range(COUNT):
            archive.writestr(f"{row}.png", encode_png(np.full((8, 8), row, np.uint8)))
    built = build(tmp_path / "pictures.zip")
    assert [row["who"] for row in read_own(built)] == [PEOPLE[int(key.split(".")[0])] for key in built.keys]
    assert built.ingested.statistics["understood"]["own_columns"] == ["who"]


def test_of_very_many_columns_twenty_are_kept_and_it_is_said(
    build: Callable[..., Any], tmp_path: Path
) -> None:
    names = [f"c{number}" for number in range(30)]
    lines = [",".join(["a", "label", *names])]
    lines += [",".join([str(row), "xy"[row % 2], *map(str, range(30))]) for row in range(COUNT)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines))
    built = build(path, exclude_columns=names)
    assert len(built.ingested.statistics["own_columns"]) == 20
    notes = [note["text"] for note in built.ingested.statistics["understood"]["notes"]]
    assert any("10 more columns are not kept" in text for text in notes)
