"""Corrected archives of images: the uploaded bytes of every kept image at its new path."""

import csv
import io
import json
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from app.exports.files.stored_samples import SampleRow
from app.exports.files.tar_writer import END, pack_member
from app.exports.files.zip_writer import STORED, ZipStream
from app.exports.final_labels import Decisions
from app.exports.listed_exports import rewrite_lists, rewrite_tables
from app.infra.errors import Invalid
from models.reading.archive_names import decode_name, find_stem, strip_compression, tidy_name
from models.reading.json_records import replace_value

Stored = tuple[SampleRow, bytes, int]
"""A sample, its image's stored bytes, and their compression method in a zip."""


def write_class_folders(decisions: Decisions) -> Iterator[bytes]:
    """Yield a zip of class folders; an image with a new label moves to the folder of its class."""
    new_paths = _assign_paths(decisions)
    return _write_zip(decisions, {}, lambda row: new_paths.get(row.position) or _strip_root(row))


def write_manifest(decisions: Decisions) -> Iterator[bytes]:
    """Return a zip of the images at their old paths, with the final labels in the uploaded tables."""
    if "tables" not in decisions.layout:  # read by an earlier version
        return _write_zip(decisions, {"metadata.csv": _write_metadata(decisions)}, _get_member_name)
    tables = {name: [content] for name, content in rewrite_tables(decisions).items()}
    return _write_zip(decisions, tables, _get_member_name)


def write_list_files(decisions: Decisions) -> Iterator[bytes]:
    """Return a zip of the images at their old paths, with the final labels in the uploaded lists."""
    if "tables" not in decisions.layout:  # read by an earlier version
        return _write_zip(decisions, _list_labels(decisions), _get_member_name)
    lists = {name: [content] for name, content in rewrite_lists(decisions).items()}
    return _write_zip(decisions, lists, _get_member_name)


def write_web_shards(decisions: Decisions) -> Iterator[bytes]:
    """Return the uploaded tar with the final labels in its label files; several tars become a zip of tars."""
    finals = {
        find_stem(_get_member_name(row)): decisions.get_final_value(row.position)
        if decisions.is_changed(row)
        else None
        for row in decisions.iterate_kept_rows()
    }
    parts = decisions.layout.get("parts")
    return (
        _write_tar(decisions, decisions.files[0], "", finals)
        if parts is None
        else _write_tars(decisions, parts, finals)
    )


def _write_tars(decisions: Decisions, parts: list[str], finals: Mapping[str, object]) -> Iterator[bytes]:
    archive, by_name = ZipStream(), {strip_compression(file.name): file for file in decisions.files}
    for name in parts:
        blocks = _write_tar(decisions, by_name[name], f"{name.removesuffix('.tar')}/", finals)
        yield from archive.stream(name, blocks)
    yield archive.finish()


def _write_tar(
    decisions: Decisions, upload: Path, folder: str, finals: Mapping[str, object]
) -> Iterator[bytes]:
    """Yield the members of kept samples as they came; labels that changed are written anew."""
    expected = sum(stem.startswith(folder) for stem in finals)
    found: set[str] = set()
    with (
        decisions.open(upload) as file,
        tarfile.open(fileobj=file, mode="r|*", encoding="utf-8", errors="surrogateescape") as archive,
    ):
        for member in archive:
            name = folder + _read_member_name(member.name)
            stem = find_stem(name)
            content = archive.extractfile(member) if stem in finals and member.isfile() else None
            if content is None:
                continue
            raw, value = content.read(), finals[stem]
            if name == stem + decisions.layout["label_suffix"]:
                found.add(stem)
                raw = raw if value is None else _write_label(decisions, raw, value)
            yield pack_member(member, raw)
    if len(found) != expected:
        raise RuntimeError(f"expected {expected} labels in the upload, found {len(found)}")
    yield END


def _write_label(decisions: Decisions, raw: bytes, value: object) -> bytes:
    """Return a label file as it is but for another label."""
    text, field = raw.decode("utf-8-sig"), decisions.layout["label_field"]
    if field is None:
        return text.replace(text.strip(), str(value), 1).encode()
    return replace_value(text, field, decisions.shape_label(json.loads(text).get(field), value)).encode()


def _write_zip(
    decisions: Decisions, tables: Mapping[str, Iterable[bytes]], name_of: Callable[[SampleRow], str]
) -> Iterator[bytes]:
    archive, written = ZipStream(), 0
    for name, lines in tables.items():
        yield from archive.stream(name, lines)
    for row, stored, method in _read_images(decisions):
        yield archive.add(name_of(row), stored, method=method)
        written += 1
    expected = sum(1 for _ in decisions.iterate_kept_rows())
    if written != expected:
        raise RuntimeError(f"expected {expected} images in the upload, found {written}; nothing is exported")
    yield archive.finish()


def _read_images(decisions: Decisions) -> Iterator[Stored]:
    """Iterate over the kept images: by offset if the upload is a zip, in one pass if it is a tar."""
    upload = decisions.files[0]
    first = next(decisions.iterate_rows())
    return (
        _read_by_offset(decisions, upload)
        if first.source_offset is not None
        else _read_tar(decisions, upload)
    )


def _read_by_offset(decisions: Decisions, upload: Path) -> Iterator[Stored]:
    with decisions.open(upload) as file:
        for row in decisions.iterate_kept_rows():
            assert row.source_offset is not None
            assert row.source_length is not None
            file.seek(row.source_offset)
            yield row, file.read(row.source_length), row.source_method or STORED


def _read_tar(decisions: Decisions, upload: Path) -> Iterator[Stored]:
    row_of = {row.source_name: row for row in decisions.iterate_kept_rows()}
    try:
        with (
            decisions.open(upload) as file,
            tarfile.open(fileobj=file, mode="r|*", encoding="utf-8", errors="surrogateescape") as archive,
        ):
            for member in archive:
                row = row_of.get(_read_member_name(member.name))
                content = archive.extractfile(member) if row and member.isfile() else None
                if row is not None and content is not None:
                    yield row, content.read(), STORED
    except tarfile.ReadError as error:
        raise Invalid("this archive cannot be exported in its own format; use format=npz") from error


def _read_member_name(name: str) -> str:
    """Return a member's name as ingestion stored it, whatever its encoding."""
    return tidy_name(decode_name(name.encode("utf-8", "surrogateescape")))


def _get_member_name(row: SampleRow) -> str:
    assert row.source_name is not None, "ingestion stores the member name of every image of an archive"
    return row.source_name


def _strip_root(row: SampleRow) -> str:
    """Return an image's path without the folders that contain all images: as deep as its key."""
    parts = _get_member_name(row).split("/")
    return "/".join(parts[len(parts) - 1 - row.key.count("/") :])


def _assign_paths(decisions: Decisions) -> dict[int, str]:
    """Return the new paths of the images with a new label; no path is used twice."""
    new_paths = {
        row.position: _build_class_path(decisions, row)
        for row in decisions.iterate_kept_rows()
        if decisions.is_changed(row)
    }
    candidates = set(new_paths.values())
    taken = {name for row in decisions.iterate_rows() if (name := _strip_root(row)) in candidates}
    for position, name in new_paths.items():
        new_paths[position] = _find_free(name, taken)
        taken.add(new_paths[position])
    return new_paths


def _build_class_path(decisions: Decisions, row: SampleRow) -> str:
    folders = _strip_root(row).split("/")
    level = decisions.layout.get("class_level", 0 if row.split is None else 1)
    folders[level] = str(decisions.get_final_value(row.position))
    path = "/".join(folders)
    try:
        return tidy_name(path)
    except ValueError:
        raise Invalid(
            f"the class {folders[level]!r} cannot be a folder's name: {path!r} may lie outside of the archive"
        ) from None


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
        "file_name": _get_member_name,
        "label": lambda row: decisions.get_final_name(row.position),
    }
    if any(row.true is not None for row in decisions.iterate_kept_rows()):
        columns["true_label"] = lambda row: "" if row.true is None else decisions.names[row.true]
    if any(row.split is not None for row in decisions.iterate_kept_rows()):
        columns["split"] = lambda row: row.split or ""
    if any(not _get_member_name(row).endswith(row.key) for row in decisions.iterate_kept_rows()):
        columns["id"] = lambda row: row.key
    yield _format_csv_line(columns)
    for row in decisions.iterate_kept_rows():
        yield _format_csv_line(column(row) for column in columns.values())


def _format_csv_line(values: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()


def _list_labels(decisions: Decisions) -> dict[str, Iterable[bytes]]:
    lines: dict[str, list[bytes]] = defaultdict(list)
    for row in decisions.iterate_kept_rows():
        split = f"{row.split}_" if row.split else ""
        line = f"{_get_member_name(row)} {decisions.get_final_name(row.position)}\n"
        lines[f"{split}labels.txt"].append(line.encode())
        if row.true is not None:
            true_line = f"{_get_member_name(row)} {decisions.names[row.true]}\n"
            lines[f"{split}true_labels.txt"].append(true_line.encode())
    return dict(lines)
