"""Zip archives, read by position; sizes, checksums and names are checked before use."""

from __future__ import annotations

import stat
import struct
import zlib
from array import array
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from models.reading.archive_names import is_litter
from worker.formats.archives.archive import (
    OpenFile,
    check_members,
    check_ratio,
    check_total,
    make_broken_error,
)
from worker.formats.archives.member_names import check_unique, clean_name
from worker.formats.archives.unread_names import NameLog
from worker.formats.archives.zip_names import Slashes, read_name
from worker.formats.shared.compact_texts import Texts
from worker.formats.shared.problems import IngestError, SampleError, make_printable
from worker.formats.shared.sample import Locations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.formats.shared.sample import Ingestion

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s4B4HL2L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED = 0x1
_UNKNOWN_32 = 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_LOCAL_EXTRA_GUESS = 64
_BLOCK = 1 << 20
_LONGEST_ENTRY = _ENTRY.size + 3 * 0xFFFF


class _Member(NamedTuple):
    name: str
    header_offset: int
    stored_size: int
    size: int
    method: int
    crc: int


class ZipArchive:
    """A zip file; any thread can read its ordinary members."""

    def __init__(self, path: Path, ingestion: Ingestion) -> None:
        self.path = path
        self.limits = ingestion.limits
        self._file = OpenFile(path)
        self.names = Texts()
        columns = array("q")
        try:
            for member in _list_members(self._file, ingestion):
                self.names.append(member.name)
                columns.extend(member[1:])
        except BaseException:
            self._file.close()
            raise
        fields = np.frombuffer(columns, dtype=np.int64).reshape(-1, 5).T
        self._headers, self._stored, self._sizes, self._methods, self._crcs = fields
        self._offsets = np.full(len(self.names), -1, dtype=np.int64)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def get_size(self, member: int) -> int:
        """Return the size of a member after decompression, from the directory."""
        return int(self._sizes[member])

    def read(self, member: int) -> bytes:
        """Return the bytes of a member; SampleError if they do not match its size and CRC."""
        size, stored = int(self._sizes[member]), int(self._stored[member])
        if max(size, stored) > self.limits.max_member_bytes:
            raise SampleError(
                "member_too_large",
                f"expected at most {self.limits.max_member_bytes} bytes; found {max(size, stored)}",
            )
        try:
            check_ratio(size, stored, self.limits)
        except IngestError as error:
            raise SampleError(error.code, error.message) from None
        data = decompress(self._read_stored(member, stored), int(self._methods[member]), size)
        if len(data) != size or zlib.crc32(data) != self._crcs[member]:
            raise SampleError(
                "bad_member", f"expected {size} bytes with the directory's CRC; found other data"
            )
        return data

    def _read_stored(self, member: int, length: int) -> bytes:
        """Return the encoded bytes, in one read if the local header has at most the guessed length."""
        header = int(self._headers[member])
        guess = _LOCAL.size + self.names.count_bytes(member) + _LOCAL_EXTRA_GUESS
        data = self._file.read_at(header, guess + length)
        start = _find_data_start(data)
        self._offsets[member] = header + start
        stored = data[start : start + length]
        if len(stored) < length:
            stored = self._file.read_at(header + start, length)
        return stored

    def find_data_offset(self, member: int) -> int:
        """Return the position of a member's stored bytes in the file."""
        header = int(self._headers[member])
        self._offsets[member] = header + _find_data_start(self._file.read_at(header, _LOCAL.size))
        return int(self._offsets[member])

    def is_stored(self, member: int) -> bool:
        """Return whether a member is stored uncompressed."""
        return bool(self._methods[member] == _STORED and self._sizes[member] == self._stored[member])

    def extract(self, member: int, target: Path) -> None:
        """Write a member of any size to a file; IngestError if it is broken."""
        with target.open("wb") as file:
            self._stream_member(member, file.write)

    def verify(self, member: int) -> None:
        """Read a member of any size to its end; IngestError if it is broken."""
        self._stream_member(member, len)

    def _stream_member(self, member: int, take: Callable[[bytes], int]) -> None:
        crc = produced = 0
        for block in self.read_blocks(member):
            crc = zlib.crc32(block, crc)
            produced += len(block)
            take(block)
        if produced != self._sizes[member] or crc != self._crcs[member]:
            raise self._make_member_error(member, "data that does not match its size and CRC")

    def read_blocks(self, member: int) -> Iterator[bytes]:
        """Yield the decompressed bytes of a member in blocks, stopping once they exceed its size."""
        method, size, stored = (int(column[member]) for column in (self._methods, self._sizes, self._stored))
        if method not in (_STORED, _DEFLATED):
            raise self._make_member_error(member, f"compression method {method}")
        check_ratio(size, stored, self.limits)
        try:
            offset = self.find_data_offset(member)
            inflater = zlib.decompressobj(-zlib.MAX_WBITS) if method == _DEFLATED else None
            produced = 0
            for start in range(0, stored, _BLOCK):
                data = self._file.read_at(offset + start, min(_BLOCK, stored - start))
                while data and produced <= size:
                    block = inflater.decompress(data, 4 * _BLOCK) if inflater else data
                    data = inflater.unconsumed_tail if inflater else b""
                    produced += len(block)
                    yield block
        except (SampleError, zlib.error) as error:
            raise self._make_member_error(member, str(error)) from None

    def _make_member_error(self, member: int, found: str) -> IngestError:
        return IngestError(
            "broken_member",
            f"expected {make_printable(self.names[member])!r} to be complete and stored or deflated; "
            f"found {found}",
        )

    def locate_all(self, members: NDArray[np.int64]) -> None:
        """Make the offsets of members known that have not been read; IngestError if one is broken."""
        for member in members[self._offsets[members] < 0].tolist():
            try:
                self.find_data_offset(member)
            except SampleError as error:
                raise self._make_member_error(member, str(error)) from None

    def plan_reads(self, _: NDArray[np.int64]) -> None:
        """Do nothing: the file is on this host."""

    def find_locations(self, members: NDArray[np.int64]) -> Locations:
        """Return the location of members' stored bytes; offset -1 for members that were not read."""
        return Locations(
            offsets=self._offsets[members],
            lengths=self._stored[members],
            methods=self._methods[members].astype(np.int16),
        )


def _find_data_start(local: bytes) -> int:
    """Return the length of a local header with its name and extra fields."""
    if len(local) < _LOCAL.size or not local.startswith(b"PK\x03\x04"):
        raise SampleError(
            "bad_member", "expected a zip member at the offset in the directory; found other data"
        )
    name_length, extra_length = _LOCAL.unpack_from(local)[-2:]
    return _LOCAL.size + int(name_length) + int(extra_length)


def decompress(stored: bytes, method: int, size: int) -> bytes:
    """Return the bytes of a member, of a deflated one at most `size` + 1: more than `size` is too much.

    Raises:
        SampleError: it is neither stored nor deflated, or damaged.

    """
    if method == _STORED:
        return stored
    if method != _DEFLATED:
        raise SampleError(
            "unsupported_compression", f"expected a stored or deflated member; found method {method}"
        )
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(stored, size + 1)
    except zlib.error as error:
        raise SampleError("bad_member", f"expected deflated data; found {error}") from None


def _list_members(file: OpenFile, ingestion: Ingestion) -> Iterator[_Member]:
    """Yield ordinary members in the directory's order, without links and litter."""
    start, size, count, shift = _find_directory(file, ingestion)
    names, slashes, log = Texts(), Slashes(), NameLog()
    total = 0
    for entry, mode, is_known in _read_entries(file, start, size, count):
        member = entry._replace(name=clean_name(slashes.straighten(entry.name)))
        total += member.size
        if not member.name.endswith("/"):
            names.append(member.name)
        if member.name.endswith("/") or is_litter(member.name):
            log.add_hidden(member.name)
            continue
        if not is_known:
            log.add_unknown(member.name)
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            ingestion.problems.add(
                member.name, "not_a_file", "expected an ordinary file; found a link or device"
            )
            continue
        yield member._replace(header_offset=member.header_offset + shift)
    check_unique(names)
    check_total(total, ingestion.limits)
    log.write(ingestion.understood)
    if slashes.are_back:
        ingestion.understood.note("backslashes", "the names in the zip have backslashes; they were read as /")


def _find_directory(file: OpenFile, ingestion: Ingestion) -> tuple[int, int, int, int]:
    """Return offset, size and entry count of the central directory, and the bytes before the zip."""
    tail_start = max(0, file.size - _END.size - 0xFFFF)
    tail = file.read_at(tail_start, file.size - tail_start)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise make_broken_error("zip", "no central directory at its end (was the upload cut off?)")
    end = tail_start + at
    count, size, offset = _END.unpack_from(tail, at)[4:7]
    if file.read_at(max(0, end - _END64_LOCATOR.size), 4) == b"PK\x06\x07":
        count, size, offset, end = _read_end64(file, end - _END64_LOCATOR.size)
    check_members(count, ingestion.limits)
    shift = end - size - offset
    if shift < 0 or size > ingestion.limits.max_directory_bytes:
        raise make_broken_error(
            "zip", f"a central directory of {size} bytes, more than the file or the limit holds"
        )
    return end - size, size, count, shift


def _read_end64(file: OpenFile, locator_at: int) -> tuple[int, int, int, int]:
    """Return entry count, directory size, directory offset and end position of a zip64 archive."""
    record_at = _END64_LOCATOR.unpack(file.read_at(locator_at, _END64_LOCATOR.size))[2]
    record = file.read_at(record_at, _END64.size) if record_at < file.size else b""
    if len(record) < _END64.size or not record.startswith(b"PK\x06\x06"):
        raise make_broken_error("zip", "a zip64 locator without its record")
    _, count, size, offset = _END64.unpack(record)[-4:]
    return count, size, offset, record_at


def _read_entries(file: OpenFile, start: int, size: int, count: int) -> Iterator[tuple[_Member, int, bool]]:
    """Yield every entry with its Unix mode and whether its name's encoding is known, read in blocks."""
    block, position, read = b"", 0, 0
    for _ in range(count):
        if len(block) - position < _LONGEST_ENTRY and read < size:
            more = file.read_at(start + read, min(_BLOCK, size - read))
            block, position, read = block[position:] + more, 0, read + len(more)
        member, mode, is_known, position = _parse_entry(block, position)
        yield member, mode, is_known


def _parse_entry(directory: bytes, position: int) -> tuple[_Member, int, bool, int]:
    """Return an entry, its Unix mode, whether its name's encoding is known, and the next one's position."""
    if directory[position : position + 4] != b"PK\x01\x02" or len(directory) < position + _ENTRY.size:
        raise make_broken_error("zip", "a central directory with fewer entries than it counts")
    fields = _ENTRY.unpack_from(directory, position)
    (_, _, _, _, _, flags, method, _, _, crc, stored, size, name_length, extra_length, comment_length) = (
        fields[:15]
    )
    name_at = position + _ENTRY.size
    extra_at = name_at + name_length
    extra = directory[extra_at : extra_at + extra_length]
    name, is_known = read_name(directory[name_at:extra_at], extra)
    if flags & _ENCRYPTED:
        raise IngestError(
            "encrypted_member",
            f"expected members without a password; found a password on {make_printable(name)!r}",
        )
    offset = fields[-1]
    if _UNKNOWN_32 in (size, stored, offset):
        size, stored, offset = _read_wide_fields(extra, (size, stored, offset))
    member = _Member(name, offset, stored, size, method, crc)
    return member, fields[-2] >> 16, is_known, extra_at + extra_length + comment_length


def _read_wide_fields(extra: bytes, narrow: tuple[int, int, int]) -> tuple[int, ...]:
    """Return the fields with those that do not fit into 32 bits from the zip64 extra field."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == 1:
            wide = iter(
                struct.unpack_from(f"<{min(length, len(extra) - position - 4) // 8}Q", extra, position + 4)
            )
            values = tuple(next(wide, -1) if value == _UNKNOWN_32 else value for value in narrow)
            if all(0 <= value < 1 << 62 for value in values):
                return values
            break
        position += 4 + length
    raise make_broken_error("zip", "a zip64 entry without its sizes")
