"""A dataset to try the service with: the handwritten digits of scikit-learn, some with wrong labels.

They are read from the file of the installed package; the package itself is not imported, it is large.
"""

import gzip
import io
import zipfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 8
LEVELS = 16
"""The digits' grey levels go from 0 to 16."""
CLASSES = 10
WRONG = 90
"""Labels that are changed: about 5 % of 1,797."""
SEED = 1


@cache
def find_digits() -> Path | None:
    """Return the file of the digits; None: scikit-learn is not installed."""
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    return file if file.is_file() else None


def write_archive(file: Path) -> bytes:
    """Return the digits as a zip with a folder per class; WRONG of them, drawn at random, lie in another one.

    Their correct labels are not in it: the audit shall find them as it would in any other dataset.
    """
    rows = _read_rows(file)
    random = np.random.default_rng(SEED)
    labels_N = rows[:, -1].copy()
    wrong = random.choice(len(rows), WRONG, replace=False)
    labels_N[wrong] = (labels_N[wrong] + random.integers(1, CLASSES, WRONG)) % CLASSES
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        for number, (row, label) in enumerate(zip(rows, labels_N, strict=True)):
            target.writestr(f"{label}/{number:04}.png", _encode_png(row[:-1].reshape(SIDE, SIDE)))
    return archive.getvalue()


def _read_rows(file: Path) -> npt.NDArray[np.int64]:
    with gzip.open(file, "rt") as lines:
        return np.loadtxt(lines, delimiter=",", dtype=np.int64)


def _encode_png(levels: npt.NDArray[np.int64]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray((levels * 255 // LEVELS).astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()
