"""YOLO's label files: one line for each object, its class number and its place as shares of the picture.

Words end at ASCII's white space, both where lines are read and where they are written: all other characters,
such as a no-break space, are part of a word, which is then no number.
"""

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

BOX_VALUES = 4
POLYGON_LEAST = 6
"""Values of the smallest polygon, a triangle."""
_FIRST = re.compile(rb"^((?:\xef\xbb\xbf)?\s*)(\S+)")
_WHOLE = re.compile(rb"\d{1,9}(\.0*)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class YoloLine:
    """One object."""

    number: int
    """Of the line, from 0; blank lines count."""
    label: int | None
    """None: the line does not begin with a whole number."""
    values: Sequence[float]
    """All further numbers of the line; empty if one is no number."""


def read_lines(content: bytes) -> Iterator[YoloLine]:
    """Yield the lines of a label file that are not blank."""
    for number, line in enumerate(content.removeprefix(codecs.BOM_UTF8).split(b"\n")):
        words = line.split()
        if (
            b"\r" in line.strip()
        ):  # lines that end in returns alone: several objects, which cannot be told apart
            yield YoloLine(number=number, label=None, values=())
        elif words:
            label = int(float(words[0])) if _WHOLE.fullmatch(words[0]) else None
            yield YoloLine(number=number, label=label, values=_read_numbers(words[1:]))


def _read_numbers(words: Sequence[bytes]) -> Sequence[float]:
    try:
        return [float(word) for word in words]
    except ValueError:
        return ()


def find_corners(
    values: Sequence[float], keypoint_values: int = 0
) -> tuple[float, float, float, float] | None:
    """Return left, top, right and bottom as shares of the picture; None if the values are no place.

    Four values are centre and size, a fifth is a confidence; six and more are a polygon's corners, whose
    box is taken. `keypoint_values`: a line has this many numbers of keypoints behind its box.
    """
    count = len(values)
    is_box = count in (BOX_VALUES, BOX_VALUES + 1) or (
        keypoint_values > 0 and count == BOX_VALUES + keypoint_values
    )
    if is_box:
        x, y, width, height = values[:BOX_VALUES]
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    if count < POLYGON_LEAST or count % 2:
        return None
    across, down = values[::2], values[1::2]
    return min(across), min(down), max(across), max(down)


def rewrite_lines(content: bytes, changes: Mapping[int, object]) -> bytes:
    """Return a label file with other class numbers in some lines, and without others.

    Args:
        content: the file.
        changes: by line number the new class number, or None: the line is left out.

    """
    lines = content.split(b"\n")
    kept = [
        line if number not in changes else _replace_first(line, str(changes[number]).encode())
        for number, line in enumerate(lines)
        if number not in changes or changes[number] is not None
    ]
    return b"\n".join(kept)


def _replace_first(line: bytes, word: bytes) -> bytes:
    """Return a line with another first word."""
    match = _FIRST.match(line)
    return line if match is None else match[1] + word + line[match.end() :]
