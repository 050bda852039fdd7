"""Pictures as browsers show them: the uploaded bytes where they can, else converted; smaller for tiles."""

import io
import os
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from app.kinds.sample_display import Picture

MEDIA_TYPES: Mapping[str, str] = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
}
"""Formats that browsers show, by Pillow's name; MPO is a JPEG with a second picture behind the first."""
DECODERS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF", "JPEG2000", "PPM")
"""The formats that uploads may have; Pillow's other decoders are never tried."""
PLAIN_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
"""Pixels that browsers show as they are meant: no CMYK, no more than 8 bits of grey."""
SIDES = (128, 256, 512, 1024, 2048)
"""Pixels of the longer side of reduced pictures: few, so that tiles of all sizes and screens share them."""
ORIENTATION = 0x0112
JPEG_QUALITY = 85
WORD = 65_535
BYTE_BITS = 8
ERRORS = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, MemoryError)
"""What Pillow raises on broken pictures."""
_decoding = threading.BoundedSemaphore(min(4, os.cpu_count() or 1))
"""Bounds the memory: each decodes at most `image_max_pixels`."""


class NotShowable(Exception):
    """A picture cannot be decoded, or has too many pixels."""


def choose_side(wanted: int) -> int:
    """Return the smallest of `SIDES` that has the wanted pixels; the largest if none has."""
    return next((side for side in SIDES if side >= wanted), SIDES[-1])


def make_showable(
    content: bytes, *, side: int | None, max_pixels: int, brightest: float | None = None
) -> tuple[Picture, bool]:
    """Return a picture that browsers show upright, and whether it was converted.

    Args:
        content: an encoded picture; it is returned as it is where browsers show it and it is small enough.
        side: most pixels of its longer side; None: all that it has.
        max_pixels: pictures with more are refused from their header.
        brightest: the grey value that becomes white in pictures of more than 8 bits; None: by its range.

    Raises:
        NotShowable: it cannot be decoded, or has too many pixels.

    """
    try:
        with Image.open(io.BytesIO(content), formats=DECODERS) as image:
            if image.width * image.height > max_pixels:
                found = f"{image.width} x {image.height}"
                raise NotShowable(f"expected at most {max_pixels} pixels, found {found}")
            if _is_shown_as_it_is(image, side):
                return Picture(content=content, media_type=MEDIA_TYPES[image.format or ""]), False
            with _decoding:
                return _convert(image, side, brightest), True
    except (*ERRORS, Image.DecompressionBombError) as error:
        raise NotShowable(f"expected a complete picture, found: {error or type(error).__name__}") from None


def _is_shown_as_it_is(image: Image.Image, side: int | None) -> bool:
    is_jpeg = image.format in {"JPEG", "MPO"}  # of these alone every browser heeds the orientation
    is_turned = image.getexif().get(ORIENTATION, 1) != 1
    is_small = side is None or max(image.size) <= side
    is_plain = image.format in MEDIA_TYPES and image.mode in PLAIN_MODES
    return is_small and is_plain and (is_jpeg or not is_turned)


def _convert(image: Image.Image, side: int | None, brightest: float | None) -> Picture:
    is_photograph = image.format in {"JPEG", "MPO", "WEBP", "AVIF"}
    profile = image.info.get("icc_profile") if image.mode in {"L", "RGB", "RGBA"} else None
    if side is not None:
        image.draft(None, (2 * side, 2 * side))  # a JPEG is decoded at a half to an eighth of its size
    upright = ImageOps.exif_transpose(image)
    shown = _reduce_depth(upright, brightest)
    is_reduced = side is not None and max(shown.size) > side
    if side is not None:
        shown.thumbnail((side, side), reducing_gap=2.0)
    buffer = io.BytesIO()
    if shown.mode in {"L", "RGB"} and (is_photograph or is_reduced):
        shown.save(buffer, format="JPEG", quality=JPEG_QUALITY, icc_profile=profile)
        return Picture(content=buffer.getvalue(), media_type="image/jpeg")
    shown.save(buffer, format="PNG", compress_level=1, icc_profile=profile)
    return Picture(content=buffer.getvalue(), media_type="image/png")


def _reduce_depth(image: Image.Image, brightest: float | None) -> Image.Image:
    """Decode to mode L, RGB or RGBA."""
    image.load()
    if image.mode[0] in "IF":
        return Image.fromarray(_scale_to_bytes(np.asarray(image), brightest))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L" if image.mode in {"1", "L"} else "RGB")


def _scale_to_bytes(values: npt.NDArray[Any], brightest: float | None) -> npt.NDArray[np.uint8]:
    """Return grey values as bytes; the brightest value, or the top of their range, becomes white."""
    high = float(values.max(initial=0))
    is_word = values.dtype.kind == "u" and values.dtype.itemsize * BYTE_BITS > BYTE_BITS
    bits = max(BYTE_BITS, int(np.ceil(min(max(high, 0), WORD))).bit_length())
    by_range = WORD if is_word else 1.0 if values.dtype.kind == "f" and high <= 1 else float((1 << bits) - 1)
    scaled = values.astype(np.float32) * np.float32(255 / (brightest or by_range))
    return np.asarray(np.rint(np.clip(np.nan_to_num(scaled), 0, 255)).astype(np.uint8))
