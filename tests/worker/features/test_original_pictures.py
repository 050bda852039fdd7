"""Originals of a zip: a picture that is too large, damaged or stored in another way is named."""

import io
import zlib

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from worker.features.original_pictures import OriginalPictures
from worker.formats.packs.samples_table import BOX_COLUMNS

SIDE = 8


def encode() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (255, 0, 0)).save(buffer, format="PNG")
    return buffer.getvalue()


def load(stored: bytes, *, method: int | None, max_bytes: int) -> tuple[list[int], str | None]:
    """Return the colour of the only picture, black if it is the pack's, and what is said then."""
    columns = {"source_offset": [0], "source_length": [len(stored)], "source_method": [method]}
    samples = pa.table(columns | {name: [None] for name in BOX_COLUMNS})
    originals = OriginalPictures(
        start=0,
        samples=samples,
        side=SIDE,
        read_upload=lambda start, length: stored[start : start + length],
        pack=np.zeros((1, SIDE, SIDE, 3), dtype=np.uint8),
        max_pixels=10**6,
        max_bytes=max_bytes,
    )
    (loaded,) = originals.load(0, 1)
    return np.asarray(loaded.sample)[0, 0].tolist(), loaded.problem.detail if loaded.problem else None


def deflate(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


@pytest.mark.parametrize("method", [None, 0, 8])
def test_an_original_is_shown(method: int | None) -> None:
    content = encode()
    stored = deflate(content) if method else content
    assert load(stored, method=method, max_bytes=len(content)) == ([255, 0, 0], None)


@pytest.mark.parametrize(
    ("method", "stored", "said"),
    [
        (8, deflate(encode() + bytes(50)), "member_too_large: expected at most"),
        (8, b"\xff" * 40, "bad_member: expected deflated data"),
        (12, encode(), "unsupported_compression: expected a stored or deflated member; found method 12"),
    ],
    ids=["too-large", "damaged", "another-method"],
)
def test_what_cannot_be_shown_is_named_and_taken_from_the_pack(method: int, stored: bytes, said: str) -> None:
    colour, detail = load(stored, method=method, max_bytes=len(encode()))
    assert colour == [0, 0, 0]
    assert str(detail).startswith(said)
