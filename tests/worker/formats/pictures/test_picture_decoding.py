from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from worker.formats.pictures.picture_decoding import Target, WrongGuessError, decode, decode_rgb
from worker.formats.shared.problems import SampleError
from worker.ingest.pack_building import IngestLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


LIMIT = 1_000_000


def native(width: int, height: int, channels: int = 3) -> Target:
    return Target(height=height, width=width, channels=channels, native=True)


def square(side: int, channels: int = 3) -> Target:
    return Target(height=side, width=side, channels=channels, native=False)


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True}), ("PPM", {})]
)
def test_lossless_encodings_come_back_exactly(
    encoded: Callable[..., bytes], rgb: np.ndarray, kind: str, options: dict[str, Any]
) -> None:
    pixels, header = decode(encoded(rgb, kind, **options), native(7, 5), LIMIT)
    np.testing.assert_array_equal(pixels, rgb)
    assert header.encoding == kind


def test_palette_pictures_show_their_colours(encoded: Callable[..., bytes]) -> None:
    image = Image.new("P", (4, 4))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    pixels, header = decode(encoded(image), native(4, 4), LIMIT)
    assert header.mode == "P"
    assert pixels[0, 0].tolist() == [10, 20, 30]
    assert pixels[0, 1].tolist() == [200, 100, 50]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGBA", (255, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (255, 0, 0, 255), (255, 0, 0)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("LA", (0, 51), (204, 204, 204)),
        ("L", 77, (77, 77, 77)),
        ("1", 1, (255, 255, 255)),
        ("I;16", 0x8000, (128, 128, 128)),
    ],
)
def test_modes_become_eight_bits_on_white(
    encoded: Callable[..., bytes], mode: str, colour: float | tuple[float, ...], expected: tuple[int, ...]
) -> None:
    pixels, _ = decode(encoded(Image.new(mode, (3, 3), colour)), native(3, 3), LIMIT)
    assert pixels[1, 1].tolist() == list(expected)


def test_transparent_palette_is_laid_on_white(encoded: Callable[..., bytes]) -> None:
    image = Image.new("P", (3, 3), 0)
    image.putpalette([10, 20, 30])
    pixels, _ = decode(encoded(image, transparency=0), native(3, 3), LIMIT)
    assert pixels[0, 0].tolist() == [255, 255, 255]


def test_cmyk_jpeg_is_rgb(encoded: Callable[..., bytes]) -> None:
    pixels, header = decode(
        encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95), native(8, 8), LIMIT
    )
    assert header.mode == "CMYK"
    np.testing.assert_allclose(pixels[4, 4], [255, 0, 0], atol=6)


@pytest.mark.parametrize(("high", "expected"), [(1.0, 255), (200.0, 200), (65_535.0, 255)])
def test_floating_tiffs_use_the_smallest_range_that_holds_them(
    encoded: Callable[..., bytes], high: float, expected: int
) -> None:
    image = Image.fromarray(np.array([[0, high]], dtype=np.float32))
    pixels, _ = decode(encoded(image, "TIFF"), native(2, 1, 1), LIMIT)
    assert pixels.reshape(-1).tolist() == [0, expected]


def test_exif_rotation_is_applied_and_the_upright_size_reported(
    encoded: Callable[..., bytes], rgb: np.ndarray
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    pixels, header = decode(encoded(rgb, "PNG", exif=exif), native(5, 7), LIMIT)
    np.testing.assert_array_equal(pixels, np.rot90(rgb, -1))
    assert (header.width, header.height) == (5, 7)


@pytest.mark.parametrize("order", ["<", ">"])
def test_dark_16_bit_pictures_stay_dark_in_either_byte_order(
    encoded: Callable[..., bytes], order: str
) -> None:
    values = np.array([[0, 200, 0x1234]], dtype=f"{order}u2")
    mode = "I;16" if order == "<" else "I;16B"
    image = Image.frombytes(mode, (3, 1), values.tobytes())
    pixels, _ = decode(encoded(image, "TIFF"), native(3, 1, 1), LIMIT)
    assert pixels.reshape(-1).tolist() == [0, 0, 0x12]


def make_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize(
    ("image", "encoding", "options"),
    [
        (Image.new("RGBA", (6, 4), (200, 0, 0, 100)), "PNG", {}),
        (Image.new("LA", (6, 4), (40, 100)), "PNG", {}),
        (Image.new("P", (6, 4), 1), "PNG", {"transparency": 1}),
        (Image.new("CMYK", (6, 4), (0, 200, 200, 0)), "JPEG", {}),
        (Image.radial_gradient("L"), "PNG", {}),
        (Image.radial_gradient("L"), "JPEG", {"exif": make_exif(6)}),
        (Image.linear_gradient("L").convert("I;16"), "PNG", {}),
        (Image.linear_gradient("L").convert("F"), "TIFF", {}),
        *((Image.linear_gradient("L").convert("RGB"), "WEBP", {"exif": make_exif(n)}) for n in range(1, 9)),
        (Image.linear_gradient("L").resize((40, 20)), "TIFF", {"exif": make_exif(8)}),
    ],
)
def test_encoders_and_uploads_see_the_same_pixels(
    encoded: Callable[..., bytes], image: Image.Image, encoding: str, options: dict[str, Any]
) -> None:
    data = encoded(image, encoding, **options)
    picture = decode_rgb(data, LIMIT)
    pixels, header = decode(data, native(*picture.size), LIMIT)
    assert (picture.mode, picture.size) == ("RGB", (header.width, header.height))
    np.testing.assert_array_equal(np.asarray(picture), pixels)


def test_a_large_jpeg_may_be_decoded_at_a_fraction_of_its_size(encoded: Callable[..., bytes]) -> None:
    data = encoded(Image.linear_gradient("L").resize((900, 400)), "JPEG", exif=make_exif(6))
    sizes = [decode_rgb(data, LIMIT, least_side=side).size for side in (None, 400, 200, 100, 10)]
    assert sizes == [(400, 900), (400, 900), (200, 450), (100, 225), (50, 113)]
    with pytest.raises(SampleError, match="expected at most 359999 pixels; found 900 x 400"):
        decode_rgb(data, 359_999)
    with pytest.raises(SampleError, match="expected a complete JPEG picture"):
        decode_rgb(data[: len(data) // 2], LIMIT)


def test_animations_give_their_first_frame(encoded: Callable[..., bytes]) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    pixels, _ = decode(
        encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), native(4, 4), LIMIT
    )
    assert pixels[0, 0].tolist() == [255, 0, 0]


def test_wide_pictures_are_cut_to_their_middle(encoded: Callable[..., bytes]) -> None:
    image = np.zeros((20, 60, 3), dtype=np.uint8)
    image[:, 20:40] = (0, 0, 255)
    pixels, header = decode(encoded(image), square(10), LIMIT)
    assert (pixels[:, 1:-1] == (0, 0, 255)).all()  # the outermost columns are smoothed with their neighbours
    assert (pixels[:, [0, -1], 2] > 180).all()
    assert (header.width, header.height) == (60, 20)


def test_large_jpegs_are_scaled_while_decoding_to_nearly_the_same(encoded: Callable[..., bytes]) -> None:
    rows, columns = np.mgrid[0:512, 0:512]
    image = np.stack([rows // 2, columns // 2, (rows + columns) // 4], axis=2).astype(np.uint8)
    pixels, _ = decode(encoded(image, "JPEG", quality=95), square(32), LIMIT)
    exact = image.reshape(32, 16, 32, 16, 3).mean(axis=(1, 3))
    assert np.abs(pixels - exact).mean() < 3


def test_the_pixel_cap_is_judged_from_the_header(encoded: Callable[..., bytes]) -> None:
    with pytest.raises(SampleError) as caught:
        decode(encoded(rgb := np.zeros((40, 50, 3), dtype=np.uint8))[:60], native(50, 40), rgb.size // 3 - 1)
    assert caught.value.code == "too_many_pixels"


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"RIFF\0\0\0\0WEBP"]
)
def test_what_is_no_picture_is_a_sample_error(data: bytes) -> None:
    with pytest.raises(SampleError):
        decode(data, native(1, 1), LIMIT)


def test_programs_are_never_started_for_postscript() -> None:
    with pytest.raises(SampleError) as caught:
        decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n", native(1, 1), LIMIT)
    assert caught.value.code == "not_an_image"


def test_a_broken_guess_is_told(encoded: Callable[..., bytes], rgb: np.ndarray) -> None:
    with pytest.raises(WrongGuessError) as size:
        decode(encoded(rgb), native(6, 6), LIMIT)
    assert not size.value.coloured
    with pytest.raises(WrongGuessError) as colour:
        decode(encoded(rgb), native(7, 5, 1), LIMIT)
    assert colour.value.coloured


def _folders(encoded: Callable[..., bytes], images: list[np.ndarray]) -> dict[str, bytes]:
    return {f"{'ab'[at % 2]}/{at}.png": encoded(image) for at, image in enumerate(images)}


def test_grey_pictures_make_a_grey_pack_even_when_stored_as_rgb(
    build: Callable[..., Any], zip_of: Callable[..., Path], encoded: Callable[..., bytes]
) -> None:
    grey = np.random.default_rng(2).integers(0, 256, (12, 4, 4), dtype=np.uint8)
    images = [
        np.repeat(image[..., None], 3, axis=2) if at % 3 == 0 else image for at, image in enumerate(grey)
    ]
    built = build(zip_of(_folders(encoded, images)))
    assert built.ingested.shape == (4, 4, 1)
    np.testing.assert_array_equal(built.pack[..., 0], grey)


def test_one_coloured_picture_the_probe_missed_makes_the_pack_coloured(
    build: Callable[..., Any], zip_of: Callable[..., Path], encoded: Callable[..., bytes]
) -> None:
    images = [np.full((4, 4), at % 256, dtype=np.uint8) for at in range(400)]
    images[3] = np.full((4, 4, 3), (1, 2, 3), dtype=np.uint8)
    built = build(zip_of(_folders(encoded, images) | {"a/broken.png": b""}))
    assert built.ingested.shape == (4, 4, 3)
    assert built.pack[3, 0, 0].tolist() == [1, 2, 3]
    assert built.pack[399, 0, 0].tolist() == [143, 143, 143]
    assert built.problems == [("a/broken.png", "not_an_image")]


def test_one_picture_of_another_size_the_probe_missed_makes_the_pack_square(
    build: Callable[..., Any], zip_of: Callable[..., Path], encoded: Callable[..., bytes]
) -> None:
    images = [np.full((4, 6), 9, dtype=np.uint8) for _ in range(400)]
    images[3] = np.full((5, 5), 9, dtype=np.uint8)
    built = build(zip_of(_folders(encoded, images)))
    assert built.ingested.shape == (64, 64, 1)
    assert built.ingested.statistics["sizes"] == {"6x4": 399, "5x5": 1}


@pytest.mark.parametrize(
    ("size", "asked", "shape"),
    [
        ((64, 48), None, (48, 64, 1)),
        ((65, 20), None, (64, 64, 1)),
        ((16, 16), 8, (8, 8, 1)),
        ((8, 8), 16, (16, 16, 1)),
    ],
)
def test_the_pack_is_native_where_small_and_as_asked_otherwise(
    build: Callable[..., Any],
    zip_of: Callable[..., Path],
    encoded: Callable[..., bytes],
    *,
    size: tuple[int, int],
    asked: int | None,
    shape: tuple[int, int, int],
) -> None:
    images = [np.full(size[::-1], 9, dtype=np.uint8) for _ in range(12)]
    assert build(zip_of(_folders(encoded, images)), image_size=asked).ingested.shape == shape


def test_pictures_over_the_pixel_cap_are_left_out(
    build: Callable[..., Any], zip_of: Callable[..., Path], encoded: Callable[..., bytes]
) -> None:
    images = [np.zeros((8, 8), dtype=np.uint8)] * 12 + [np.zeros((50, 50), dtype=np.uint8)]
    built = build(zip_of(_folders(encoded, images)), limits=IngestLimits(max_pixels=2000))
    assert built.problems == [("a/12.png", "too_many_pixels")]
    assert built.ingested.shape == (8, 8, 1)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's remarks on damaged TIFF tags
def test_damaged_bytes_never_raise_anything_but_sample_errors(encoded: Callable[..., bytes]) -> None:
    random = np.random.default_rng(3)
    picture = np.random.default_rng(4).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"):
        data = encoded(picture, kind)
        for _ in range(40):
            damaged = bytearray(data)
            for at in random.integers(0, len(data), 4):
                damaged[at] = random.integers(0, 256)
            with contextlib.suppress(SampleError):
                decode(bytes(damaged), square(8), LIMIT)
