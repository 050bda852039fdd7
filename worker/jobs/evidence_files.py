"""What networks that never learned the labels say, on disk; runs without such networks have none.

Shape suffixes: N samples, K classes, k neighbours.
"""

from collections.abc import Sequence
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


def join_probabilities(
    found: Sequence[RunEvidence],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the mean probabilities [N, K] over the runs blind to a label, else over all; and which are."""
    total_NK = np.zeros(found[0].probabilities_NK.shape, dtype=np.float32)
    blind_N = np.sum([each.is_out_of_sample_N for each in found], axis=0)
    for each in found:
        counts_N = each.is_out_of_sample_N | (blind_N == 0)
        total_NK += each.probabilities_NK * counts_N[:, None].astype(np.float32)
    total_NK /= np.where(blind_N == 0, len(found), blind_N).astype(np.float32)[:, None]
    return total_NK, blind_N > 0
