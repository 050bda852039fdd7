"""Pictures with boxes: photographs and signs that installed packages ship, pasted into generated scenes."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont, ImageOps

from examples.photographs import load_photographs

SIGNS = {
    "aeroplane": "\u2708", "anchor": "\u2693", "knight": "\u265e", "note": "\u266b", "scissors": "\u2702",
    "star": "\u2605", "telephone": "\u260e", "umbrella": "\u2602",
}  # fmt: skip
"""Characters of the typeface that matplotlib ships."""
WIDTH, HEIGHT = 640, 480
SIDE_LEAST, SIDE_MOST = 56, 190
OBJECTS_LEAST, OBJECTS_MOST = 2, 6
JITTER = 0.06
"""Share of a side by which the edges of a box miss their object at most: nobody draws them exactly."""
SAME_OBJECT = 0.3


@dataclass(frozen=True, kw_only=True)
class Thing:
    """An object in a scene."""

    name: str
    box: tuple[int, int, int, int]
    """Left, top, width, height in pixels."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A picture with its objects."""

    jpeg: bytes
    things: tuple[Thing, ...]


def draw_scenes(count: int, *, seed: int) -> Iterator[Scene]:
    """Yield scenes; the same seed draws the same ones."""
    generator, photographs = np.random.default_rng(seed), load_photographs()
    names = [*photographs, *SIGNS]
    for _ in range(count):
        picture = _draw_ground(generator)
        things: list[Thing] = []
        for _ in range(int(generator.integers(OBJECTS_LEAST, OBJECTS_MOST + 1))):
            name = names[int(generator.integers(len(names)))]
            cut = _cut(photographs, name, generator)
            left = int(generator.integers(0, WIDTH - cut.width))
            top = int(generator.integers(0, HEIGHT - cut.height))
            box = (left, top, cut.width, cut.height)
            if all(_measure_overlap(box, other.box) < SAME_OBJECT for other in things):
                picture.paste(cut, (left, top), cut)
                things.append(Thing(name=name, box=_shake(box, generator)))
        buffer = io.BytesIO()
        picture.save(buffer, format="JPEG", quality=88)
        yield Scene(jpeg=buffer.getvalue(), things=tuple(things))


def _draw_ground(generator: np.random.Generator) -> Image.Image:
    """Return a blurred ground of random colours with fine noise."""
    coarse = generator.integers(40, 216, (6, 8, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    noisy = smooth.astype(np.int16) + generator.integers(-18, 19, (HEIGHT, WIDTH, 1))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def _cut(photographs: Mapping[str, Image.Image], name: str, generator: np.random.Generator) -> Image.Image:
    """Return an object with transparency around it."""
    side = int(generator.integers(SIDE_LEAST, SIDE_MOST + 1))
    if name in SIGNS:
        return _draw_sign(SIGNS[name], side, generator)
    photograph = photographs[name]
    part = int(generator.integers(160, 321))
    left, top = (int(generator.integers(0, length - part + 1)) for length in photograph.size)
    high = int(side * generator.uniform(0.7, 1.3))
    cut = photograph.crop((left, top, left + part, top + part)).resize((side, high))
    cut = ImageOps.mirror(cut) if generator.random() < 0.5 else cut  # noqa: PLR2004 - half
    mask = Image.new("L", cut.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, *cut.size), radius=side // 4, fill=255)
    cut.putalpha(mask)
    return cut


def _draw_sign(sign: str, side: int, generator: np.random.Generator) -> Image.Image:
    """Return a sign in a random colour, turned a little, without empty edges."""
    font = ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", side)
    drawn = Image.new("RGBA", (2 * side, 2 * side), (0, 0, 0, 0))
    colour = tuple(int(value) for value in generator.integers(0, 256, 3))
    ImageDraw.Draw(drawn).text((side // 2, side // 2), sign, font=font, fill=(*colour, 255), stroke_width=1)
    turned = drawn.rotate(float(generator.uniform(-25, 25)), Image.Resampling.BICUBIC)
    return turned.crop(turned.getbbox())


def _shake(box: tuple[int, int, int, int], generator: np.random.Generator) -> tuple[int, int, int, int]:
    """Return a box whose edges miss the object a little, within the picture."""
    left, top, width, height = box
    shifts = generator.uniform(-JITTER, JITTER, 4) * (width, height, width, height)
    edges = (np.array([left, top, left + width, top + height]) + shifts).round().astype(int)
    edges = edges.clip(0, (WIDTH, HEIGHT, WIDTH, HEIGHT))
    return int(edges[0]), int(edges[1]), int(edges[2] - edges[0]), int(edges[3] - edges[1])


def _measure_overlap(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Return the area in both boxes by the area of the smaller one."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(across, 0) * max(down, 0) / min(one[2] * one[3], other[2] * other[3])


def list_classes() -> list[str]:
    """Return the names of all objects."""
    return sorted([*load_photographs(), *SIGNS])


def write_pictures(scenes: list[Scene], target: zipfile.ZipFile) -> None:
    """Write the pictures into an archive, as images/000.jpg and so on."""
    for number, scene in enumerate(scenes):
        target.writestr(f"images/{number:04}.jpg", scene.jpeg)
