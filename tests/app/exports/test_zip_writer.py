"""A zip written without seeking is a zip to everybody else."""

import io
import zipfile
import zlib
from pathlib import Path

from app.exports.files.zip_writer import DEFLATED, ZipStream


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def opened(data: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    return archive


def made() -> bytes:
    stream = ZipStream()
    parts = [
        stream.add("cat/ä.png", b"picture"),
        stream.add("dog/1.png", deflated(b"d" * 1000), method=DEFLATED),
        b"".join(stream.stream("x.npy", [b"12", b"", b"345"])),
        stream.add("empty", b""),
    ]
    return b"".join([*parts, stream.finish()])


def test_members_of_every_kind_are_read_back() -> None:
    with opened(made()) as archive:
        assert archive.namelist() == ["cat/ä.png", "dog/1.png", "x.npy", "empty"]
        assert archive.read("cat/ä.png") == b"picture"
        assert archive.read("dog/1.png") == b"d" * 1000
        assert archive.getinfo("dog/1.png").compress_size < 100
        assert archive.read("x.npy") == b"12345"


def test_more_members_than_16_bits_count() -> None:
    stream = ZipStream()
    data = b"".join([*(stream.add(str(number), b"") for number in range(70_000)), stream.finish()])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == 70_000
        assert archive.read("69999") == b""


def test_members_beyond_four_gibibytes(tmp_path: Path) -> None:
    stream, beyond = ZipStream(), 5 << 30
    stream._at = beyond  # noqa: SLF001 - as if five gibibytes had gone before
    with (tmp_path / "sparse.zip").open("wb") as file:
        file.seek(beyond)
        file.write(stream.add("late", b"here") + stream.finish())
    with zipfile.ZipFile(tmp_path / "sparse.zip") as archive:
        assert archive.getinfo("late").header_offset == beyond
        assert archive.read("late") == b"here"
