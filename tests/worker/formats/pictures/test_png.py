"""Plain PNGs are read without Pillow's parser: to the same pixels, or not at all."""

import io

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from worker.formats.pictures.png import read_plain_png

HEIGHT, WIDTH = 7, 5


def picture(channels: int, seed: int = 0) -> np.ndarray:
    # Half noise and half a slope, so that the encoder uses several of PNG's filters.
    noise = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, channels), dtype=np.uint8)
    noise[:4] = np.arange(4 * WIDTH, dtype=np.uint8).reshape(4, WIDTH, 1)
    return noise


def encoded(pixels: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(buffer, "PNG", **options)
    return buffer.getvalue()


def read(data: bytes, channels: int) -> np.ndarray | None:
    return read_plain_png(data, width=WIDTH, height=HEIGHT, channels=channels)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("level", [0, 1, 9])
def test_a_plain_picture_is_read(channels: int, level: int) -> None:
    pixels = picture(channels)
    found = read(encoded(pixels, compress_level=level), channels)
    assert found is not None
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_damaged_picture_is_left_alone_or_read_as_pillow_reads_it(channels: int) -> None:
    whole, rng = encoded(picture(channels)), np.random.default_rng(1)
    read_whole = 0
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= int(rng.integers(1, 256))
        found = read(bytes(damaged), channels)
        if found is not None:
            read_whole += 1
            np.testing.assert_array_equal(found.squeeze(), np.asarray(Image.open(io.BytesIO(damaged))))
    for length in range(len(whole)):
        assert read(whole[:length], channels) is None
    assert read_whole == 0  # every byte of a plain PNG is under a checksum, or part of what is compared


def test_whatever_is_not_plain_is_left_to_pillow() -> None:
    grey, colour = picture(1), picture(3)
    info = PngInfo()
    info.add_text("comment", "more than pixels")
    others = [
        encoded(grey, transparency=0),
        encoded(grey, pnginfo=info),
        encoded(grey, dpi=(72, 72)),
        encoded(np.zeros((HEIGHT, WIDTH + 1, 1), np.uint8)),
        encoded(colour),
        encoded(grey) + b"x",
        b"",
    ]
    sixteen = io.BytesIO()
    Image.fromarray(grey[..., 0].astype(np.uint16)).save(sixteen, "PNG")
    palette = io.BytesIO()
    Image.fromarray(colour).convert("P").save(palette, "PNG")
    others += [sixteen.getvalue(), palette.getvalue()]
    assert [read(data, 1) for data in others] == [None] * len(others)


def test_data_that_is_too_short_for_its_header_gives_what_pillow_gives() -> None:
    short, long = encoded(picture(1)), encoded(np.zeros((HEIGHT + 1, WIDTH, 1), np.uint8))
    mixed = long[:33] + short[33:]
    found = read_plain_png(mixed, width=WIDTH, height=HEIGHT + 1, channels=1)
    assert found is not None
    np.testing.assert_array_equal(found[..., 0], np.asarray(Image.open(io.BytesIO(mixed))))
