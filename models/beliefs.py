"""What the signals of one or several trainings let one believe of every label.

Shape suffix: N samples.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from models.estimates import Estimate, estimate, of_doubts
from models.noise_rate import strength
from models.signals import Signals, rivalry
from models.transitions import doubt, fit, log_odds

CONFUSION_WEIGHT = 0.5
"""Of a strong classifier's log odds of confusion beside the averaged margin (docs/detection.md)."""


def believed(signals: Mapping[str, npt.NDArray[Any]], labels_N: npt.NDArray[np.integer[Any]]) -> Estimate:
    """Return error probabilities, cut and number of errors, by the best evidence that there is.

    Args:
        signals: the fields of `signals.Signals` by name; `competence` of the training and `doubt`
            (`transitions.doubt`) where it made them.
        labels_N: the given labels.

    """
    best_N3 = signals["top_probabilities_N3"]
    disagrees_N = signals["top_labels_N3"][:, 0] != labels_N
    confidence_N = best_N3[:, 0] - best_N3[:, 1]
    competence = float(signals["competence"]) if "competence" in signals else None
    if competence is not None and "doubt" in signals:
        return of_doubts(
            signals["doubt"],
            score_N=signals["score"],
            disagrees_N=disagrees_N,
            confidence_N=confidence_N,
            competence=competence,
        )
    return estimate(
        signals["distance_average"],
        disagrees_N=disagrees_N,
        confidence_N=confidence_N,
        competence=competence,
    )


def evidence(
    signals: Signals,
    labels_N: npt.NDArray[np.integer[Any]],
    *,
    score: str,
    competence: float,
    classifier_probabilities_NK: npt.NDArray[np.floating[Any]] | None,
) -> dict[str, npt.NDArray[Any]]:
    """Return a training's signals by name, with what else `believed` is made from; see `TrainingResult`.

    Where the margin ranks, a strong classifier's confusions weigh in: a rival that often gets the given label
    is a likelier error than one that never does.
    """
    found: dict[str, npt.NDArray[Any]] = {**asdict(signals), "competence": np.array(competence, np.float32)}
    if classifier_probabilities_NK is None:
        return found
    strong = strength(competence)
    transition_KK = fit(classifier_probabilities_NK, labels_N, strength=strong)
    found["doubt"] = doubt(classifier_probabilities_NK, labels_N, transition_KK, strength=strong)
    if score == "margin":
        best_N, second_N = signals.top_labels_N3[:, 0], signals.top_labels_N3[:, 1]
        rivals_N = np.where(best_N == labels_N, second_N, best_N)
        weight = np.float32(CONFUSION_WEIGHT * strong)
        found["score"] = rivalry(signals.margin - weight * log_odds(transition_KK, labels_N, rivals_N))
    return found
