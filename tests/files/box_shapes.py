"""Pictures with boxes, as programs and collections write them."""

import json

from tests.files.shapes import CLASSES, COUNT, NAMES, Expected, add, flat, png, zipped

ROBOFLOW = {
    "images": [{"id": row, "file_name": f"{row}.png", "height": 6, "width": 6} for row in range(COUNT)],
    "annotations": [
        {"id": row, "image_id": row, "category_id": row % 2 + 1, "bbox": [1, 1, 4, 4], "iscrowd": 0}
        for row in range(COUNT)
    ],
    "categories": [
        {"id": 0, "name": "pets", "supercategory": "none"},
        *({"id": number + 1, "name": name, "supercategory": "pets"} for number, name in enumerate(CLASSES)),
    ],
}
LINES = {f"{row}.txt": f"{row % 2} 0.5 0.5 0.5 0.5\n".encode() for row in range(COUNT)}


def xml(row: int) -> bytes:
    """Return an annotation as labelImg writes it."""
    return (
        f"<annotation><folder>pets</folder><filename>{row}.png</filename><path>C:\\pets\\{row}.png</path>"
        f"<size><width>6</width><height>6</height><depth>1</depth></size><object><name>{NAMES[row]}</name>"
        "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></object></annotation>"
    ).encode()


add(
    "boxes: COCO of Roboflow",
    {"d.zip": zipped({**flat("train/"), "train/_annotations.coco.json": json.dumps(ROBOFLOW).encode()})},
    Expected(given=NAMES, splits=["train"] * COUNT, notes=["boxes_are_samples"]),
)
add(
    "boxes: YOLO of Roboflow",
    {
        "d.zip": zipped(
            {
                **flat("train/images/"),
                **{f"train/labels/{name}": line for name, line in LINES.items()},
                "data.yaml": b"train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['cat', 'dog']\n",
            }
        )
    },
    Expected(given=NAMES, classes=CLASSES, splits=["train"] * COUNT),
)
add(
    "boxes: YOLO of darknet, one folder with a list of names",
    {
        "d.zip": zipped(
            {
                **flat("data/"),
                **{f"data/{name}": line for name, line in LINES.items()},
                "data/obj.names": b"cat\ndog\n",
            }
        )
    },
    Expected(given=NAMES, classes=CLASSES, spelled=CLASSES),
)
add(
    "boxes: YOLO without any names",
    {"d.zip": zipped({**flat("images/"), **{f"labels/{name}": line for name, line in LINES.items()}})},
    Expected(classes=["0", "1"], notes=["labels_without_name"]),
)
add(
    "boxes: Pascal VOC of labelImg, beside the pictures",
    {"d.zip": zipped({**flat("pets/"), **{f"pets/{row}.xml": xml(row) for row in range(COUNT)}})},
    Expected(given=NAMES, spelled=CLASSES),
)
add(
    "boxes: as whole pictures, where class folders are asked for",
    {
        "d.zip": zipped(
            {
                **{f"{NAMES[row]}/{row}.png": png(row) for row in range(COUNT)},
                **{f"{NAMES[row]}/{row}.xml": xml(row) for row in range(COUNT)},
            }
        )
    },
    Expected(classes=CLASSES),
    format="class_folders",
)
