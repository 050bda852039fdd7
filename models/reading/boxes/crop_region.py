"""The part of a picture that stands for a box: a square around it with some of what surrounds it."""

from typing import NamedTuple

CONTEXT = 0.15
"""What is added on each side, as a share of the longer side: boxes that are a little too small lose no edge
of their object, and more is worse in generated scenes (bench/boxes/RESULTS.md)."""
SIDE_LEAST = 8
"""Pixels of the square's side at least."""
ROTATED_LEAST = 5
"""Values of the EXIF orientation from this one on exchange width and height."""


class Box(NamedTuple):
    """A box in pixels of a picture as it is shown; parts of it can lie outside."""

    left: float
    top: float
    width: float
    height: float


class Region(NamedTuple):
    """A square in whole pixels; parts of it can lie outside of the picture."""

    left: int
    top: int
    right: int
    bottom: int


def choose_region(box: Box, width: int, height: int, *, context: float = CONTEXT) -> Region:
    """Return the square that is cut out for a box of a picture of this size.

    It holds the part of the box that lies in the picture: encoders take squares, so no end of a long object
    is cut off, and none is squeezed. It goes beyond the picture only where the box is longer than the
    picture's shorter side; otherwise less context is taken.
    """
    left, top, right, bottom = clip_box(box, width, height)
    longer = max(right - left, bottom - top)
    wanted = max(SIDE_LEAST, round(longer * (1 + 2 * context)))
    side = min(wanted, max(min(width, height), round(longer)))
    start = (_place((left + right) / 2, side, width), _place((top + bottom) / 2, side, height))
    return Region(start[0], start[1], start[0] + side, start[1] + side)


def _place(middle: float, side: int, length: int) -> int:
    """Return where a side begins: around the middle, moved into the picture as far as it fits."""
    start = round(middle - side / 2)
    return min(max(start, 0), length - side) if side <= length else round((length - side) / 2)


def clip_box(box: Box, width: int, height: int) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of the part that lies in a picture of this size."""
    return (
        min(max(box.left, 0.0), width),
        min(max(box.top, 0.0), height),
        max(min(box.left + box.width, width), 0.0),
        max(min(box.top + box.height, height), 0.0),
    )


def turn_corners(
    corners: tuple[float, float, float, float], orientation: int, width: int, height: int
) -> tuple[float, float, float, float]:
    """Return corners of a picture as it is stored as corners of the picture as it is shown.

    Args:
        corners: left, top, right, bottom in the stored picture.
        orientation: EXIF's number, 5 to 8.
        width: of the picture as it is shown.
        height: of the picture as it is shown.

    """
    left, top, right, bottom = corners
    across = (top, bottom) if orientation in (5, 8) else (width - bottom, width - top)
    down = (left, right) if orientation in (5, 6) else (height - right, height - left)
    return across[0], down[0], across[1], down[1]
