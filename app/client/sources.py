"""Turns files, a folder, a DataFrame, arrays or texts with labels into files to upload."""

import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeGuard

from app.client.service.client_errors import ClientError
from app.client.upload_checks import check_arrays, is_array, is_frame, list_paths
from models.reading.archive_names import decode_name, is_litter, strip_compression

PathLike = str | os.PathLike[str]
Source = PathLike | Sequence[PathLike] | Any
"""A file, several files, a folder, a DataFrame, or an array [N, H, W], [N, H, W, C] or [N, D]."""


@contextmanager
def prepare_files(source: Source, arrays: Mapping[str, object]) -> Iterator[tuple[str, list[Path]]]:
    """Yield a name and the files to upload; generated files are in a temporary folder while the block runs.

    Raises:
        ClientError: there is nothing to upload, it is of no known kind, lengths differ, or two files have the
            same name.

    """
    with tempfile.TemporaryDirectory(prefix="limit-audit-") as folder:
        if is_array(source):
            yield "arrays", [_save_arrays(source, arrays, Path(folder) / "arrays.npz")]
            return
        if "y" in arrays and _is_texts(source):
            yield "texts", [_save_texts(source, arrays, Path(folder) / "texts.jsonl")]
            return
        paths = [] if is_frame(source) else list_paths(source)
        if arrays:
            raise ClientError(
                f"{', '.join(arrays)} can only be sent with an array of images or features, not with files"
            )
        if is_frame(source):
            yield "table", [_save_frame(source, Path(folder))]
            return
        name = paths[0].resolve().name if paths else ""
        yield name, _check_files(_open_folder(paths[0], Path(folder)) if _is_folder(paths) else paths)


def _is_texts(source: Source) -> TypeGuard[Sequence[str]]:
    return isinstance(source, list | tuple) and all(isinstance(each, str) for each in source)


def _save_texts(texts: Sequence[str], arrays: Mapping[str, object], target: Path) -> Path:
    """Write texts with their labels as JSON lines."""
    names = {"y": "label", "ids": "id", "y_true": "true_label", "split": "split"}
    unknown = [name for name in arrays if name not in names]
    if unknown:
        raise ClientError(f"{', '.join(unknown)} cannot be sent with texts; {', '.join(names)} can")
    columns: dict[str, list[Any]] = {"text": list(texts)}
    for name, values in arrays.items():
        columns[names[name]] = list(values)  # type: ignore[call-overload] # checked by iterating
        if len(columns[names[name]]) != len(texts):
            what = "labels" if name == "y" else name
            raise ClientError(
                f"expected {what} for {len(texts)} texts, one each; found {len(columns[names[name]])}"
            )
    with target.open("w", encoding="utf-8") as file:
        for row in zip(*columns.values(), strict=True):
            cells = [each.item() if hasattr(each, "item") else each for each in row]
            file.write(json.dumps(dict(zip(columns, cells, strict=True))) + "\n")
    return target


def _save_frame(frame: Any, folder: Path) -> Path:  # noqa: ANN401 - of pandas or polars
    """Write a table as Parquet, which keeps its types, or as CSV if a column mixes them.

    A dataset of Hugging Face's `datasets` writes its pictures into the file, and its class names beside them.
    """
    if isinstance(frame, Mapping):
        raise ClientError(
            f"expected one split, such as upload(splits[{next(iter(frame), 'train')!r}]); found the splits"
            f" {', '.join(map(str, frame))}"
        )
    target = folder / "table.parquet"
    if hasattr(frame, "write_parquet"):
        frame.write_parquet(target)
        return target
    try:
        frame.to_parquet(target)
    except (ImportError, TypeError, ValueError):  # no pyarrow, or a column of mixed types
        target = folder / "table.csv"
        frame.to_csv(target)
    return target


def _open_folder(folder: Path, target: Path) -> list[Path]:
    """Return the files of a folder of Parquet files or tars, as shards are, else the folder as a zip."""
    files = list(_list_visible_files(folder))
    kinds = {Path(strip_compression(file.name)).suffix.lower() for file in files}
    if kinds in ({".parquet"}, {".tar"}) and len(files) == len({file.name for file in files}):
        return files
    return [_pack_folder(folder, target)]


def _is_folder(paths: list[Path]) -> bool:
    return len(paths) == 1 and paths[0].is_dir()


def _check_files(files: list[Path]) -> list[Path]:
    missing = [str(file) for file in files if not file.is_file()]
    if missing or not files:
        raise ClientError(
            f"there is no file {', '.join(missing)}" if missing else "there is no file to upload"
        )
    empty = [str(file) for file in files if not file.stat().st_size]
    if empty:
        raise ClientError(f"expected files with content; found none in {', '.join(empty)}")
    if len({file.name for file in files}) < len(files):
        raise ClientError(f"the files of a dataset need different names, found {[f.name for f in files]}")
    return files


def _save_arrays(source: Any, arrays: Mapping[str, object], target: Path) -> Path:  # noqa: ANN401 - an array
    """Write arrays as the npz that the service reads; text arrays stay text, not Python objects."""
    import numpy as np  # noqa: PLC0415 - not a requirement of the client; who has arrays has NumPy

    if "y" not in arrays:
        raise ClientError("an array needs labels: upload(images, labels)")
    columns: dict[str, Any] = {name: np.asarray(value) for name, value in arrays.items()}
    samples = np.asarray(source)
    check_arrays(samples, columns)
    np.savez(target, x=samples, **columns)
    return target


def _pack_folder(folder: Path, target: Path) -> Path:
    """Write a folder as an uncompressed zip: image files are compressed already."""
    archive = target / f"{folder.resolve().name or 'folder'}.zip"
    with zipfile.ZipFile(archive, "w", strict_timestamps=False) as opened:
        for file in _list_visible_files(folder):
            _check_readable(file)
            opened.write(file, _make_member_name(file.relative_to(folder)))
        if not opened.namelist():
            raise ClientError(f"there is no file in the folder {folder}")
    return archive


def _check_readable(file: Path) -> None:
    shown = os.fsencode(file).decode("utf-8", "replace")
    if not file.exists():
        raise ClientError(
            f"expected a file at {shown}; found a link that points nowhere (remove it, or restore its target)"
        )
    if not file.is_file():
        raise ClientError(f"expected a file at {shown}; found a device or pipe (move it out of the folder)")
    if not os.access(file, os.R_OK):
        raise ClientError(f"expected to read {shown}; this user may not")


def _make_member_name(path: Path) -> str:
    """Return a path as the zip names it; a name that is not UTF-8 is read as those in a tar."""
    return "/".join(decode_name(os.fsencode(part)) for part in path.parts)


def _list_visible_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, also of linked folders, but not of a link to a folder around it."""
    around = {str(folder): frozenset({_identify(folder)})}
    for parent, folders, names in os.walk(folder, followlinks=True):
        above = around.pop(parent)
        found = {name: _identify(Path(parent, name)) for name in folders if not is_litter(name + "/")}
        folders[:] = sorted(name for name, identity in found.items() if identity not in above)
        around |= {f"{parent}{os.sep}{name}": above | {found[name]} for name in folders}
        yield from (Path(parent) / name for name in sorted(names) if not is_litter(name))


def _identify(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
