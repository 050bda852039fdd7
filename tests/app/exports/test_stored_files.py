"""A file of a bucket as an open file."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from app.exports.files.stored_files import open_stored_file
from app.infra.storage import Storage


class Remote(Storage):
    """A storage whose files can only be read range by range."""

    is_local = False


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Remote(tmp_path)


def test_ranges_are_read_as_from_a_file(storage: Storage) -> None:
    data = np.random.default_rng(0).bytes(3_000_000)
    (storage.root / "file").write_bytes(data)
    with open_stored_file(storage, storage.root / "file") as file:
        assert file.read(10) == data[:10]
        assert file.seek(-5, os.SEEK_END) == len(data) - 5
        assert file.read() == data[-5:]
        assert file.read(1) == b""
        file.seek(1_500_000)
        assert file.read(1_400_000) == data[1_500_000:2_900_000]


def test_a_zip_is_read_through_it(storage: Storage) -> None:
    with zipfile.ZipFile(storage.root / "a.zip", "w") as archive:
        archive.writestr("x", b"content")
    with open_stored_file(storage, storage.root / "a.zip") as file, zipfile.ZipFile(file) as archive:
        assert archive.read("x") == b"content"
