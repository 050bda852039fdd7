"""Pictures that are too large, damaged, or no pictures."""

import io
import struct
import zlib
from functools import partial

import numpy as np
from PIL import Image

from tests.hostile.catalogue import BOMB, Files, chunk, hostile, png, png_of, with_picture, zipped

BMP = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 60, 0, 0, 54, 40, 2**30, 2**30, 1, 24, 0, 0, 0, 0, 0, 0)
JPEG_2000 = b"\0\0\0\x0cjP  \r\n\x87\n\xff\x4f\xff\x51" + struct.pack(">HHIIII", 47, 0, 2**31, 2**31, 0, 0)
SVG = b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY e SYSTEM "file:///etc/passwd">]><svg>&e;</svg>'
for label, data in {
    "png of 2.5 billion pixels": png_of(50_000, 50_000, zlib.compress(bytes(1000))),
    "png of no pixels": png_of(0, 0, zlib.compress(b"")),
    "png cut off": png()[:45],
    "png with a wrong checksum": png()[:-20] + bytes(20),
    "svg with an entity": SVG,
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
    "html": b"<html><script>alert(1)</script></html>" * 20,
    "php behind a jpeg's first bytes": b"\xff\xd8\xff\xe0<?php system('id'); ?>" * 20,
    "nothing": b"",
    "a webp of noise": b"RIFF\xff\xff\xff\xffWEBPVP8L" + bytes(range(256)),
    "bmp of huge sides": BMP,
    "jpeg 2000 of huge sides": JPEG_2000,
    "ppm of huge sides": b"P6 99999 99999 255\n" + bytes(100),
    "tiff that is a loop": b"II*\0\x08\0\0\0\x01\0\0\x01\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0",
}.items():
    hostile(f"picture: {label}")(partial(with_picture, data))


@hostile("picture: png with a bomb in its text")
def text_bomb() -> Files:
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(BOMB)))
    return with_picture(png_of(8, 8, zlib.compress(bytes(72)), extra=text))


@hostile("picture: png whose data are a bomb")
def data_bomb() -> Files:
    return with_picture(png_of(8, 8, zlib.compress(bytes(BOMB))))


@hostile("picture: flat one just below the cap")
def flat() -> Files:
    lines = zlib.compress(bytes(9_000 * 9_001))
    return with_picture(png_of(9_000, 9_000, lines[: len(lines) // 2]))


@hostile("picture: jpeg cut off")
def cut_jpeg() -> Files:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(
        buffer, "JPEG"
    )
    return with_picture(buffer.getvalue()[:500], "cat/hostile.jpg")


@hostile("picture: gif of ten thousand frames")
def frames() -> Files:
    buffer = io.BytesIO()
    first = Image.new("P", (8, 8))
    first.save(
        buffer, "GIF", save_all=True, append_images=[Image.new("P", (8, 8), n % 2) for n in range(300)]
    )
    data = buffer.getvalue()
    return with_picture(data[:-1] + data[-12:-1] * 10_000, "cat/hostile.gif") | {}


def progressive_jpeg(scans: int, side: int = 10_000) -> bytes:
    """Return a grey JPEG in which every scan goes over all blocks and changes nothing, in 120 bytes."""
    head = b"\xff\xd8\xff\xdb\0\x43\0" + bytes([1] * 64)
    head += b"\xff\xc2" + struct.pack(">HBHHB", 11, 8, side, side, 1) + b"\x01\x11\0"
    for table, symbol in ((0x00, 0x00), (0x10, 0xE0)):  # each has one code, of one bit
        head += b"\xff\xc4" + struct.pack(">HBB", 20, table, 1) + bytes(15) + bytes([symbol])
    start = b"\xff\xda" + struct.pack(">H", 8) + b"\x01\x01\0"
    runs = ("0" + "1" * 14) * ((side // 8 + 1) ** 2 // 32_767 + 1)  # each skips 32,767 blocks
    runs += "1" * (-len(runs) % 8)
    body = int(runs, 2).to_bytes(len(runs) // 8, "big").replace(b"\xff", b"\xff\0")
    first = start + b"\0\0\x01" + bytes(4)
    return head + first + (start + b"\x01\x3f\x10" + body) * scans + b"\xff\xd9"


def with_scans(count: int) -> Files:
    """Return a zip with a JPEG of so many scans."""
    return with_picture(progressive_jpeg(count), "cat/hostile.jpg")


for count in (60, 21_000):
    hostile(f"picture: jpeg of {count:,} scans")(partial(with_scans, count))
hostile("picture: jpeg of a million segments")(
    lambda: with_picture(b"\xff\xd8" + b"\xff\xfe\0\x04\xff\xda" * 1_000_000 + b"\xff\xd9", "cat/hostile.jpg")
)
hostile("picture: ppm of fifty megabytes in plain text")(
    lambda: with_picture(b"P3 3000 2500 255\n" + b"1 " * (3 * 3000 * 2500), "cat/hostile.ppm")
)


@hostile("picture: nothing else than broken ones")
def all_broken() -> Files:
    return {"a.zip": zipped({f"{'ab'[n % 2]}/{n}.png": png()[:40] for n in range(30)})}
