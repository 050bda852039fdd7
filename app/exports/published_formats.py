"""The formats of MNIST and CIFAR, written from the pack, which holds the uploaded pixels unchanged."""

import pickle
import struct
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from app.exports.files.stored_samples import SampleRow
from app.exports.files.zip_writer import ZipStream
from app.exports.final_labels import Decisions
from app.infra.errors import Invalid

IDX_PREFIXES = {"train": "train-", "test": "t10k-", "": ""}
IDX_UBYTE = 8
LARGEST_BYTE = 255
CIFAR_BATCH = 10_000
CIFAR10_CLASSES = 10
BINARY_SHAPE = [32, 32, 3]
Pixels = npt.NDArray[np.uint8]


def write_idx(decisions: Decisions) -> Iterator[bytes]:
    """Yield a zip of IDX files, one pair per split."""
    pack = _require_native_pack(decisions)
    label_of = [_parse_byte(spelled) for spelled in decisions.spellings]
    archive = ZipStream()
    for split, rows in _group_by_split(decisions).items():
        prefix = IDX_PREFIXES.get(split, f"{split}-")
        positions = [row.position for row in rows]
        pixels = pack[..., 0] if pack.shape[-1] == 1 else pack
        shape = (len(rows), *pixels.shape[1:])
        blocks = (np.ascontiguousarray(pixels[part]).tobytes() for part in _split_positions(positions))
        yield from archive.stream(f"{prefix}images-idx{len(shape)}-ubyte", _write_idx_file(shape, blocks))
        labels = bytes(label_of[label] for label in decisions.final_N[positions])
        yield from archive.stream(f"{prefix}labels-idx1-ubyte", _write_idx_file((len(rows),), iter([labels])))
    yield archive.finish()


def write_cifar_binary(decisions: Decisions) -> Iterator[bytes]:
    """Yield a zip of CIFAR-10's binary batches."""
    pack, numbers = _require_native_pack(decisions), _number_classes(decisions)
    is_cifar10 = list(pack.shape[1:]) == BINARY_SHAPE and max(numbers) < CIFAR10_CLASSES
    if decisions.layout.get("has_coarse") or not is_cifar10:
        raise Invalid(
            "CIFAR-100's records hold fine and coarse labels that belong together, and only one of them is "
            "corrected; use format=npz"
        )
    archive = ZipStream()
    for name, rows in _group_batches(decisions):
        yield from archive.stream(f"{name}.bin", _write_records(decisions, pack, rows, numbers))
    if names := _list_class_names(decisions):
        yield archive.add("batches.meta.txt", "\n".join(names).encode())
    yield archive.finish()


def write_cifar_python(decisions: Decisions) -> Iterator[bytes]:
    """Yield a zip of CIFAR's pickled batches with their list of class names."""
    pack, numbers = _require_native_pack(decisions), _number_classes(decisions)
    archive, layout = ZipStream(), decisions.layout
    for name, rows in _group_batches(decisions):
        positions = [row.position for row in rows]
        content = {
            "data": pack[positions].transpose(0, 3, 1, 2).reshape(len(rows), -1),
            layout.get("labels_key", "labels"): [numbers[label] for label in decisions.final_N[positions]],
            "filenames": [row.key for row in rows],
        }
        yield archive.add(name, pickle.dumps(content, protocol=2))
    if names := _list_class_names(decisions):
        meta = {layout.get("names_key") or "label_names": names}
        yield archive.add("batches.meta", pickle.dumps(meta, protocol=2))
    yield archive.finish()


def _number_classes(decisions: Decisions) -> list[int]:
    """Return the number of each class in the upload, index = label."""
    return [
        spelled if isinstance(spelled, int) else label for label, spelled in enumerate(decisions.spellings)
    ]


def _list_class_names(decisions: Decisions) -> list[str]:
    """Return the upload's list of class names, with those that no sample has; empty if it has none."""
    if "class_spellings" not in decisions.layout:
        return decisions.names  # read by an earlier version, which numbered the classes by their order
    return list(decisions.layout.get("class_list", ()))


def _require_native_pack(decisions: Decisions) -> Pixels:
    if not (decisions.dataset.statistics or {}).get("native_size"):
        raise Invalid("the images were resized for training; upload them again without image_size")
    if decisions.layout.get("is_scaled"):
        raise Invalid("the pixels were scaled to 8 bits for training; use labels.csv, or format=npz")
    pack: Pixels = decisions.pack
    return pack


def _group_by_split(decisions: Decisions) -> dict[str, list[SampleRow]]:
    groups: dict[str, list[SampleRow]] = defaultdict(list)
    for row in decisions.iterate_kept_rows():
        groups[row.split or ""].append(row)
    return groups


def _split_positions(positions: list[int]) -> Iterator[list[int]]:
    return (positions[start : start + CIFAR_BATCH] for start in range(0, len(positions), CIFAR_BATCH))


def _write_idx_file(shape: tuple[int, ...], blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield struct.pack(f">4B{len(shape)}I", 0, 0, IDX_UBYTE, len(shape), *shape)
    yield from blocks


def _parse_byte(spelled: object) -> int:
    text = str(spelled)
    if not text.isdecimal() or int(text) > LARGEST_BYTE:
        raise Invalid(f"IDX holds labels from 0 to {LARGEST_BYTE}, found {text!r}; use format=npz")
    return int(text)


def _group_batches(decisions: Decisions) -> Iterator[tuple[str, list[SampleRow]]]:
    """Yield CIFAR's file names with the rows of each."""
    for split, rows in _group_by_split(decisions).items():
        if split == "test":
            yield "test_batch", rows
            continue
        parts = [rows[start : start + CIFAR_BATCH] for start in range(0, len(rows), CIFAR_BATCH)]
        yield from ((f"data_batch_{number}", part) for number, part in enumerate(parts, start=1))


def _write_records(
    decisions: Decisions, pack: Pixels, rows: list[SampleRow], numbers: list[int]
) -> Iterator[bytes]:
    positions = [row.position for row in rows]
    planes = pack[positions].transpose(0, 3, 1, 2).reshape(len(rows), -1)
    labels = np.array(numbers, dtype=np.uint8)[decisions.final_N[positions]][:, None]
    yield np.concatenate([labels, planes], axis=1).tobytes()
