"""A run's signals on disk: one array for each signal, N rows each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.infra.storage import Storage
from models.label_errors.evidence import AGREEMENT_RATIO, ERROR_POSTERIOR
from worker.jobs.atomic_files import write_atomically

SIGNALS = "signals.npz"
Signals = Mapping[str, npt.NDArray[Any]]
"""The arrays of `models.label_errors.evidence.Evidence.to_arrays`, and signals that are computed later."""
NAMES_BEFORE_0_2: Mapping[str, str] = {"competence": AGREEMENT_RATIO, "doubt": ERROR_POSTERIOR}
"""Names in files that versions before 0.2 wrote, and today's names."""


def save(storage: Storage, folder: Path, signals: Signals) -> None:
    """Store signals."""
    write_atomically(folder / SIGNALS, lambda file: np.savez(file, **dict[str, Any](signals)))
    storage.publish(folder / SIGNALS)


def load(storage: Storage, folder: Path) -> Signals:
    """Return the signals of a finished run, under today's names."""
    with storage.open(folder / SIGNALS) as file, np.load(file) as stored:
        return {NAMES_BEFORE_0_2.get(name, name): array for name, array in stored.items()}
