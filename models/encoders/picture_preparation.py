"""Scaling and cropping of one picture for an encoder, without torch."""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.catalogue.encoders import EncoderFacts


def prepare_picture(picture: Image.Image, facts: EncoderFacts) -> npt.NDArray[np.uint8]:
    """Return an upright RGB picture as the encoder's input, uint8 [S, S, 3].

    The steps and their roundings are those with which torchvision and timm evaluate their networks: scale the
    shorter side (or both sides) to `side / crop` rounded down, then cut `side` pixels from the centre.
    """
    if picture.mode != "RGB":
        raise ValueError(f"An encoder takes RGB pictures, not mode {picture.mode!r}.")
    scaled = math.floor(facts.side / facts.crop)
    size = (scaled, scaled) if facts.fit == "squash" else _fit_shorter_side(picture.size, scaled)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling[facts.interpolation.upper()])
    left, top = (round((length - facts.side) / 2) for length in size)
    return np.array(picture.crop((left, top, left + facts.side, top + facts.side)))


def _fit_shorter_side(size: tuple[int, int], shorter: int) -> tuple[int, int]:
    """Return width and height with this shorter side, the proportions kept."""
    width, height = size
    if width <= height:
        return shorter, int(shorter * height / width)
    return int(shorter * width / height), shorter
