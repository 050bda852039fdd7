"""Draws photographs of 1,000 pixels, cuttings of two that scikit-learn ships, into one file."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

DRAWN = 2000
"""More than are shown while 300 keys are pressed, so nearly all of them are decoded for the first time."""
WIDTH, HEIGHT = 1000, 750
LEAST = 160
"""Pixels of the smallest cutting."""
QUALITY = 90


@dataclass(frozen=True)
class Photographs:
    """A file of JPEGs, one after the other."""

    path: Path
    lengths: list[int]
    """Bytes of each."""


def draw_photographs(path: Path) -> Photographs:
    """Write the photographs to a file."""
    rng = np.random.default_rng(0)
    sources = [Image.fromarray(source) for source in load_sample_images().images]
    with path.open("wb") as file:
        lengths = [file.write(_draw(sources[number % len(sources)], rng)) for number in range(DRAWN)]
    return Photographs(path, lengths)


def _draw(source: Image.Image, rng: np.random.Generator) -> bytes:
    width = int(rng.integers(LEAST, source.width * HEIGHT // WIDTH))
    height = width * HEIGHT // WIDTH
    left, top = int(rng.integers(source.width - width)), int(rng.integers(source.height - height))
    cutting = source.crop((left, top, left + width, top + height)).resize((WIDTH, HEIGHT))
    grainy = np.asarray(cutting, np.float32) + rng.normal(0, 6, (HEIGHT, WIDTH, 1))
    content = io.BytesIO()
    Image.fromarray(grainy.clip(0, 255).astype(np.uint8)).save(content, "JPEG", quality=QUALITY)
    return content.getvalue()
