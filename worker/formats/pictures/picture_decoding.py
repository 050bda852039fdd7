"""Decoding of one picture to upright 8-bit grey or RGB pixels of a target size."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from worker.formats.pictures.decoding_cost import check_cost
from worker.formats.pictures.png import read_plain_png
from worker.formats.shared.pixel_range import choose_range_top, scale_to_bytes
from worker.formats.shared.problems import SampleError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# IngestLimits caps the pixels of each picture; Pillow's own cap would warn inside a thread.
Image.MAX_IMAGE_PIXELS = None

# Only these decoders: others of Pillow start programs (EPS) or parse hostile bytes with rarely used code.
_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG2000"),
    *((b"P%d" % digit, "PPM") for digit in range(1, 7)),
)
_DECODING_ERRORS = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, MemoryError)
_WORD = 65_535
_PNG_COLOUR_AT = 25


class WrongGuessError(Exception):
    """A picture is coloured, brighter or of another size, although the inspected pictures were not."""

    def __init__(self, *, coloured: bool = False, brightest: float | None = None) -> None:
        super().__init__()
        self.coloured = coloured
        self.brightest = brightest


@dataclass(frozen=True, kw_only=True)
class Target:
    """Size and channels of every decoded picture."""

    height: int
    width: int
    channels: int
    """1: every picture must be grey; 3: RGB."""
    native: bool
    """Every picture must have this size; otherwise pictures are resized and centre-cropped to it."""
    brightest: float | None = None
    """The value that becomes 255 in pictures of more than 8 bits; None: by each picture's type or range."""


class Header(NamedTuple):
    """A picture's header: upright size in pixels, Pillow's mode, encoding."""

    width: int
    height: int
    mode: str
    encoding: str


def detect_encoding(data: bytes) -> str | None:
    """Return the name of the decoder for encoded bytes; None if they are not an accepted picture."""
    for magic, name in _MAGIC:
        if data.startswith(magic):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and (data[8:12] in (b"avif", b"avis") or b"avif" in data[16:64]):
        return "AVIF"
    return None


def open_picture(data: bytes, max_pixels: int) -> tuple[Image.Image, Header]:
    """Read a picture's header; SampleError if it is not a picture or has too many pixels."""
    encoding = detect_encoding(data)
    if encoding is None:
        found = _name_unsupported(data)
        raise SampleError(
            "not_an_image", f"expected a picture (JPEG, PNG, WebP, GIF, BMP, TIFF, ...); found {found}"
        )
    check_cost(data, encoding)
    try:
        image = Image.open(io.BytesIO(data), formats=(encoding,))
        turned = "exif" in image.info and image.getexif().get(0x0112, 1) >= 5  # noqa: PLR2004 - 5 to 8 swap width and height
    except _DECODING_ERRORS as error:
        raise _make_unreadable_error(encoding, error) from None
    width, height = image.size
    if width * height > max_pixels:
        raise SampleError(
            "too_many_pixels", f"expected at most {max_pixels} pixels; found {width} x {height}"
        )
    if turned:
        width, height = height, width
    mode = f"{image.mode};16" if _is_deep_colour(data, encoding) else image.mode
    return image, Header(width=width, height=height, mode=mode, encoding=encoding)


def _is_deep_colour(data: bytes, encoding: str) -> bool:
    """Return whether a PNG has 16 bits a channel and several channels: Pillow keeps the upper 8 of these."""
    return encoding == "PNG" and len(data) > _PNG_COLOUR_AT and data[24] == 16 and data[25] in (2, 4, 6)  # noqa: PLR2004 - IHDR


def _name_unsupported(data: bytes) -> str:
    if not data:
        return "an empty file"
    if data[:4] in (b"II+\x00", b"MM\x00+"):
        return "a BigTIFF picture (save it as PNG or TIFF)"
    if data[4:8] == b"ftyp" and data[8:11] in (b"hei", b"hev", b"mif", b"msf"):
        return "a HEIC picture (save it as JPEG)"
    return f"bytes that begin with {data[:8]!r}"


def decode(data: bytes, target: Target, max_pixels: int) -> tuple[NDArray[np.uint8], Header]:
    """Return the target's pixels [H, W, C] and the header.

    Raises:
        SampleError: the picture cannot be decoded.
        WrongGuessError: the picture does not fit the target.

    """
    width, height, channels = target.width, target.height, target.channels
    if target.native and width * height <= max_pixels:
        pixels = read_plain_png(data, width=width, height=height, channels=channels)
        if pixels is not None:
            return pixels, Header(width, height, "L" if channels == 1 else "RGB", "PNG")
    image, header = open_picture(data, max_pixels)
    if target.native and (header.width, header.height) != (target.width, target.height):
        raise WrongGuessError(coloured=False)
    try:
        # Twice the target size keeps the quality of the resampling.
        least_size = None if target.native else (2 * width, 2 * height)
        image = _load_upright(image, header, least_size, target.brightest)
        if target.channels == 1:
            image = convert_to_grey(image)
        elif image.mode == "L":
            image = image.convert("RGB")
        image = fit(image, target.width, target.height)
        return np.asarray(image).reshape(target.height, target.width, target.channels), header
    except _DECODING_ERRORS as error:
        raise _make_unreadable_error(header.encoding, error) from None


def decode_rgb(
    data: bytes, max_pixels: int, *, least_side: int | None = None, brightest: float | None = None
) -> Image.Image:
    """Return an upright RGB picture, the same pixels as the reader of uploads sees before it resizes.

    Args:
        data: the bytes of a picture's file.
        max_pixels: pictures with more are refused from their header.
        least_side: a JPEG may be decoded at a half to an eighth of its size as long as both sides keep this
            many pixels; None: its full size.
        brightest: as in `Target`; the dataset's statistics have it.

    Raises:
        SampleError: the picture cannot be decoded.

    """
    image = decode_rgb_or_grey(data, max_pixels, least_side=least_side, brightest=brightest)
    return image if image.mode == "RGB" else image.convert("RGB")


def decode_rgb_or_grey(
    data: bytes, max_pixels: int, *, least_side: int | None = None, brightest: float | None = None
) -> Image.Image:
    """Return an upright picture of mode RGB or L; arguments and errors as in `decode_rgb`."""
    image, header = open_picture(data, max_pixels)
    try:
        least_size = None if least_side is None else (least_side, least_side)
        return _load_upright(image, header, least_size, brightest)
    except _DECODING_ERRORS as error:
        raise _make_unreadable_error(header.encoding, error) from None


def inspect_picture(data: bytes, max_pixels: int, *, look_for_colour: bool) -> tuple[Header, bool]:
    """Return a picture's header and, with `look_for_colour`, whether it is coloured."""
    image, header = open_picture(data, max_pixels)
    if image.mode[0] in "IF":
        return header, False
    try:
        return header, look_for_colour and is_coloured(normalise_mode(image))
    except _DECODING_ERRORS as error:
        raise _make_unreadable_error(header.encoding, error) from None


def measure_brightest(data: bytes, max_pixels: int) -> float | None:
    """Return the top of the range of a picture of more than 8 bits; None for any other picture."""
    image, header = open_picture(data, max_pixels)
    if image.mode[0] not in "IF":
        return None
    try:
        return find_range_top(np.asarray(image))
    except _DECODING_ERRORS as error:
        raise _make_unreadable_error(header.encoding, error) from None


def _load_upright(
    image: Image.Image, header: Header, least_size: tuple[int, int] | None, brightest: float | None
) -> Image.Image:
    """Decode to mode L or RGB; a JPEG at 1/2 to 1/8 of its size if that is at least `least_size`."""
    if header.encoding == "JPEG" and least_size is not None:
        image.draft(None, least_size)
    return normalise_mode(image, brightest)


def normalise_mode(image: Image.Image, brightest: float | None = None) -> Image.Image:
    """Decode to mode L or RGB: upright, transparency on white, more than 8 bits scaled to 8."""
    if "exif" in image.info:
        image = ImageOps.exif_transpose(image)
    image.load()
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode[0] in "IF":
        return Image.fromarray(_scale_to_bytes(np.asarray(image), brightest))
    if image.has_transparency_data:
        over = image.convert("RGBA")
        flat = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
        return flat.getchannel(0) if image.mode in ("L", "LA", "La") else flat
    return image.convert("L" if image.mode == "LA" else "RGB")


def _scale_to_bytes(values: NDArray[Any], brightest: float | None) -> NDArray[np.uint8]:
    """Scale grey of more than 8 bits to 0..255; WrongGuessError if a value is above `brightest`."""
    top = find_range_top(values)
    if brightest is None and values.dtype.kind == "u" and values.dtype.itemsize == 2:  # noqa: PLR2004 - 16 bits
        top = float(_WORD)
    if brightest is not None and top > brightest:
        raise WrongGuessError(brightest=top)
    return scale_to_bytes(values, top if brightest is None else brightest)


def find_range_top(values: NDArray[Any]) -> float:
    """Return the top of the smallest usual range that holds all values: 1 (floats), 255, or 2^bits - 1."""
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if not 0 <= low <= high <= _WORD:
        raise SampleError(
            "unsupported_pixels", f"expected grey values in 0..65535; found {low:g} to {high:g}"
        )
    return choose_range_top(high, is_float=values.dtype.kind == "f")


def is_coloured(image: Image.Image) -> bool:
    """Return whether the channels of any pixel differ."""
    if image.mode == "L":
        return False
    pixels = np.asarray(image)
    red = pixels[..., 0]
    return not (np.array_equal(red, pixels[..., 1]) and np.array_equal(red, pixels[..., 2]))


def convert_to_grey(image: Image.Image) -> Image.Image:
    """Return one channel of a picture whose channels are equal; WrongGuessError if they are not."""
    if is_coloured(image):
        raise WrongGuessError(coloured=True)
    return image if image.mode == "L" else image.getchannel(0)


def fit(image: Image.Image, width: int, height: int) -> Image.Image:
    """Resize to just cover the target and crop the centre, in one resampling."""
    if image.size == (width, height):
        return image
    scale = max(width / image.width, height / image.height)
    across, down = width / scale, height / scale
    left, top = (image.width - across) / 2, (image.height - down) / 2
    box = (max(left, 0.0), max(top, 0.0), min(left + across, image.width), min(top + down, image.height))
    return image.resize((width, height), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)


def _make_unreadable_error(encoding: str, error: BaseException) -> SampleError:
    return SampleError(
        "unreadable_image", f"expected a complete {encoding} picture; found: {error or type(error).__name__}"
    )
