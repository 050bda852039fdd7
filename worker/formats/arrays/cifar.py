"""CIFAR-10 and CIFAR-100 as published: pickled batches, or binary records without a header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.reading.column_names import normalise_name
from worker.formats.archives.split_names import find_split
from worker.formats.archives.uploaded_files import ACCEPTED
from worker.formats.arrays.unpickling import load_plain
from worker.formats.shared.array_checks import check_lengths
from worker.formats.shared.columns import quote_names
from worker.formats.shared.label_codes import get_natural_key
from worker.formats.shared.problems import IngestError, make_printable
from worker.formats.shared.sample import Columns
from worker.kinds.image_arrays import read_image_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.formats.archives.uploaded_files import Upload
    from worker.formats.shared.sample import ArrayImages, Ingestion

_LABELS = ("labels", "fine_labels", "coarse_labels")
_COARSE = _LABELS[-1]
_NAMES = ("label_names", "fine_label_names", "coarse_label_names")
_COLOURS = 3
_BINARY_SIDE = 32
_BINARY_PIXELS = 3 * _BINARY_SIDE**2


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """Pixels [n, 3, H, H], labels and names of one file."""

    name: str
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    keys: list[str] | None


def open_cifar_pickles(uploads: Sequence[Upload], ingestion: Ingestion) -> ArrayImages:
    """Open pickled batches in the order train, test; a meta file gives the class names."""
    lists: dict[str, list[Any]] = {}
    batches: list[_Batch] = []
    for upload in sorted(uploads, key=_train_first):
        content = _load_pickle(upload, ingestion)
        names = {name: content[name] for name in _NAMES if isinstance(content.get(name), list)}
        if names and "data" not in content:
            lists |= names
        else:
            batches.append(_read_batch(content, upload.name, ingestion))
            ingestion.alive()
    return _join_batches("cifar_python", batches, _choose_names(lists, ingestion), ingestion)


def _choose_names(lists: dict[str, list[Any]], ingestion: Ingestion) -> list[str]:
    """Return the class names of a meta file that belong to the labels that were taken."""
    labels = ingestion.layout.get("labels_key") or "labels"
    fitting = _NAMES if labels == "labels" else (f"{labels.removesuffix('s')}_names", "label_names")
    found = next((name for name in fitting if name in lists), None)
    ingestion.layout["names_key"] = found
    return [
        name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
        for name in lists.get(found or "", [])
    ]


def _choose_labels(content: dict[str, Any], ingestion: Ingestion) -> str | None:
    """Return the key of a batch's labels: the chosen one, else fine labels, which is noted."""
    chosen = ingestion.options.label_column
    keys = [key for key in _LABELS if key in content]
    if chosen is not None:
        return next((key for key in content if key == normalise_name(chosen)), None)
    if len(keys) > 1:
        _note_coarse(keys[0], ingestion)
    return keys[0] if keys else None


def _note_coarse(taken: str, ingestion: Ingestion) -> None:
    """Say which of CIFAR-100's labels were taken."""
    ingestion.understood.note(
        "label_chosen", f"there are fine and coarse labels: {taken} were taken", option="label_column"
    )


def _train_first(upload: Upload) -> tuple[bool, Any]:
    return "test" in upload.name.lower(), get_natural_key(upload.name)


def _load_pickle(upload: Upload, ingestion: Ingestion) -> dict[str, Any]:
    size = upload.path.stat().st_size
    if size > ingestion.limits.max_member_bytes:
        raise IngestError(
            "member_too_large",
            f"expected pickles of at most {ingestion.limits.max_member_bytes} bytes; found {size}",
        )
    with upload.path.open("rb") as file:
        return load_plain(file, upload.name)


def _read_batch(content: dict[str, Any], name: str, ingestion: Ingestion) -> _Batch:
    """Check one batch and move its pixels to disk, so that only one batch is in memory."""
    data = content.get("data")
    label_key = _choose_labels(content, ingestion)
    labels = content[label_key] if label_key else None
    ingestion.layout["labels_key"] = label_key
    if not isinstance(data, np.ndarray) or not isinstance(labels, list):
        chosen = ingestion.options.label_column
        wanted = "'labels' or 'fine_labels'" if chosen is None else repr(make_printable(chosen))
        raise IngestError(
            "bad_cifar",
            f"expected 'data' (uint8) and {wanted} (a list) in {make_printable(name)!r}; "
            f"found {quote_names(list(content))} (label_column chooses one of a batch's lists of labels)",
        )
    top = ingestion.limits.max_classes
    for index, label in enumerate(labels):
        if not isinstance(label, int) or not 0 <= label < top:
            raise IngestError(
                "bad_cifar",
                f"expected labels 0, 1, ... below {top} in {make_printable(name)!r}; "
                f"found another value at index {index}",
            )
    keys = content.get("filenames")
    texts = [key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key) for key in keys or ()]
    check_lengths(len(data), {"labels": len(labels), "file names": len(texts) or None})
    return _Batch(
        name=name,
        pixels=_move_to_disk(_split_planes(data), ingestion),
        labels=np.array(labels, dtype=np.int64),
        keys=texts or None,
    )


def _split_planes(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return rows of red, green and blue planes as [n, 3, side, side]."""
    side = int((data.shape[-1] // _COLOURS) ** 0.5) if data.ndim == 2 else 0  # noqa: PLR2004 - rows of planes
    if side == 0 or data.shape[1] != _COLOURS * side * side:
        raise IngestError("bad_shape", f"expected 'data' as [n, 3 x side x side]; found {list(data.shape)}")
    return data.reshape(-1, _COLOURS, side, side)


def _move_to_disk(pixels: NDArray[np.uint8], ingestion: Ingestion) -> NDArray[np.uint8]:
    if not pixels.size:
        return pixels
    path = ingestion.staging / f"batch-{len(list(ingestion.staging.iterdir()))}"
    path.write_bytes(np.ascontiguousarray(pixels).data)
    return np.memmap(path, dtype=np.uint8, mode="r", shape=pixels.shape)


def open_cifar_binaries(
    uploads: Sequence[Upload], side_files: Sequence[Upload], ingestion: Ingestion
) -> ArrayImages:
    """Open records of one label byte (CIFAR-10) or two (CIFAR-100: coarse, fine) and 3072 bytes of planes."""
    batches = [_read_binary_batch(upload, ingestion) for upload in sorted(uploads, key=_train_first)]
    kind = "coarse_label" if _wants_coarse(ingestion) else "fine_label"
    lists = [upload for upload in side_files if "meta" in upload.name or kind in upload.name]
    lines = lists[0].path.read_text("utf-8", "replace").splitlines() if len(lists) == 1 else []
    names = [line.strip() for line in lines if line.strip()]
    return _join_batches("cifar_binary", batches, names, ingestion)


def _wants_coarse(ingestion: Ingestion) -> bool:
    """Return whether CIFAR-100's coarse labels were chosen; IngestError for an unknown choice."""
    chosen = ingestion.options.label_column
    if chosen is not None and normalise_name(chosen) not in _LABELS:
        raise IngestError(
            "missing_column",
            f"expected one of {quote_names(_LABELS)} in label_column; found {make_printable(chosen)!r}",
        )
    return chosen is not None and normalise_name(chosen) == _COARSE


def _read_binary_batch(upload: Upload, ingestion: Ingestion) -> _Batch:
    size = upload.path.stat().st_size
    for label_bytes, class_counts in ((1, (10,)), (2, (20, 100))):
        width = label_bytes + _BINARY_PIXELS
        if size % width:
            continue
        records = np.memmap(upload.path, dtype=np.uint8, mode="r", shape=(size // width, width))
        labels = records[:, :label_bytes]
        if (labels < np.array(class_counts)).all():
            pixels = records[:, label_bytes:].reshape(-1, _COLOURS, _BINARY_SIDE, _BINARY_SIDE)
            column = _choose_label_byte(label_bytes, ingestion)
            return _Batch(
                name=upload.name,
                pixels=_move_to_disk(pixels, ingestion),
                labels=labels[:, column].astype(np.int64),
                keys=None,
            )
    raise IngestError(
        "unsupported_format",
        f"expected {ACCEPTED}; found {make_printable(upload.name)!r} of {size} bytes in no known format",
    )


def _choose_label_byte(label_bytes: int, ingestion: Ingestion) -> int:
    """Return which byte of a record is its label; CIFAR-100 has coarse and fine labels, in this order."""
    if label_bytes > 1:
        ingestion.layout["has_coarse"] = True
        if ingestion.options.label_column is None:
            _note_coarse("fine_labels", ingestion)
        return 0 if _wants_coarse(ingestion) else 1
    return 0


def _join_batches(
    format_name: str, batches: Sequence[_Batch], class_names: Sequence[str], ingestion: Ingestion
) -> ArrayImages:
    """Join the batches to one array on disk."""
    if not batches:
        raise IngestError("bad_cifar", "expected at least one CIFAR batch; found only a list of class names")
    shapes = {batch.pixels.shape[1:] for batch in batches}
    if len(shapes) > 1:
        raise IngestError("bad_shape", f"expected batches of one shape; found {sorted(map(list, shapes))}")
    labels = np.concatenate([batch.labels for batch in batches])
    named = [batch.keys for batch in batches if batch.keys is not None]
    keys = [key for part in named for key in part] if len(named) == len(batches) else None
    vocabulary = ingestion.vocabulary
    if class_names:
        ingestion.numbers.add("cifar", labels, class_names)
        ingestion.numbers.check(ingestion.understood)
    given = (
        vocabulary.encode_numbered(labels, class_names) if class_names else vocabulary.encode_array(labels)
    )
    if class_names:
        ingestion.layout["class_list"] = list(class_names)
    splits = [_find_split(batch.name) for batch in batches for _ in range(len(batch.labels))]
    columns = Columns(given=given, keys=keys, splits=splits if any(splits) else None)
    return read_image_array(
        format_name, _join_on_disk([batch.pixels for batch in batches], ingestion), columns, ingestion
    )


def _find_split(name: str) -> str | None:
    """Return the split in a file's name; CIFAR-10's data_batch_1 to 5 are its training set."""
    stem = name.rsplit("/", 1)[-1].lower()
    if stem.startswith("data_batch"):
        return "train"
    return find_split(stem)


def _join_on_disk(parts: Sequence[NDArray[np.uint8]], ingestion: Ingestion) -> NDArray[np.uint8]:
    """Concatenate parts of one shape in one memory map."""
    if len(parts) == 1:
        return parts[0]
    path = ingestion.staging / "batches"
    with path.open("wb") as file:
        for part in parts:
            file.write(np.ascontiguousarray(part).data)
    return np.memmap(path, dtype=np.uint8, mode="r", shape=(sum(map(len, parts)), *parts[0].shape[1:]))
