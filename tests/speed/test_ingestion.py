"""What is held of a picture while an archive is read: numbers and its name, in whatever form it comes."""

import io
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from worker.formats.packs import samples_table
from worker.ingest.pack_building import IngestLimits, IngestOptions, build_pack

MOST_BYTES = 300
"""Measured: zip 130 to 226, tar 114 to 157, zip with a table 192 to 282.

What holds the names doubles at once, before or after the last picture. A table that kept its paths split took
413.
"""
FEW, MANY = 500, 3_000


def picture(shade: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((2, 2), shade, dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def names(count: int) -> list[str]:
    return [f"{number % 4}/{number:07}.png" for number in range(count)]


def zipped(path: Path, count: int) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names(count)):
            archive.writestr(name, picture(number % 200))


def tarred(path: Path, count: int) -> None:
    with tarfile.open(path, "w") as archive:
        for number, name in enumerate(names(count)):
            content = picture(number % 200)
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))


def listed(path: Path, count: int) -> None:
    zipped(path, count)
    rows = [f"{name},{name[0]},train" for name in names(count)]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("metadata.csv", "\n".join(["file_name,label,split", *rows]))


def most_held(write: Callable[[Path, int], None], folder: Path, count: int) -> int:
    """Return the most bytes that Python and numpy held at once."""
    folder.mkdir()
    archive = folder / "pictures"
    write(archive, count)
    tracemalloc.start()
    try:
        build_pack([archive], options=IngestOptions(), limits=IngestLimits(), destination=folder)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("write", [zipped, tarred, listed])
def test_a_picture_more_takes_little_memory_more(
    write: Callable[[Path, int], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples_table, "ROWS_AT_ONCE", 200)
    most_held(write, tmp_path / "first", FEW)  # what is made once is made here
    few, many = (most_held(write, tmp_path / str(count), count) for count in (FEW, MANY))
    assert (many - few) / (MANY - FEW) < MOST_BYTES
