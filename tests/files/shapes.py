"""The catalogue of files as people have them: each shape makes files and says how they are to be read."""

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

Files = Mapping[str, bytes]
COUNT = 24
CLASSES = ("cat", "dog")
NAMES = [CLASSES[row % 2] for row in range(COUNT)]
PIXELS = np.random.default_rng(5).integers(0, 256, (COUNT, 6, 6), dtype=np.uint8)
VALUES = np.random.default_rng(6).normal(size=(COUNT, 3)).round(3)
NUMBER_TEXTS = [[f"{value}" for value in row] for row in VALUES.tolist()]


@dataclass(frozen=True, kw_only=True)
class Expected:
    """How a shape is to be read; None: not checked."""

    given: Sequence[str] | None = None
    classes: Sequence[str] | None = None
    spelled: Sequence[object] | None = None
    keys: Sequence[str] | None = None
    splits: Sequence[str | None] | None = None
    true: Sequence[str | None] | None = None
    features: Sequence[str] | None = None
    levels: int | None = None
    """Least number of different pixel values."""
    notes: Sequence[str] = ()
    """Codes of notes that must be there."""
    refused: str | None = None
    """The code of the refusal."""
    says: Sequence[str] = ()
    """Texts that the refusal or the notes must contain."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Files with the way in which they are to be read."""

    name: str
    files: Files
    expected: Expected
    options: Mapping[str, Any] = field(default_factory=dict)


SHAPES: list[Shape] = []


def add(name: str, files: Files, expected: Expected, **options: object) -> None:
    """Enter files into the catalogue."""
    assert name not in {each.name for each in SHAPES}, name
    SHAPES.append(Shape(name=name, files=files, expected=expected, options=options))


def png(row: int, pixels: np.ndarray | None = None, kind: str = "PNG") -> bytes:
    """Return an encoded picture."""
    buffer = io.BytesIO()
    Image.fromarray(PIXELS[row] if pixels is None else pixels).save(buffer, kind)
    return buffer.getvalue()


def zipped(members: Mapping[str, bytes]) -> bytes:
    """Return a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(members: Sequence[tuple[bytes, bytes | None]], mode: str = "w") -> bytes:
    """Return a tar of raw names; None: a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, encoding="utf-8", errors="surrogateescape") as archive:  # type: ignore[call-overload]
        for name, data in members:
            entry = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
            entry.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
            entry.size = len(data or b"")
            archive.addfile(entry, io.BytesIO(data or b""))
    return buffer.getvalue()


def flat(folder: str = "images/", ending: str = ".png") -> dict[str, bytes]:
    """Return all pictures in one folder."""
    return {f"{folder}{row}{ending}": png(row) for row in range(COUNT)}


def foldered(cat: str = "cat", dog: str = "dog", prefix: str = "") -> dict[str, bytes]:
    """Return pictures in two class folders."""
    return {f"{prefix}{(cat, dog)[row % 2]}/{row}.png": png(row) for row in range(COUNT)}


def table(header: str, rows: Sequence[Sequence[object]], delimiter: str = ",", end: str = "\n") -> str:
    """Return a table as text."""
    return end.join([header, *(delimiter.join(map(str, row)) for row in rows)]) + end


def features(label: str = "label", names: Sequence[object] = NAMES, **columns: Any) -> str:  # noqa: ANN401 - values
    """Return a CSV of three features, further columns, and a label."""
    rows = [
        [*NUMBER_TEXTS[row], *(values[row] for values in columns.values()), names[row]]
        for row in range(COUNT)
    ]
    return table(",".join(["a", "b", "c", *columns, label]), rows)


def parquet(columns: Mapping[str, Any], names: Mapping[str, Sequence[str]] | None = None) -> bytes:
    """Return a Parquet file, with class names as Hugging Face stores them."""
    found = pa.table(dict(columns))
    if names:
        described = {column: {"names": list(each), "_type": "ClassLabel"} for column, each in names.items()}
        found = found.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": described}})})
    sink = io.BytesIO()
    pq.write_table(found, sink)
    return sink.getvalue()


def npz(**arrays: Any) -> bytes:  # noqa: ANN401 - arrays
    """Return an npz."""
    sink = io.BytesIO()
    np.savez(sink, **arrays)
    return sink.getvalue()
