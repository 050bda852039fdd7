from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.ingest.pack_building import IngestError


@pytest.fixture
def flat(pictures: np.ndarray, encoded: Callable[..., bytes]) -> dict[str, bytes]:
    return {f"images/{row}.png": encoded(picture) for row, picture in enumerate(pictures)}


def lines(rows: list[list[str]]) -> bytes:
    return "\n".join(",".join(row) for row in rows).encode()


def test_metadata_csv_gives_order_labels_truth_split_and_id(
    build: Callable[..., Any], zip_of: Callable[..., Path], flat: dict[str, bytes], pictures: np.ndarray
) -> None:
    rows = [["file_name", "label", "true_label", "split", "id"]]
    rows += [
        [f"images/{row}.png", "cat" if row % 2 else "dog", "cat" if row else "", "train", f"id{row}"]
        for row in reversed(range(12))
    ]
    built = build(zip_of({"metadata.csv": lines(rows)} | flat))
    assert built.ingested.format == "manifest"
    assert built.ingested.statistics["understood"]["encoding"] == "utf-8"
    assert built.keys == [f"id{row}" for row in reversed(range(12))]
    assert built.given == ["cat", "dog"] * 6
    assert built.true == ["cat"] * 11 + [None]
    assert built.ingested.has_truth
    assert built.ingested.statistics["truth_differs"] == 5
    assert built.splits == ["train"] * 12
    np.testing.assert_array_equal(built.pack, pictures[::-1])


def test_metadata_jsonl_and_a_common_root(
    build: Callable[..., Any], tar_of: Callable[..., Path], flat: dict[str, bytes]
) -> None:
    rows = [json.dumps({"file_name": f"images/{row}.png", "label": row % 3}) for row in range(12)]
    members = {"set/metadata.jsonl": "\n".join(rows).encode()} | {
        f"set/{name}": data for name, data in flat.items()
    }
    built = build(tar_of(members))
    assert built.given == [str(row % 3) for row in range(12)]
    assert built.keys[0] == "images/0.png"
    assert not built.ingested.has_truth


def test_metadata_in_split_folders_names_the_split(
    build: Callable[..., Any],
    zip_of: Callable[..., Path],
    pictures: np.ndarray,
    encoded: Callable[..., bytes],
) -> None:
    members = {}
    for split, rows in (("train", range(8)), ("test", range(8, 12))):
        listing = [["file_name", "label"]] + [[f"{row}.png", "ab"[row % 2]] for row in rows]
        members[f"{split}/metadata.csv"] = lines(listing)
        members |= {f"{split}/{row}.png": encoded(pictures[row]) for row in rows}
    built = build(zip_of(members))
    assert built.splits == ["train"] * 8 + ["test"] * 4
    assert built.keys[8] == "test/8.png"


def test_folders_give_the_label_where_the_table_only_has_the_truth(
    build: Callable[..., Any], zip_of: Callable[..., Path], folders: dict[str, bytes]
) -> None:
    rows = [["file_name", "true_label"]] + [[name, "cat"] for name in folders]
    built = build(zip_of({"metadata.csv": lines(rows)} | folders))
    assert built.given == ["cat", "dog"] * 6
    assert built.true == ["cat"] * 12


def test_missing_unlisted_repeated_and_unlabelled_pictures_are_problems(
    build: Callable[..., Any],
    zip_of: Callable[..., Path],
    flat: dict[str, bytes],
    encoded: Callable[..., bytes],
    pictures: np.ndarray,
) -> None:
    rows = [["file_name", "label"]] + [[name, "ab"[at % 2]] for at, name in enumerate(flat)]
    rows += [["gone.png", "a"], ["images/0.png", "b"], ["blank.png", ""]]
    extra = {"blank.png": encoded(pictures[0]), "more.png": encoded(pictures[0])}
    built = build(zip_of({"metadata.csv": lines(rows)} | flat | extra))
    assert sorted(built.problems) == [
        ("blank.png", "missing_label"),
        ("gone.png", "missing_file"),
        ("images/0.png", "listed_twice"),
        ("more.png", "not_listed"),
    ]
    assert built.ingested.sample_count == 12


def test_chosen_columns_are_used_and_absent_ones_named(
    build: Callable[..., Any],
    refusal: Callable[..., IngestError],
    zip_of: Callable[..., Path],
    flat: dict[str, bytes],
) -> None:
    rows = [["path", "breed", "label"]] + [[name, "xy"[at % 2], "z"] for at, name in enumerate(flat)]
    path = zip_of({"metadata.csv": lines(rows)} | flat)
    assert build(path, label_column="breed").given == ["x", "y"] * 6
    error = refusal(path, label_column="kind")
    assert error.code == "missing_column"
    assert "'breed'" in str(error)


@pytest.mark.parametrize(
    "table", [b"name,label\nx,y\n", b"\xff\xfe\x00", b'file_name,label\n"x,y\n', b"file_name,file_name\n"]
)
def test_unreadable_tables_sink_the_upload(
    refusal: Callable[..., IngestError], zip_of: Callable[..., Path], flat: dict[str, bytes], table: bytes
) -> None:
    assert refusal(zip_of({"metadata.csv": table} | flat)).code in (
        "missing_column",
        "bad_metadata",
        "duplicate_column",
    )


@pytest.mark.parametrize("table", [b"{", b"[1]", b'{"file_name": NaN, "label": 3', b"[" * 100_000])
def test_unreadable_json_lines_sink_the_upload(
    refusal: Callable[..., IngestError], zip_of: Callable[..., Path], flat: dict[str, bytes], table: bytes
) -> None:
    assert refusal(zip_of({"metadata.jsonl": table} | flat)).code == "bad_metadata"


def test_list_files_as_in_clothing1m(
    build: Callable[..., Any], zip_of: Callable[..., Path], flat: dict[str, bytes]
) -> None:
    noisy = "\n".join(f"{name} {at % 3}" for at, name in enumerate(flat))
    clean = "\n".join(f"{name} 1" for name in list(flat)[:5])
    built = build(zip_of(flat | {"noisy_label_kv.txt": noisy.encode(), "clean_label_kv.txt": clean.encode()}))
    assert built.ingested.format == "list_files"
    assert built.given == [str(row % 3) for row in range(12)]
    assert built.true == ["1"] * 5 + [None] * 7


def test_list_files_named_as_splits(
    build: Callable[..., Any], zip_of: Callable[..., Path], flat: dict[str, bytes]
) -> None:
    train = "\n".join(f"{name}\t{at % 2}" for at, name in enumerate(list(flat)[:8]))
    test = "\n".join(f"./{name} {at % 2}" for at, name in enumerate(list(flat)[8:]))
    built = build(zip_of(flat | {"train.txt": train.encode(), "test.txt": test.encode()}))
    assert sorted(built.splits) == ["test"] * 4 + ["train"] * 8


@pytest.mark.parametrize("name", ["metadata.csv", "pets.txt"])
def test_folders_are_noted_only_where_they_give_the_labels(
    build: Callable[..., Any], zip_of: Callable[..., Path], folders: dict[str, bytes], name: str
) -> None:
    nested = {f"train/{path}": data for path, data in folders.items()} | {
        f"test/{at}.png": data for at, data in enumerate(folders.values())
    }
    labelled = [[path, "ab"[at % 2]] for at, path in enumerate(nested)]
    header = [["file_name", "label"]]

    def find_codes(rows: list[list[str]], columns: int) -> set[str]:
        cut = [row[:columns] for row in (header + rows if name == "metadata.csv" else rows)]
        listing = "\n".join((" " if name == "pets.txt" else ",").join(row) for row in cut)
        built = build(zip_of({name: listing.encode()} | nested))
        assert built.ingested.sample_count == (12 if columns == 1 else 24)
        return {note["code"] for note in built.ingested.statistics["understood"]["notes"]}

    told = {"splits_found", "folder_ignored"}
    assert not told & find_codes(labelled, 2)
    assert told <= find_codes(labelled, 1)


def test_what_gives_the_labels_is_said(
    build: Callable[..., Any], zip_of: Callable[..., Path], folders: dict[str, bytes]
) -> None:
    def find_fact(header: str, **options: str) -> str:
        rows = [[path, "ab"[at % 2]] for at, path in enumerate(folders)]
        built = build(zip_of({"list.csv": lines([header.split(","), *rows])} | folders), **options)
        fact: str = built.ingested.statistics["understood"]["label_from"]
        return fact

    assert find_fact("file,label") == "the column 'label' of 'list.csv'"
    by_folder = "the folder at level 1 below the top of the upload"
    assert find_fact("file,size") == by_folder
    assert find_fact("file,size", label_column="size") == "the column 'size' of 'list.csv'"
    assert find_fact("file,label", format="class_folders") == by_folder
