from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.ingest.pack_building import IngestError


LABELS = [row % 3 for row in range(12)]
NAMES = [b"ship", b"ant", b"cat", *(b"class%d" % at for at in range(3, 10))]


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)


def planes(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2).reshape(len(images), -1))


def batch(images: np.ndarray, labels: list[int], **more: object) -> dict[bytes, object]:
    return {b"data": planes(images), b"labels": labels} | {key.encode(): value for key, value in more.items()}


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_one_batch_of_every_protocol(
    build: Callable[..., Any], save: Callable[..., Path], images: np.ndarray, protocol: int
) -> None:
    built = build(save("data_batch_1", pickle.dumps(batch(images, LABELS), protocol)))
    assert built.ingested.format == "cifar_python"
    np.testing.assert_array_equal(built.pack, images)
    assert built.given == [str(label) for label in LABELS]


def test_the_official_archive(
    build: Callable[..., Any], tar_of: Callable[..., Path], images: np.ndarray
) -> None:
    members = {
        "cifar-10-batches-py/batches.meta": pickle.dumps({b"label_names": NAMES, b"num_vis": 3072}, 2),
        "cifar-10-batches-py/readme.html": b"<html></html>",
        "cifar-10-batches-py/test_batch": pickle.dumps(batch(images[8:], LABELS[8:]), 2),
        "cifar-10-batches-py/data_batch_10": pickle.dumps(batch(images[6:8], LABELS[6:8]), 2),
        "cifar-10-batches-py/data_batch_2": pickle.dumps(batch(images[:6], LABELS[:6]), 2),
    }
    built = build(tar_of(members, "w:gz"))
    np.testing.assert_array_equal(built.pack, images)
    assert built.splits == ["train"] * 8 + ["test"] * 4
    assert built.ingested.class_names == ("ship", "ant", "cat")
    assert [row["given_label"] for row in built.rows] == LABELS


def test_cifar100_uses_fine_labels_and_file_names(
    build: Callable[..., Any], save: Callable[..., Path], images: np.ndarray
) -> None:
    content = {
        b"data": planes(images),
        b"fine_labels": LABELS,
        b"coarse_labels": [0] * 12,
        b"filenames": [b"f%d.png" % row for row in range(12)],
    }
    meta = {b"fine_label_names": NAMES, b"coarse_label_names": [b"all"]}
    built = build(save("train", pickle.dumps(content, 2)), save("meta", pickle.dumps(meta, 2)))
    assert built.given[:3] == ["ship", "ant", "cat"]
    assert built.keys[0] == "f0.png"
    assert built.splits[0] == "train"


@pytest.mark.parametrize(
    ("chosen", "first"), [("coarse_labels", "all"), ("Coarse Labels", "all"), (None, "ship")]
)
def test_cifar100_takes_the_labels_that_are_chosen(
    build: Callable[..., Any],
    save: Callable[..., Path],
    zip_of: Callable[..., Path],
    images: np.ndarray,
    *,
    chosen: str | None,
    first: str,
) -> None:
    coarse = [row % 2 for row in range(12)]
    content = {b"data": planes(images), b"fine_labels": LABELS, b"coarse_labels": coarse}
    meta = {b"fine_label_names": NAMES, b"coarse_label_names": [b"all", b"rest"]}
    files = [save("train", pickle.dumps(content, 2)), save("meta", pickle.dumps(meta, 2))]
    built = build(*files, **({} if chosen is None else {"label_column": chosen}))
    assert built.given[0] == first
    assert len(built.ingested.class_names) == (3 if chosen is None else 2)
    notes = {note["code"] for note in built.ingested.statistics["understood"]["notes"]}
    assert ("label_chosen" in notes) == (chosen is None)

    head = np.array([coarse, LABELS], dtype=np.uint8).T
    members = {
        "b/train.bin": np.hstack([head, planes(images)]).tobytes(),
        "b/fine_label_names.txt": b"\n".join(NAMES),
        "b/coarse_label_names.txt": b"all\nrest",
    }
    binary = build(zip_of(members), **({} if chosen is None else {"label_column": chosen}))
    assert binary.given == built.given


def test_labels_that_a_batch_does_not_have_are_named(
    refusal: Callable[..., IngestError], save: Callable[..., Path], images: np.ndarray
) -> None:
    error = refusal(save("train", pickle.dumps(batch(images, LABELS), 2)), label_column="coarse_labels")
    assert error.code == "bad_cifar"
    assert "'coarse_labels'" in str(error)


@pytest.mark.parametrize("label_bytes", [1, 2])
def test_binary_records(
    build: Callable[..., Any],
    save: Callable[..., Path],
    zip_of: Callable[..., Path],
    images: np.ndarray,
    label_bytes: int,
) -> None:
    labels = np.array(LABELS, dtype=np.uint8)[:, None]
    head = labels if label_bytes == 1 else np.hstack([labels * 0 + 19, labels])
    data = np.hstack([head, planes(images)]).tobytes()
    built = build(save("data_batch_1.bin", data))
    assert built.ingested.format == "cifar_binary"
    np.testing.assert_array_equal(built.pack, images)
    assert built.given == [str(label) for label in LABELS]
    named = build(zip_of({"b/data_batch_1.bin": data, "b/batches.meta.txt": b"\n".join(NAMES) + b"\n"}))
    assert named.given[:3] == ["ship", "ant", "cat"]


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("evil-was-here",)


@pytest.mark.parametrize("hostile", [Evil(), np.float32(3), {1, 2, 3}, np.array([1]), range])
def test_pickles_of_anything_else_are_refused_unrun(
    refusal: Callable[..., IngestError],
    save: Callable[..., Path],
    images: np.ndarray,
    hostile: object,
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    error = refusal(save("data_batch_1", pickle.dumps(batch(images, LABELS) | {b"data": hostile}, 2)))
    assert error.code in ("unsafe_pickle", "bad_cifar", "bad_pickle")
    assert not Path("evil-was-here").exists()


def test_a_pickle_that_names_a_huge_memo_index_takes_no_memory(
    refusal: Callable[..., IngestError], save: Callable[..., Path]
) -> None:
    assert refusal(save("batch", b"\x80\x02}r\xff\xff\xff\x7f.")).code == "bad_cifar"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({b"data": np.zeros((12, 3000), dtype=np.uint8), b"labels": LABELS}, "bad_shape"),
        ({b"data": np.zeros((12, 3072), dtype=np.uint8), b"labels": LABELS[:5]}, "length_mismatch"),
        ({b"data": np.zeros((12, 3072)), b"labels": LABELS}, "bad_pickle"),
        ({b"data": np.zeros((12, 3072), dtype=np.uint8), b"labels": ["a"] * 12}, "bad_cifar"),
        ({b"labels": LABELS}, "bad_cifar"),
        ({b"label_names": NAMES}, "bad_cifar"),
        ([1, 2], "bad_pickle"),
    ],
)
def test_unusable_batches_are_refused(
    refusal: Callable[..., IngestError], save: Callable[..., Path], content: object, code: str
) -> None:
    assert refusal(save("data_batch_1", pickle.dumps(content, 2))).code == code
