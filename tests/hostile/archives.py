"""Zip and tar files that point elsewhere, lie, or grow."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from functools import partial

from tests.hostile.catalogue import BOMB, Files, good_members, hostile, zipped

Compress = Callable[[bytes], bytes]

MOST_MEMBERS = 5_000
ELSEWHERE = "tmp/limit-audit-hostile-was-here"
NAMES = {
    "absolute": f"/{ELSEWHERE}",
    "parent": "../" * 12 + ELSEWHERE,
    "parent inside": f"cat/../../{ELSEWHERE}",
    "drive": "C:/evil.png",
    "backslashes": "..\\..\\evil.png",
    "name of 60,000 bytes": "cat/" + "x" * 60_000 + ".png",
    "control characters": "cat/\x1b[31m\r\n.png",
    "right-to-left override": "cat/\u202egnp.exe",
}


def zip_with(member: str) -> Files:
    """Return a zip in which one more member has this name."""
    return {"a.zip": zipped(good_members() | {member: b"x"})}


for label, member in NAMES.items():
    hostile(f"zip: {label}")(partial(zip_with, member))


def patched(data: bytes, name: bytes, at: int, value: int, form: str = "<I") -> bytes:
    """Return a zip whose directory entry of a name says something else."""
    changed = bytearray(data)
    entry = data.index(name, data.index(b"PK\x01\x02")) - 46
    struct.pack_into(form, changed, entry + at, value)
    return bytes(changed)


def lying_zip(at: int, value: int, form: str) -> Files:
    """Return a zip whose directory says something else of one member."""
    return {"a.zip": patched(zipped(good_members()), b"cat/4.png", at, value, form)}


for label, (at, value, form) in {
    "crc": (16, 1, "<I"),
    "compressed size": (20, 5, "<I"),
    "size": (24, 5, "<I"),
    "size of 4 GiB": (24, 0xFFFFFFFE, "<I"),
    "offset outside": (42, 0x7FFFFFF0, "<I"),
    "unknown compression": (10, 99, "<H"),
    "encrypted": (8, 1, "<H"),
    "is a device": (38, 0o060666 << 16, "<I"),
}.items():
    hostile(f"zip: lies about {label}")(partial(lying_zip, at, value, form))


@hostile("zip: NUL in a name")
def nul_name() -> Files:
    return {"a.zip": zipped(good_members() | {"cat/aXb.png": b"x"}).replace(b"cat/aXb.png", b"cat/a\0b.png")}


@hostile("zip: a name that is no UTF-8")
def broken_name() -> Files:
    return {
        "a.zip": zipped(good_members() | {"cat/äX.png": b"x"}).replace("cat/äX".encode(), b"cat/\xff\xfeX")
    }


@hostile("zip: the same name twice")
def twice() -> Files:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")
        for name, data in (*good_members().items(), ("cat/0.png", b"other")):
            archive.writestr(name, data)
    return {"a.zip": buffer.getvalue()}


@hostile("zip: links out")
def links() -> Files:
    buffer = io.BytesIO(zipped(good_members()))
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, target in (("cat/link.png", "/etc/passwd"), ("cat/up", "../../../..")):
            link = zipfile.ZipInfo(name)
            link.create_system, link.external_attr = 3, 0o120777 << 16
            archive.writestr(link, target)
    return {"a.zip": buffer.getvalue()}


@hostile("zip: bomb in one member")
def bomb() -> Files:
    return {"a.zip": zipped(good_members() | {"cat/bomb.png": bytes(BOMB)})}


@hostile("zip: bomb of the metadata table")
def metadata_bomb() -> Files:
    return {"a.zip": zipped({"metadata.csv": b"file_name,label\n" + b"0" * BOMB})}


@hostile("zip: hundred entries over one body")
def overlapping() -> Files:
    inner = zipped({"cat/0.png": bytes(BOMB // 8)})
    start = inner.index(b"PK\x01\x02")
    entry = inner[start : inner.index(b"PK\x05\x06")]
    names = [b"%s/%d" % ((b"cat", b"dog")[n % 2], n) for n in range(10)]
    entries = b"".join(entry.replace(b"cat/0", name) for name in names)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 10, 10, len(entries), start, 0)
    return {"a.zip": inner[:start] + entries + end}


@hostile("zip: zips in zips in zips")
def nested() -> Files:
    data = zipped(good_members())
    for depth in range(5):
        data = zipped({f"{depth}.zip": data})
    return {"a.zip": data}


@hostile("zip: five thousand empty members")
def many() -> Files:
    return {
        "a.zip": zipped({f"cat/{n}.png": b"" for n in range(MOST_MEMBERS + 1)}, method=zipfile.ZIP_STORED)
    }


@hostile("zip: directory of nothing")
def empty() -> Files:
    return {"a.zip": zipped({})}


@hostile("zip: directory offset behind the end")
def directory_outside() -> Files:
    data = bytearray(zipped(good_members()))
    struct.pack_into("<I", data, data.index(b"PK\x05\x06") + 16, 0xFFFFFFF0)
    return {"a.zip": bytes(data)}


@hostile("zip: zip64 with 2^63 entries")
def zip64() -> Files:
    data = zipped(good_members())
    end = data.index(b"PK\x05\x06")
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 2**63, 2**63, 2**62, 0)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    last = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return {"a.zip": data[:end] + record + locator + last}


def cut_zip(kept: float) -> Files:
    """Return this share of a zip, from its beginning."""
    data = zipped(good_members())
    return {"a.zip": data[: int(len(data) * kept)]}


for label, kept in {"cut in half": 0.5, "without its last byte": 0.9999}.items():
    hostile(f"zip: {label}")(partial(cut_zip, kept))


def tarred(*entries: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    """Return a tar of honest pictures with further entries."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=tarfile.GNU_FORMAT) as archive:  # type: ignore[call-overload]
        for name, data in good_members().items():
            archive.addfile(*_entry(name, data))
        for entry, data in entries:
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _entry(name: str, data: bytes) -> tuple[tarfile.TarInfo, io.BytesIO]:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    return entry, io.BytesIO(data)


def tar_with(member: str) -> Files:
    """Return a tar in which one more member has this name."""
    return {"a.tar": tarred((_entry(member, b"x")[0], b"x"))}


for label, member in NAMES.items():
    if "60,000" not in label:
        hostile(f"tar: {label}")(partial(tar_with, member))


for label, kind in {
    "symbolic link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "fifo": tarfile.FIFOTYPE,
    "device": tarfile.BLKTYPE,
}.items():

    @hostile(f"tar: {label}")
    def special(kind: bytes = kind) -> Files:
        entry = tarfile.TarInfo("cat/special.png")
        entry.type, entry.linkname = kind, "/etc/passwd"
        return {"a.tar": tarred((entry, b""))}


def resized(size: bytes) -> bytes:
    """Return a tar whose last entry says another size, with a right checksum."""
    data = bytearray(tarred((_entry("cat/last.png", b"x")[0], b"x")))
    at = data.rindex(b"cat/last.png")
    data[at + 124 : at + 136] = size
    data[at + 148 : at + 156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    return bytes(data)


hostile("tar: entry of eight exbibytes")(
    lambda: {"a.tar": resized(b"\x80" + (2**63 - 1).to_bytes(11, "big"))}
)
hostile("tar: entry of negative size")(lambda: {"a.tar": resized(b"\xff" * 12)})
hostile("tar: size that is no number")(lambda: {"a.tar": resized(b"none of that")})
hostile("tar: cut off")(lambda: {"a.tar": tarred()[:5000]})


@hostile("tar: header of a gibibyte")
def pax() -> Files:
    entry = tarfile.TarInfo("././@PaxHeader")
    entry.type, entry.size = tarfile.XHDTYPE, 2**30
    return {"a.tar": entry.tobuf(tarfile.USTAR_FORMAT) + b"30 path=" + b"x" * 100_000}


def cut_tar(compress: Compress, suffix: str) -> Files:
    """Return a compressed tar without its end."""
    return {f"a.tar.{suffix}": compress(tarred())[:-40]}


COMPRESSIONS: dict[str, Compress] = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}
for label, compress in COMPRESSIONS.items():
    suffix = {"gzip": "gz", "bzip2": "bz2", "xz": "xz"}[label]
    bare = tarfile.TarInfo("cat/bomb.png")
    bare.size = BOMB

    @hostile(f"{label}: bomb")
    def compressed_bomb(
        compress: Compress = compress, suffix: str = suffix, bare: tarfile.TarInfo = bare
    ) -> Files:
        return {f"a.tar.{suffix}": compress(tarred((bare, bytes(BOMB))))}

    hostile(f"{label}: cut off")(partial(cut_tar, compress, suffix))


@hostile("gzip: compressed a hundred times")
def layers() -> Files:
    data = b"a,label\n1,x\n" * 10
    for _ in range(100):
        data = gzip.compress(data)
    return {"a.csv.gz": data}
