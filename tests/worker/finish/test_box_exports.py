"""Boxes there and back: files come out byte for byte as they came, but for what was decided."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Dataset
from tests.builders import box_archives as made
from tests.worker.finish.test_exports import Service
from worker.ingest.pack_building import IngestLimits, IngestOptions, build_pack

RELABELLED, DROPPED = 1, 4
"""The second box of the first picture, a dog that becomes a cat; the second box of the second picture."""


@pytest.fixture
def service(api: TestClient, database: Database, storage: Storage, chosen: Settings) -> Service:
    return Service(api, database, storage, chosen)


def zipped(folder: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(folder / "data.zip", "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return folder / "data.zip"


def tarred(folder: Path, members: dict[str, bytes], ending: str = ".tar") -> Path:
    with tarfile.open(folder / f"data{ending}", "w:gz" if ending.endswith("gz") else "w") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return folder / f"data{ending}"


def read_zip(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def replace(content: bytes, old: str, new: str, *, after: str = "") -> bytes:
    """Return a text in which one place behind another is replaced."""
    text = content.decode()
    start = text.index(after) + len(after)
    assert old in text[start:]
    return (text[:start] + text[start:].replace(old, new, 1)).encode()


def expect_coco(members: dict[str, bytes]) -> dict[str, bytes]:
    name = "annotations/instances_train2017.json"
    text = replace(members[name], '"category_id": 7', '"category_id": 3', after='"id": 101').decode()
    start = text.index('  {\n   "id": 104')
    end = text.index('  {\n   "id": 105')
    return members | {name: (text[:start] + text[end:]).encode()}


def expect_yolo(members: dict[str, bytes]) -> dict[str, bytes]:
    first, second = "labels/train/0.txt", "labels/train/1.txt"
    lines = members[second].split(b"\n")
    return members | {
        first: replace(members[first], "1 ", "0 ", after="\r\n"),
        second: b"\n".join([lines[0], *lines[2:]]),
    }


def expect_voc(members: dict[str, bytes]) -> dict[str, bytes]:
    first, second = "VOC/Annotations/0.xml", "VOC/Annotations/1.xml"
    parts = members[second].decode().split("\n\t<object>")
    return members | {
        first: replace(members[first], "<name>dog", "<name>cat", after="</object>"),
        second: "\n\t<object>".join([*parts[:2], *parts[3:]]).encode(),
    }


KINDS: dict[str, tuple[Callable[[], dict[str, bytes]], Callable[[dict[str, bytes]], dict[str, bytes]]]] = {
    "coco": (made.coco, expect_coco),
    "yolo": (made.yolo, expect_yolo),
    "voc": (made.voc, expect_voc),
}


PACKERS: dict[str, Callable[..., Path]] = {"coco": zipped, "yolo": zipped, "voc": tarred}


def review(service: Service, dataset: Dataset) -> None:
    service.review(dataset, RELABELLED, "relabel", "cat")
    service.review(dataset, DROPPED, "drop")
    service.review(dataset, 2, "keep")


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_as_they_came_but_for_the_decided_classes(
    service: Service, tmp_path: Path, kind: str
) -> None:
    make, expect = KINDS[kind]
    (tmp_path / "out").mkdir()
    members = make()
    dataset = service.read([PACKERS[kind](tmp_path, members)])
    assert read_zip(service.export(dataset, tmp_path / "out")) == members
    review(service, dataset)
    exported = service.export(dataset, tmp_path / "out")
    assert read_zip(exported) == expect(members)
    again = build_pack(
        [exported], options=IngestOptions(), limits=IngestLimits(), destination=tmp_path / "out"
    )
    _, labels, _, pack = service.content(dataset)
    labels[RELABELLED] = "cat"
    kept = [at for at in range(len(labels)) if at != DROPPED]
    assert [again.class_names[label] for label in np.load(again.labels_path)] == [labels[at] for at in kept]
    assert (np.load(again.pack_path) == pack[kept]).all()


def test_a_compressed_tar_comes_back_too_and_annotations_come_alone(service: Service, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    members = made.coco()
    dataset = service.read([tarred(tmp_path, members, ".tar.gz")])
    review(service, dataset)
    expected = expect_coco(members)
    assert read_zip(service.export(dataset, tmp_path / "out")) == expected
    alone = read_zip(service.export(dataset, tmp_path / "out", "annotations.zip"))
    assert alone == {name: expected[name] for name in expected if name.endswith(".json")}


def test_a_version_writes_its_decisions_and_leaves_out_what_was_dropped_before(
    service: Service, tmp_path: Path
) -> None:
    members = made.coco()
    dataset = service.read([zipped(tmp_path, members)])
    review(service, dataset)
    version = service.make_version(dataset)
    assert read_zip(service.export(version, tmp_path)) == expect_coco(members)


def test_a_class_that_a_file_does_not_have_is_said_before_anything_is_sent(
    service: Service, tmp_path: Path
) -> None:
    document = made.describe_coco()
    other = {
        **document,
        "categories": [{"id": 1, "name": "ant"}, {"id": 3, "name": "bee"}, {"id": 7, "name": "fox"}],
    }
    other["images"] = [{**entry, "file_name": f"v{entry['file_name']}"} for entry in document["images"]]
    members = made.coco(document)
    members |= {f"val2017/v{n}.jpg": made.encode(n) for n in range(made.PICTURES)}
    members["annotations/instances_val2017.json"] = made.coco(other)["annotations/instances_train2017.json"]
    dataset = service.read([zipped(tmp_path, members)])
    assert dataset.class_names == ["cat", "dog", "bee", "fox"]
    service.review(dataset, RELABELLED, "relabel", "fox")
    answer = service.api.get(f"/v1/datasets/{dataset.id}/exports/annotations.zip")
    assert answer.status_code == 422
    assert "instances_train2017.json' has no category 'fox'" in answer.json()["detail"]


def test_xml_comes_back_in_its_own_encoding_and_only_with_the_names_that_were_decided(
    service: Service, tmp_path: Path
) -> None:
    name, head = "VOC/Annotations/0.xml", '<?xml version="1.0" encoding="gbk"?>\n'
    text = head + made.describe_voc(0).replace("<name>dog", '<name a="猫>b">dog').replace("cat", "猫")
    members = made.voc() | {name: text.encode("gbk")}
    dataset = service.read([zipped(tmp_path, members)])
    service.review(dataset, RELABELLED, "relabel", "猫")
    exported = read_zip(service.export(dataset, tmp_path))
    assert exported == members | {name: text.replace(">dog", ">猫").encode("gbk")}


def test_a_name_that_xml_cannot_hold_is_said_before_anything_is_sent(
    service: Service, tmp_path: Path
) -> None:
    dataset = service.read([zipped(tmp_path, made.voc())])
    service.review(dataset, RELABELLED, "relabel", "cat")
    with service.database.transaction() as session:
        found = session.get_one(Dataset, dataset.id)
        statistics = found.statistics or {}
        layout = statistics["layout"] | {"class_spellings": ["ca\x1bt", "dog"]}
        found.statistics = statistics | {"layout": layout}
    for path in ("annotations.zip", "dataset"):
        answer = service.api.get(f"/v1/datasets/{dataset.id}/exports/{path}")
        assert answer.status_code == 422
        assert "'VOC/Annotations/0.xml' cannot be written again" in answer.json()["detail"]


def test_pages_get_the_box_the_crop_and_the_whole_picture(service: Service, tmp_path: Path) -> None:
    dataset = service.read([zipped(tmp_path, made.coco())])
    path = f"/v1/datasets/{dataset.id}/samples/1"
    sample = service.api.get(path).json()
    left, top, width, height = made.place(1)
    assert sample["box"] == {
        "left": left, "top": top, "width": width, "height": height,
        "picture_width": made.SIZE[0], "picture_height": made.SIZE[1],
    }  # fmt: skip
    sizes = {
        variant: Image.open(io.BytesIO(service.api.get(f"{path}/image?variant={variant}").content)).size
        for variant in ("display", "whole", "original")
    }
    assert sizes == {"display": (39, 39), "whole": made.SIZE, "original": made.SIZE}
