"""Images as a network's input: resized, augmented, standardised, in the device's memory layout.

Shape suffixes: N samples, B samples of a batch, H x W pixels, C channels, S the side of the network's input.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.configuration.training_config import TrainingConfig
from models.kinds import image_augmentation
from models.kinds.preparation import Preparation, Standardisation
from models.networks.memory_layout import choose_memory_format


@dataclass(frozen=True, kw_only=True)
class ImagePreparation:
    """Converts uint8 images [B, H, W, C] into a network's input."""

    standardisation: Standardisation
    input_size: int
    """S, the side of the network's input in pixels."""
    augmentation: str
    """A key of `AUGMENTATIONS`."""
    device: torch.device

    def prepare_training(self, rows_B: Tensor, generator: torch.Generator) -> Tensor:
        """Return the batch with random augmentation, [B, C, S, S]."""
        if self.augmentation == "none":
            return self.prepare_plain(rows_B)
        stored = resize(rows_B, image_augmentation.compute_stored_size(self.augmentation, self.input_size))
        size = image_augmentation.compute_crop_size(self.augmentation, self.input_size)
        return self._make_network_input(image_augmentation.take_random_crops(stored, size, generator))

    def prepare_plain(self, rows_B: Tensor) -> Tensor:
        """Return the batch without augmentation, [B, C, S, S]."""
        stored = resize(rows_B, image_augmentation.compute_stored_size(self.augmentation, self.input_size))
        return self._make_network_input(image_augmentation.take_centre_crop(stored, self.input_size))

    def _make_network_input(self, images_BHWC: Tensor) -> Tensor:
        """Standardise, pad with the mean colour to S, and choose the memory layout for the device."""
        images_BCHW = self.standardisation(images_BHWC).permute(0, 3, 1, 2)
        missing = self.input_size - images_BCHW.shape[2]
        if missing:
            before, after = missing // 2, missing - missing // 2
            images_BCHW = functional.pad(images_BCHW, (before, after, before, after))
        return images_BCHW.contiguous(memory_format=choose_memory_format(self.device))


class ImageInputs:
    """See `TrainedKind`."""

    measured_max: int | None = 10_000

    def find_placed_shape(self, shape: tuple[int, ...], config: TrainingConfig) -> tuple[int, ...]:
        """Return the shape [N, S, S, C] before the crop, so that images are resized only once."""
        count, _, _, channels = shape
        side = image_augmentation.compute_stored_size(config.augmentation, _find_input_size(config))
        return count, side, side, channels

    def fit_rows(self, rows_B: Tensor, placed_shape: tuple[int, ...]) -> Tensor:
        """Return images, resized to the side that is kept."""
        return resize(rows_B, placed_shape[1])

    def make_preparation(
        self, config: TrainingConfig, standardisation: Standardisation, device: torch.device
    ) -> Preparation:
        """Return the preparation that resizes, augments and standardises images."""
        return ImagePreparation(
            standardisation=standardisation,
            input_size=_find_input_size(config),
            augmentation=config.augmentation,
            device=device,
        )


def _find_input_size(config: TrainingConfig) -> int:
    assert config.input_size is not None, "a configuration that fits images has an input_size"
    return config.input_size


def resize(images_BHWC: Tensor, side: int) -> Tensor:
    """Return uint8 images [B, side, side, C], bilinear and antialiased; the same tensor if the size fits."""
    if images_BHWC.shape[1:3] == (side, side):
        return images_BHWC
    images_BCHW = images_BHWC.permute(0, 3, 1, 2).float()
    scaled = functional.interpolate(images_BCHW, (side, side), mode="bilinear", antialias=True)
    return scaled.round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous()
