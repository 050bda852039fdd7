"""Archives of pictures with boxes, as COCO, YOLO and Pascal VOC have them."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PICTURES, BOXES = 8, 3
SIZE = (96, 64)
NAMES = ("cat", "dog")
GENERATOR = np.random.default_rng(3)
PIXELS = GENERATOR.integers(0, 256, (PICTURES, SIZE[1], SIZE[0], 3), dtype=np.uint8)


def encode(number: int, orientation: int | None = None) -> bytes:
    """Return a picture as JPEG, with an EXIF orientation."""
    buffer, exif = io.BytesIO(), Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.fromarray(PIXELS[number % PICTURES]).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def place(number: int) -> tuple[int, int, int, int]:
    """Return left, top, width and height of a picture's box."""
    return 4 + 28 * number, 6 + 4 * number, 24, 30


def label(picture: int, number: int) -> int:
    """Return the class of a box, an index of NAMES."""
    return (picture + number) % 2


def pack(path: Path, members: Mapping[str, bytes]) -> Path:
    """Write a zip."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def describe_coco(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return the document of all pictures; `changes` replace its lists."""
    annotations = [
        {
            "id": 100 + BOXES * picture + number, "image_id": picture, "bbox": list(place(number)),
            "category_id": (3, 7)[label(picture, number)], "area": 720.0, "iscrowd": 0,
            "segmentation": [[4.5, 6.25, 10, 6, 10, 12]],
        }
        for picture in range(PICTURES)
        for number in range(BOXES)
    ]  # fmt: skip
    images = [
        {"file_name": f"{picture}.jpg", "id": picture, "width": SIZE[0], "height": SIZE[1]}
        for picture in range(PICTURES)
    ]
    categories = [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories, **changes}


def coco(document: Any = None, indent: int | None = 1) -> dict[str, bytes]:  # noqa: ANN401 - JSON
    """Return the members of a COCO archive."""
    text = json.dumps(describe_coco() if document is None else document, indent=indent)
    pictures = {f"train2017/{picture}.jpg": encode(picture) for picture in range(PICTURES)}
    return {
        **pictures,
        "annotations/instances_train2017.json": text.encode(),
        "README.txt": b"pictures of pets",
    }


def yolo(settings: str | None = "names:\n  0: cat\n  1: dog\n", line: str = "") -> dict[str, bytes]:
    """Return the members of YOLO's folders; `line` is added to each label file."""
    members: dict[str, bytes] = {}
    for picture in range(PICTURES):
        split = "val" if picture == PICTURES - 1 else "train"
        lines = []
        for number in range(BOXES):
            left, top, width, height = place(number)
            centre = (left + width / 2) / SIZE[0], (top + height / 2) / SIZE[1]
            size = width / SIZE[0], height / SIZE[1]
            lines.append(
                f"{label(picture, number)} " + " ".join(f"{value:.6f}" for value in (*centre, *size))
            )
        members[f"images/{split}/{picture}.jpg"] = encode(picture)
        members[f"labels/{split}/{picture}.txt"] = "\r\n".join([*lines, *([line] if line else [])]).encode()
    return members | ({} if settings is None else {"data.yaml": settings.encode()})


def describe_voc(picture: int, inside: str = "") -> str:
    """Return one XML file."""
    objects = "".join(
        f"\t<object>\n\t\t<name>{NAMES[label(picture, number)]}</name>\n\t\t<pose>Left</pose>\n\t\t<bndbox>"
        f"<xmin>{left}</xmin><ymin>{top}</ymin><xmax>{left + width}</xmax><ymax>{top + height}</ymax>"
        "</bndbox>\n\t</object>\n"
        for number in range(BOXES)
        for left, top, width, height in [place(number)]
    )
    return (
        f"<annotation>\n\t<filename>{picture}.jpg</filename>\n\t<size><width>{SIZE[0]}</width>"
        f"<height>{SIZE[1]}</height><depth>3</depth></size>\n{objects}{inside}</annotation>\n"
    )


def voc() -> dict[str, bytes]:
    """Return the members of a Pascal VOC archive."""
    members: dict[str, bytes] = {}
    for picture in range(PICTURES):
        members[f"VOC/JPEGImages/{picture}.jpg"] = encode(picture)
        members[f"VOC/Annotations/{picture}.xml"] = describe_voc(picture).encode()
    lists = "\n".join(map(str, range(PICTURES - 1)))
    return members | {
        "VOC/ImageSets/Main/train.txt": lists.encode(),
        "VOC/ImageSets/Main/val.txt": f"{PICTURES - 1}\n".encode(),
    }
