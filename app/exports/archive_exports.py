"""A cleaned archive of pictures: the uploaded bytes of every picture that stays, at its right place."""

import csv
import io
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from app.exports.final_labels import Decisions, SampleRow
from app.exports.zip_writer import STORED, ZipStream
from app.infra.errors import Invalid

Stored = tuple[SampleRow, bytes, int]
"""A sample, its picture's stored bytes, and how they are compressed in a zip."""


def class_folders_zip(decisions: Decisions) -> Iterator[bytes]:
    """Yield a zip of class folders: a picture with a new label lies in that class's folder."""
    moved = _moved(decisions)
    return _zip(decisions, {}, lambda row: moved.get(row.position) or _inner(row))


def manifest_zip(decisions: Decisions) -> Iterator[bytes]:
    """Yield a zip of the pictures where they were, with a metadata.csv that holds the final labels."""
    return _zip(decisions, {"metadata.csv": _metadata(decisions)}, _member)


def list_files_zip(decisions: Decisions) -> Iterator[bytes]:
    """Yield a zip of the pictures where they were, with a list of labels for each split."""
    return _zip(decisions, _lists(decisions), _member)


def _zip(
    decisions: Decisions, tables: dict[str, Iterable[bytes]], name_of: Callable[[SampleRow], str]
) -> Iterator[bytes]:
    archive = ZipStream()
    for name, lines in tables.items():
        yield from archive.streamed(name, lines)
    for row, stored, method in _pictures(decisions):
        yield archive.member(name_of(row), stored, method=method)
    yield archive.end()


def _pictures(decisions: Decisions) -> Iterator[Stored]:
    """Iterate over the pictures that stay: by their place in the upload, else in one pass over a tar."""
    upload = decisions.files[0]
    first = next(decisions.rows())
    return _placed(decisions, upload) if first.source_offset is not None else _streamed(decisions, upload)


def _placed(decisions: Decisions, upload: Path) -> Iterator[Stored]:
    with decisions.open(upload) as file:
        for row in decisions.kept():
            assert row.source_offset is not None
            assert row.source_length is not None
            file.seek(row.source_offset)
            yield row, file.read(row.source_length), row.source_method or STORED


def _streamed(decisions: Decisions, upload: Path) -> Iterator[Stored]:
    row_of = {row.source_name: row for row in decisions.kept()}
    try:
        with decisions.open(upload) as file, tarfile.open(fileobj=file, mode="r|*") as archive:
            for member in archive:
                row = row_of.get("/".join(part for part in member.name.split("/") if part not in {"", "."}))
                content = archive.extractfile(member) if row and member.isfile() else None
                if row is not None and content is not None:
                    yield row, content.read(), STORED
    except tarfile.ReadError as error:
        raise Invalid("this archive cannot be written again as it came; ask for format=npz") from error


def _member(row: SampleRow) -> str:
    assert row.source_name is not None, "every picture of an archive has its member's name"
    return row.source_name


def _inner(row: SampleRow) -> str:
    """Return a picture's path without the folders around everything: as deep as its key."""
    parts = _member(row).split("/")
    return "/".join(parts[len(parts) - 1 - row.key.count("/") :])


def _moved(decisions: Decisions) -> dict[int, str]:
    """Return the new paths of the pictures with a new label, none of which is another picture's."""
    wanted = {
        row.position: _in_folder(row, decisions.final_name(row.position))
        for row in decisions.kept()
        if decisions.is_changed(row)
    }
    candidates = set(wanted.values())
    taken = {name for row in decisions.rows() if (name := _inner(row)) in candidates}
    for position, name in wanted.items():
        wanted[position] = _free(name, taken)
        taken.add(wanted[position])
    return wanted


def _in_folder(row: SampleRow, label: str) -> str:
    folders = _inner(row).split("/")
    folders[0 if row.split is None else 1] = label
    return "/".join(folders)


def _free(name: str, taken: set[str]) -> str:
    folder, _, base = name.rpartition("/")
    stem, dot, suffix = base.rpartition(".") if "." in base else (base, "", "")
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{folder}/{stem}~{number}{dot}{suffix}"
    return free


def _metadata(decisions: Decisions) -> Iterator[bytes]:
    columns: dict[str, Callable[[SampleRow], str]] = {
        "file_name": _member,
        "label": lambda row: decisions.final_name(row.position),
    }
    if any(row.true is not None for row in decisions.kept()):
        columns["true_label"] = lambda row: "" if row.true is None else decisions.names[row.true]
    if any(row.split is not None for row in decisions.kept()):
        columns["split"] = lambda row: row.split or ""
    if any(not _member(row).endswith(row.key) for row in decisions.kept()):
        columns["id"] = lambda row: row.key
    yield _csv_line(columns)
    for row in decisions.kept():
        yield _csv_line(column(row) for column in columns.values())


def _csv_line(values: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()


def _lists(decisions: Decisions) -> dict[str, Iterable[bytes]]:
    lines: dict[str, list[bytes]] = defaultdict(list)
    for row in decisions.kept():
        split = f"{row.split}_" if row.split else ""
        line = f"{_member(row)} {decisions.final_name(row.position)}\n"
        lines[f"{split}labels.txt"].append(line.encode())
        if row.true is not None:
            true_line = f"{_member(row)} {decisions.names[row.true]}\n"
            lines[f"{split}true_labels.txt"].append(true_line.encode())
    return dict(lines)
