"""`make demo-photographs`: audit cuttings of three photographs that come with installed packages.

Some are labelled wrong.
The photographs are scikit-learn's temple and flower and matplotlib's portrait. Cuttings of random places and
sizes, some of them mirrored, are the samples; the class is the photograph. They are in colour and larger than
32 pixels, so the service takes them for photographs and computes an encoder's features first. Nothing is
downloaded.
"""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_image

from examples import demo_steps
from models.paper.label_noise import add_uniform_noise

NAMES = ("flower", "portrait", "temple")
PER_CLASS = 120
LEAST_SIDE, MOST_SIDE = 160, 320
"""Pixels of a cutting: large enough to show a part that can be recognised."""
STORED_SIDE = 160
NOISE_RATE = 0.1
SEED = 1


def load_photographs() -> dict[str, Image.Image]:
    """Return the photographs by class."""
    with Image.open(Path(get_data_path()) / "sample_data" / "grace_hopper.jpg") as portrait:
        return {
            "flower": Image.fromarray(load_sample_image("flower.jpg")),
            "portrait": portrait.convert("RGB"),
            "temple": Image.fromarray(load_sample_image("china.jpg")),
        }


def cut(photograph: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Return a square of a random place and size, mirrored in half of the cases."""
    side = int(generator.integers(LEAST_SIDE, MOST_SIDE + 1))
    left, top = (int(generator.integers(0, length - side + 1)) for length in photograph.size)
    cutting = photograph.crop((left, top, left + side, top + side)).resize((STORED_SIDE, STORED_SIDE))
    return ImageOps.mirror(cutting) if generator.random() < 0.5 else cutting  # noqa: PLR2004 - half


def write_dataset(folder: Path) -> tuple[Path, Path]:
    """Write the cuttings as a class-folder zip with wrong labels, and their correct labels as a CSV."""
    generator, photographs = np.random.default_rng(SEED), load_photographs()
    true_labels = np.repeat(np.arange(len(NAMES)), PER_CLASS)
    given_labels, _ = add_uniform_noise(true_labels, rate=NOISE_RATE, class_count=len(NAMES), seed=SEED)
    archive, truth = folder / "photographs.zip", folder / "truth.csv"
    with zipfile.ZipFile(archive, "w") as target, truth.open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(["key", "true_label"])
        for number, (given, true) in enumerate(zip(given_labels, true_labels, strict=True)):
            key = f"{NAMES[given]}/{number:03}.jpg"
            buffer = io.BytesIO()
            cut(photographs[NAMES[true]], generator).save(buffer, format="JPEG", quality=90)
            target.writestr(key, buffer.getvalue())
            table.writerow([key, NAMES[true]])
    return archive, truth


def main() -> None:
    """Run the demo."""
    demo_steps.run(
        write_dataset,
        description=__doc__,
        name="cuttings of photographs with wrong labels",
        folder="demo-photographs",
    )


if __name__ == "__main__":
    main()
