"""The list of hostile uploads, made by code: name -> the files that are uploaded together."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

Files = dict[str, bytes]
Make = Callable[[], Files]
CATALOGUE: dict[str, Make] = {}
HARMLESS = {
    "picture: png whose data are a bomb": "the decoder stops at the last pixel",
    "picture: gif of ten thousand frames": "the first frame is taken",
    "csv: class names that differ in case alone": "they are different classes, and this is noted",
    "csv: labels that are long numbers": "they are names, sorted in linear time",
    "csv: UTF-16": "it is read in its own encoding",
    "csv: words among the numbers": "such a cell is read as blank, and this is noted",
    "csv: no label column": "the only column of words is taken, and this is noted",
    "manifest: no column of files": "the column whose values are pictures is taken, and this is noted",
}
COUNT = 12
MEBIBYTE = 2**20
BOMB = 20 * MEBIBYTE
"""Zeros that a bomb unpacks to: enough to be noticed, small enough to be made quickly."""


def hostile(name: str) -> Callable[[Make], Make]:
    """Enter what a function makes into the catalogue."""

    def enter(make: Make) -> Make:
        assert name not in CATALOGUE, name
        CATALOGUE[name] = make
        return make

    return enter


def png(pixels: np.ndarray | None = None) -> bytes:
    """Return a small PNG."""
    buffer = io.BytesIO()
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) if pixels is None else pixels
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def good_members(count: int = COUNT) -> Files:
    """Return a few honest pictures in two class folders."""
    rng = np.random.default_rng(0)
    return {
        f"{('cat', 'dog')[n % 2]}/{n}.png": png(rng.integers(0, 256, (8, 8), dtype=np.uint8))
        for n in range(count)
    }


def zipped(members: Files, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, body: bytes, *, extra: bytes = b"") -> bytes:
    """Return a grey PNG whose header says what it likes."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def with_picture(data: bytes, name: str = "cat/hostile.png") -> Files:
    """Return a class-folder zip in which one picture is hostile."""
    return {"pictures.zip": zipped(good_members() | {name: data})}
