"""Samples are matched by content: among equal ones by key, then by label, then in order."""

from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from app.versions.content_matching import (
    DIGEST,
    Contents,
    count_shared,
    make_sketch,
    match_samples,
    write_digests,
)


def contents(*samples: tuple[str, str, str]) -> Contents:
    """Make samples of (content, key, label)."""
    digests = np.array([content.encode().ljust(16, b".") for content, _, _ in samples], "S16").view(DIGEST)
    return Contents(
        digests_N=digests, keys=[key for _, key, _ in samples], labels=[label for _, _, label in samples]
    )


def test_equal_contents_are_matched_by_key_then_label_then_order() -> None:
    theirs = contents(
        ("x", "a", "ant"), ("x", "b", "bee"), ("x", "c", "cat"), ("y", "d", "ant"), ("z", "e", "ant")
    )
    ours = contents(
        ("x", "1", "cat"),  # no such key: the one labelled cat
        ("x", "b", "ant"),  # the one of this key, though another has this label
        ("y", "2", "bee"),  # the only one of this content
        ("x", "3", "dog"),  # what is left of this content
        ("x", "4", "dog"),  # nothing is left
        ("w", "e", "ant"),  # the same key, but another content
    )
    assert match_samples(ours, theirs).tolist() == [2, 1, 3, 0, -1, -1]
    assert count_shared(ours.digests_N, theirs.digests_N) == 4


def test_digests_follow_the_pixels_alone(tmp_path: Path) -> None:
    pack = np.arange(24, dtype=np.uint8).reshape(3, 2, 4, 1)
    pack[2] = pack[0]
    np.save(tmp_path / "pack.npy", pack)
    first = write_digests(tmp_path).tolist()
    assert first[0] == first[2] != first[1]
    np.save(tmp_path / "pack.npy", pack[:, :, ::-1])
    assert not set(first) & set(write_digests(tmp_path).tolist())
    np.save(tmp_path / "pack.npy", pack.reshape(3, 4, 2, 1))
    assert not set(first) & set(write_digests(tmp_path).tolist()), "another shape is another picture"


def test_digests_of_a_table_follow_its_cells_and_not_their_encoding(tmp_path: Path) -> None:
    cells = pa.table({"a": [1, None, 1], "b": ["x", "y", "x"]})
    parquet.write_table(cells, tmp_path / "cells.parquet")
    np.save(tmp_path / "pack.npy", np.zeros((3, 5)))
    first = write_digests(tmp_path).tolist()
    assert first[0] == first[2] != first[1]
    parquet.write_table(cells.slice(1), tmp_path / "cells.parquet")
    assert write_digests(tmp_path).tolist() == first[1:]


def test_digests_of_texts_follow_each_text_and_not_its_values(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"text": ["one", "two", "one"]}), tmp_path / "texts.parquet")
    np.save(tmp_path / "pack.npy", np.zeros((3, 5), np.int16))
    first = write_digests(tmp_path).tolist()
    assert first[0] == first[2] != first[1]
    parquet.write_table(pa.table({"text": ["two", "three"]}), tmp_path / "texts.parquet")
    np.save(tmp_path / "pack.npy", np.ones((2, 5), np.int16))
    assert write_digests(tmp_path).tolist()[0] == first[1]


def test_a_sketch_is_the_smallest_digests_and_counts_a_content_once() -> None:
    digests = np.array([bytes(8) + bytes(8), bytes(7) + b"\x02" + bytes(8), bytes(16)], "V16")
    assert make_sketch(digests) == [0, 2]
    many = np.frombuffer(np.random.default_rng(0).bytes(16 * 1_000), DIGEST)
    values = sorted(int.from_bytes(each.tobytes()[:8], "big") for each in many)
    assert [value % 2**64 for value in make_sketch(many)] == values[:256]
