"""How a finished training ranks and counts, as the service does it; for benches that have no service.

Array names: N samples, K classes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from models.error_model.estimate import fit
from models.error_model.sample_evidence import Evidence
from models.label_errors.evidence import gather_signals
from models.ranking.ranking_scores import rank_by_signals
from worker.train.training_evidence import Trained

Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.int64]


def rank(trained: Trained, given_N: Labels, views: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.int64]:
    """Return the place of each label in the service's ranking [N], from these views; high = bad."""
    result = trained.result
    signals = gather_signals(
        result.signals,
        given_N,
        score=result.config.score,
        agreement_ratio=result.agreement_ratio,
        classifier_probabilities_NK=result.classifier_probabilities_NK,
        cross_fitted=result.cross_fitted,
        opinions=views,
    )
    place_N = np.empty(len(given_N), np.int64)
    place_N[rank_by_signals(signals)] = np.arange(len(given_N))[::-1]
    return place_N


def take_given(probabilities_NK: Floats, given_N: Labels) -> Floats:
    """Return the probability of each given label [N]."""
    return probabilities_NK[np.arange(len(given_N)), given_N]


def find_margin(probabilities_NK: Floats, given_N: Labels) -> Floats:
    """Return by how much the likeliest other class exceeds the given label [N], -1 to 1."""
    others_NK = probabilities_NK.copy()
    others_NK[np.arange(len(given_N)), given_N] = -1
    margin_N: Floats = others_NK.max(1) - take_given(probabilities_NK, given_N)
    return margin_N


def measure_cut(trained: Trained, given_N: Labels, wrong_N: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Return where the automatic cut falls, and the count."""
    evidence = trained.evidence
    assert evidence is not None
    estimate = fit(
        Evidence(
            labels_N=given_N,
            probabilities_NK=evidence.probabilities_NK,
            neighbours_Nk=evidence.neighbours_Nk,
        )
    )
    flagged = estimate.is_flagged_N
    low, high = estimate.error_count_interval
    return {
        "flagged": int(flagged.sum()),
        "precision": float(wrong_N[flagged].mean()) if flagged.any() else None,
        "recall": float(flagged[wrong_N].mean()),
        "may_claim": estimate.may_claim,
        "count": estimate.error_count,
        "interval": [low, high],
        "truth": int(wrong_N.sum()),
    }
