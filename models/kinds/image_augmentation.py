"""Batched image augmentation on the device: one gather crops and flips every image of a batch differently.

Shape suffixes: B images of a batch, H x W pixels, C channels, S the side of a crop.
"""

import torch
from torch import Tensor

PAPER_PHOTOGRAPH_SIZES = (256, 224)
"""Clothing1M: images are resized to the first side and cropped to the second."""
PAPER_CROP_SHARE = 28 / 32
"""CIFAR: the side of the random crop as a share of the image's."""


def compute_stored_size(augmentation: str, input_size: int) -> int:
    """Return the side in pixels of images before the crop."""
    if augmentation != "resize_crop_flip":
        return input_size
    before, after = PAPER_PHOTOGRAPH_SIZES
    return round(input_size * before / after)


def compute_crop_size(augmentation: str, input_size: int) -> int:
    """Return S, the side in pixels of a training crop."""
    return round(input_size * PAPER_CROP_SHARE) if augmentation == "flip_crop" else input_size


def take_random_crops(images_BHWC: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Return a random window [B, S, S, C] of each image, mirrored left to right with probability 1/2."""
    count, height, width, _ = images_BHWC.shape
    device = images_BHWC.device
    top_B = torch.randint(height - size + 1, (count,), generator=generator, device=device)
    left_B = torch.randint(width - size + 1, (count,), generator=generator, device=device)
    mirrored_B = torch.rand(count, generator=generator, device=device) < 0.5  # noqa: PLR2004  # probability
    offset_S = torch.arange(size, device=device)
    column_BS = torch.where(mirrored_B[:, None], offset_S.flip(0), offset_S) + left_B[:, None]
    row_BS = top_B[:, None] + offset_S
    image_B = torch.arange(count, device=device)
    return images_BHWC[image_B[:, None, None], row_BS[:, :, None], column_BS[:, None, :]]


def take_centre_crop(images_BHWC: Tensor, size: int) -> Tensor:
    """Return the middle window [B, S, S, C] of each image."""
    top, left = (images_BHWC.shape[1] - size) // 2, (images_BHWC.shape[2] - size) // 2
    return images_BHWC[:, top : top + size, left : left + size]
