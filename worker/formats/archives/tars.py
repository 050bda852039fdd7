"""Plain tar archives, read by position (a compressed tar is unpacked to a plain one first)."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import numpy as np

from models.reading.archive_names import decode_name, is_litter, is_utf8
from worker.formats.archives.archive import OpenFile, check_members, check_total, make_broken_error
from worker.formats.archives.member_names import check_unique, clean_name
from worker.formats.archives.unread_names import NameLog
from worker.formats.shared.compact_texts import Texts
from worker.formats.shared.problems import IngestError, SampleError, make_printable
from worker.formats.shared.sample import Locations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.formats.shared.sample import Ingestion

RECORD = 512
_MAX_EXTENSION_BYTES = 1 << 20
_FILES = (b"0", b"\0", b"7")
_LONG_NAME, _PAX, _PAX_GLOBAL, _FOLDER = b"L", b"x", b"g", b"5"
_IGNORED = (b"K", b"V", b"g")
_BLOCK = 1 << 20


class TarArchive:
    """An uncompressed tar file; any thread can read its ordinary members."""

    def __init__(self, path: Path, ingestion: Ingestion) -> None:
        self.path = path
        self.limits = ingestion.limits
        self._file = OpenFile(path)
        self.names = Texts()
        columns = array("q")
        try:
            for name, *place in _list_members(self._file, ingestion):
                self.names.append(name)
                columns.extend(place)
        except BaseException:
            self._file.close()
            raise
        self._offsets, self._sizes = np.frombuffer(columns, dtype=np.int64).reshape(-1, 2).T

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read(self, member: int) -> bytes:
        """Return the bytes of a member; SampleError if it is larger than allowed."""
        size = int(self._sizes[member])
        if size > self.limits.max_member_bytes:
            raise SampleError(
                "member_too_large", f"expected at most {self.limits.max_member_bytes} bytes; found {size}"
            )
        return self._file.read_at(int(self._offsets[member]), size)

    def extract(self, member: int, target: Path) -> None:
        """Write a member of any size to a file."""
        with target.open("wb") as file:
            file.writelines(self.read_blocks(member))

    def read_blocks(self, member: int) -> Iterator[bytes]:
        """Yield the bytes of a member of any size in blocks."""
        offset, size = int(self._offsets[member]), int(self._sizes[member])
        for start in range(0, size, _BLOCK):
            yield self._file.read_at(offset + start, min(_BLOCK, size - start))

    def locate_all(self, _: NDArray[np.int64]) -> None:
        """Do nothing: all offsets are known."""

    def plan_reads(self, _: NDArray[np.int64]) -> None:
        """Do nothing: the file is on this host."""

    def find_locations(self, members: NDArray[np.int64]) -> Locations:
        """Return the location of members in the file."""
        return Locations(
            offsets=self._offsets[members],
            lengths=self._sizes[members],
            methods=np.zeros(len(members), dtype=np.int16),
        )


def is_tar_header(header: bytes) -> bool:
    """Return whether a record is a tar header, by its checksum."""
    if len(header) < RECORD or not header[0]:
        return False
    try:
        stated = _parse_number(header[148:156])
    except ValueError:
        return False
    return stated == sum(header[:RECORD]) - sum(header[148:156]) + 8 * ord(" ")


def _parse_number(field: bytes) -> int:
    """Parse an octal field, or a binary one as GNU tar writes for more than 8 GiB."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    return int(field.split(b"\0", 1)[0].strip() or b"0", 8)


def _list_members(file: OpenFile, ingestion: Ingestion) -> Iterator[tuple[str, int, int]]:
    """Yield name, offset and size of ordinary members in the archive's order, without links and litter."""
    names, log = Texts(), NameLog()
    total = entries = 0
    for kind, name, is_known, offset, size in _read_entries(file):
        entries += 1
        check_members(entries, ingestion.limits)
        if name and kind != _FOLDER and not name.endswith("/"):
            names.append(name)
        total += size
        if kind == _FOLDER or name.endswith("/") or is_litter(name):
            log.add_hidden(name)
            continue
        if not is_known:
            log.add_unknown(name)
        if kind not in _FILES:
            ingestion.problems.add(
                name, "not_a_file", "expected an ordinary file; found a link, device or sparse file"
            )
            continue
        yield name, offset, size
    check_unique(names)
    check_total(total, ingestion.limits)
    log.write(ingestion.understood)


def _read_entries(file: OpenFile) -> Iterator[tuple[bytes, str, bool, int, int]]:
    """Yield type, name, whether it is UTF-8, data offset and size of every entry, also from extensions."""
    position = 0
    long_name: bytes | None = None
    long_size: int | None = None
    while header := _read_header(file, position):
        kind, size = header[156:157], _parse_size(header[124:136])
        if kind not in (_LONG_NAME, _PAX, *_IGNORED) and long_size is not None:
            size = long_size
        data = position + RECORD
        position = data + -(-size // RECORD) * RECORD
        if data + size > file.size:
            raise make_broken_error("tar", "a last member that is cut off")
        if kind == _LONG_NAME:
            long_name = _read_extension(file, data, size).split(b"\0", 1)[0]
        elif kind == _PAX:
            attributes = _parse_pax(_read_extension(file, data, size))
            long_name = attributes.get(b"path", long_name)
            long_size = _parse_pax_size(attributes, long_size)
        elif kind not in _IGNORED:
            raw = _read_name(header) if long_name is None else long_name
            yield kind, clean_name(decode_name(raw)), is_utf8(raw), data, size
            long_name = long_size = None


def _read_header(file: OpenFile, position: int) -> bytes | None:
    """Return the header at a position, None at the end mark of the archive."""
    header = file.read_at(position, RECORD)
    if header == bytes(RECORD):
        return None
    if not is_tar_header(header):
        raise make_broken_error("tar", f"no valid header at byte {position} (was the upload cut off?)")
    return header


def _parse_size(field: bytes) -> int:
    try:
        return _parse_number(field)
    except ValueError:
        raise make_broken_error("tar", f"the size {field!r}") from None


def _read_extension(file: OpenFile, offset: int, size: int) -> bytes:
    if size > _MAX_EXTENSION_BYTES:
        raise make_broken_error("tar", f"a name of {size} bytes")
    return file.read_at(offset, size)


def _read_name(header: bytes) -> bytes:
    """Return the name in the header, with the prefix of the POSIX layout."""
    name = header[:100].split(b"\0", 1)[0]
    prefix = header[345:500].split(b"\0", 1)[0] if header[257:263] == b"ustar\0" else b""
    return prefix + b"/" + name if prefix else name


def _parse_pax(records: bytes) -> dict[bytes, bytes]:
    """Parse the attributes of a POSIX extension header: records "length key=value"."""
    attributes: dict[bytes, bytes] = {}
    while records:
        length = records.split(b" ", 1)[0]
        if not length.isdigit() or not len(length) < int(length) <= len(records):
            raise make_broken_error("tar", "a malformed extension header")
        record = records[len(length) + 1 : int(length) - 1]
        key, _, value = record.partition(b"=")
        attributes[key] = value
        records = records[int(length) :]
    if any(key.startswith(b"GNU.sparse") for key in attributes):
        raise IngestError(
            "sparse_member",
            f"expected ordinary files; found the sparse file {make_printable(str(attributes))}",
        )
    return attributes


def _parse_pax_size(attributes: dict[bytes, bytes], default: int | None) -> int | None:
    text = attributes.get(b"size")
    if text is None:
        return default
    if not text.isdigit():
        raise make_broken_error("tar", f"the size {make_printable(decode_name(text))!r}")
    return int(text)
