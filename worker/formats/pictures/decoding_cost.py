"""Pictures that are small to send and long to decode: found in their bytes, before they are decoded."""

from __future__ import annotations

import re

from worker.formats.shared.problems import SampleError

MOST_SCANS = 32
"""Scans of one JPEG. Progressive encoders write about 10, or 18 for CMYK; each costs a pass over the whole
picture, 35 ms for 100,000,000 grey pixels (EPYC, one core), and needs only some hundred bytes."""
MOST_SEGMENTS = 20_000
"""Segments of one JPEG; a picture of 256 MiB needs 4,100 for its metadata, which are 64 KiB at most each."""
MOST_TEXT_BYTES = 16 << 20
"""A picture in plain text (PBM, PGM or PPM): Pillow reads 9 MB of it in a second, in Python."""

_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_START_OF_SCAN, _END_OF_IMAGE = b"\xda", b"\xd9"
_PLAIN = (b"P1", b"P2", b"P3")


def check_cost(data: bytes, encoding: str) -> None:
    """Raise SampleError if a picture takes far more work to decode than its size says."""
    if encoding == "JPEG":
        _check_scans(data)
    elif encoding == "PPM" and data[:2] in _PLAIN and len(data) > MOST_TEXT_BYTES:
        raise SampleError(
            "too_costly",
            f"expected at most {MOST_TEXT_BYTES} bytes of a picture in plain text; found {len(data)} "
            "(save it as PNG)",
        )


def _check_scans(data: bytes) -> None:
    # Counts too many, also those of thumbnails and of a video behind the picture; only then it is read.
    if data.count(b"\xff" + _START_OF_SCAN) <= MOST_SCANS:
        return
    scans = segments = 0
    at = 2
    while (found := _MARKER.search(data, at)) and found[1] != _END_OF_IMAGE:
        scans += found[1] == _START_OF_SCAN
        segments += 1
        if scans > MOST_SCANS or segments > MOST_SEGMENTS:
            raise SampleError(
                "too_costly",
                f"expected a JPEG of at most {MOST_SCANS} scans and {MOST_SEGMENTS} segments; found more "
                "(save it anew)",
            )
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
