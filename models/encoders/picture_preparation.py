"""What all encoders of pictures share: scaling and cropping of pictures.

Shape suffixes: B pictures of a batch, H and W pixels, C channels.
"""

import math
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from models.catalogue.encoders import PictureEncoderFacts
from models.catalogue.kinds import Encoded

Pixels = npt.NDArray[np.uint8]


class PictureEncoder:
    """The part of `Encoder` that does not depend on the library; `encode` does."""

    takes: Encoded = "pictures"

    def __init__(self, facts: PictureEncoderFacts, weights_sha256: str) -> None:
        self.name = facts.name
        self.width = facts.width
        self.side = facts.side
        self.licence = facts.licence
        self.weights_sha256 = weights_sha256
        self.sha256 = facts.compute_digest(weights_sha256)
        self.facts = facts

    def prepare(self, picture: Image.Image) -> Pixels:
        """Return one upright RGB picture, scaled and cropped for the encoder, uint8 [side, side, 3]."""
        return prepare_picture(picture, self.facts)

    def stack(self, prepared: Sequence[Pixels]) -> Tensor:
        """Return prepared pictures as one tensor, uint8 [B, side, side, 3]."""
        return torch.from_numpy(np.stack(prepared))

    @abstractmethod
    def encode(self, pictures_BHWC: Tensor) -> Tensor:
        """Return the features of prepared pictures, float32 [B, D] on the CPU."""

    def make_examples(self, count: int) -> list[Image.Image]:
        """Return pictures of random pixels."""
        shape = (count, self.side, self.side, 3)
        pixels_BHWC = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        return [Image.fromarray(pixels_HWC) for pixels_HWC in pixels_BHWC]


def prepare_picture(picture: Image.Image, facts: PictureEncoderFacts) -> Pixels:
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
