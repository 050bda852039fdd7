from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from worker.ingest.pack_building import IngestError, IngestLimits, IngestOptions, build_pack

LIMITS = IngestLimits(max_members=10_000, max_total_bytes=16 << 20, max_pack_bytes=16 << 20)
PICTURES = np.random.default_rng(0).integers(0, 256, (12, 4, 4), dtype=np.uint8)
LABELS = (np.arange(12) % 2).astype(np.uint8)


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for row, pixels in enumerate(PICTURES):
            archive.writestr(f"{'ab'[row % 2]}/{row}.png", _png(pixels))
    return file.getvalue()


def _manifest() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(
            "metadata.csv", "file_name,label\n" + "".join(f"{row}.png,{row % 2}\n" for row in range(12))
        )
        for row, pixels in enumerate(PICTURES):
            archive.writestr(f"{row}.png", _png(pixels))
    return file.getvalue()


def _tar(mode: Literal["w", "w:gz", "w:bz2", "w:xz"]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for row, pixels in enumerate(PICTURES):
            data = _png(pixels)
            entry = tarfile.TarInfo(f"{'ab'[row % 2]}/{row}.png")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


def _npz() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, x=PICTURES, y=LABELS)
    return file.getvalue()


def _idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def _parquet() -> bytes:
    file = io.BytesIO()
    images = [{"bytes": _png(pixels), "path": None} for pixels in PICTURES]
    pq.write_table(pa.table({"image": images, "label": LABELS}), file)
    return file.getvalue()


def _csv() -> bytes:
    return ("a,b,label\n" + "".join(f"{row},{row * 0.5},{'xy'[row % 2]}\n" for row in range(12))).encode()


def _cifar() -> bytes:
    data = np.random.default_rng(0).integers(0, 256, (12, 12), dtype=np.uint8)
    return pickle.dumps({b"data": data, b"labels": LABELS.tolist()}, 2)


FORMATS = {
    "zip": _zip(),
    "manifest": _manifest(),
    "tar": _tar("w"),
    "tgz": _tar("w:gz"),
    "npz": _npz(),
    "idx": _idx(PICTURES),
    "idx.gz": gzip.compress(_idx(PICTURES)),
    "parquet": _parquet(),
    "csv": _csv(),
    "csv.gz": gzip.compress(_csv()),
    "cifar": _cifar(),
}
MAGICS = (
    b"",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x1f\x8b\x08\0",
    b"BZh9",
    b"\xfd7zXZ\0",
    b"PAR1",
    b"\0\0\x08\x03",
    b"\x80\x02",
    b"a,label\n",
)


def attempt(data: bytes, name: str) -> str:
    """Name of the outcome; anything but a pack or an IngestError passes through."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"upload.{name}"
        path.write_bytes(data)
        files = [path]
        if name.startswith("idx"):
            files.append(Path(folder) / "labels")
            files[1].write_bytes(_idx(LABELS))
        destination = Path(folder) / "out"
        destination.mkdir()
        try:
            build_pack(files, options=IngestOptions(), limits=LIMITS, destination=destination)
        except IngestError as error:
            left, code = list(destination.iterdir()), error.code
        else:
            return "built"
        assert left == []
        return code


robust = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
damaged_pictures_are_remarked_on = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_builds_untouched(name: str) -> None:
    assert attempt(FORMATS[name], name) == "built"


@robust
@given(magic=st.sampled_from(MAGICS), data=st.binary(max_size=3000))
def test_random_bytes_raise_nothing_but_ingest_errors(magic: bytes, data: bytes) -> None:
    assert attempt(magic + data, "upload") != "built"


@pytest.mark.parametrize("name", FORMATS)
@robust
@given(fraction=st.floats(0, 1, exclude_max=True))
def test_truncations_raise_nothing_but_ingest_errors(name: str, fraction: float) -> None:
    attempt(FORMATS[name][: int(fraction * len(FORMATS[name]))], name)


@damaged_pictures_are_remarked_on
@pytest.mark.parametrize("name", FORMATS)
@robust
@given(data=st.data())
def test_flipped_bytes_raise_nothing_but_ingest_errors(name: str, data: st.DataObject) -> None:
    damaged = bytearray(FORMATS[name])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    attempt(bytes(damaged), name)
