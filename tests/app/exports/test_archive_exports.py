"""A download of an archive holds a few bytes a sample while its reader is slow, and no path is used twice."""

import gzip
import io
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from app.exports.archive_exports import (
    write_class_folders,
    write_list_files,
    write_manifest,
    write_web_shards,
)
from app.exports.archives.kept_names import KeptNames
from app.exports.array_exports import write_pack_npz
from app.exports.final_labels import Decisions
from app.infra.errors import NoSpace
from app.infra.storage import PACK, Storage
from app.tables import Dataset, Json
from worker.formats.packs.samples_table import SCHEMA

COUNT, CLASSES, PICTURE = 50_000, 10, b"pictures"
WORDS = "what somebody wrote about the picture in the third column"


def decide(
    folder: Path, names: list[str], upload: bytes, layout: Json, *, has_offsets: bool, changed: int = 1
) -> Decisions:
    """Return the decisions on samples of an upload: the first `changed` ones get the next class."""
    storage, count = Storage(folder), len(names)
    dataset = Dataset(
        id=UUID(int=1), name="data", version=1, statistics={"layout": layout}, options={},
        class_names=[f"c{number}" for number in range(CLASSES)],
    )  # fmt: skip
    given_N = np.array([int(name.split("/")[1][1:]) for name in names], np.int32)
    places = {"source_offset": 0, "source_length": len(PICTURE), "source_method": 0}
    columns = {
        "position": np.arange(count),
        "key": [name.partition("/")[2] for name in names],
        "given_label": given_N,
        "source_row": np.arange(count),
        "source_name": names,
        **{name: np.full(count, value) if has_offsets else None for name, value in places.items()},
    }
    arrays = {
        field.name: pa.nulls(count, field.type)
        if columns.get(field.name) is None
        else pa.array(columns[field.name], field.type)
        for field in SCHEMA
    }
    pack, file = storage.locate_pack(dataset.id), storage.locate_upload(dataset.id, "data")
    for each in (pack, file.parent):
        each.mkdir(parents=True)
    parquet.write_table(pa.table(arrays), pack / "samples.parquet", row_group_size=8192)
    file.write_bytes(upload)
    final_N = given_N.copy()
    final_N[:changed] = (final_N[:changed] + 1) % CLASSES
    return Decisions(dataset=dataset, files=[file], storage=storage, final_N=final_N, sources={})


def name_pictures(ending: str) -> list[str]:
    return [f"pets/c{number % CLASSES}/picture_{number:06d}{ending}" for number in range(COUNT)]


def tarred(names: list[str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as opened:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 2
            opened.addfile(info, io.BytesIO(name.split("/")[1].encode()))
    return gzip.compress(packed.getvalue())


def of_folders(folder: Path) -> Decisions:
    layout = {"class_level": 0}
    return decide(folder, name_pictures(".png"), PICTURE, layout, has_offsets=True, changed=COUNT)


def of_folders_in_a_tar(folder: Path) -> Decisions:
    names = name_pictures(".png")
    return decide(folder, names, tarred(names[:100]), {"class_level": 0}, has_offsets=False)


def of_shards(folder: Path) -> Decisions:
    names, layout = name_pictures(".cls"), {"label_suffix": ".cls", "label_field": None}
    return decide(folder, names, tarred(names[:100]), layout, has_offsets=False)


def of_table(folder: Path) -> Decisions:
    names = name_pictures(".png")
    rows = "".join(f"{name},{name.split('/')[1]},{WORDS}\n" for name in names)
    return decide(folder, names, *beside("data.csv", f"file,label,words\n{rows}", label=1), has_offsets=True)


def of_lists(folder: Path) -> Decisions:
    names = name_pictures(".png")
    rows = "".join(f"{name} {name.split('/')[1]}\n" for name in names)
    given = {"is_truth": False, "has_labels": True}
    return decide(folder, names, *beside("data.txt", rows, **given), has_offsets=True)


def beside(name: str, text: str, **facts: object) -> tuple[bytes, Json]:
    """Return an upload of one picture and a table, and its layout."""
    place = {
        "name": name, "start": 0, "count": COUNT, "offset": len(PICTURE), "length": len(text), "method": 0,
        "encoding": "utf-8-sig", **facts,
    }  # fmt: skip
    return PICTURE + text.encode(), {"tables": [place]}


def of_pack(folder: Path) -> Decisions:
    decisions = of_folders(folder)
    decisions.dataset.kind = "images"
    pack = decisions.storage.locate_pack(decisions.dataset.id) / PACK
    np.save(pack, np.zeros((COUNT, 2, 2, 1), np.uint8))
    return decisions


@pytest.mark.parametrize(
    ("make", "write", "blocks"),
    [
        (of_folders, write_class_folders, 2),
        (of_folders, write_class_folders, COUNT),
        (of_folders_in_a_tar, write_class_folders, 2),
        (of_shards, write_web_shards, 2),
        (of_table, write_manifest, 2),
        (of_lists, write_list_files, 2),
        (of_pack, write_pack_npz, 2),
        (of_pack, write_pack_npz, 12),
    ],
)
def test_a_download_holds_a_few_bytes_a_sample(
    tmp_path: Path,
    make: Callable[[Path], Decisions],
    write: Callable[[Decisions], Iterator[bytes]],
    blocks: int,
) -> None:
    decisions = make(tmp_path)
    tracemalloc.start()
    download = write(decisions)
    sent = sum(1 for _ in islice(download, blocks))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sent == blocks
    assert held < 16 * COUNT + 1_000_000, f"{held} bytes are held"


def test_a_table_is_as_it_was_but_for_the_new_label(tmp_path: Path) -> None:
    decisions = of_table(tmp_path)
    blocks = write_manifest(decisions)
    head, size = next(blocks), decisions.layout["tables"][0]["length"]
    text = b""
    while len(text) < size:
        text += next(blocks)
    assert head.startswith(b"PK")
    uploaded = decisions.files[0].read_bytes()[len(PICTURE) :]
    assert text == uploaded.replace(b"picture_000000.png,c0,", b"picture_000000.png,c1,", 1)


def test_a_table_waits_on_no_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decisions = of_table(tmp_path)
    monkeypatch.setattr(Storage, "measure_free_bytes", lambda _: 100)
    with pytest.raises(NoSpace, match=r"room for 100 bytes, 'data.csv' with the final labels needs more"):
        next(write_manifest(decisions))


def test_a_moved_picture_takes_no_place_of_one_that_moved_before(tmp_path: Path) -> None:
    """An upload that was corrected before has 1~2.png beside 1.png already."""
    names = ["pets/c0/1.png", "pets/c1/1.png", "pets/c1/1~2.png", "pets/c2/2.png"]
    decisions = decide(tmp_path, names, PICTURE, {"class_level": 0}, has_offsets=True)
    data = b"".join(write_class_folders(decisions))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["c1/1~3.png", "c1/1.png", "c1/1~2.png", "c2/2.png"]


def test_the_arrays_are_whole(tmp_path: Path) -> None:
    decisions = of_pack(tmp_path)
    with np.load(io.BytesIO(b"".join(write_pack_npz(decisions)))) as found:
        assert sorted(found) == ["class_names", "ids", "x", "y"]
        assert found["ids"].tolist() == [name.partition("/")[2] for name in name_pictures(".png")]
        np.testing.assert_array_equal(found["y"], decisions.final_N)
        assert found["x"].shape[0] == COUNT


def test_names_are_found_by_their_hashes() -> None:
    names = KeptNames((f"n{number}", 2 * number - 7) for number in range(1000))
    places = [names.find(f"n{number}") for number in range(1000)]
    assert sorted(place for place in places if place is not None) == list(range(1000))
    assert [names.get_number(place or 0) for place in places] == [2 * number - 7 for number in range(1000)]
    assert (len(names), "n5" in names, "n1000" in names, 5 in names) == (1000, True, False, False)
    assert len(KeptNames(())) == 0
    assert KeptNames(()).find("") is None
