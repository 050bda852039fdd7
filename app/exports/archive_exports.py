"""Corrected archives of images: the uploaded bytes of every kept image at its new path."""

import csv
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from app.exports.archives.final_paths import FinalPaths, Picture, describe_picture, get_member_name
from app.exports.archives.kept_names import KeptNames
from app.exports.archives.waiting_files import WaitingFiles
from app.exports.files.final_rows import DROPPED, UNCHANGED
from app.exports.files.stored_samples import SampleRow, measure_depths
from app.exports.files.tar_writer import END, pack_member
from app.exports.files.zip_writer import STORED, ZipStream
from app.exports.final_labels import Decisions
from app.exports.listed_exports import File, rewrite_lists, rewrite_tables
from app.infra.errors import Invalid
from models.reading.archive_names import decode_name, find_stem, strip_compression, tidy_name
from models.reading.json_records import replace_value

Stored = tuple[Picture, bytes, int]
"""A sample, its image's stored bytes, and their compression method in a zip."""


def write_class_folders(decisions: Decisions) -> Iterator[bytes]:
    """Yield a zip of class folders; an image with a new label moves to the folder of its class."""
    paths = FinalPaths(
        decisions.samples,
        decisions.final_N,
        folders=decisions.spellings,
        level=decisions.layout.get("class_level"),
    )
    return _write_zip(decisions, [], paths.find)


def write_manifest(decisions: Decisions) -> Iterator[bytes]:
    """Return a zip of the images at their old paths, with the final labels in the uploaded tables."""
    if "tables" not in decisions.layout:  # read by an earlier version
        return _write_zip(decisions, [("metadata.csv", _write_metadata(decisions))], _get_name)
    return _write_beside(decisions, rewrite_tables(decisions))


def write_list_files(decisions: Decisions) -> Iterator[bytes]:
    """Return a zip of the images at their old paths, with the final labels in the uploaded lists."""
    if "tables" not in decisions.layout:  # read by an earlier version
        return _write_zip(decisions, _list_labels(decisions), _get_name)
    return _write_beside(decisions, rewrite_lists(decisions))


def _write_beside(decisions: Decisions, files: Iterator[File]) -> Iterator[bytes]:
    """Yield a zip of files, all written before the first one is sent, and the images at their old paths."""
    with WaitingFiles(decisions.storage, decisions.reserve_bytes) as waiting:
        for name, blocks in files:
            waiting.write(name, blocks)
        yield from _write_zip(decisions, waiting.send_all(), _get_name)


def write_web_shards(decisions: Decisions) -> Iterator[bytes]:
    """Yield the uploaded tar with the final labels in its label files; several tars become a zip of tars."""
    finals, parts = _find_labels(decisions), decisions.layout.get("parts")
    found = bytearray(len(finals))
    if parts is None:
        yield from _write_members(decisions, decisions.files[0], "", finals, found)
        _require_all(found)
        yield END
        return
    archive, by_name = ZipStream(), {strip_compression(file.name): file for file in decisions.files}
    for name in parts:
        members = _write_members(decisions, by_name[name], f"{name.removesuffix('.tar')}/", finals, found)
        yield from archive.stream(name, chain(members, [END]))
    _require_all(found)
    yield from archive.stream_directory()


def _find_labels(decisions: Decisions) -> KeptNames:
    """Return, by what the files of a kept sample share, its new label or UNCHANGED."""
    return KeptNames(
        (
            find_stem(get_member_name(row)),
            int(decisions.final_N[row.position]) if decisions.is_changed(row) else UNCHANGED,
        )
        for row in decisions.iterate_kept_rows()
    )


def _require_all(found: bytearray) -> None:
    if not all(found):
        raise RuntimeError(f"expected {len(found)} labels in the upload, found {sum(found)}")


def _write_members(
    decisions: Decisions, upload: Path, folder: str, finals: KeptNames, found: bytearray
) -> Iterator[bytes]:
    """Yield the members of kept samples as they came; labels that changed are written anew.

    `found` tells by the place of a sample's name whether its label file was there.
    """
    with (
        decisions.open(upload) as file,
        tarfile.open(fileobj=file, mode="r|*", encoding="utf-8", errors="surrogateescape") as archive,
    ):
        for member in archive:
            name = folder + _read_member_name(member.name)
            stem = find_stem(name)
            place = finals.find(stem) if member.isfile() else None
            content = None if place is None else archive.extractfile(member)
            if place is None or content is None:
                continue
            raw, final = content.read(), finals.get_number(place)
            if name == stem + decisions.layout["label_suffix"]:
                found[place] = True
                raw = raw if final == UNCHANGED else _write_label(decisions, raw, decisions.spellings[final])
            yield pack_member(member, raw)


def _write_label(decisions: Decisions, raw: bytes, value: object) -> bytes:
    """Return a label file as it is but for another label."""
    text, field = raw.decode("utf-8-sig"), decisions.layout["label_field"]
    if field is None:
        return text.replace(text.strip(), str(value), 1).encode()
    return replace_value(text, field, decisions.shape_label(json.loads(text).get(field), value)).encode()


def _write_zip(
    decisions: Decisions, tables: Iterable[File], name_of: Callable[[Picture], str]
) -> Iterator[bytes]:
    archive, written = ZipStream(), 0
    for name, blocks in tables:
        yield from archive.stream(name, blocks)
    for picture, stored, method in _read_images(decisions):
        yield archive.add(name_of(picture), stored, method=method)
        written += 1
    expected = int((decisions.final_N != DROPPED).sum())
    if written != expected:
        raise RuntimeError(f"expected {expected} images in the upload, found {written}; nothing is exported")
    yield from archive.stream_directory()


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
            yield describe_picture(row), file.read(row.source_length), row.source_method or STORED


def _read_tar(decisions: Decisions, upload: Path) -> Iterator[Stored]:
    positions = KeptNames((get_member_name(row), row.position) for row in decisions.iterate_kept_rows())
    depths_N = measure_depths(decisions.samples)
    try:
        with (
            decisions.open(upload) as file,
            tarfile.open(fileobj=file, mode="r|*", encoding="utf-8", errors="surrogateescape") as archive,
        ):
            for member in archive:
                name = _read_member_name(member.name)
                place = positions.find(name) if member.isfile() else None
                content = None if place is None else archive.extractfile(member)
                if place is not None and content is not None:
                    position = positions.get_number(place)
                    picture = Picture(position=position, name=name, depth=int(depths_N[position]))
                    yield picture, content.read(), STORED
    except tarfile.ReadError as error:
        raise Invalid("this archive cannot be exported in its own format; use format=npz") from error


def _read_member_name(name: str) -> str:
    """Return a member's name as ingestion stored it, whatever its encoding."""
    return tidy_name(decode_name(name.encode("utf-8", "surrogateescape")))


def _get_name(picture: Picture) -> str:
    return picture.name


def _write_metadata(decisions: Decisions) -> Iterator[bytes]:
    columns: dict[str, Callable[[SampleRow], str]] = {
        "file_name": get_member_name,
        "label": lambda row: decisions.get_final_name(row.position),
    }
    if any(row.true is not None for row in decisions.iterate_kept_rows()):
        columns["true_label"] = lambda row: "" if row.true is None else decisions.names[row.true]
    if any(row.split is not None for row in decisions.iterate_kept_rows()):
        columns["split"] = lambda row: row.split or ""
    if any(not get_member_name(row).endswith(row.key) for row in decisions.iterate_kept_rows()):
        columns["id"] = lambda row: row.key
    yield _format_csv_line(columns)
    for row in decisions.iterate_kept_rows():
        yield _format_csv_line(column(row) for column in columns.values())


def _format_csv_line(values: Iterable[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()


def _list_labels(decisions: Decisions) -> list[File]:
    lines = (_list_lines(decisions, row) for row in decisions.iterate_kept_rows())
    names = dict.fromkeys(name for name, _ in chain.from_iterable(lines))
    return [(name, _write_list(decisions, name)) for name in names]


def _write_list(decisions: Decisions, wanted: str) -> Iterator[bytes]:
    for row in decisions.iterate_kept_rows():
        yield from (line.encode() for name, line in _list_lines(decisions, row) if name == wanted)


def _list_lines(decisions: Decisions, row: SampleRow) -> Iterator[tuple[str, str]]:
    """Yield the lists that name a sample, each with its line."""
    split = f"{row.split}_" if row.split else ""
    yield f"{split}labels.txt", f"{get_member_name(row)} {decisions.get_final_name(row.position)}\n"
    if row.true is not None:
        yield f"{split}true_labels.txt", f"{get_member_name(row)} {decisions.names[row.true]}\n"
