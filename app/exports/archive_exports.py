"""A cleaned archive of pictures: the uploaded bytes of every kept picture at its new path."""

import csv
import io
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from app.exports.files.zip_writer import STORED, ZipStream
from app.exports.final_labels import Decisions, SampleRow
from app.infra.errors import Invalid

Stored = tuple[SampleRow, bytes, int]
"""A sample, its picture's stored bytes, and how they are compressed in a zip."""


def zip_class_folders(decisions: Decisions) -> Iterator[bytes]:
    """Yield a zip of class folders; a picture with a new label moves to that class's folder."""
    new_paths = _assign_paths(decisions)
    return _zip(decisions, {}, lambda row: new_paths.get(row.position) or _path_without_root(row))


def zip_manifest(decisions: Decisions) -> Iterator[bytes]:
    """Yield a zip of the pictures at their old paths, with a metadata.csv that holds the final labels."""
    return _zip(decisions, {"metadata.csv": _write_metadata(decisions)}, _member_name)


def zip_list_files(decisions: Decisions) -> Iterator[bytes]:
    """Yield a zip of the pictures at their old paths, with a list of labels for each split."""
    return _zip(decisions, _list_labels(decisions), _member_name)


def _zip(
    decisions: Decisions, tables: dict[str, Iterable[bytes]], name_of: Callable[[SampleRow], str]
) -> Iterator[bytes]:
    archive = ZipStream()
    for name, lines in tables.items():
        yield from archive.stream(name, lines)
    for row, stored, method in _read_pictures(decisions):
        yield archive.add(name_of(row), stored, method=method)
    yield archive.finish()


def _read_pictures(decisions: Decisions) -> Iterator[Stored]:
    """Iterate over the pictures that are kept: by their offset in the upload, else in one pass over a tar."""
    upload = decisions.files[0]
    first = next(decisions.rows())
    return (
        _read_by_offset(decisions, upload)
        if first.source_offset is not None
        else _read_tar(decisions, upload)
    )


def _read_by_offset(decisions: Decisions, upload: Path) -> Iterator[Stored]:
    with decisions.open(upload) as file:
        for row in decisions.kept_rows():
            assert row.source_offset is not None
            assert row.source_length is not None
            file.seek(row.source_offset)
            yield row, file.read(row.source_length), row.source_method or STORED


def _read_tar(decisions: Decisions, upload: Path) -> Iterator[Stored]:
    row_of = {row.source_name: row for row in decisions.kept_rows()}
    try:
        with decisions.open(upload) as file, tarfile.open(fileobj=file, mode="r|*") as archive:
            for member in archive:
                row = row_of.get("/".join(part for part in member.name.split("/") if part not in {"", "."}))
                content = archive.extractfile(member) if row and member.isfile() else None
                if row is not None and content is not None:
                    yield row, content.read(), STORED
    except tarfile.ReadError as error:
        raise Invalid("this archive cannot be written again as it came; ask for format=npz") from error


def _member_name(row: SampleRow) -> str:
    assert row.source_name is not None, "every picture of an archive has its member's name"
    return row.source_name


def _path_without_root(row: SampleRow) -> str:
    """Return a picture's path without the folders that contain everything: as deep as its key."""
    parts = _member_name(row).split("/")
    return "/".join(parts[len(parts) - 1 - row.key.count("/") :])


def _assign_paths(decisions: Decisions) -> dict[int, str]:
    """Return the new paths of the pictures with a new label; no path is used twice."""
    wanted = {
        row.position: _path_in_class(row, decisions.final_name(row.position))
        for row in decisions.kept_rows()
        if decisions.is_changed(row)
    }
    candidates = set(wanted.values())
    taken = {name for row in decisions.rows() if (name := _path_without_root(row)) in candidates}
    for position, name in wanted.items():
        wanted[position] = _find_free(name, taken)
        taken.add(wanted[position])
    return wanted


def _path_in_class(row: SampleRow, label: str) -> str:
    folders = _path_without_root(row).split("/")
    folders[0 if row.split is None else 1] = label
    return "/".join(folders)


def _find_free(name: str, taken: set[str]) -> str:
    folder, _, base = name.rpartition("/")
    stem, dot, suffix = base.rpartition(".") if "." in base else (base, "", "")
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{folder}/{stem}~{number}{dot}{suffix}"
    return free


def _write_metadata(decisions: Decisions) -> Iterator[bytes]:
    columns: dict[str, Callable[[SampleRow], str]] = {
        "file_name": _member_name,
        "label": lambda row: decisions.final_name(row.position),
    }
    if any(row.true is not None for row in decisions.kept_rows()):
        columns["true_label"] = lambda row: "" if row.true is None else decisions.names[row.true]
    if any(row.split is not None for row in decisions.kept_rows()):
        columns["split"] = lambda row: row.split or ""
    if any(not _member_name(row).endswith(row.key) for row in decisions.kept_rows()):
        columns["id"] = lambda row: row.key
    yield _format_csv_line(columns)
    for row in decisions.kept_rows():
        yield _format_csv_line(column(row) for column in columns.values())


def _format_csv_line(values: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()


def _list_labels(decisions: Decisions) -> dict[str, Iterable[bytes]]:
    lines: dict[str, list[bytes]] = defaultdict(list)
    for row in decisions.kept_rows():
        split = f"{row.split}_" if row.split else ""
        line = f"{_member_name(row)} {decisions.final_name(row.position)}\n"
        lines[f"{split}labels.txt"].append(line.encode())
        if row.true is not None:
            true_line = f"{_member_name(row)} {decisions.names[row.true]}\n"
            lines[f"{split}true_labels.txt"].append(true_line.encode())
    return dict(lines)
