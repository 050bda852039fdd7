"""The columns, or the words, that speak against a suspect's label, on disk.

Array names: M explained samples, 5 columns or fewer, W words.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.audits.suspect_reasons import REASONS, WORD_REASONS
from app.infra.storage import Storage
from worker.jobs.atomic_files import write_atomically

COLUMNS_KEPT = 5
WORDS_KEPT = 40


@dataclass(frozen=True, kw_only=True)
class ColumnReasons:
    """Of each explained sample the columns with the largest effect, the largest first."""

    positions_M: npt.NDArray[np.int64]
    """Ascending."""
    rivals_M: npt.NDArray[np.int32]
    """The class that the columns speak for."""
    columns_M5: npt.NDArray[np.int32]
    """Places of columns in the file of cells."""
    effects_M5: npt.NDArray[np.float32]
    """Nats of log-odds; negative: the column speaks for the given label."""


@dataclass(frozen=True, kw_only=True)
class WordReasons:
    """Of each explained sample the words with the largest effect, the largest first."""

    positions_M: npt.NDArray[np.int64]
    """Ascending."""
    rivals_M: npt.NDArray[np.int32]
    """The class that the words speak for."""
    starts_MW: npt.NDArray[np.int32]
    """The first character of each in its text."""
    lengths_MW: npt.NDArray[np.int32]
    """Characters; 0: there are no more words."""
    effects_MW: npt.NDArray[np.float32]
    """Nats of log-odds; negative: the word speaks for the given label."""


def save(storage: Storage, folder: Path, reasons: ColumnReasons | WordReasons) -> None:
    """Store the reasons of a run."""
    path = folder / (WORD_REASONS if isinstance(reasons, WordReasons) else REASONS)
    write_atomically(path, lambda file: np.savez(file, **asdict(reasons)))
    storage.publish(path)
