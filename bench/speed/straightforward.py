"""The straightforward way to train: a DataLoader with workers over PIL images, fp32, default layout."""

import io
import os
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2 import functional as transforms

from models.configuration.training_config import TrainingConfig
from models.networks import architectures
from models.training.network_shapes import make_classifier_shape

WORKERS = max(2, (os.cpu_count() or 2) // 2)


class Pictures(Dataset[tuple[Tensor, int, int]]):
    """Encoded images, decoded one by one when they are asked for; or rows of features."""

    def __init__(self, inputs: npt.NDArray[Any], labels_N: npt.NDArray[Any]) -> None:
        self._labels = labels_N
        self._features = inputs if inputs.ndim == 2 else None  # noqa: PLR2004
        self._encoded = [] if self._features is not None else [_png(pixels) for pixels in inputs]

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int, int]:
        label = int(self._labels[index])
        if self._features is not None:
            return torch.from_numpy(self._features[index]), label, index
        image = Image.open(io.BytesIO(self._encoded[index]))
        pixels = transforms.to_dtype(transforms.to_image(image), torch.float32, scale=True)
        return transforms.normalize(pixels, [0.5] * pixels.shape[0], [0.5] * pixels.shape[0]), label, index


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(buffer, format="PNG")
    return buffer.getvalue()


class Straightforward:
    """LIMIT_L as two networks with two optimisers, and every sample's distance noted by itself."""

    def __init__(
        self, config: TrainingConfig, pictures: Pictures, *, channels: int, class_count: int, device: str
    ) -> None:
        self._config, self._device, self._class_count = config, device, class_count
        shape = make_classifier_shape(config, channels=channels, class_count=class_count)
        self._networks = [architectures.build(config.network, shape, seed=seed).to(device) for seed in (0, 1)]
        self._optimisers = [
            torch.optim.Adam(network.parameters(), config.learning_rate) for network in self._networks
        ]
        self._loader = DataLoader(pictures, config.batch_size, shuffle=True, num_workers=WORKERS)
        self._distances = [0.0] * len(pictures)

    def epoch(self) -> None:
        """Train on every sample once."""
        for inputs, labels_B, index_B in self._loader:
            self._step(inputs.to(self._device), labels_B.to(self._device), index_B)

    def _step(self, inputs: Tensor, labels_B: Tensor, index_B: Tensor) -> None:
        classifier, predictor = self._networks
        targets_BK = functional.one_hot(labels_B, self._class_count).float()
        a_BK, b_BK = classifier(inputs), predictor(inputs)
        gradient_BK = a_BK.softmax(1).detach() - targets_BK
        predicted_BK = a_BK.softmax(1).detach() - b_BK.softmax(1)
        loss = (predicted_BK - gradient_BK).abs().sum(1) + self._config.beta * predicted_BK.square().sum(1)
        for optimiser in self._optimisers:
            optimiser.zero_grad()
        (a_BK * predicted_BK.detach()).sum(1).mean().backward()
        loss.mean().backward()
        for optimiser in self._optimisers:
            optimiser.step()
        for index, distance in zip(index_B, (gradient_BK - predicted_BK).norm(dim=1), strict=True):
            self._distances[int(index)] = distance.item()
