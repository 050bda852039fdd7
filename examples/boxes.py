"""`make demo-boxes`: audit the classes of boxes in generated scenes, given as COCO's JSON.

Some boxes have a wrong class. The objects are cuttings of three photographs and signs of a typeface that come
with installed packages, pasted into scenes of 640 x 480 pixels. Each box is a sample: the part of the picture
around it is encoded as a photograph. Nothing is downloaded.
"""

import csv
import json
import zipfile
from pathlib import Path

import numpy as np

from examples import demo_steps
from examples.scenes import HEIGHT, WIDTH, draw_scenes, list_classes, write_pictures
from models.paper.label_noise import add_uniform_noise

SCENES = 110
NOISE_RATE = 0.1
SEED = 1


def write_dataset(folder: Path) -> tuple[Path, Path]:
    """Write the scenes with COCO's JSON and wrong classes, and the correct classes as a CSV."""
    scenes, names = list(draw_scenes(SCENES, seed=SEED)), list_classes()
    things = [(number, thing) for number, scene in enumerate(scenes) for thing in scene.things]
    true_labels = np.array([names.index(thing.name) for _, thing in things])
    given_labels, _ = add_uniform_noise(true_labels, rate=NOISE_RATE, class_count=len(names), seed=SEED)
    document = {
        "images": [
            {"id": number, "file_name": f"{number:04}.jpg", "width": WIDTH, "height": HEIGHT}
            for number in range(len(scenes))
        ],
        "annotations": [
            {
                "id": row, "image_id": number, "category_id": int(given) + 1, "bbox": list(thing.box),
                "area": thing.box[2] * thing.box[3], "iscrowd": 0,
            }
            for row, ((number, thing), given) in enumerate(zip(things, given_labels, strict=True), start=1)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, start=1)],
    }  # fmt: skip
    archive, truth = folder / "boxes.zip", folder / "truth.csv"
    with zipfile.ZipFile(archive, "w") as target:
        write_pictures(scenes, target)
        target.writestr("annotations.json", json.dumps(document, indent=1))
    with truth.open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(["key", "true_label"])
        for row, (number, thing) in enumerate(things, start=1):
            table.writerow([f"images/{number:04}.jpg#{row}", thing.name])
    return archive, truth


def main() -> None:
    """Run the demo."""
    demo_steps.run(write_dataset, description=__doc__, name="boxes with wrong classes", folder="demo-boxes")


if __name__ == "__main__":
    main()
