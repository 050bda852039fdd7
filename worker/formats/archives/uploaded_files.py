"""Uploaded files: decompression, and detection of their kind by their first bytes."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.reading.archive_names import strip_compression
from models.reading.text_encodings import detect_encoding as detect_codec
from worker.formats.archives.archive import check_ratio, check_total
from worker.formats.archives.foreign_files import name_foreign
from worker.formats.archives.tars import RECORD, is_tar_header
from worker.formats.pictures.picture_decoding import detect_encoding
from worker.formats.shared.problems import IngestError, make_printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.formats.shared.sample import Ingestion

_COMPRESSED = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\x00", "xz"))
ACCEPTED = "a zip or tar archive, npz, IDX, CIFAR, Parquet, Excel or CSV file"
_IDX_HEAD = re.compile(rb"\0\0[\x08\x09\x0b-\x0e][\x01-\x04].{4}", re.DOTALL)
_PICKLE_HEAD = re.compile(rb"\x80[\x02-\x05]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_LONGEST_CHARACTER = 4
_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One file of an upload, uncompressed."""

    name: str
    """Base name without .gz, or the path in an archive."""
    path: Path
    original: bool
    """Whether this is the uploaded file itself, so that byte offsets in it can be stored."""
    kind: str
    """zip, tar, parquet, idx, pickle, binary, text."""


def prepare_upload(path: Path, name: str, ingestion: Ingestion, *, original: bool) -> Upload:
    """Decompress a file into the staging folder if it is compressed, and detect its kind."""
    compression = _detect_compression(path)
    if compression is None:
        return Upload(name=name, path=path, original=original, kind=detect_kind(path, name))
    target = ingestion.staging / f"unpacked-{len(list(ingestion.staging.iterdir()))}"
    _unpack(path, compression, target, ingestion)
    if _detect_compression(target):
        raise IngestError(
            "nested_compression",
            f"expected {make_printable(name)!r} to be compressed once; found it compressed twice",
        )
    name = strip_compression(name)
    return Upload(name=name, path=target, original=False, kind=detect_kind(target, name))


def _detect_compression(path: Path) -> str | None:
    with path.open("rb") as file:
        head = file.read(8)
    return next((name for magic, name in _COMPRESSED if head.startswith(magic)), None)


def _unpack(path: Path, compression: str, target: Path, ingestion: Ingestion) -> None:
    """Decompress a file within the limits on bytes and ratio."""
    openers: dict[str, Callable[..., Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
    compressed, produced = path.stat().st_size, 0
    try:
        with openers[compression](path, "rb") as source, target.open("wb") as file:
            while block := source.read(_BLOCK):
                produced += len(block)
                check_total(produced, ingestion.limits)
                check_ratio(produced, compressed, ingestion.limits)
                file.write(block)
                ingestion.alive()
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # an error of the disk, not of the file
        raise IngestError(
            "broken_container", f"expected a complete {compression} file; found: {error}"
        ) from None


def detect_kind(path: Path, name: str) -> str:
    """Return the kind of an uncompressed file by its first bytes; CIFAR's binaries also need the name."""
    with path.open("rb") as file:
        head = file.read(RECORD)
    if not head:
        raise IngestError("empty_file", f"expected data in {make_printable(name)!r}; found an empty file")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"PAR1"):
        return "parquet"
    if is_tar_header(head):
        return "tar"
    if _IDX_HEAD.match(head):
        return "idx"
    if _PICKLE_HEAD.match(head):
        return "pickle"
    foreign = name_foreign(head, name)
    if foreign or (detect_encoding(head) and not _is_text(head)):
        raise IngestError(
            "unsupported_format",
            f"expected {ACCEPTED}; found {foreign or 'a single picture (put the pictures into a zip)'}",
        )
    return "text" if _is_text(head) and not name.lower().endswith(".bin") else "binary"


def _is_text(head: bytes) -> bool:
    """Return whether bytes are the beginning of text, in whatever encoding; the reader of tables names it."""
    codec = detect_codec(head)
    try:
        text = head.decode(codec, "ignore" if codec != "utf-8-sig" else "strict")
    except UnicodeDecodeError as error:
        is_cut_off = error.start > len(head) - _LONGEST_CHARACTER
        text = head[: error.start].decode(codec) if is_cut_off else head.decode("latin-1")
    return not _CONTROL.search(text)
