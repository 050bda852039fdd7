from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.ingest.pack_building import IngestError


LABELS = (np.arange(12) % 4).astype(np.uint8)


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


@pytest.mark.parametrize("end", ["", ".gz"])
def test_pictures_and_labels_in_any_order(
    build: Callable[..., Any], save: Callable[..., Path], pictures: np.ndarray, end: str
) -> None:
    files = [save(f"labels{end}", idx(LABELS)), save(f"images{end}", idx(pictures[..., 0]))]
    built = build(*files)
    assert built.ingested.format == "idx"
    assert built.ingested.shape == (6, 8, 1)
    np.testing.assert_array_equal(built.pack, pictures[..., :1])
    assert built.given == [str(label) for label in LABELS]


@pytest.mark.parametrize("name", ["true-labels", "labels_clean.gz"])
def test_a_third_file_holds_the_truth(
    build: Callable[..., Any], save: Callable[..., Path], pictures: np.ndarray, name: str
) -> None:
    files = [
        save("images", idx(pictures[..., 0])),
        save("labels", idx(LABELS)),
        save(name, idx(LABELS[::-1].copy())),
    ]
    built = build(*files)
    assert built.true == [str(label) for label in LABELS[::-1]]


def test_both_of_mnists_sets_zipped(
    build: Callable[..., Any], zip_of: Callable[..., Path], pictures: np.ndarray
) -> None:
    members = {}
    for prefix, rows in (("t10k", slice(8, 12)), ("train", slice(0, 8))):
        members[f"mnist/{prefix}-images-idx3-ubyte.gz"] = gzip.compress(idx(pictures[rows, ..., 0]))
        members[f"mnist/{prefix}-labels-idx1-ubyte.gz"] = gzip.compress(idx(LABELS[rows]))
    built = build(zip_of(members))
    np.testing.assert_array_equal(built.pack, pictures[..., :1])
    assert built.splits == ["train"] * 8 + ["test"] * 4
    assert built.given == [str(label) for label in LABELS]


def test_incomplete_or_contradicting_files_are_refused(
    refusal: Callable[..., IngestError], save: Callable[..., Path], pictures: np.ndarray
) -> None:
    images, labels = save("images", idx(pictures[..., 0])), save("labels", idx(LABELS))
    assert refusal(images).code == "incomplete_idx"
    assert refusal(labels).code == "incomplete_idx"
    assert refusal(images, labels, save("labels2", idx(LABELS))).code == "incomplete_idx"
    assert refusal(images, save("long", idx(np.append(LABELS, 1).astype(np.uint8)))).code == "length_mismatch"
    assert refusal(save("cut", idx(pictures[..., 0])[:-1]), labels).code == "broken_idx"
    assert refusal(save("long-images", idx(pictures[..., 0]) + b"x"), labels).code == "broken_idx"
    assert (
        refusal(save("huge", struct.pack(">HBB3I", 0, 8, 3, *[2**32 - 1] * 3)), labels).code == "broken_idx"
    )
    assert refusal(save("text.csv", b"a,b\n1,2\n"), labels).code == "mixed_files"


def test_twice_compressed_files_are_refused(
    refusal: Callable[..., IngestError], save: Callable[..., Path], pictures: np.ndarray
) -> None:
    images = save("images.gz", gzip.compress(idx(pictures[..., 0])))
    assert refusal(images, save("labels", idx(LABELS))).code == "nested_compression"
