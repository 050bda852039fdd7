"""A run's signals on disk: one array per signal, N rows each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.infra.storage import Storage
from worker.jobs.atomic_files import write_whole

SIGNALS = "signals.npz"
Signals = Mapping[str, npt.NDArray[Any]]
"""The fields of `models.training.signals.Signals` by name, the training's `competence` as a single number,
and `doubt` (see `models.label_errors.transitions`) and `neighbour_disagreement` where they were made."""


def save(storage: Storage, folder: Path, signals: Signals) -> None:
    """Store signals."""
    write_whole(folder / SIGNALS, lambda file: np.savez(file, **dict[str, Any](signals)))
    storage.publish(folder / SIGNALS)


def load(storage: Storage, folder: Path) -> Signals:
    """Return the signals of a finished run."""
    with storage.open(folder / SIGNALS) as file, np.load(file) as stored:
        return dict(stored)
