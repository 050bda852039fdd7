"""A run's signals on disk: one array for each signal, N rows each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.infra.storage import Storage
from worker.jobs.atomic_files import write_atomically

SIGNALS = "signals.npz"
Signals = Mapping[str, npt.NDArray[Any]]
"""The arrays of `models.label_errors.evidence.gather_signals`, and signals that are computed later."""
FORMER = frozenset({"competence", "agreement_ratio", "doubt", "error_posterior"})
"""Arrays in files of older versions that nothing reads any more."""


def save(storage: Storage, folder: Path, signals: Signals) -> None:
    """Store signals."""
    write_atomically(folder / SIGNALS, lambda file: np.savez(file, **dict[str, Any](signals)))
    storage.publish(folder / SIGNALS)


def load(storage: Storage, folder: Path) -> Signals:
    """Return the signals of a finished run."""
    with storage.open(folder / SIGNALS) as file, np.load(file) as stored:
        return {name: array for name, array in stored.items() if name not in FORMER}
