"""Boxes of COCO, YOLO and Pascal VOC: read, placed, cut out; hostile and odd files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.builders import box_archives as made
from worker.formats.shared.upload_limits import IngestLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.worker.formats.conftest import Built

    Build = Callable[..., Built]

COUNT = made.PICTURES * made.BOXES
GIVEN = [
    made.NAMES[made.label(picture, number)]
    for picture in range(made.PICTURES)
    for number in range(made.BOXES)
]
MEMBERS: dict[str, Callable[[], dict[str, bytes]]] = {"coco": made.coco, "yolo": made.yolo, "voc": made.voc}


def boxes(built: Built) -> list[list[float]]:
    return [[row[f"box_{name}"] for name in ("left", "top", "width", "height")] for row in built.rows]


def notes(built: Built) -> list[str]:
    return [note["code"] for note in built.ingested.statistics["understood"]["notes"]]


@pytest.mark.parametrize("kind", MEMBERS)
def test_every_box_is_a_sample_with_its_place_class_and_picture(
    build: Build, tmp_path: Path, kind: str
) -> None:
    built = build(made.pack(tmp_path / "d.zip", MEMBERS[kind]()))
    assert built.ingested.format == kind
    assert built.given == GIVEN
    expected = [list(made.place(number)) for _ in range(made.PICTURES) for number in range(made.BOXES)]
    np.testing.assert_allclose(boxes(built), expected, atol=1e-3)
    assert [row["picture"] for row in built.rows] == np.repeat(np.arange(made.PICTURES), 3).tolist()
    assert {(row["width"], row["height"]) for row in built.rows} == {made.SIZE}
    assert len({row["source_offset"] for row in built.rows}) == made.PICTURES  # each picture is stored once
    assert built.rows[4]["key"].rpartition("#")[2] == {"coco": "104", "yolo": "2", "voc": "2"}[kind]
    assert built.rows[4]["source_row"] == {"coco": 4, "yolo": 1, "voc": 1}[kind]
    last = {"coco": "train", "yolo": "val", "voc": "val"}[kind]
    assert [built.splits[0], built.splits[-1]] == ["train", last]
    assert "boxes_are_samples" in notes(built)


def test_the_pack_holds_the_square_around_a_box(build: Build, tmp_path: Path) -> None:
    pictures = {f"train2017/{n}.jpg": made.encode(n) for n in range(made.PICTURES)}
    white = Image.new("RGB", made.SIZE, "black")
    white.paste("white", (30, 10, 50, 30))  # a square of 20 pixels; 3 of context on each side
    buffer = io.BytesIO()
    white.save(buffer, "PNG")
    document = made.describe_coco()
    document["annotations"][0]["bbox"] = [30, 10, 20, 20]
    members = {**made.coco(document), **pictures, "train2017/0.jpg": buffer.getvalue()}
    pixels = build(made.pack(tmp_path / "d.zip", members), image_size=26).pack[0]
    assert pixels[4:22, 4:22].min() == 255
    assert pixels[[0, 1, -2, -1]].max() == 0
    assert pixels[:, [0, 1, -2, -1]].max() == 0


@pytest.mark.parametrize(
    ("stated", "expected"), [((64, 96), [30.0, 4.0, 30.0, 24.0]), (made.SIZE, [4.0, 6.0, 24.0, 30.0])]
)
def test_boxes_of_a_turned_picture_follow_the_size_that_the_file_states(
    build: Build, tmp_path: Path, stated: tuple[int, int], expected: list[float]
) -> None:
    """Orientation 6 is shown turned clockwise: stored 96 x 64, shown 64 x 96."""
    document = made.describe_coco()
    size = (made.SIZE[1], made.SIZE[0]) if stated == made.SIZE else made.SIZE
    document["images"][0] |= {"width": size[0], "height": size[1]}
    if stated == made.SIZE:
        expected = list(map(float, made.place(0)))  # as shown
    else:
        left, top, width, height = made.place(0)  # as stored: the left edge becomes the top one
        expected = [made.SIZE[1] - top - height, left, height, width]
    members = {**made.coco(document), "train2017/0.jpg": made.encode(0, orientation=6)}
    built = build(made.pack(tmp_path / "d.zip", members))
    assert boxes(built)[0] == expected
    assert (built.rows[0]["width"], built.rows[0]["height"]) == (made.SIZE[1], made.SIZE[0])


def test_boxes_that_are_none_are_left_out_and_named(build: Build, tmp_path: Path) -> None:
    document = made.describe_coco()
    places = [
        [float("nan"), 1, 2, 3], [1, 2, float("inf"), 4], [1e300, 0, 5, 5], ["1", 2, 3, 4], [5, 5, 0, 9],
        [50, 5, -9, 9], [500, 5, 9, 9], [-20, -20, 10, 10],
    ]  # fmt: skip
    for row, bbox in enumerate(places):
        document["annotations"][row]["bbox"] = bbox
    built = build(made.pack(tmp_path / "d.zip", made.coco(document)))
    codes = [code for _, code in built.problems if code.startswith("box_")]
    assert codes == [*["box_not_finite"] * 4, "box_empty", "box_inverted", "box_outside", "box_outside"]
    assert built.ingested.sample_count == COUNT - len(places)


def test_what_is_no_box_is_counted_and_not_a_sample(build: Build, tmp_path: Path) -> None:
    document = made.describe_coco()
    more: list[Any] = [
        {"id": 1, "image_id": 0, "category_id": 3, "bbox": [0, 0, 9, 9], "iscrowd": 1},
        {"id": 2, "image_id": 0, "category_id": 3, "segmentation": [[1, 2, 3, 4, 5, 6]]},
        {"id": 3, "image_id": 77, "category_id": 3, "bbox": [0, 0, 9, 9]},
        {"id": 4, "image_id": 0, "category_id": 99, "bbox": [0, 0, 9, 9]},
        {"id": 5, "image_id": None, "category_id": 3, "bbox": [0, 0, 9, 9]},
        "nothing",
    ]
    document["annotations"] += more
    document["images"] += [{"id": 200, "file_name": "../../etc/passwd"}, {"id": 201}]
    built = build(made.pack(tmp_path / "d.zip", made.coco(document)))
    assert built.ingested.sample_count == COUNT
    assert notes(built).count("annotations_not_audited") == len(more)
    assert ("../../etc/passwd", "missing_picture") in built.problems


def test_ids_may_be_texts_and_repeated_ids_and_names_are_said(build: Build, tmp_path: Path) -> None:
    document = made.describe_coco()
    for entry in document["annotations"][:6]:
        entry["image_id"], entry["category_id"] = str(entry["image_id"]), str(entry["category_id"])
    document["categories"] += [{"id": 3, "name": "lion"}, {"id": 9, "name": "cat"}]
    document["annotations"][0]["category_id"] = 9
    document["images"].append({"id": 0, "file_name": "1.jpg"})
    built = build(made.pack(tmp_path / "d.zip", made.coco(document)))
    assert built.ingested.class_names == ("cat (3)", "dog", "cat (9)")
    assert built.given[0] == "cat (9)"
    assert {"repeated_ids", "repeated_names"} <= set(notes(built))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cat", "cat", "cat (1)"], ["cat (1, 2)", "cat (2)", "cat (1)"]),
        (["cat", "cat", "cat (1)", "cat (1, 2)"], ["cat (1, 3)", "cat (2)", "cat (1)", "cat (1, 2)"]),
        (["cat", "cat", "cat\u00a0(1)"], ["cat (1, 2)", "cat (2)", "cat\u00a0(1)"]),
        (["big cat", "big\u00a0cat"], ["big cat (1)", "big\u00a0cat (2)"]),
        (["", "1"], ["1 (1)", "1 (2)"]),
        (["é" * 1000] * 2, ["é" * 996 + " (1)", "é" * 996 + " (2)"]),
    ],
)
def test_no_two_categories_of_a_file_become_one_class(
    build: Build, tmp_path: Path, names: list[str], expected: list[str]
) -> None:
    document = made.describe_coco()
    document["categories"] = [{"id": number, "name": name} for number, name in enumerate(names, start=1)]
    for row, entry in enumerate(document["annotations"]):
        entry["category_id"] = 1 + row % len(names)
    built = build(made.pack(tmp_path / "d.zip", made.coco(document)))
    assert built.given[: len(names)] == expected
    assert built.ingested.statistics["layout"]["categories"]["annotations/instances_train2017.json"] == {
        name: number for number, name in enumerate(expected, start=1)
    }


def test_ids_that_are_too_long_are_listed_and_never_cut(build: Build, tmp_path: Path) -> None:
    document, long = made.describe_coco(), "7" * 200
    document["images"] += [{"id": f"{long}1", "file_name": "0.jpg"}, {"id": long, "file_name": "1.jpg"}]
    document["categories"] += [{"id": f"{long}1", "name": "ox"}, {"id": long, "name": "owl"}]
    document["annotations"][0]["category_id"] = f"{long}2"
    document["annotations"][1]["image_id"] = f"{long}2"
    document["annotations"][2] |= {"category_id": long, "image_id": long, "id": f"{long}2"}
    built = build(made.pack(tmp_path / "d.zip", made.coco(document)))
    name = "annotations/instances_train2017.json"
    assert built.problems.count((name, "bad_row")) == 2
    assert built.ingested.sample_count == COUNT - 2
    assert ("owl", "train2017/1.jpg#2") in zip(built.given, built.keys, strict=True)
    assert built.ingested.class_names == ("cat", "dog", "owl")


def test_boxes_that_a_second_file_repeats_are_read_once(build: Build, tmp_path: Path) -> None:
    members = made.coco()
    members["annotations/person_keypoints_train2017.json"] = members["annotations/instances_train2017.json"]
    built = build(made.pack(tmp_path / "d.zip", members))
    assert built.ingested.sample_count == COUNT


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ("names: [cat, dog]\nnc: 2\n", ("cat", "dog")),
        ("path: ../data\ntrain: ../images/train\nnames: {0: cat, 1: dog}\n", ("cat", "dog")),
        (None, ("0", "1")),
        ("names: &a [cat, *a]\n", ("0", "1")),
        ("a: &a [x, x]\nb: &b [*a, *a]\nnames: *b\n", ("0", "1")),
        ("names: !!python/object/apply:os.system ['true']\n", ("0", "1")),
        ("names: [cat]\n", ("cat", "1")),
        ("names: [pet, pet]\n", ("pet (0)", "pet (1)")),
        ("names: !!python/name:os.system ''\n", ("0", "1")),
        ("[" * 5000, ("0", "1")),
        ("nc: !!bool maybe\nd: !!timestamp foo\ne: !!int ''\nnames: [cat, dog]\n", ("cat", "dog")),
        (f"d: 1{':0' * 400}.0\nnames: [cat, dog]\n", ("cat", "dog")),
        (f"names: [0x{'f' * 4000}, dog]\n", (f"0x{'f' * 998}", "dog")),
        ('d: "\\UFFFFFFFF"\nnames: [cat, dog]\n', ("0", "1")),
        ("names: [yes, no]\n", ("yes", "no")),
        ("names: [cat, '']\n", ("cat", "1")),
        ("names: [pet, pet, pet (0)]\n", ("pet (0, 2)", "pet (1)")),
        ("names: ['1']\n", ("1", "1 (1)")),
    ],
)
def test_names_of_yolo_come_from_plain_yaml(
    build: Build, tmp_path: Path, settings: str | None, names: tuple[str, ...]
) -> None:
    assert build(made.pack(tmp_path / "d.zip", made.yolo(settings))).ingested.class_names == names


def test_a_list_of_names_that_is_damaged_is_a_problem_of_its_own(build: Build, tmp_path: Path) -> None:
    path = made.pack(tmp_path / "d.zip", made.yolo(None) | {"classes.txt": b"cat\ndog\n"})
    path.write_bytes(path.read_bytes().replace(b"cat\ndog\n", b"cat\ncow\n"))  # the checksum is another one's
    built = build(path)
    assert built.ingested.class_names == ("0", "1")
    assert ("classes.txt", "bad_member") in built.problems


def test_keypoints_of_a_line_are_skipped(build: Build, tmp_path: Path) -> None:
    settings = "kpt_shape: [2, 3]\nnames: [cat, dog]\n"
    line = "1 0.5 0.5 0.25 0.5 0.1 0.1 2 0.9 0.9 2"
    built = build(made.pack(tmp_path / "d.zip", made.yolo(settings, line=line)))
    assert boxes(built)[3] == [36, 16, 24, 32]


@pytest.mark.parametrize("space", ["\xa0", "\x1c", "\x85", "\u3000"])
def test_words_of_yolo_end_at_plain_white_space_alone(build: Build, tmp_path: Path, space: str) -> None:
    line = f"0{space}0.5 0.5 0.25 0.5"
    built = build(made.pack(tmp_path / "d.zip", made.yolo(line=line)))
    assert [code for _, code in built.problems] == ["bad_row"] * made.PICTURES
    assert built.ingested.sample_count == COUNT


def test_an_outline_is_read_as_its_box_and_other_lines_are_named(build: Build, tmp_path: Path) -> None:
    outline = "1 0.25 0.25 0.75 0.25 0.5 0.75"
    built = build(made.pack(tmp_path / "d.zip", made.yolo(line=outline)))
    assert boxes(built)[3] == [24, 16, 48, 32]
    assert "outlines_as_boxes" in notes(built)
    bad = build(made.pack(tmp_path / "e.zip", made.yolo(line="cat 0.5 nan 0.5 0.5")))
    assert [code for _, code in bad.problems] == ["bad_row"] * made.PICTURES


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z "&x;&x;">]><annotation>&z;</annotation>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>',
        "<annotation>" + "<a>" * 100 + "</a>" * 100 + "</annotation>",
        "<annotation><object>",
        '<?xml version="1.0" encoding="nonsense"?><annotation/>',
        '<?xml version="1.0" encoding="idna"?><annotation/>',
        '<?xml version="1.0" encoding="gbk"?><annotation>\udcff</annotation>',
    ],
)
def test_xml_with_a_dtd_or_damage_is_a_problem_of_its_file(
    build: Build, tmp_path: Path, document: str
) -> None:
    members = made.voc() | {"VOC/Annotations/0.xml": document.encode(errors="surrogateescape")}
    built = build(made.pack(tmp_path / "d.zip", members))
    assert ("VOC/Annotations/0.xml", "bad_row") in built.problems
    assert built.ingested.sample_count == COUNT - made.BOXES


def test_xml_is_read_in_the_encoding_that_it_names(build: Build, tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="gbk"?>\n' + made.describe_voc(0).replace("cat", "猫")
    built = build(made.pack(tmp_path / "d.zip", made.voc() | {"VOC/Annotations/0.xml": text.encode("gbk")}))
    assert built.ingested.sample_count == COUNT
    assert built.given[: made.BOXES] == ["猫", "dog", "猫"]


def test_damaged_json_is_refused_and_pictures_without_boxes_are_listed(
    build: Build, refusal: Callable[..., Any], tmp_path: Path
) -> None:
    members = made.coco()
    text = members["annotations/instances_train2017.json"]
    cut = made.pack(tmp_path / "d.zip", members | {"annotations/instances_train2017.json": text[:-40]})
    assert refusal(cut).code == "bad_annotations"
    document = made.describe_coco()
    document["annotations"] = document["annotations"][made.BOXES :]
    built = build(made.pack(tmp_path / "e.zip", made.coco(document)))
    assert ("train2017/0.jpg", "picture_without_boxes") in built.problems


def test_annotations_take_little_memory_whatever_their_number(build: Build, tmp_path: Path) -> None:
    """A member above the limit for files that are read whole is read in blocks."""
    document = made.describe_coco()
    document["annotations"] *= 40
    members = made.coco(document, indent=None)
    limits = IngestLimits(max_member_bytes=20_000)
    assert len(members["annotations/instances_train2017.json"]) > 5 * limits.max_member_bytes
    built = build(made.pack(tmp_path / "d.zip", members), limits=limits)
    assert built.ingested.sample_count == 40 * COUNT


def test_another_format_can_be_asked_for(refusal: Callable[..., Any], tmp_path: Path) -> None:
    archive = made.pack(tmp_path / "d.zip", made.yolo())
    assert refusal(archive, format="class_folders").code == "splits_without_classes"
