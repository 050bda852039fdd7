from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from worker.ingest.pack_building import IngestLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np

    from worker.ingest.pack_building import IngestError


@pytest.mark.parametrize(
    "name", ["../x.png", "cat/../../x.png", "/etc/x.png", "C:/x.png", "cat\\x.png", "cat/.."]
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_point_elsewhere_sink_the_archive(
    refusal: Callable[..., IngestError],
    zip_of: Callable[..., Path],
    tar_of: Callable[..., Path],
    folders: dict[str, bytes],
    *,
    name: str,
    kind: str,
) -> None:
    make = zip_of if kind == "zip" else tar_of
    error = refusal(make(folders | {name: b"x"}))
    assert error.code == "unsafe_member_name"


def test_nul_in_a_zip_name_sinks_it(
    refusal: Callable[..., IngestError], zip_of: Callable[..., Path], folders: dict[str, bytes]
) -> None:
    path = zip_of(folders | {"cat/aXb.png": b"x"})
    path.write_bytes(path.read_bytes().replace(b"cat/aXb.png", b"cat/a\0b.png"))
    assert refusal(path).code == "unsafe_member_name"


def test_duplicate_names_are_refused(
    refusal: Callable[..., IngestError], tmp_path: Path, folders: dict[str, bytes]
) -> None:
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in folders.items():
            archive.writestr(name, data)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("cat/0.png", b"other")
    assert refusal(path).code == "duplicate_member"


def test_links_in_zip_and_tar_are_left_out(
    build: Callable[..., Any], zip_of: Callable[..., Path], tmp_path: Path, folders: dict[str, bytes]
) -> None:
    path = zip_of(folders)
    link = zipfile.ZipInfo("cat/link.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert build(path).problems == [("cat/link.png", "not_a_file")]

    tarred = tmp_path / "links.tar"
    with tarfile.open(tarred, "w") as archive:
        for name, data in folders.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            entry = tarfile.TarInfo(f"cat/{kind!r}.png")
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
    assert [code for _, code in build(tarred).problems] == ["not_a_file"] * 3


def test_encrypted_members_are_refused(
    refusal: Callable[..., IngestError], zip_of: Callable[..., Path], folders: dict[str, bytes]
) -> None:
    path = zip_of(folders)
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    data[entry + 8] |= 1
    path.write_bytes(data)
    assert refusal(path).code == "encrypted_member"


def test_caps_on_members_and_bytes(
    refusal: Callable[..., IngestError],
    zip_of: Callable[..., Path],
    tar_of: Callable[..., Path],
    folders: dict[str, bytes],
) -> None:
    for make in (zip_of, tar_of):
        assert refusal(make(folders), limits=IngestLimits(max_members=11)).code == "too_many_members"
        assert refusal(make(folders), limits=IngestLimits(max_total_bytes=1000)).code == "too_many_bytes"


def test_a_member_over_its_cap_is_a_problem(
    build: Callable[..., Any],
    zip_of: Callable[..., Path],
    tar_of: Callable[..., Path],
    folders: dict[str, bytes],
) -> None:
    members = folders | {"cat/large.png": bytes(100_000)}
    for make in (zip_of, tar_of):
        built = build(make(members), limits=IngestLimits(max_member_bytes=50_000))
        assert built.problems == [("cat/large.png", "member_too_large")]


def test_a_bomb_is_never_unpacked(
    build: Callable[..., Any],
    refusal: Callable[..., IngestError],
    zip_of: Callable[..., Path],
    tar_of: Callable[..., Path],
    folders: dict[str, bytes],
) -> None:
    limits = IngestLimits(max_ratio=50, ratio_from_bytes=100_000)
    bomb = zip_of(folders | {"cat/bomb.png": bytes(1_000_000)})
    assert build(bomb, limits=limits).problems == [("cat/bomb.png", "compression_ratio")]
    assert (
        refusal(tar_of(folders | {"cat/bomb.png": bytes(1_000_000)}, "w:gz"), limits=limits).code
        == "compression_ratio"
    )


def _patch_directory(path: Path, name: bytes, at: int, value: int) -> None:
    data = bytearray(path.read_bytes())
    entry = data.index(name, data.index(b"PK\x01\x02")) - 46
    struct.pack_into("<I", data, entry + at, value)
    path.write_bytes(data)


def test_a_member_that_lies_about_its_size_or_crc_is_a_problem(
    build: Callable[..., Any], zip_of: Callable[..., Path], folders: dict[str, bytes]
) -> None:
    for at in (16, 20, 24):
        path = zip_of(folders)
        _patch_directory(path, b"cat/4.png", at, 5)
        assert build(path).problems == [("cat/4.png", "bad_member")]


def test_an_entry_that_points_outside_is_a_problem(
    build: Callable[..., Any], zip_of: Callable[..., Path], folders: dict[str, bytes]
) -> None:
    path = zip_of(folders)
    _patch_directory(path, b"cat/4.png", 42, 0x7FFFFFF0)
    assert build(path).problems == [("cat/4.png", "bad_member")]


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_cut_off_containers_are_refused(
    refusal: Callable[..., IngestError],
    zip_of: Callable[..., Path],
    tar_of: Callable[..., Path],
    folders: dict[str, bytes],
    *,
    kept: float,
    kind: str,
) -> None:
    path = zip_of(folders) if kind == "zip" else tar_of(folders, "w:gz" if kind == "tar.gz" else "w")
    data = path.read_bytes()
    end = len(data.rstrip(b"\0")) if kind == "tar" else len(data)
    path.write_bytes(data[: int(end * kept)])
    assert refusal(path).code in ("broken_container", "unsupported_format")


def test_zip64_and_bytes_before_the_zip_are_read(
    build: Callable[..., Any], tmp_path: Path, folders: dict[str, bytes], pictures: np.ndarray
) -> None:
    path = tmp_path / "wide.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in folders.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    data = path.read_bytes()
    assert (build(path).pack == pictures).all()
    path.write_bytes(b"PK\x03\x04 some program's stub" + data)
    assert (build(path).pack == pictures).all()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_tar_names_of_every_dialect(
    build: Callable[..., Any], tar_of: Callable[..., Path], folders: dict[str, bytes], form: int
) -> None:
    folder = "f" * 90
    members = {f"{folder}/{name.replace('/', '/' + 'd' * 90 + '/')}": data for name, data in folders.items()}
    members = (
        {f"{'a' * 20}/{name}": data for name, data in members.items()}
        if form != tarfile.USTAR_FORMAT
        else members
    )
    built = build(tar_of(members, form=form))
    assert built.given == ["cat", "dog"] * 6


def test_archives_in_archives_are_refused(
    refusal: Callable[..., IngestError], zip_of: Callable[..., Path], folders: dict[str, bytes]
) -> None:
    inner = zip_of(folders)
    assert refusal(zip_of({"inner.zip": inner.read_bytes()})).code == "nested_archive"


def test_non_ascii_names_are_keys(
    build: Callable[..., Any],
    zip_of: Callable[..., Path],
    tar_of: Callable[..., Path],
    folders: dict[str, bytes],
) -> None:
    members = {name.replace("cat", "кот"): data for name, data in folders.items()}
    assert build(zip_of(members)).ingested.class_names == ("dog", "кот")
    assert build(tar_of(members)).ingested.class_names == ("dog", "кот")
