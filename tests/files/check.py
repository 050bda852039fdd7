"""Reads the files of a shape and compares what was understood with what was expected."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from tests.files.shapes import Shape
from worker.ingest.pack_building import IngestError, IngestLimits, IngestOptions, IngestResult, build_pack


def read_shape(shape: Shape, folder: Path) -> str:
    """Read a shape and return what was understood; AssertionError if it is not what was expected."""
    paths = []
    for name, data in shape.files.items():
        paths.append(folder / name)
        paths[-1].write_bytes(data)
    destination = folder / "built"
    destination.mkdir()
    options = IngestOptions(**shape.options)
    try:
        found = build_pack(paths, options=options, limits=IngestLimits(), destination=destination)
    except IngestError as error:
        return _check_refusal(shape, error)
    assert shape.expected.refused is None, f"expected the refusal {shape.expected.refused}; it was read"
    _check_samples(shape, found)
    _check_notes(shape, found)
    understood = found.statistics["understood"]
    notes = "; ".join(note["text"] for note in understood["notes"])
    summary = f"{found.format}, {found.sample_count} samples, {', '.join(found.class_names)}"
    return f"{summary}; {notes}" if notes else summary


def _check_refusal(shape: Shape, error: IngestError) -> str:
    assert error.code == shape.expected.refused, f"refused with {error.code}: {error}"
    for text in shape.expected.says:
        assert text in str(error), f"{text!r} is not in: {error}"
    return f"refused ({error.code}): {error}"


def _check_samples(shape: Shape, found: IngestResult) -> None:
    expected, names = shape.expected, found.class_names
    rows = pq.read_table(found.samples_path).to_pylist()
    values: dict[str, Any] = {
        "given": [names[row["given_label"]] for row in rows],
        "true": [None if row["true_label"] is None else names[row["true_label"]] for row in rows],
        "keys": [row["key"] for row in rows],
        "splits": [row["split"] for row in rows],
        "classes": list(names),
        "spelled": found.statistics["layout"]["class_spellings"],
        "features": found.statistics.get("feature_names"),
    }
    for name, value in values.items():
        wanted = getattr(expected, name)
        assert wanted is None or list(wanted) == value, f"{name}: expected {wanted}; found {value}"
    if expected.levels is not None:
        levels = len(np.unique(np.load(found.pack_path)))
        assert levels >= expected.levels, f"expected {expected.levels} grey levels; found {levels}"


def _check_notes(shape: Shape, found: IngestResult) -> None:
    notes = found.statistics["understood"]["notes"]
    codes = {note["code"] for note in notes}
    assert set(shape.expected.notes) <= codes, f"expected the notes {shape.expected.notes}; found {codes}"
    texts = " ".join(note["text"] for note in notes)
    for text in shape.expected.says:
        assert text in texts, f"{text!r} is not in: {texts}"
