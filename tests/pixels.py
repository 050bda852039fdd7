"""Pictures as arrays."""

import io

import numpy as np
from PIL import Image


def pixels(picture: bytes) -> np.ndarray:
    """Return an encoded picture's pixels."""
    with Image.open(io.BytesIO(picture)) as image:
        return np.asarray(image)
