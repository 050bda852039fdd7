"""What the signals of one or several trainings let one believe of every label.

Shape suffix: N samples.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from models.label_errors.error_estimates import Estimate, estimate, of_doubts
from models.label_errors.transitions import doubt, fit, leanings
from models.training.competence import strength
from models.training.signals import Signals, rivalry

LEANING_WEIGHT = 0.75
"""Of the classes' leanings beside the averaged margin (docs/detection.md)."""
CHANCE_LEANING = 0.35
"""Mean square of leanings where labels go both ways alike, from a network that favours some classes."""


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

    Where the margin ranks, labels that go one way between two classes weigh in: a rival that often gets the
    given label, and seldom the other way round, is a likelier error.
    """
    found: dict[str, npt.NDArray[Any]] = {**asdict(signals), "competence": np.array(competence, np.float32)}
    if classifier_probabilities_NK is None:
        return found
    strong = strength(competence)
    transition_KK = fit(classifier_probabilities_NK, labels_N, strength=strong)
    found["doubt"] = doubt(classifier_probabilities_NK, labels_N, transition_KK, strength=strong)
    if score == "margin":
        leaning_KK = leanings(classifier_probabilities_NK, labels_N, strength=strong)
        found |= _leaned(signals, labels_N, leaning_KK, strong=strong)
    return found


def _leaned(
    signals: Signals,
    labels_N: npt.NDArray[np.integer[Any]],
    leaning_KK: npt.NDArray[np.float64],
    *,
    strong: float,
) -> dict[str, npt.NDArray[Any]]:
    """Return the score, and a weak network's best classes, with what the classes lean to."""
    best_N, second_N = signals.top_labels_N3[:, 0], signals.top_labels_N3[:, 1]
    leaning_N = leaning_KK[np.where(best_N == labels_N, second_N, best_N), labels_N]
    # James and Stein's shrinkage: as far as all leanings together exceed chance, each is believed.
    believed_share = max(0.0, 1 - CHANCE_LEANING / max(float(np.square(leaning_N).mean()), CHANCE_LEANING))
    weight = LEANING_WEIGHT * believed_share
    score_N = rivalry((signals.margin - weight * leaning_N).astype(np.float32))
    if strong == 1:
        return {"score": score_N}
    factor_N3 = np.exp((1 - strong) * weight * leaning_KK[signals.top_labels_N3, labels_N[:, None]])
    labels_N3, probabilities_N3 = _reordered(signals, factor_N3)
    return {"score": score_N, "top_labels_N3": labels_N3, "top_probabilities_N3": probabilities_N3}


def _reordered(
    signals: Signals, factor_N3: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the best classes by their probabilities times a factor, which keep their sum."""
    weighed_N3 = signals.top_probabilities_N3 * factor_N3
    total_N1 = signals.top_probabilities_N3.sum(1, keepdims=True)
    weighed_N3 *= total_N1 / weighed_N3.sum(1, keepdims=True).clip(np.finfo(np.float64).tiny)
    order_N3 = np.argsort(-weighed_N3, axis=1, kind="stable")
    labels_N3 = np.take_along_axis(signals.top_labels_N3, order_N3, axis=1)
    return labels_N3, np.take_along_axis(weighed_N3, order_N3, axis=1).astype(np.float32)
