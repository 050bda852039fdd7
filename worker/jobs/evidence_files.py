"""What networks that never learned the labels say, on disk; runs without such networks have none.

Shape suffixes: N samples, K classes, k neighbours.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from app.infra.storage import Storage
from worker.jobs.atomic_files import write_atomically

EVIDENCE = "out_of_sample.npz"
EXACT_MAX = 1_000_000
"""Values up to which four bytes each cost nothing: people see the probabilities that they attached."""


@dataclass(frozen=True, kw_only=True)
class RunEvidence:
    """The evidence of one run about all labels."""

    probabilities_NK: npt.NDArray[np.floating[Any]]
    """Stored as float32, above `EXACT_MAX` values as float16: 20 MB for a million samples of ten classes. The
    model of label errors needs no more digits: it bounds probabilities by 1e-4."""
    is_out_of_sample_N: npt.NDArray[np.bool_]
    neighbours_Nk: npt.NDArray[np.int32] | None
    """The nearest samples by the inputs, or by a pretrained network's features if the run was trained on
    those."""


def save(storage: Storage, folder: Path, evidence: RunEvidence) -> None:
    """Store the evidence of a run."""
    stored = np.float32 if evidence.probabilities_NK.size <= EXACT_MAX else np.float16
    arrays: dict[str, Any] = {
        "probabilities_NK": evidence.probabilities_NK.astype(stored, copy=False),
        "is_out_of_sample_N": evidence.is_out_of_sample_N,
    }
    if evidence.neighbours_Nk is not None:
        arrays["neighbours_Nk"] = evidence.neighbours_Nk
    write_atomically(folder / EVIDENCE, lambda file: np.savez(file, **arrays))
    storage.publish(folder / EVIDENCE)


def load(storage: Storage, folder: Path) -> RunEvidence | None:
    """Return the evidence of a finished run, None if it stored none."""
    if not storage.exists(folder / EVIDENCE):
        return None
    with storage.open(folder / EVIDENCE) as file, np.load(file) as stored:
        return RunEvidence(**{"neighbours_Nk": None, **stored})
