"""Turns files, a folder, or arrays with labels into files to upload."""

import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.client.client_errors import ClientError

PathLike = str | os.PathLike[str]
Source = PathLike | Sequence[PathLike] | Any
"""A file, several files, a folder, or an array [N, H, W], [N, H, W, C] or [N, D]."""


@contextmanager
def prepare_files(source: Source, arrays: Mapping[str, object]) -> Iterator[tuple[str, list[Path]]]:
    """Yield a name and the files to upload; generated files are in a temporary folder while the block runs.

    Raises:
        ClientError: there is nothing to upload, or two files have the same name.

    """
    with tempfile.TemporaryDirectory(prefix="limit-audit-") as folder:
        if hasattr(source, "__array__"):
            yield "arrays", [_save_arrays(source, arrays, Path(folder) / "arrays.npz")]
            return
        if arrays:
            raise ClientError(
                f"{', '.join(arrays)} can only be sent with an array of images or features, not with files"
            )
        paths = [Path(path) for path in ([source] if isinstance(source, str | os.PathLike) else source)]
        name = paths[0].resolve().name if paths else ""
        yield name, _check_files([_pack_folder(paths[0], Path(folder))] if _is_folder(paths) else paths)


def _is_folder(paths: list[Path]) -> bool:
    return len(paths) == 1 and paths[0].is_dir()


def _check_files(files: list[Path]) -> list[Path]:
    missing = [str(file) for file in files if not file.is_file()]
    if missing or not files:
        raise ClientError(
            f"there is no file {', '.join(missing)}" if missing else "there is no file to upload"
        )
    if len({file.name for file in files}) < len(files):
        raise ClientError(f"the files of a dataset need different names, found {[f.name for f in files]}")
    return files


def _save_arrays(source: Any, arrays: Mapping[str, object], target: Path) -> Path:  # noqa: ANN401 - an array
    """Write arrays as the npz that the service reads; text arrays stay text, not Python objects."""
    import numpy as np  # noqa: PLC0415 - not a requirement of the client; who has arrays has NumPy

    if "y" not in arrays:
        raise ClientError("an array needs labels: upload(images, labels)")
    columns: dict[str, Any] = {name: np.asarray(value) for name, value in arrays.items()}
    np.savez(target, x=np.asarray(source), **columns)
    return target


def _pack_folder(folder: Path, target: Path) -> Path:
    """Write a folder as an uncompressed zip: image files are compressed already."""
    archive = target / f"{folder.resolve().name or 'folder'}.zip"
    with zipfile.ZipFile(archive, "w", strict_timestamps=False) as opened:
        for file in _list_visible_files(folder):
            opened.write(file, file.relative_to(folder))
        if not opened.namelist():
            raise ClientError(f"there is no file in the folder {folder}")
    return archive


def _list_visible_files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent) / name for name in sorted(names) if not name.startswith("."))
