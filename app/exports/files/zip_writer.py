"""A zip that is written from front to back, with the directory at the end.

The standard library needs about a kilobyte of memory per member and cannot copy compressed bytes unchanged; a
dataset can have a million members. The directory waits compressed.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator

STORED, DEFLATED = 0, 8
VERSION = 45  # ZIP64
UTF8, SIZES_FOLLOW = 1 << 11, 1 << 3
# 1 January 1980: equal exports are equal byte for byte.
TIME, DATE = 0, 1 << 5 | 1
PACKED_BYTES = 1 << 14
FULL_16, FULL_32 = 0xFFFF, 0xFFFFFFFF
LOCAL = struct.Struct("<4s5H3I2H")
CENTRAL = struct.Struct("<4s6H3I5H2I")
DESCRIPTOR = struct.Struct("<4sI2Q")
END_64 = struct.Struct("<4sQ2H2I4Q")
LOCATOR_64 = struct.Struct("<4sIQI")
END = struct.Struct("<4s4H2IH")


class ZipStream:
    """Writes a zip; every call returns the next bytes."""

    def __init__(self) -> None:
        self._at = self._count = 0
        self._directory, self._directory_size = bytearray(), 0
        self._packer = zlib.compressobj()

    def add(self, name: str, stored: bytes, *, method: int = STORED) -> bytes:
        """Return a member with these stored bytes; deflated bytes are copied unchanged."""
        whole = stored if method == STORED else zlib.decompress(stored, -zlib.MAX_WBITS)
        crc, flags, encoded = zlib.crc32(whole), UTF8, name.encode()
        header = LOCAL.pack(
            b"PK\3\4", VERSION, flags, method, TIME, DATE, crc, len(stored), len(whole), len(encoded), 0
        )
        self._register(
            encoded, start=self._at, flags=flags, method=method, crc=crc, stored=len(stored), whole=len(whole)
        )
        return self._advance(header + encoded + stored)

    def stream(self, name: str, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield a member of unknown size without compression."""
        encoded, flags, start = name.encode(), UTF8 | SIZES_FOLLOW, self._at
        extra = struct.pack("<2H2Q", 1, 16, 0, 0)
        header = LOCAL.pack(
            b"PK\3\4", VERSION, flags, STORED, TIME, DATE, 0, FULL_32, FULL_32, len(encoded), len(extra)
        )
        yield self._advance(header + encoded + extra)
        crc = size = 0
        for block in blocks:
            crc, size = zlib.crc32(block, crc), size + len(block)
            yield self._advance(block)
        yield self._advance(DESCRIPTOR.pack(b"PK\7\10", crc, size, size))
        self._register(encoded, start=start, flags=flags, method=STORED, crc=crc, stored=size, whole=size)

    def finish(self) -> bytes:
        """Return the directory of an archive of few members."""
        return b"".join(self.stream_directory())

    def stream_directory(self) -> Iterator[bytes]:
        """Yield the directory, which has about a hundred bytes a member, in blocks."""
        self._directory += self._packer.flush()
        unpacker = zlib.decompressobj()
        for at in range(0, len(self._directory), PACKED_BYTES):
            yield unpacker.decompress(self._directory[at : at + PACKED_BYTES])
        yield self._pack_end()

    def _pack_end(self) -> bytes:
        start, size = self._at, self._directory_size
        end_64 = END_64.pack(
            b"PK\6\6", END_64.size - 12, VERSION, VERSION, 0, 0, self._count, self._count, size, start
        )
        locator = LOCATOR_64.pack(b"PK\6\7", 0, start + size, 1)
        count = min(self._count, FULL_16)
        end = END.pack(b"PK\5\6", 0, 0, count, count, min(size, FULL_32), min(start, FULL_32), 0)
        is_large = self._count >= FULL_16 or max(size, start) >= FULL_32
        return (end_64 + locator if is_large else b"") + end

    def _register(
        self, name: bytes, *, start: int, flags: int, method: int, crc: int, stored: int, whole: int
    ) -> None:
        large = [value for value in (whole, stored, start) if value >= FULL_32]
        extra = struct.pack(f"<2H{len(large)}Q", 1, 8 * len(large), *large) if large else b""
        sizes = (min(stored, FULL_32), min(whole, FULL_32))
        entry = CENTRAL.pack(
            b"PK\1\2", VERSION, VERSION, flags, method, TIME, DATE, crc, *sizes,
            len(name), len(extra), 0, 0, 0, 0, min(start, FULL_32),
        )  # fmt: skip
        self._directory += self._packer.compress(entry + name + extra)
        self._directory_size += len(entry) + len(name) + len(extra)
        self._count += 1

    def _advance(self, block: bytes) -> bytes:
        self._at += len(block)
        return block
