"""Converting one picture for browsers; large ones in a process of their own, with limits on memory and time.

`python -m app.kinds.picture_conversion FACTS` reads an encoded picture from its standard input. This module
imports little else of the service, so that the process starts quickly.
"""

import io
import json
import os
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from app.http.resource_limits import limit_process

DECODERS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF", "JPEG2000", "PPM")
"""The formats that uploads may have; Pillow's other decoders are never tried."""
ERRORS = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, MemoryError)
"""What Pillow raises on broken pictures."""
JPEG_QUALITY = 85
WORD = 65_535
BYTE_BITS = 8
PIXELS_HERE = 4 * 2**20
"""Most pixels that are decoded in this process. Each takes up to 16 bytes while a picture is converted:
twelve pictures of 64 million pixels at once took 3.7 GiB of the API's process."""
MEMORY_BYTES = 3 * 2**29
"""For a conversion apart: 64 million pixels of RGBA or of 16 bits took 1.2 GiB."""
CPU_SECONDS, WAIT_SECONDS = 60, 600
_decoding_here = threading.BoundedSemaphore(min(4, os.cpu_count() or 1))
_converting_apart = threading.BoundedSemaphore(1)
Converted = tuple[bytes, str]
"""An encoded picture and its media type."""
Region = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; parts of it can lie outside of the picture."""


class ConversionFailed(Exception):
    """A picture cannot be converted, or not within the limits."""


def convert(
    content: bytes,
    image: Image.Image,
    *,
    side: int | None,
    brightest: float | None,
    region: Region | None = None,
) -> Converted:
    """Return a picture as browsers show it: in this process, or in one of its own where it is large.

    Args:
        content: the encoded picture.
        image: the same, opened and not decoded.
        side: most pixels of its longer side; None: all that it has.
        brightest: the grey value that becomes white in pictures of more than 8 bits; None: by its range.
        region: the part of the upright picture to cut out; None: the whole.

    Raises:
        ConversionFailed: the process has reached a limit.

    """
    if count_decoded(image, side if region is None else None) > PIXELS_HERE:
        with _converting_apart:
            return _convert_apart(content, side, brightest, region)
    with _decoding_here:
        return _convert(image, side, brightest, region)


def count_decoded(image: Image.Image, side: int | None) -> int:
    """Return the pixels that are in memory at once; most JPEGs are reduced while they are decoded."""
    whole = image.width * image.height
    _draft(image, side)
    return whole if "progressive" in image.info else image.width * image.height


def _draft(image: Image.Image, side: int | None) -> None:
    if side is not None:
        image.draft(None, (2 * side, 2 * side))  # a JPEG is decoded at a half to an eighth of its size


def _convert_apart(
    content: bytes, side: int | None, brightest: float | None, region: Region | None
) -> Converted:
    facts = json.dumps({"side": side, "brightest": brightest, "region": region})
    command = [sys.executable, "-m", "app.kinds.picture_conversion", facts]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, input=content, capture_output=True, check=True, timeout=WAIT_SECONDS
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise ConversionFailed("it takes too much memory or time") from error
    media_type, _, converted = done.stdout.partition(b"\n")
    return converted, media_type.decode()


def _convert(
    image: Image.Image, side: int | None, brightest: float | None, region: Region | None
) -> Converted:
    is_photograph = image.format in {"JPEG", "MPO", "WEBP", "AVIF"}
    profile = image.info.get("icc_profile") if image.mode in {"L", "RGB", "RGBA"} else None
    _draft(image, side if region is None else None)
    upright = ImageOps.exif_transpose(image)
    if region is not None:
        upright = upright.crop(region)
    shown = _reduce_depth(upright, brightest)
    is_reduced = side is not None and max(shown.size) > side
    if side is not None:
        shown.thumbnail((side, side), reducing_gap=2.0)
    buffer = io.BytesIO()
    if shown.mode in {"L", "RGB"} and (is_photograph or is_reduced):
        shown.save(buffer, format="JPEG", quality=JPEG_QUALITY, icc_profile=profile)
        return buffer.getvalue(), "image/jpeg"
    shown.save(buffer, format="PNG", compress_level=1, icc_profile=profile)
    return buffer.getvalue(), "image/png"


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


def main() -> None:
    """Convert the picture of the standard input; write its media type, a line end and its bytes."""
    facts = json.loads(sys.argv[1])
    limit_process(MEMORY_BYTES, CPU_SECONDS)
    Image.MAX_IMAGE_PIXELS = None  # whoever starts this has counted them
    content = sys.stdin.buffer.read()
    with Image.open(io.BytesIO(content), formats=DECODERS) as image:
        converted, media_type = _convert(image, facts["side"], facts["brightest"], facts["region"])
    sys.stdout.buffer.write(media_type.encode() + b"\n" + converted)


if __name__ == "__main__":
    main()
