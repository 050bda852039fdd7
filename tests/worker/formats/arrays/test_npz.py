from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.ingest.pack_building import IngestError


LABELS = np.arange(12) % 3


@pytest.fixture
def npz(tmp_path: Path) -> Callable[..., Path]:
    def save(*, compressed: bool = False, **arrays: Any) -> Path:  # noqa: ANN401 - passed on as they are
        path = tmp_path / "upload.npz"
        (np.savez_compressed if compressed else np.savez)(path, **arrays)
        return path

    return save


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("names", [("x", "y"), ("X", "labels"), ("images", "label"), ("data", "targets")])
def test_pictures_and_labels_by_their_usual_names(
    build: Callable[..., Any],
    npz: Callable[..., Path],
    pictures: np.ndarray,
    names: tuple[str, str],
    *,
    compressed: bool,
) -> None:
    built = build(npz(compressed=compressed, **{names[0]: pictures, names[1]: LABELS}))
    assert built.ingested.format == "npz"
    np.testing.assert_array_equal(built.pack, pictures)
    assert built.given == [str(label) for label in LABELS]
    assert built.keys == [str(row) for row in range(12)]


def test_layouts(build: Callable[..., Any], npz: Callable[..., Path], pictures: np.ndarray) -> None:
    grey = pictures[..., 0]
    for array, expected in (
        (grey, grey[..., None]),
        (pictures.transpose(0, 3, 1, 2), pictures),
        (np.asfortranarray(pictures), pictures),
        (grey[:, None], grey[..., None]),
    ):
        np.testing.assert_array_equal(build(npz(x=array, y=LABELS)).pack, expected)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([0, 0.5, 1], np.float32), [0, 128, 255]),
        (np.array([0, 127.6, 255], np.float64), [0, 128, 255]),
        (np.array([0, 7, 255], np.int64), [0, 7, 255]),
        (np.array([0, 32_768, 65_535], np.uint16), [0, 128, 255]),
        (np.array([False, True, True]), [0, 255, 255]),
        (np.array([0, 7, 255], dtype=">i4"), [0, 7, 255]),
    ],
)
def test_number_ranges(
    build: Callable[..., Any], npz: Callable[..., Path], array: np.ndarray, expected: list[int]
) -> None:
    images = np.broadcast_to(array, (12, 1, 3))
    built = build(npz(x=images, y=LABELS))
    assert built.pack[5, 0, :, 0].tolist() == expected


def test_alpha_is_laid_on_white(build: Callable[..., Any], npz: Callable[..., Path]) -> None:
    images = np.zeros((12, 2, 2, 4), dtype=np.uint8)
    images[..., 3] = 51
    assert (build(npz(x=images, y=LABELS)).pack == 204).all()


@pytest.mark.parametrize(
    "array", [np.array([-1, 1], np.float32), np.array([0, 256], np.float32), np.array([0, 70_000], np.int32)]
)
def test_unknown_ranges_are_refused_with_what_was_found(
    refusal: Callable[..., IngestError], npz: Callable[..., Path], array: np.ndarray
) -> None:
    error = refusal(npz(x=np.broadcast_to(array, (12, 1, 2)), y=LABELS))
    assert error.code == "pixel_range"
    assert f"{array.max():g}" in str(error)


def test_pictures_with_nan_are_left_out(build: Callable[..., Any], npz: Callable[..., Path]) -> None:
    images = np.random.default_rng(0).random((12, 3, 3))
    images[4, 1, 1] = np.nan
    built = build(npz(x=images, y=LABELS))
    assert built.problems == [("4", "non_finite_pixels")]
    assert "4" not in built.keys
    np.testing.assert_array_equal(built.pack[4, ..., 0], np.rint(images[5].astype(np.float32) * 255))


def test_large_pictures_are_resized(build: Callable[..., Any], npz: Callable[..., Path]) -> None:
    images = np.full((12, 80, 100, 3), 7, dtype=np.uint8)
    built = build(npz(x=images, y=LABELS))
    assert built.ingested.shape == (64, 64, 3)
    assert (built.pack == 7).all()
    assert built.rows[0]["width"] == 100


def test_features_with_all_columns(build: Callable[..., Any], npz: Callable[..., Path]) -> None:
    features = np.random.default_rng(0).normal(size=(12, 5))
    arrays = {"y": np.array(list("abc" * 4)), "y_true": np.array(list("abd" * 4)), "ids": np.arange(100, 112)}
    built = build(npz(x=features, split=np.array(["train"] * 12), **arrays))
    assert built.ingested.kind == "features"
    assert built.ingested.class_names == ("a", "b", "c", "d")
    np.testing.assert_array_equal(built.pack, features.astype(np.float32))
    assert built.true == list("abd" * 4)
    assert built.keys == [str(number) for number in range(100, 112)]
    assert built.splits == ["train"] * 12


def test_class_names_name_the_numbers_and_keep_their_order(
    build: Callable[..., Any], npz: Callable[..., Path], pictures: np.ndarray
) -> None:
    built = build(npz(x=pictures, y=LABELS, class_names=np.array(["zebra", "unused?", "ant"])))
    assert built.ingested.class_names == ("zebra", "unused?", "ant")
    assert [row["given_label"] for row in built.rows] == LABELS.tolist()


def test_numbers_beyond_the_class_names_have_no_label(
    build: Callable[..., Any], npz: Callable[..., Path], pictures: np.ndarray
) -> None:
    labels = LABELS.copy()
    labels[3] = 9
    built = build(npz(x=pictures, y=labels, class_names=np.array(["a", "b", "c"])))
    assert built.problems == [("3", "missing_label")]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["x", "y"])
def test_object_arrays_are_refused_by_name(
    refusal: Callable[..., IngestError],
    npz: Callable[..., Path],
    pictures: np.ndarray,
    *,
    compressed: bool,
    name: str,
) -> None:
    arrays = {"x": pictures, "y": LABELS}
    arrays[name] = np.array([{"evil": 1}] * 12, dtype=object)
    error = refusal(npz(compressed=compressed, **arrays))
    assert error.code == "object_array"
    assert f"'{name}.npy'" in str(error)


@pytest.mark.parametrize(
    ("arrays", "code"),
    [
        ({"x": np.zeros((12, 4, 4)), "y": np.arange(13) % 2}, "length_mismatch"),
        ({"x": np.zeros((12, 4, 4)), "y": np.zeros((12, 3))}, "bad_shape"),
        ({"x": np.zeros(12), "y": LABELS}, "bad_shape"),
        ({"x": np.zeros((12, 7, 4, 7)), "y": LABELS}, "bad_shape"),
        ({"x": np.zeros((12, 4, 4), dtype=complex), "y": LABELS}, "bad_dtype"),
        ({"x": np.zeros((12, 0, 4)), "y": LABELS}, "too_many_pixels"),
        ({"x": np.array(["a"] * 12).reshape(12, 1), "y": LABELS}, "bad_dtype"),
        ({"x": np.zeros((12, 4), dtype=[("a", "f4")]), "y": LABELS}, "bad_array"),
        ({"q": np.zeros((12, 4)), "y": LABELS}, "missing_column"),
        ({"x": np.zeros((12, 4))}, "missing_column"),
    ],
)
def test_unusable_arrays_are_refused(
    refusal: Callable[..., IngestError], npz: Callable[..., Path], arrays: dict[str, np.ndarray], code: str
) -> None:
    assert refusal(npz(**arrays)).code == code


def test_an_array_shorter_than_its_header_says_is_refused(
    refusal: Callable[..., IngestError], npz: Callable[..., Path], pictures: np.ndarray, tmp_path: Path
) -> None:
    path = npz(x=pictures, y=LABELS)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    short = tmp_path / "short.npz"
    with zipfile.ZipFile(short, "w") as archive:
        archive.writestr("x.npy", members["x.npy"][:-1])
        archive.writestr("y.npy", members["y.npy"])
    assert refusal(short).code == "broken_member"


def test_a_flipped_bit_in_a_stored_array_is_found(
    refusal: Callable[..., IngestError], npz: Callable[..., Path], pictures: np.ndarray
) -> None:
    path = npz(x=pictures, y=LABELS)
    data = bytearray(path.read_bytes())
    data[data.index(pictures.tobytes()[:20])] ^= 1
    path.write_bytes(data)
    assert refusal(path).code == "broken_member"


def test_npz_inside_a_zip(
    build: Callable[..., Any], npz: Callable[..., Path], zip_of: Callable[..., Path], pictures: np.ndarray
) -> None:
    built = build(
        zip_of({"set/data.npz": npz(x=pictures, y=LABELS).read_bytes(), "set/README.txt": b"hello"})
    )
    assert built.ingested.format == "npz"
    np.testing.assert_array_equal(built.pack, pictures)
    assert built.rows[0]["source_offset"] is None
