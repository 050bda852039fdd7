"""Pictures that browsers show: as uploaded where that works, else converted."""

import io

import numpy as np
import pytest
from PIL import Image

from app.kinds import picture_conversion
from app.kinds.browser_pictures import SIDES, NotShowable, choose_side, make_showable
from app.kinds.sample_display import Picture

GREY_RAMP = np.linspace(0, 4095, 40 * 30).reshape(30, 40)
MOST = 1_000_000


def encode(image: Image.Image, kind: str, **arguments: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **arguments)
    return buffer.getvalue()


def read(picture: Picture) -> Image.Image:
    with Image.open(io.BytesIO(picture.content)) as image:
        image.load()
        return image


def paint(width: int = 40, height: int = 30) -> Image.Image:
    """Return a picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("blue", (width // 2, 0, width, height))
    return image


def turn(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp"), ("GIF", "image/gif")],
)
def test_what_browsers_show_is_returned_byte_by_byte(kind: str, media_type: str) -> None:
    content = encode(paint(), kind)
    assert make_showable(content, side=None, max_pixels=MOST) == (
        Picture(content=content, media_type=media_type),
        False,
    )


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "PPM"])
def test_other_formats_become_a_png_with_the_same_pixels(kind: str) -> None:
    picture, is_converted = make_showable(encode(paint(), kind), side=None, max_pixels=MOST)
    assert (picture.media_type, is_converted) == ("image/png", True)
    assert (np.asarray(read(picture)) == np.asarray(paint())).all()


@pytest.mark.parametrize(("brightest", "white"), [(4095.0, 255), (None, 16)])
def test_grey_of_16_bits_is_scaled_by_the_dataset(brightest: float | None, white: int) -> None:
    content = encode(Image.fromarray(GREY_RAMP.astype(np.uint16)), "PNG")
    picture, _ = make_showable(content, side=None, max_pixels=MOST, brightest=brightest)
    shown = np.asarray(read(picture))
    assert shown.dtype == np.uint8
    assert (shown.min(), shown.max()) == (0, white)


def test_ink_colours_become_light_colours() -> None:
    picture, _ = make_showable(encode(paint().convert("CMYK"), "JPEG"), side=None, max_pixels=MOST)
    shown = read(picture)
    assert (picture.media_type, shown.mode) == ("image/jpeg", "RGB")
    red, blue = np.asarray(shown, int)[15, [3, 36]]
    assert red[0] - red[2] > 200
    assert blue[2] - blue[0] > 200


def test_a_turned_picture_is_shown_upright() -> None:
    picture, is_converted = make_showable(encode(paint(), "PNG", exif=turn(6)), side=None, max_pixels=MOST)
    shown = read(picture)
    assert (shown.size, is_converted) == ((30, 40), True)
    assert shown.getpixel((15, 3)) == (255, 0, 0)
    assert shown.getpixel((15, 36)) == (0, 0, 255)


def test_a_large_turned_photograph_is_reduced_upright_with_its_aspect() -> None:
    content = encode(paint(800, 400), "JPEG", exif=turn(6))
    picture, is_converted = make_showable(content, side=128, max_pixels=MOST)
    shown = read(picture)
    assert (shown.size, picture.media_type, is_converted) == ((64, 128), "image/jpeg", True)
    top = np.asarray(shown, int)[20, 32]
    assert top[0] - top[2] > 200
    assert "exif" not in shown.info


def test_transparency_is_kept() -> None:
    image = paint(300, 200).convert("RGBA")
    image.putalpha(128)
    picture, _ = make_showable(encode(image, "PNG"), side=128, max_pixels=MOST)
    assert (picture.media_type, np.asarray(read(picture))[5, 5, 3]) == ("image/png", 128)


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html><script>alert(1)</script></html>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        encode(paint(), "TIFF")[:-500],
        b"",
    ],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(NotShowable):
        make_showable(content, side=None, max_pixels=MOST)


def test_too_many_pixels_are_refused_from_the_header() -> None:
    with pytest.raises(NotShowable, match="at most 1199 pixels, found 40 x 30"):
        make_showable(encode(paint(), "TIFF"), side=None, max_pixels=1199)


def test_a_large_picture_is_converted_in_a_process_of_its_own_to_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = encode(paint(300, 200), "TIFF")
    here, _ = make_showable(content, side=128, max_pixels=MOST)
    monkeypatch.setattr(picture_conversion, "PIXELS_HERE", 1000)
    monkeypatch.setattr(picture_conversion, "_convert", None)
    apart, is_converted = make_showable(content, side=128, max_pixels=MOST)
    assert (apart, is_converted) == (here, True)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_decoded_small_unless_it_is_progressive(*, progressive: bool) -> None:
    with Image.open(io.BytesIO(encode(paint(800, 400), "JPEG", progressive=progressive))) as image:
        assert picture_conversion.count_decoded(image, 100) == (320_000 if progressive else 80_000)


def test_sides_are_few() -> None:
    assert [choose_side(wanted) for wanted in (8, 128, 129, 2048, 9000)] == [128, 128, 256, 2048, 2048]
    assert len(SIDES) < 8
