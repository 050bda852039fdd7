"""Pictures of a sample: the original bytes from the upload, or the pixels used for training."""

import io
import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import BoundedSemaphore

import numpy as np
import numpy.typing as npt
from PIL import Image

from app.infra.errors import Invalid, NotFound
from app.kinds.browser_pictures import MEDIA_TYPES
from app.kinds.picture_conversion import DECODERS, ERRORS
from app.tables import Sample

DEFLATED = 8
HEADER_BYTES_MAX = 4_096
ORIGINAL_BYTES = 64 * 2**20
"""Of an original that is shown; larger ones come with the upload and the exports."""
SMALL_BYTES = 8 * 2**20
"""Originals of which several may be in memory at once."""
_large = BoundedSemaphore(1)

Read = Callable[[int, int], bytes]
"""Returns a range of a stored file: start, length; shorter where the file ends."""


class TooLarge(Exception):
    """An original has more bytes than are read into the memory of the API."""


@contextmanager
def open_original(sample: Sample, read_upload: Read) -> Iterator[bytes]:
    """Yield the encoded picture as uploaded; of large ones one is in memory at a time.

    Raises:
        NotFound: the upload does not contain it as a separate file.
        TooLarge: it has more than ORIGINAL_BYTES.

    """
    if sample.source_offset is None or sample.source_length is None:
        raise NotFound(f"sample {sample.position} has no original picture; use variant=display")
    if sample.source_length > ORIGINAL_BYTES:
        raise TooLarge
    with ExitStack() as turn:
        if sample.source_length > SMALL_BYTES:
            turn.enter_context(_large)
        stored = read_upload(sample.source_offset, sample.source_length)
        if sample.source_method != DEFLATED:
            yield stored
            return
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        content = inflater.decompress(stored, SMALL_BYTES)
        if inflater.unconsumed_tail:
            if sample.source_length <= SMALL_BYTES:
                turn.enter_context(_large)
            content += inflater.decompress(inflater.unconsumed_tail, ORIGINAL_BYTES)
            if inflater.unconsumed_tail:
                raise TooLarge
        yield content


def find_media_type(picture: bytes, *, max_pixels: int) -> str:
    """Return the media type of a picture that browsers can show.

    Raises:
        Invalid: browsers cannot show it, or it has too many pixels.

    """
    try:
        with Image.open(io.BytesIO(picture), formats=DECODERS) as image:
            media_type = MEDIA_TYPES.get(image.format or "")
            pixels = image.width * image.height
    except (*ERRORS, Image.DecompressionBombError):
        raise Invalid("this original cannot be read as a picture; use variant=pack") from None
    if media_type is None or pixels > max_pixels:
        raise Invalid("browsers cannot show this original; use variant=display")
    return media_type


def draw_pack_row(read_pack: Read, position: int, *, side: int | None) -> bytes:
    """Return one row of an image pack [N, H, W, C] as PNG, enlarged to `side` pixels without smoothing."""
    pixels = _read_row(read_pack, position)
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))
    if side is not None:
        factor = side / max(image.size)
        image = image.resize(
            (max(1, round(image.width * factor)), max(1, round(image.height * factor))),
            Image.Resampling.NEAREST,
        )
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def _read_row(read_pack: Read, position: int) -> npt.NDArray[np.uint8]:
    """Return one row of a .npy file of uint8, reading only its header and that row."""
    header = io.BytesIO(read_pack(0, HEADER_BYTES_MAX))
    assert np.lib.format.read_magic(header) == (1, 0)
    (_, *shape), _, dtype = np.lib.format.read_array_header_1_0(header)
    assert dtype == np.uint8
    length = math.prod(shape)
    row = read_pack(header.tell() + position * length, length)
    return np.frombuffer(row, dtype=np.uint8).reshape(shape)
