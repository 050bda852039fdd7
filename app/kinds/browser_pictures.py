"""Pictures as browsers show them: the uploaded bytes where they can, else converted; smaller for tiles."""

import io
from collections.abc import Mapping

from PIL import Image

from app.kinds.picture_conversion import DECODERS, ERRORS, PIXELS_HERE, ConversionFailed, convert
from app.kinds.sample_display import Picture
from models.reading.boxes.crop_region import ROTATED_LEAST, Box, choose_region

MEDIA_TYPES: Mapping[str, str] = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
}
"""Formats that browsers show, by Pillow's name; MPO is a JPEG with a second picture behind the first."""
PLAIN_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
"""Pixels that browsers show as they are meant: no CMYK, no more than 8 bits of grey."""
SIDES = (128, 256, 512, 1024, 2048)
"""Pixels of the longer side of reduced pictures: few, so that tiles of all sizes and screens share them."""
ORIENTATION = 0x0112


class NotShowable(Exception):
    """A picture cannot be decoded, or has too many pixels."""


def choose_side(wanted: int) -> int:
    """Return the smallest of `SIDES` that has the wanted pixels; the largest if none has."""
    return next((side for side in SIDES if side >= wanted), SIDES[-1])


def make_showable(
    content: bytes,
    *,
    side: int | None,
    max_pixels: int,
    box: Box | None = None,
    brightest: float | None = None,
) -> tuple[Picture, bool]:
    """Return a picture that browsers show upright, and whether it was converted.

    Args:
        content: an encoded picture; it is returned as it is where browsers show it and it is small enough.
        side: most pixels of its longer side; None: all that it has.
        box: the part to cut out; None: the whole picture.
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
            if box is None and _is_shown_as_it_is(image, side):
                return Picture(content=content, media_type=MEDIA_TYPES[image.format or ""]), False
            region = None if box is None else choose_region(box, *_find_upright_size(image))
            converted, media_type = convert(content, image, side=side, brightest=brightest, region=region)
            return Picture(content=converted, media_type=media_type), True
    except (*ERRORS, ConversionFailed, Image.DecompressionBombError) as error:
        raise NotShowable(f"expected a complete picture, found: {error or type(error).__name__}") from None


def _find_upright_size(image: Image.Image) -> tuple[int, int]:
    is_lying = image.getexif().get(ORIENTATION, 1) >= ROTATED_LEAST
    return (image.height, image.width) if is_lying else image.size


def _is_shown_as_it_is(image: Image.Image, side: int | None) -> bool:
    is_jpeg = image.format in {"JPEG", "MPO"}  # of these alone every browser heeds the orientation
    is_small = side is None or max(image.size) <= side
    is_plain = image.format in MEDIA_TYPES and image.mode in PLAIN_MODES
    return is_small and is_plain and (is_jpeg or not _is_turned(image))


def _is_turned(image: Image.Image) -> bool:
    """Return whether a picture has to be turned; of a large PNG what stands before its pixels decides."""
    is_large = image.width * image.height > PIXELS_HERE
    if image.format == "PNG" and is_large and "exif" not in image.info:
        return False  # Pillow would decode all of it, to look behind the pixels
    return bool(image.getexif().get(ORIENTATION, 1) != 1)
