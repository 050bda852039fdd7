"""A picture's features depend neither on the shard nor on the order, and its encoding is handled once."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from models.encoders.encoder import TOLERANCE
from models.encoders.encoder_loading import AnyEncoder, load_encoder
from worker.features.original_pictures import OriginalPictures
from worker.features.shard_computation import compute_features
from worker.formats.packs.samples_table import BOX_COLUMNS

COUNT, WIDE, HIGH = 70, 180, 140
"""More pictures than a batch has."""


@pytest.fixture(scope="module")
def encoder() -> AnyEncoder:
    return load_encoder("efficientnet_lite0@96", None, "cpu")


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    """Return cuts of a photograph."""
    flower = Image.fromarray(load_sample_image("flower.jpg"))
    corners = np.random.default_rng(0).integers(0, 200, (COUNT, 2)).tolist()
    return [flower.crop((x, y, x + WIDE, y + HIGH)) for x, y in corners]


def encode(picture: Image.Image, encoding: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=encoding, **options)
    return buffer.getvalue()


def compute(
    encoder: AnyEncoder, files: Sequence[bytes], *, shard: int = COUNT, brightest: float | None = None
) -> npt.NDArray[np.float32]:
    """Return the features of files that lie one after the other, computed in shards of this size."""
    upload = b"".join(files)
    offsets = np.cumsum([0, *map(len, files)])
    parts = []
    for start in range(0, len(files), shard):
        stop = min(start + shard, len(files))
        samples = pa.table(
            {
                **dict.fromkeys(BOX_COLUMNS, [None] * (stop - start)),
                "source_offset": offsets[start:stop],
                "source_length": [len(file) for file in files[start:stop]],
                "source_method": pa.array([None] * (stop - start), pa.int16()),
            }
        )
        originals = OriginalPictures(
            start=start,
            samples=samples,
            side=96,
            read_upload=lambda first, length: upload[first : first + length],
            pack=np.zeros((len(files), 8, 8, 3), dtype=np.uint8),
            max_pixels=10**6,
            max_bytes=10**7,
            brightest=brightest,
        )
        computed = compute_features(originals, encoder)
        assert computed.unreadable == []
        parts.append(computed.features_ND)
    return np.concatenate(parts)


def measure_difference(found_ND: npt.NDArray[np.float32], expected_ND: npt.NDArray[np.float32]) -> float:
    """Return the largest distance of two feature vectors as a share of their length."""
    lengths_N = np.linalg.norm(expected_ND, axis=1)
    return float((np.linalg.norm(found_ND - expected_ND, axis=1) / lengths_N).max())


def test_shards_and_order_change_no_feature(encoder: AnyEncoder, pictures: list[Image.Image]) -> None:
    files = [encode(picture, "JPEG") for picture in pictures]
    whole_ND = compute(encoder, files)
    in_shards_ND = compute(encoder, files, shard=9)
    backwards_ND = compute(encoder, files[::-1], shard=32)[::-1]
    differences = [measure_difference(found_ND, whole_ND) for found_ND in (in_shards_ND, backwards_ND)]
    assert max(differences) < TOLERANCE / 10, differences
    assert measure_difference(whole_ND[1:2], whole_ND[:1]) > 100 * TOLERANCE, "another picture differs"


def test_the_same_pixels_have_the_same_features_however_they_are_stored(
    encoder: AnyEncoder, pictures: list[Image.Image]
) -> None:
    picture = pictures[0]
    grey = picture.convert("L")
    opaque, clear = picture.copy(), picture.copy()
    opaque.putalpha(255)
    clear.putalpha(0)
    turned = Image.Exif()
    turned[0x0112] = 6
    deep = Image.fromarray(np.asarray(grey, dtype=np.uint16) * 257)
    stored = compute(
        encoder,
        [
            encode(picture),
            encode(picture.transpose(Image.Transpose.ROTATE_90), exif=turned),
            encode(opaque),
            encode(picture, "TIFF"),
            encode(grey),
            encode(grey.convert("RGB")),
            encode(deep),
            encode(clear),
            encode(Image.new("RGB", picture.size, "white")),
        ],
        brightest=65_535,
    )
    assert measure_difference(stored[1:4], stored[:1].repeat(3, axis=0)) < TOLERANCE
    assert measure_difference(stored[5:7], stored[4:5].repeat(2, axis=0)) < TOLERANCE
    assert measure_difference(stored[7:8], stored[8:9]) < TOLERANCE
    assert measure_difference(stored[4:5], stored[:1]) > 100 * TOLERANCE, "grey differs from colour"
