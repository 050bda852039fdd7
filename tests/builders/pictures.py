"""Pictures as files and as arrays."""

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def write_digits_zip(path: Path, *, per_class: int = 40, classes: int = 3) -> Path:
    """Write scikit-learn's real digits as a class-folder zip; every tenth lies in a wrong folder."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - a second to load, for few tests

    digits = load_digits(n_class=classes)
    with zipfile.ZipFile(path, "w") as archive:
        for label in range(classes):
            for number, pixels in enumerate(digits.images[digits.target == label][:per_class]):
                folder = (label + 1) % classes if number % 10 == 0 else label
                archive.writestr(f"{folder}/{label}-{number:03}.png", encode_png(pixels * 255 / 16))
    return path


def encode_png(pixels: np.ndarray) -> bytes:
    """Return grey pixels as a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def decode_picture(picture: bytes) -> np.ndarray:
    """Return an encoded picture's pixels."""
    with Image.open(io.BytesIO(picture)) as image:
        return np.asarray(image)
