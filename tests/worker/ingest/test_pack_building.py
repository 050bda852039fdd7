from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from worker.ingest.pack_building import IngestError, IngestLimits, IngestOptions, build_pack

if TYPE_CHECKING:
    from pathlib import Path

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 5, 4), dtype=np.uint8)


@pytest.fixture
def upload(tmp_path: Path) -> Path:
    path = tmp_path / "upload.npz"
    labels = np.arange(40) % 4
    true = np.where(np.arange(40) < 3, 5, labels)
    np.savez(path, x=IMAGES, y=labels, y_true=true, split=np.array(["train"] * 30 + ["test"] * 10))
    return path


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    path = tmp_path / "pack"
    path.mkdir()
    return path


def test_files_and_columns_are_as_promised(upload: Path, destination: Path) -> None:
    ingested = build_pack([upload], options=IngestOptions(), limits=IngestLimits(), destination=destination)
    assert sorted(path.name for path in destination.iterdir()) == [
        "labels.npy",
        "pack.npy",
        "samples.parquet",
    ]
    pack = np.load(ingested.pack_path, mmap_mode="r")
    assert isinstance(pack, np.memmap)
    assert pack.dtype == np.uint8
    assert ingested.dtype == "uint8"
    np.testing.assert_array_equal(pack[..., 0], IMAGES)
    labels = np.load(ingested.labels_path)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, np.arange(40) % 4)
    assert ingested.pack_sha256 == hashlib.sha256(ingested.pack_path.read_bytes()).hexdigest()
    assert {field.name: str(field.type) for field in pq.read_schema(ingested.samples_path)} == {
        "position": "int64",
        "key": "string",
        "given_label": "int32",
        "true_label": "int32",
        "split": "string",
        **{f"box_{side}": "float" for side in ("left", "top", "width", "height")},
        "picture": "int32",
        "width": "int32",
        "height": "int32",
        "source_row": "int64",
        "source_name": "string",
        "source_offset": "int64",
        "source_length": "int64",
        "source_method": "int16",
    }


def test_statistics_can_be_stored_as_json_and_count_right(upload: Path, destination: Path) -> None:
    ingested = build_pack([upload], options=IngestOptions(), limits=IngestLimits(), destination=destination)
    statistics = json.loads(json.dumps(ingested.statistics))
    assert ingested.class_names == ("0", "1", "2", "3", "5")
    assert ingested.has_truth
    assert statistics["class_counts"] == {"0": 10, "1": 10, "2": 10, "3": 10, "5": 0}
    assert statistics["split_counts"] == {"train": 30, "test": 10}
    assert (statistics["truth_known"], statistics["truth_differs"]) == (40, 3)
    assert statistics["sizes"] == {"4x5": 40}


def test_the_same_upload_gives_the_same_pack(upload: Path, destination: Path, tmp_path: Path) -> None:
    first = build_pack([upload], options=IngestOptions(), limits=IngestLimits(), destination=destination)
    again = tmp_path / "again"
    again.mkdir()
    second = build_pack([upload], options=IngestOptions(), limits=IngestLimits(), destination=again)
    assert first.pack_sha256 == second.pack_sha256
    assert first.samples_path.read_bytes() == second.samples_path.read_bytes()


def test_progress_ends_with_all_samples_and_may_stop(upload: Path, destination: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    build_pack(
        [upload],
        options=IngestOptions(),
        limits=IngestLimits(),
        destination=destination,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (40, 40)

    def stop(_done: int, _total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_pack(
            [upload],
            options=IngestOptions(),
            limits=IngestLimits(),
            destination=destination,
            on_progress=stop,
        )
    assert not (destination / "pack.npy").exists()


def test_problems_beyond_the_list_are_still_counted(tmp_path: Path, destination: Path) -> None:
    path = tmp_path / "upload.csv"
    path.write_text("a,label\n" + "".join(f"{'nan' if row < 20 else row},{row % 2}\n" for row in range(40)))
    limits = IngestLimits(max_problems_listed=5)
    ingested = build_pack([path], options=IngestOptions(), limits=limits, destination=destination)
    assert (len(ingested.problems), ingested.problem_count) == (5, 20)
    assert ingested.statistics["left_out"] == 20
    assert ingested.statistics["problem_counts"] == {"non_finite_feature": 20}


def test_caps_on_pack_classes_and_format(upload: Path, destination: Path) -> None:
    for code, limits, options in (
        ("pack_too_large", IngestLimits(max_pack_bytes=799), IngestOptions()),
        ("too_many_classes", IngestLimits(max_classes=3), IngestOptions()),
        ("too_many_samples", IngestLimits(max_members=39), IngestOptions()),
        ("format_mismatch", IngestLimits(), IngestOptions(format="csv")),
    ):
        with pytest.raises(IngestError) as caught:
            build_pack([upload], options=options, limits=limits, destination=destination)
        assert caught.value.code == code
        assert list(destination.iterdir()) == []


def test_no_files_and_empty_files_are_refused(tmp_path: Path, destination: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for code, files in (("no_files", []), ("empty_file", [empty])):
        with pytest.raises(IngestError) as caught:
            build_pack(files, options=IngestOptions(), limits=IngestLimits(), destination=destination)
        assert caught.value.code == code


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="found 'jpeg'"):
        IngestOptions(format="jpeg")
    with pytest.raises(ValueError, match="found 7"):
        IngestOptions(image_size=7)
