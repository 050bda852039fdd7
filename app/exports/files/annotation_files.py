"""Annotation files of boxes written again: as they came, but for decided classes and dropped boxes."""

import codecs
import tarfile
import zlib
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO

from pyarrow import parquet

from app.exports.files.stored_files import open_stored_file
from app.exports.files.zip_writer import DEFLATED, STORED, ZipStream
from app.infra.errors import Invalid
from app.infra.storage import Storage
from app.tables import Dataset
from models.reading.archive_names import decode_name, is_litter, tidy_name
from models.reading.boxes.coco_text import rewrite_document
from models.reading.boxes.voc_text import BadAnnotation, rewrite_annotation
from models.reading.boxes.yolo_text import rewrite_lines

MEMBERS = "members.parquet"
UPLOADED_BOXES = "uploaded_boxes.parquet"
"""Of a version: file and record of every box that was uploaded, dropped ones among them."""
BLOCK = 1 << 20
BATCH_ROWS = 8_192
COPIED_MOST = 16 << 20
Changes = Mapping[str, Mapping[int, object]]
"""By annotation file: by record what is written for its class; None: the box is dropped."""
Rewrite = Callable[[Iterator[bytes], Mapping[int, object]], Iterator[bytes]]


@dataclass(frozen=True, kw_only=True)
class Uploaded:
    """The archive that was uploaded."""

    storage: Storage
    dataset: Dataset
    path: Path

    def open(self) -> BinaryIO:
        """Open it, on disk or in a bucket."""
        return open_stored_file(self.storage, self.path)


@dataclass(frozen=True, kw_only=True)
class _Member:
    """A file of the upload; its blocks are read when they are asked for."""

    name: str
    blocks: Iterator[bytes]
    """Decompressed."""
    stored: Callable[[], tuple[bytes, int]] | None = None
    """Its stored bytes with their compression method, as a zip takes them; None: `blocks` alone."""


def _rewrite_coco(blocks: Iterator[bytes], changes: Mapping[int, object]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    first = next(blocks, b"")
    mark = codecs.BOM_UTF8 if first.startswith(codecs.BOM_UTF8) else b""
    yield mark

    def decode() -> Iterator[str]:
        yield decoder.decode(first[len(mark) :])
        yield from (decoder.decode(block) for block in blocks)

    for text in rewrite_document((text for text in decode() if text), changes):
        yield text.encode("utf-8", "surrogateescape")


def _rewrite_yolo(blocks: Iterator[bytes], changes: Mapping[int, object]) -> Iterator[bytes]:
    yield rewrite_lines(b"".join(blocks), changes)


def _rewrite_voc(blocks: Iterator[bytes], changes: Mapping[int, object]) -> Iterator[bytes]:
    yield rewrite_annotation(b"".join(blocks), changes)


REWRITERS: Mapping[str, Rewrite] = {"coco": _rewrite_coco, "yolo": _rewrite_yolo, "voc": _rewrite_voc}


def write_zip(uploaded: Uploaded, changes: Changes, only: Container[str] | None) -> Iterator[bytes]:
    """Yield a zip of the uploaded files with their changes; `only`: of the files of these names."""
    rewrite = REWRITERS[uploaded.dataset.format or ""]
    archive, done = ZipStream(), set()
    for member in _list_members(uploaded):
        if only is not None and member.name not in only:
            continue
        if member.name in changes:
            done.add(member.name)
            yield from archive.stream(member.name, rewrite(member.blocks, changes[member.name]))
        elif member.stored is not None:
            content, method = member.stored()
            yield archive.add(member.name, content, method=method)
        else:
            yield from archive.stream(member.name, member.blocks)
    if done != set(changes):
        raise RuntimeError(f"expected {len(changes)} changed annotation files, found {len(done)}")
    yield from archive.stream_directory()


def check_changes(uploaded: Uploaded, changes: Changes) -> None:
    """Try the changes of XML files, which cannot hold every name.

    Raises:
        Invalid: a file cannot be written with them.

    """
    if uploaded.dataset.format != "voc" or not changes:
        return
    for member in _list_members(uploaded):
        if member.name in changes:
            try:
                rewrite_annotation(b"".join(member.blocks), changes[member.name])
            except BadAnnotation as error:
                raise Invalid(f"{member.name!r} cannot be written again, use labels.csv: {error}") from error


def list_uploaded_boxes(uploaded: Uploaded) -> Iterator[tuple[str, int]]:
    """Yield file and record of every box that was uploaded; nothing for a dataset that is no version."""
    storage, dataset = uploaded.storage, uploaded.dataset
    if not storage.exists(storage.locate_pack(dataset.id) / UPLOADED_BOXES):
        return
    with parquet.ParquetFile(storage.fetch_pack_file(dataset, UPLOADED_BOXES)) as listed:
        for batch in listed.iter_batches(BATCH_ROWS):
            for row in batch.to_pylist():
                yield row["source_name"], row["source_row"]


def _list_members(uploaded: Uploaded) -> Iterator[_Member]:
    """Yield all files of the upload in its order: by their places, or from a compressed tar."""
    storage, dataset = uploaded.storage, uploaded.dataset
    if not storage.exists(storage.locate_pack(dataset.id) / MEMBERS):
        yield from _read_tar(uploaded)
        return
    with (
        uploaded.open() as file,
        parquet.ParquetFile(storage.fetch_pack_file(dataset, MEMBERS)) as listed,
    ):
        for batch in listed.iter_batches(BATCH_ROWS):
            for place in batch.to_pylist():
                span = (place["offset"], place["length"], place["method"])
                yield _Member(
                    name=place["name"],
                    blocks=_read_blocks(file, *span),
                    stored=partial(_read_stored, file, *span) if _is_copied(place) else None,
                )


def _is_copied(place: Mapping[str, int]) -> bool:
    """Return whether a member is small and not compressed; others are unpacked block by block."""
    return place["method"] == STORED and place["length"] <= COPIED_MOST


def _read_stored(file: BinaryIO, offset: int, length: int, method: int) -> tuple[bytes, int]:
    file.seek(offset)
    return file.read(length), method


def _read_blocks(file: BinaryIO, offset: int, length: int, method: int) -> Iterator[bytes]:
    """Yield the decompressed bytes of a member."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS) if method == DEFLATED else None
    for start in range(0, length, BLOCK):
        file.seek(offset + start)
        block = file.read(min(BLOCK, length - start))
        if inflater is None:
            yield block
            continue
        while block:
            yield inflater.decompress(block, 4 * BLOCK)
            block = inflater.unconsumed_tail


def _read_tar(uploaded: Uploaded) -> Iterator[_Member]:
    try:
        with (
            uploaded.open() as file,
            tarfile.open(fileobj=file, mode="r|*", encoding="utf-8", errors="surrogateescape") as archive,
        ):
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                name = tidy_name(decode_name(member.name.encode("utf-8", "surrogateescape")))
                if content is not None and not is_litter(name):
                    yield _Member(name=name, blocks=_split(content))
    except tarfile.ReadError as error:
        raise Invalid("this archive cannot be exported in its own format; use format=npz") from error


def _split(content: IO[bytes]) -> Iterator[bytes]:
    while block := content.read(BLOCK):
        yield block
