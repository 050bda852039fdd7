"""Plain cross-entropy training, as users of the peers write it, on LIMIT's networks, batches and schedule."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.peers.tasks import Task
from models.configuration.training_config import TrainingConfig
from models.inputs import standardisation
from models.inputs.batches import place, split_batches
from models.inputs.shuffling import Shuffling
from models.kinds.preparation import Preparation
from models.kinds.trained_kinds import find_trained_kind
from models.training.learner import Learner
from models.training.learning_rate import compute_learning_rate

OnBatch = Callable[[Tensor, Tensor, Tensor], None]
"""Called with index_B, logits_BK and labels_B of every batch, as scored before its update."""
SCORING_BATCH = 1_024


def train_plain(
    task: Task, config: TrainingConfig, index: npt.NDArray[np.int64], on_batch: OnBatch | None, device: str
) -> tuple[Learner, Preparation]:
    """Train a network with cross-entropy on the samples of `index`."""
    place_of_work = torch.device(device)
    inputs, labels_N = task.inputs[index], torch.from_numpy(task.given_N[index]).to(device)
    rows = place(inputs, config, place_of_work)
    generator = torch.Generator(device)
    prepare = _preparation(inputs, config, place_of_work)
    learner = Learner(
        config,
        channels=inputs.shape[-1],
        class_count=task.class_count,
        device=place_of_work,
        generator=generator,
    )
    shuffling = Shuffling(sample_count=len(index), validation_fraction=0.0, seed=config.seed)
    bounds = split_batches(len(index), config.batch_size)
    steps, step = config.epochs * (len(bounds) - 1), 0
    for epoch in range(config.epochs):
        generator.manual_seed(shuffling.make_device_seed(epoch))
        for index_B, rows_B in rows.read(shuffling.order(epoch), bounds):
            labels_B = labels_N[index_B]
            rate = compute_learning_rate(config, step=step, steps=steps)
            _, logits_BK = learner.step(
                prepare.prepare_training(rows_B, generator), labels_B, rate=rate, trains_classifier=True
            )
            if on_batch is not None:
                on_batch(index_B, logits_BK, labels_B)
            step += 1
    return learner, prepare


def probabilities(
    learner: Learner, prepare: Preparation, inputs: npt.NDArray[np.generic]
) -> npt.NDArray[np.float32]:
    """Return the trained network's softmax [N, K] of other samples."""
    device = next(learner.classifier.parameters()).device
    batches = [
        learner.compute_scoring_logits(
            prepare.prepare_plain(torch.from_numpy(inputs[start : start + SCORING_BATCH]).to(device))
        )
        for start in range(0, len(inputs), SCORING_BATCH)
    ]
    softmax_NK: npt.NDArray[np.float32] = torch.cat(batches).softmax(1).cpu().numpy()
    return softmax_NK


def _preparation(
    inputs: npt.NDArray[np.generic], config: TrainingConfig, device: torch.device
) -> Preparation:
    scale = standardisation.measure(inputs, device)
    return find_trained_kind(inputs).make_preparation(config, scale, device)
