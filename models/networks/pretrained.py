"""Networks of torchvision without their heads: encoders, or the start of a training.

Shape suffixes: B pictures of a batch, H and W pixels, C channels.
"""

from torch import Tensor, nn
from torchvision.models import get_model

from models.catalogue.networks import BACKBONES

COLOURS = 3


def build_headless(name: str) -> nn.Module:
    """Return a network without its head, with random weights."""
    network: nn.Module = get_model(name, weights=None)
    network.set_submodule(BACKBONES[name].head, nn.Identity())
    return network


class GreyscaleToRgb(nn.Module):
    """Repeats the channel of greyscale pictures three times, as these networks take RGB."""

    def forward(self, pictures_BCHW: Tensor) -> Tensor:
        """Return [B, 3, H, W]."""
        if pictures_BCHW.shape[1] == COLOURS:
            return pictures_BCHW
        return pictures_BCHW[:, :1].expand(-1, COLOURS, -1, -1)


def build_tunable(name: str, class_count: int) -> nn.Sequential:
    """Return a network for fine-tuning, from pictures standardised with their data's statistics to logits."""
    output = nn.Linear(BACKBONES[name].width, class_count)
    return nn.Sequential(GreyscaleToRgb(), build_headless(name), nn.Flatten(), output)
