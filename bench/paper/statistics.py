"""Why small training sets with noisy labels differ from the paper: what batch normalisation starts from.

With n = 1,000 an epoch has four steps, and cross-entropy is best after three or four epochs: then it
memorises. Running means and variances that start from 0 and 1 have not arrived by then, so that the accuracy
on held-out samples is best later, when the network is worse. The authors' networks start warmer; see
`runs.warmed`. On the authors' own draws of samples and labels, three test accuracies after every epoch:

- cold: running statistics, from 0 and 1;
- warm: running statistics, from those of random inputs;
- exact: statistics of the training set, measured anew after the epoch.
"""

import copy
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.paper.images import Images
from bench.paper.results import mean_and_deviation
from bench.paper.runs import CLASSES, machine, warm_up
from models.networks.architectures import Network, NetworkShape, build

SEEDS = (42, 43, 44, 45, 46)
COUNT, TRAINABLE, RATE, EPOCHS, BATCH, LEARNING_RATE = 1_000, 48_000, 0.5, 12, 256, 1e-3
SCORING_BATCH = 1_000
MEAN, DEVIATION = 0.1307, 0.3081


@dataclass(frozen=True, kw_only=True)
class Peaks:
    """Test accuracies in percent after each epoch of one training."""

    seed: int
    is_warm: bool
    running: list[float]
    exact: list[float]


def authors_draw(images: Images, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the training samples' index and given labels, drawn in the order of the authors' code."""
    random = np.random.RandomState(seed)
    index = random.choice(random.permutation(len(images.train))[:TRAINABLE], COUNT, replace=False)
    matrix = np.full((CLASSES, CLASSES), RATE / (CLASSES - 1))
    np.fill_diagonal(matrix, 1 - RATE)
    given = [int(random.choice(CLASSES, 1, p=matrix[images.train_labels[place]])[0]) for place in index]
    return index, np.array(given)


def measure(images: Images, seed: int, *, is_warm: bool) -> Peaks:
    """Train with cross-entropy and score after every epoch."""
    index, given = authors_draw(images, seed)
    inputs, labels = _inputs(images.train[index]), torch.from_numpy(given)
    network = build("mnist_cnn", NetworkShape(channels=1, class_count=CLASSES, is_predictor=False), seed=seed)
    if is_warm:
        warm_up(network, (28, 28, 1), seed=seed)
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    order = torch.Generator().manual_seed(seed)
    found = Peaks(seed=seed, is_warm=is_warm, running=[], exact=[])
    for _ in range(EPOCHS):
        network.train()
        for batch in torch.randperm(COUNT, generator=order).split(BATCH):
            optimiser.zero_grad()
            functional.cross_entropy(network(inputs[batch]), labels[batch]).backward()
            optimiser.step()
        found.running.append(_accuracy(network, images))
        found.exact.append(_accuracy(_with_exact_statistics(network, inputs), images))
    return found


def _with_exact_statistics(network: Network, inputs: Tensor) -> Network:
    measured = copy.deepcopy(network)
    for module in measured.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # a plain mean over batches
    measured.train()
    with torch.no_grad():
        for batch in inputs.split(BATCH):
            measured(batch)
    return measured


@torch.no_grad()
def _accuracy(network: Network, images: Images) -> float:
    network.eval()
    batches = _inputs(images.test).split(SCORING_BATCH)
    predictions = torch.cat([network(batch) for batch in batches]).argmax(1)
    return round(100 * float((predictions.numpy() == images.test_labels).mean()), 2)


def _inputs(pixels: npt.NDArray[np.uint8]) -> Tensor:
    scaled = (pixels.astype(np.float32) / 255 - MEAN) / DEVIATION
    return torch.from_numpy(scaled).permute(0, 3, 1, 2)


def work_through(images: Images, path: Path) -> None:
    """Measure what `path` does not hold yet, one JSON line per training, and print the peaks."""
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    done = {(line["seed"], line["is_warm"]) for line in lines}
    for seed in SEEDS:
        for is_warm in (False, True):
            if (seed, is_warm) not in done:
                line = {**asdict(measure(images, seed, is_warm=is_warm)), "machine": machine("cpu")}
                lines.append(line)
                with path.open("a") as file:
                    file.write(json.dumps(line) + "\n")
    sys.stdout.write("\n".join(_summary(lines)) + "\n")


def _summary(lines: list[dict[str, Any]]) -> Iterator[str]:
    cold, warm = ([line for line in lines if line["is_warm"] is kind] for kind in (False, True))
    for name, kind, key in (("cold", cold, "running"), ("warm", warm, "running"), ("exact", cold, "exact")):
        peaks = [max(line[key]) for line in kind]
        mean, deviation = mean_and_deviation(peaks)
        spread = "" if deviation is None else f" ± {deviation:.1f}"
        yield f"{name:<6} best test accuracy of any epoch: {mean:.1f}{spread} % (the paper's CE: 71.8 ± 4.3)"
