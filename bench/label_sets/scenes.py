"""Pictures with several labels: up to four photographs of flowers side by side.

Array names: N scenes, K classes.
"""

import io
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.peers.data import flower_files

FLOWERS = ("daisy", "dandelion", "rose", "sunflower", "tulip")
"""In the order of the classes of `flower_files`."""
SIDE, CELLS = 96, 4
PRESENCE = 0.4
Flags = npt.NDArray[np.bool_]


def draw_scenes(data: Path, count: int, seed: int) -> tuple[list[bytes], Flags]:
    """Return scenes as JPEGs, and which flowers are in each [N, K]; none or five are drawn again."""
    files, labels_N = flower_files(data)
    drawn = np.random.default_rng(seed)
    of_class = [np.flatnonzero(labels_N == at) for at in range(len(FLOWERS))]
    scenes, has_NK = [], np.zeros((count, len(FLOWERS)), dtype=np.bool_)
    for number in range(count):
        while not 1 <= has_NK[number].sum() <= CELLS:
            has_NK[number] = drawn.random(len(FLOWERS)) < PRESENCE
        shown = np.flatnonzero(has_NK[number])
        cells = drawn.permutation(np.concatenate([shown, drawn.choice(shown, CELLS - len(shown))]))
        scenes.append(_put_together([files[drawn.choice(of_class[cell])] for cell in cells]))
    return scenes, has_NK


def _put_together(files: list[bytes]) -> bytes:
    scene = Image.new("RGB", (2 * SIDE, 2 * SIDE))
    for cell, file in enumerate(files):
        picture = Image.open(io.BytesIO(file)).convert("RGB").resize((SIDE, SIDE))
        scene.paste(picture, (SIDE * (cell % 2), SIDE * (cell // 2)))
    buffer = io.BytesIO()
    scene.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def write_archive(scenes: list[bytes], folder: Path, given_NK: Flags) -> Path:
    """Write the scenes and a table with a column of 0 and 1 for each class, and return the archive's path."""
    path = folder / "scenes.zip"
    lines = [",".join(["file_name", *FLOWERS])]
    with zipfile.ZipFile(path, "w") as archive:
        for number, scene in enumerate(scenes):
            archive.writestr(f"scenes/{number:05}.jpg", scene)
            cells = given_NK[number].astype(int).astype(str).tolist()
            lines.append(",".join([f"scenes/{number:05}.jpg", *cells]))
        archive.writestr("labels.csv", "\n".join(lines) + "\n")
    return path
