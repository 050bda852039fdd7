"""The interface of all encoders.

Shape suffixes: B pictures of a batch, H and W pixels, C channels, D features.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

TOLERANCE = 1e-4
"""The most by which a picture's features may differ between batches, shards and threads on a CPU in fp32, as
a share of the length of its feature vector. Measured differences are below 1e-5 (tests/models/encoders)."""


class Encoder(Protocol):
    """A loaded encoder."""

    name: str
    """As in the catalogue, with the side if it is not the usual one."""
    width: int
    """D."""
    side: int
    """Height and width of its input in pixels."""
    sha256: str
    """Digest of weights and preparation: two encoders with the same digest give the same features."""
    weights_sha256: str
    """Digest of the weights' file."""
    licence: str
    """The licence of the weights."""

    def prepare(self, picture: Image.Image) -> npt.NDArray[np.uint8]:
        """Return one upright RGB picture, scaled and cropped as the encoder expects: uint8 [side, side, 3].

        It can be called in many threads at once and needs no torch.
        """

    def encode(self, pictures_BHWC: Tensor) -> Tensor:
        """Return the features of prepared pictures, uint8 [B, side, side, 3]: float32 [B, D] on the CPU."""
