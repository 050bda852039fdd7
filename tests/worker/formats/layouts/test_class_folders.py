from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from models.reading.archive_names import is_litter
from worker.formats.archives.member_names import find_common_root

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.ingest.pack_building import IngestError


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip_of_class_folders_keeps_archive_order_pixels_and_places(
    build: Callable[..., Any],
    zip_of: Callable[..., Path],
    folders: dict[str, bytes],
    pictures: np.ndarray,
    method: int,
) -> None:
    path = zip_of(folders, method)
    built = build(path)
    assert built.ingested.format == "class_folders"
    assert built.ingested.kind == "images"
    assert built.ingested.class_names == ("cat", "dog")
    assert built.keys == list(folders)
    assert built.given == ["cat", "dog"] * 6
    assert built.ingested.shape == (6, 8, 3)
    np.testing.assert_array_equal(built.pack, pictures)
    data = path.read_bytes()
    for row in built.rows:
        stored = data[row["source_offset"] :][: row["source_length"]]
        original = zlib.decompress(stored, -15) if row["source_method"] == 8 else stored
        assert original == folders[row["key"]]
        assert (row["width"], row["height"]) == (8, 6)


def test_tar_of_class_folders_is_read_in_place(
    build: Callable[..., Any], tar_of: Callable[..., Path], folders: dict[str, bytes], pictures: np.ndarray
) -> None:
    path = tar_of({f"./{name}": data for name, data in folders.items()})
    built = build(path)
    np.testing.assert_array_equal(built.pack, pictures)
    assert built.keys == list(folders)
    data = path.read_bytes()
    for row in built.rows:
        assert row["source_method"] == 0
        assert data[row["source_offset"] :][: row["source_length"]] == folders[row["key"]]


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_compressed_tars_have_no_places(
    build: Callable[..., Any],
    tar_of: Callable[..., Path],
    folders: dict[str, bytes],
    pictures: np.ndarray,
    mode: str,
) -> None:
    built = build(tar_of(folders, mode))
    np.testing.assert_array_equal(built.pack, pictures)
    assert {row["source_offset"] for row in built.rows} == {None}


def test_root_and_split_level_are_recognised_and_litter_ignored(
    build: Callable[..., Any], zip_of: Callable[..., Path], folders: dict[str, bytes]
) -> None:
    members = {
        f"set/{'train' if at < 8 else 'Test'}/{name}": data for at, (name, data) in enumerate(folders.items())
    }
    litter = {
        "__MACOSX/set/train/cat/._0.png": b"x",
        "set/.DS_Store": b"x",
        "set/train/cat/Thumbs.db": b"x",
        "set/.git/x.png": b"x",
    }
    built = build(zip_of(members | litter))
    assert built.ingested.problem_count == 0
    assert built.splits == ["train"] * 8 + ["Test"] * 4
    assert built.keys[0] == "train/cat/0.png"
    assert built.given == ["cat", "dog"] * 6


@pytest.mark.parametrize("split", ["train", "seg_train/seg_train"])
def test_a_split_without_class_folders_hides_no_classes(
    build: Callable[..., Any], zip_of: Callable[..., Path], folders: dict[str, bytes], split: str
) -> None:
    bare = {f"test/{at}.png": data for at, data in enumerate(folders.values())}
    built = build(zip_of({f"{split}/{name}": data for name, data in folders.items()} | bare))
    assert built.given == ["cat", "dog"] * 6
    assert set(built.problems) == {(name, "not_in_class_folder") for name in bare}
    texts = {note["code"]: note["text"] for note in built.ingested.statistics["understood"]["notes"]}
    assert texts["folder_ignored"].startswith("the pictures in 'test' were left out")
    assert texts["splits_found"].startswith(f"the folders {split.partition('/')[0]} were taken as splits")


def test_class_is_the_first_folder_below_root_and_split(
    build: Callable[..., Any], zip_of: Callable[..., Path], folders: dict[str, bytes]
) -> None:
    nested = {name.replace("/", "/deep/er/"): data for name, data in folders.items()}
    assert build(zip_of(nested)).given == ["cat", "dog"] * 6


def test_strays_and_other_files_are_problems(
    build: Callable[..., Any], zip_of: Callable[..., Path], folders: dict[str, bytes]
) -> None:
    built = build(zip_of(folders | {"cover.png": b"x", "cat/readme.txt": b"x"}))
    assert built.ingested.sample_count == 12
    assert sorted(built.problems) == [
        ("cat/readme.txt", "not_an_image"),
        ("cover.png", "not_in_class_folder"),
    ]


def test_unreadable_members_are_problems_with_their_keys(
    build: Callable[..., Any], zip_of: Callable[..., Path], folders: dict[str, bytes]
) -> None:
    broken = {
        "cat/text.png": b"just some text",
        "dog/cut.png": folders["dog/1.png"][:-40],
        "cat/empty.png": b"",
    }
    built = build(zip_of(broken | folders))
    assert built.problems == [
        ("cat/text.png", "not_an_image"),
        ("dog/cut.png", "unreadable_image"),
        ("cat/empty.png", "not_an_image"),
    ]
    assert built.keys == list(folders)
    assert built.ingested.statistics["left_out"] == 3


def test_numeric_class_names_sort_by_value_and_rare_classes_stay(
    build: Callable[..., Any], zip_of: Callable[..., Path], folders: dict[str, bytes]
) -> None:
    names = ["900", "7", "10", "7", "7", "7", "7", "7", "7", "7", "7", "10"]
    members = {
        f"{label}/{at}.png": data
        for at, (label, data) in enumerate(zip(names, folders.values(), strict=True))
    }
    built = build(zip_of(members))
    assert built.ingested.class_names == ("7", "10", "900")
    assert built.ingested.statistics["class_counts"] == {"7": 9, "10": 2, "900": 1}


def test_only_one_class_is_refused(
    refusal: Callable[..., IngestError], zip_of: Callable[..., Path], folders: dict[str, bytes]
) -> None:
    assert (
        refusal(zip_of({name.replace("dog", "cat"): data for name, data in folders.items()})).code
        == "one_class"
    )


def test_every_label_different_is_refused(
    refusal: Callable[..., IngestError], zip_of: Callable[..., Path], folders: dict[str, bytes]
) -> None:
    error = refusal(zip_of({f"{at}/a.png": data for at, data in enumerate(folders.values())}))
    assert error.code == "labels_unique"
    assert "wrong column" in str(error)


def test_too_few_samples_are_refused(
    refusal: Callable[..., IngestError], zip_of: Callable[..., Path], folders: dict[str, bytes]
) -> None:
    assert refusal(zip_of(dict(list(folders.items())[:9]))).code == "too_few_samples"


def test_an_archive_without_anything_known_is_refused(
    refusal: Callable[..., IngestError], zip_of: Callable[..., Path]
) -> None:
    assert refusal(zip_of({"a/b.pdf": b"%PDF", "c.doc": b"\xd0\xcf"})).code == "unsupported_format"
    assert refusal(zip_of({})).code == "unrecognised_archive"


def test_pictures_without_extension_are_found(
    build: Callable[..., Any], zip_of: Callable[..., Path], folders: dict[str, bytes], pictures: np.ndarray
) -> None:
    built = build(zip_of({name.removesuffix(".png"): data for name, data in folders.items()}))
    np.testing.assert_array_equal(built.pack, pictures)


@pytest.mark.parametrize(
    ("names", "root"),
    [
        (["a/cat/1", "a/dog/1"], "a/"),
        (["a/b/cat/1", "a/b/dog/1", "top"], "a/b/"),
        (["train/cat/1", "train/dog/1"], ""),
        (["cat/1", "cat/2"], ""),
        (["cat/1", "dog/2"], ""),
        (["a/cat/1", "ab/dog/1"], ""),
    ],
)
def test_common_root(names: list[str], root: str) -> None:
    assert find_common_root(names) == root


def test_litter_is_told_from_names_that_only_look_like_it() -> None:
    assert is_litter("a/.hidden/b.png")
    assert is_litter("__MACOSX/a.png")
    assert is_litter("a/thumbs.DB")
    assert not is_litter("a.b/c.d.png")
    assert not is_litter("my__MACOSX/a.png")
