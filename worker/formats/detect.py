"""Choose the reader of an upload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.formats.archives.foreign_files import name_zip
from worker.formats.archives.member_names import get_suffix
from worker.formats.archives.placed_archive import PlacedArchive
from worker.formats.archives.tars import TarArchive
from worker.formats.archives.unread_names import note_class_lists
from worker.formats.archives.uploaded_files import ACCEPTED, Upload, prepare_upload
from worker.formats.archives.zips import ZipArchive
from worker.formats.arrays.cifar import open_cifar_binaries, open_cifar_pickles
from worker.formats.arrays.idx import open_idx
from worker.formats.arrays.npz import open_npz
from worker.formats.layouts.archive_layout import open_archive_pictures, open_web_shards
from worker.formats.layouts.text_folders import TEXT_SUFFIXES, open_text_folders
from worker.formats.shared.columns import quote_names
from worker.formats.shared.problems import IngestError
from worker.formats.tables.csv_features import open_csv
from worker.formats.tables.json_tables import is_json, open_json
from worker.formats.tables.parquet import open_parquet
from worker.formats.tables.workbooks import is_workbook, open_workbook

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from worker.formats.archives.archive import Archive
    from worker.formats.archives.placed_archive import PlacedMembers
    from worker.formats.shared.sample import Ingestion, Source

_SIDE_SUFFIXES = (".txt", ".html", ".htm", ".md", ".json", ".meta")
_MAX_DATASET_FILES = 2_000
_KIND_WORDS = {"text": "CSV"}

NOT_HAD = ("original_gone", "forbidden_address", "unusable_place")
"""Codes of problems of files that a place does not hand out."""


def open_source(files: Sequence[Path], ingestion: Ingestion) -> Source:
    """Open an upload; IngestError if its format is unknown or is not the requested one."""
    if not files:
        raise IngestError("no_files", "expected at least one file; found none")
    uploads = [prepare_upload(path, path.name, ingestion, original=len(files) == 1) for path in files]
    return _require_format(_open_uploads(uploads, ingestion, nested=False), ingestion)


def open_placed_source(members: PlacedMembers, ingestion: Ingestion) -> Source:
    """Open files in their place; IngestError if there are no pictures, or not in the requested format."""
    ingestion.problems.hides_queries = ingestion.understood.hides_queries = members.are_addresses
    _log_links(members.links, ingestion)
    archive = PlacedArchive(members, ingestion.limits)
    ingestion.resources.callback(archive.close)
    pictures = open_archive_pictures(archive, ingestion, original=True)
    if pictures is None:
        raise IngestError(
            "no_pictures_in_place",
            f"expected pictures in this place; found {len(archive.names)} files: "
            f"{quote_names(archive.names)} (only pictures are read in place; upload other data)",
        )
    return _require_format(pictures, ingestion)


def _log_links(links: Sequence[str], ingestion: Ingestion) -> None:
    """Log the links of a folder; a class may lie behind one, so they are noted, too."""
    for name in links:
        ingestion.problems.add(
            name,
            "link_not_followed",
            "expected a file or a folder; found a link, which is not followed (put there what it points to)",
        )
    if links:
        ingestion.understood.note(
            "links_not_followed",
            f"links are not followed, and what lies behind them was left out: {len(links)}, such as"
            f" {links[0]!r}",
        )


def note_not_had(ingestion: Ingestion) -> None:
    """Note how many files of a place could not be had, so that nobody takes the rest for all."""
    counts = ingestion.problems.by_code
    count = sum(counts[code] for code in NOT_HAD)
    if count:
        ingestion.understood.note(
            "files_not_had",
            f"files could not be had from their place and were left out: {count}, see the problems",
        )


def _require_format(source: Source, ingestion: Ingestion) -> Source:
    requested = ingestion.options.format
    if requested is not None and requested != source.format:
        raise IngestError(
            "format_mismatch",
            f"expected the format {requested}; found {source.format} (without `format` it is detected)",
        )
    return source


def _open_uploads(  # noqa: PLR0911 - one for each kind of file
    uploads: Sequence[Upload], ingestion: Ingestion, *, nested: bool
) -> Source:
    data, side_files = _separate_side_files(uploads)
    kinds = sorted({upload.kind for upload in data})
    if len(kinds) != 1:
        raise IngestError(
            "mixed_files",
            f"expected files of one kind; found {', '.join(kinds)} (upload each dataset separately)",
        )
    kind = kinds[0]
    if kind == "idx":
        source = open_idx(data, ingestion)
        side_names = [file.name for file in side_files]
        note_class_lists(side_names, ingestion.vocabulary.names, ingestion.understood)
        return source
    if kind == "pickle":
        return open_cifar_pickles(data, ingestion)
    if kind == "binary":
        return open_cifar_binaries(data, side_files, ingestion)
    if kind == "parquet":
        return open_parquet(data, ingestion)
    if kind == "tar" and len(data) > 1 and (shards := _open_shards(data, ingestion)):
        return shards
    if len(data) > 1 and kind == "text":
        _refuse_loose_texts(data)
    if len(data) > 1:
        raise IngestError(
            "several_datasets",
            f"expected one {_KIND_WORDS.get(kind, kind)} file; found {len(data)}: "
            f"{quote_names([file.name for file in data])} (upload each as a separate dataset)",
        )
    if kind == "text":
        return (open_json if is_json(data[0]) else open_csv)(data[0], ingestion)
    return _open_archive(data[0], ingestion, nested=nested)


def _refuse_loose_texts(data: Sequence[Upload]) -> None:
    """Refuse texts of which each is a file, without a folder for each class."""
    names = [file.name for file in data]
    if all(get_suffix(name) in TEXT_SUFFIXES for name in names):
        raise IngestError(
            "several_datasets",
            f"expected a folder of texts for each class; found {len(data)} texts, in no such folders:"
            f" {quote_names(names)} (put each text into the folder of its class, or write a table with the"
            " columns text and label)",
        )


def _open_shards(data: Sequence[Upload], ingestion: Ingestion) -> Source | None:
    tars = {}
    for upload in data:
        tars[upload.name] = TarArchive(upload.path, ingestion)
        ingestion.resources.callback(tars[upload.name].close)
    return open_web_shards(tars, ingestion)


def _separate_side_files(uploads: Sequence[Upload]) -> tuple[Sequence[Upload], Sequence[Upload]]:
    """Separate the data from read-me files and lists of class names."""
    data = [
        upload
        for upload in uploads
        if upload.kind != "text" or not upload.name.lower().endswith(_SIDE_SUFFIXES)
    ]
    side_files = [upload for upload in uploads if upload not in data]
    return (data, side_files) if data else (uploads, ())


def _open_archive(upload: Upload, ingestion: Ingestion, *, nested: bool) -> Source:
    """Open a zip or tar: a workbook, an npz, an archive of pictures, or an archive of a dataset's files."""
    archive = (ZipArchive if upload.kind == "zip" else TarArchive)(upload.path, ingestion)
    ingestion.resources.callback(archive.close)
    if isinstance(archive, ZipArchive) and is_workbook(archive.names):
        return open_workbook(upload, archive, ingestion)
    if isinstance(archive, ZipArchive) and (document := name_zip(archive.names)) is not None:
        raise IngestError("unsupported_format", f"expected {ACCEPTED}; found {document}")
    if (
        isinstance(archive, ZipArchive)
        and archive.names
        and all(name.endswith(".npy") for name in archive.names)
    ):
        return open_npz(archive, ingestion)
    if nested:
        raise IngestError(
            "nested_archive",
            f"expected data in the archive; found the archive {upload.name!r} in it (upload that one)",
        )
    pictures = open_archive_pictures(archive, ingestion, original=upload.original)
    source = pictures or open_text_folders(archive, ingestion, original=upload.original)
    return source or _open_uploads(_extract_members(archive, ingestion), ingestion, nested=True)


def _extract_members(archive: Archive, ingestion: Ingestion) -> Sequence[Upload]:
    """Extract the members of an archive without pictures."""
    if not 0 < len(archive.names) <= _MAX_DATASET_FILES:
        raise IngestError(
            "unrecognised_archive",
            "expected class folders of pictures, metadata.csv, or the files of one dataset; "
            f"found {len(archive.names)} members: {quote_names(archive.names)}",
        )
    uploads = []
    ingestion.layout["nested"] = True
    folder = ingestion.staging / "members"
    folder.mkdir()
    for member, name in enumerate(archive.names):
        path = folder / str(member)
        archive.extract(member, path)
        ingestion.alive()
        if path.stat().st_size:
            uploads.append(prepare_upload(path, name, ingestion, original=False))
    return uploads
