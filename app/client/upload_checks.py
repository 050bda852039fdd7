"""Checks of what is given to `Client.upload`, before anything is sent."""

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from app.client.service.client_errors import ClientError
from app.web.understood_facts import READING_OPTIONS

SHAPES = "[N, H, W] or [N, H, W, C] of pictures, or [N, D] of features"
DIMENSIONS = (2, 3, 4)
NOT_PER_SAMPLE = frozenset({"class_names", "classes", "label_names", "feature_names", "columns"})
STACK = (
    f"stack its samples to an array {SHAPES}, and call upload(array, labels);"
    " or write them to a folder of class folders"
)
WAYS_OUT = (
    ("toarray", "make it dense: upload(matrix.toarray(), labels)"),
    ("__getitem__", STACK),
)
"""A method by which a kind of object is known, and what to do with it instead."""


def is_array(source: object) -> bool:
    """Return whether this is an array of samples; a table looks like one, but its columns have types."""
    return hasattr(source, "__array__") and not is_frame(source)


def list_paths(source: Any) -> list[Path]:  # noqa: ANN401 - whatever people give
    """Return the paths of files or of a folder.

    Raises:
        ClientError: this is no path; the message names what it is, and the way out.

    """
    if isinstance(source, str | os.PathLike):
        return [Path(source)]
    entries = list(source) if isinstance(source, Iterable) else [source]
    if all(isinstance(entry, str | os.PathLike) for entry in entries) and not isinstance(source, Mapping):
        return [Path(entry) for entry in entries]
    raise ClientError(
        f"expected a file, several files, a folder, or an array {SHAPES}; found {_name_kind(source)}:"
        f" {_find_way_out(source)}"
    )


def check_arrays(samples: Any, columns: Mapping[str, Any]) -> None:  # noqa: ANN401 - arrays of NumPy
    """Check that there is one entry for each sample, and one name for each feature.

    Raises:
        ClientError: lengths differ, or this is no array of samples.

    """
    if samples.ndim not in DIMENSIONS or samples.dtype == object:
        what = "objects" if samples.dtype == object else f"the shape {list(samples.shape)}"
        raise ClientError(f"expected an array {SHAPES}; found an array of {what}: {STACK}")
    lengths = {name: len(each) if each.ndim else 0 for name, each in columns.items()}
    wrong = [
        f"{name} has {length:,}"
        for name, length in lengths.items()
        if name not in NOT_PER_SAMPLE and length != len(samples)
    ]
    if wrong:
        raise ClientError(
            f"expected {len(samples):,} entries, one for each sample of the array {list(samples.shape)};"
            f" {', '.join(wrong)}. Nothing was uploaded"
        )
    names = lengths.get("feature_names")
    if samples.ndim == DIMENSIONS[0] and names is not None and names != samples.shape[1]:
        raise ClientError(f"expected {samples.shape[1]} feature_names, one for each column; found {names}")


def check_options(options: Mapping[str, object]) -> None:
    """Check the names of the options of an upload.

    Raises:
        ClientError: there is no such option; the message lists them, the likeliest first.

    """
    known = ["format", *READING_OPTIONS]
    unknown = next((name for name in options if name not in known), None)
    if unknown is not None:
        likely = get_close_matches(unknown, known, n=1)
        hint = f"; did you mean {likely[0]}?" if likely else ""
        raise ClientError(f"expected options among {', '.join(known)}; found {unknown!r}{hint}")


def is_frame(source: object) -> bool:
    """Return whether this is a table of pandas, polars and the like."""
    if isinstance(source, Mapping) and source:  # splits by name, which are refused as what they are
        return all(is_frame(each) for each in source.values())
    return hasattr(source, "to_parquet") or hasattr(source, "write_parquet")


def _name_kind(source: object) -> str:
    if isinstance(source, list | tuple) and source:
        return f"a list of {_name_kind(source[0])}"
    kind = type(source)
    owner = kind.__module__.partition(".")[0]
    return kind.__qualname__ if owner == "builtins" else f"{owner}.{kind.__qualname__}"


def _find_way_out(source: object) -> str:
    return next(
        (way for method, way in WAYS_OUT if hasattr(source, method)),
        "write it to a file that docs/formats.md lists, and upload that",
    )
