"""The training worker on a device too small for large batches: `celery -A tests.faults.small_device`."""

from typing import Any

import torch

from models.training import ranks
from worker.processes.gpu import app
from worker.train import training_job

__all__ = ["app"]
LARGEST = 32
_train = ranks.train_on


def _short_of_memory(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - as the function it stands for
    if named["config"].batch_size > LARGEST:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    return _train(*arguments, **named)


vars(training_job)["train_on"] = _short_of_memory
