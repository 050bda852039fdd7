"""`make demo`: audit scikit-learn's handwritten digits with wrong labels added to 20 % of the samples.

It uses the service like any client: upload over REST, poll, download.
"""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from examples import demo_steps
from models.paper.label_noise import add_uniform_noise

NOISE_RATE = 0.2
NOISE_SEED = 1


def write_dataset(folder: Path) -> tuple[Path, Path]:
    """Write the digits as a class-folder zip with wrong labels, and their correct labels as a CSV."""
    digits = load_digits()
    given_labels, _ = add_uniform_noise(digits.target, rate=NOISE_RATE, class_count=10, seed=NOISE_SEED)
    archive, truth = folder / "digits.zip", folder / "truth.csv"
    with zipfile.ZipFile(archive, "w") as target, truth.open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(["key", "true_label"])
        for number, (pixels, label, true_label) in enumerate(
            zip(digits.images, given_labels, digits.target, strict=True)
        ):
            key = f"{label}/{number:04}.png"
            target.writestr(key, _encode_png(pixels))
            table.writerow([key, true_label])
    return archive, truth


def _encode_png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray((pixels * 255 / 16).astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def main() -> None:
    """Run the demo."""
    demo_steps.run(write_dataset, description=__doc__, name="digits with 20 % wrong labels", folder="demo")


if __name__ == "__main__":
    main()
