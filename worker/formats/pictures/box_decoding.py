"""Cutting of boxes out of their pictures: place, check, and decoding of each picture once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from models.reading.boxes.crop_region import ROTATED_LEAST, Box, choose_region, turn_corners
from worker.formats.pictures import decoding_clock
from worker.formats.pictures.picture_decoding import (
    Header,
    Target,
    convert_to_grey,
    decode_rgb_or_grey,
    fit,
    open_picture,
)
from worker.formats.shared.problems import SampleError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from worker.formats.shared.sample import EncodedChunk, SampleBoxes

_ORIENTATION = 0x0112
_COORDINATE_MOST = 1e9


class Cut(NamedTuple):
    """A box that was cut out."""

    pixels: NDArray[np.uint8]
    """[H, W, C] of the target."""
    box: Box
    header: Header
    """Of the whole picture."""


def decode_boxes(
    chunk: EncodedChunk, boxes: SampleBoxes, target: Target, max_pixels: int
) -> Iterator[Cut | SampleError]:
    """Yield what is cut out for each row of a chunk, or why it cannot be."""
    image: Image.Image | SampleError = SampleError("missing_picture", "")
    header, orientation, last = None, 1, -1
    for row in range(chunk.count):
        at = chunk.start + row
        if boxes.pictures[at] != last:
            last = int(boxes.pictures[at])
            try:
                data = chunk.load(row)
                with decoding_clock.measure():
                    image, header, orientation = _decode(data, target, max_pixels)
            except SampleError as error:
                image, header = error, None
        if isinstance(image, SampleError):
            yield image
            continue
        assert header is not None
        try:
            box = place_box(boxes, at, header, orientation)
        except SampleError as error:
            yield error
            continue
        cut = fit(cut_out(image, box), target.width, target.height)
        pixels = np.asarray(cut).reshape(target.height, target.width, target.channels)
        yield Cut(pixels, box, header)


def _decode(data: bytes, target: Target, max_pixels: int) -> tuple[Image.Image, Header, int]:
    """Return the upright picture in the target's mode, its header and its EXIF orientation."""
    opened, header = open_picture(data, max_pixels)
    orientation = opened.getexif().get(_ORIENTATION, 1) if "exif" in opened.info else 1
    image = decode_rgb_or_grey(data, max_pixels, brightest=target.brightest)
    if target.channels == 1:
        return convert_to_grey(image), header, orientation
    return image if image.mode == "RGB" else image.convert("RGB"), header, orientation


def place_box(boxes: SampleBoxes, at: int, header: Header, orientation: int) -> Box:
    """Return a box in pixels of the upright picture.

    Corners in pixels are those of the picture as it is shown, as programs that label pictures write them,
    unless the size that the annotation states is that of the picture as it is stored, lying on its side.

    Raises:
        SampleError: there is no such box in the picture.

    """
    corners = tuple(boxes.corners[at].tolist())
    if not np.isfinite(corners).all() or max(map(abs, corners)) > _COORDINATE_MOST:
        raise SampleError("box_not_finite", "expected a box of usual numbers; found NaN or a huge number")
    if boxes.is_share:
        left, top, right, bottom = (
            share * length for share, length in zip(corners, (header.width, header.height) * 2, strict=True)
        )
    else:
        left, top, right, bottom = corners
        stated = tuple(boxes.stated[at].tolist())
        is_lying = stated == (header.height, header.width) and header.width != header.height
        if orientation >= ROTATED_LEAST and is_lying:
            left, top, right, bottom = turn_corners(corners, orientation, header.width, header.height)
    if right < left or bottom < top:
        raise SampleError(
            "box_inverted",
            f"expected the right below the left edge first; found {right - left:g} x {bottom - top:g}",
        )
    if right == left or bottom == top:
        raise SampleError("box_empty", "expected a box with an area; found none")
    if right <= 0 or bottom <= 0 or left >= header.width or top >= header.height:
        size = f"{header.width} x {header.height}"
        raise SampleError(
            "box_outside",
            f"expected a box in the picture of {size}; found {left:g}, {top:g} to {right:g}, {bottom:g}",
        )
    return Box(left, top, right - left, bottom - top)


def cut_out(image: Image.Image, box: Box) -> Image.Image:
    """Return the square around a box; black where it goes beyond the picture."""
    return image.crop(choose_region(box, *image.size))
