"""Pretrained networks of torchvision, for features for an MLP or as the start of a training.

Shape suffixes: N samples, B of a batch, D features.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import get_model, get_model_weights

from models.catalogue.networks import BACKBONES

BATCH = 64
CPU_SIDE, FULL_SIDE = 128, 224
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
COLOURS = 3


def choose_side(name: str, *, device: str) -> int:
    """Return the side in pixels to which pictures are scaled; smaller on a CPU if the network allows it."""
    sides = BACKBONES[name].sides
    if sides:
        return sides[0]
    return CPU_SIDE if torch.device(device).type == "cpu" else FULL_SIDE


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


def load(name: str, weights: Path | None) -> nn.Module:
    """Return a pretrained network without its head, in evaluation mode.

    Args:
        name: a key of BACKBONES.
        weights: a file with the complete network's state dict, as torchvision saves it; None: torchvision
            downloads its weights, or takes them from torch's cache.

    Raises:
        ValueError: the file is not a state dict of this network.

    """
    head = BACKBONES[name].head
    network = build_headless(name)
    if weights is None:
        state = get_model_weights(name).DEFAULT.get_state_dict(progress=False, check_hash=True)
    else:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    try:
        network.load_state_dict(
            {key: value for key, value in state.items() if not key.startswith(f"{head}.")}
        )
    except (RuntimeError, AttributeError, TypeError) as error:
        raise ValueError(f"{weights or 'The download'} is not a state dict of {name}: {error}") from error
    return network.eval()


@torch.no_grad()
def extract_features(
    pictures: npt.NDArray[np.uint8],
    network: nn.Module,
    *,
    side: int,
    device: str,
    on_batch: Callable[[int], None] = lambda _: None,
) -> npt.NDArray[np.float32]:
    """Return the network's features [N, D] of uint8 pictures [N, H, W, C].

    Args:
        pictures: in memory or memory-mapped.
        network: see `load`.
        side: the side in pixels to which pictures are scaled.
        device: the torch device that computes.
        on_batch: called with the number of samples done; its exceptions stop the extraction and propagate.

    """
    network = network.to(device)
    features: list[npt.NDArray[np.float32]] = []
    for start in range(0, len(pictures), BATCH):
        batch = torch.from_numpy(np.array(pictures[start : start + BATCH])).to(device)
        features.append(network(_prepare_pictures(batch, side)).float().cpu().numpy())
        on_batch(min(start + BATCH, len(pictures)))
    return np.concatenate(features)


def _prepare_pictures(pictures_BHWC: Tensor, side: int) -> Tensor:
    """Return RGB pictures, scaled and standardised for networks trained on ImageNet [B, 3, S, S]."""
    colours = pictures_BHWC.permute(0, 3, 1, 2).float() / 255
    if colours.shape[1] != COLOURS:
        colours = colours[:, :1].expand(-1, COLOURS, -1, -1)
    scaled = functional.interpolate(colours, (side, side), mode="bilinear", antialias=True)
    mean, deviation = (
        torch.tensor(values, device=scaled.device)[:, None, None]
        for values in (IMAGENET_MEAN, IMAGENET_DEVIATION)
    )
    return (scaled - mean) / deviation
