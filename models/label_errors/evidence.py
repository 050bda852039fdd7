"""The signals that rank the labels of one training.

Shape suffixes: N samples, K classes, 3 best classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from models.cross_fitting.cross_fitted import CrossFitted
from models.cross_fitting.ranking_evidence import balance_classes, compute_log_odds, measure_confusion
from models.error_model.class_confusions import count_confusions
from models.feature_views.combined_probabilities import combine_probabilities
from models.label_errors.label_asymmetry import CONSTANTS, AsymmetryConstants, measure_asymmetry
from models.ranking.ranking_scores import ASYMMETRY, RANKING_SCORES, RankingScore
from models.stopping.classifier_weight import weigh_classifier
from models.training.signals import Signals

Arrays = Mapping[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]


def gather_signals(
    signals: Signals,
    labels_N: Labels,
    *,
    score: str,
    agreement_ratio: float,
    classifier_probabilities_NK: npt.NDArray[np.floating[Any]] | None,
    cross_fitted: CrossFitted | None = None,
    opinions: Sequence[npt.NDArray[np.floating[Any]]] = (),
    constants: AsymmetryConstants = CONSTANTS,
) -> dict[str, npt.NDArray[Any]]:
    """Return a training's signals by name, the score among them.

    If the margin ranks, how classes are taken for each other changes its score. With several folds the
    log-odds by Bayes' rule take its place, see `ranking_evidence`. With one fold a label is a likelier error
    if samples of the best other class often get it, and its own class's samples rarely get the other one.

    Args:
        signals: the signals of the training.
        labels_N: the given labels.
        score: the name of the score that ranks, `TrainingConfig.score`.
        agreement_ratio: `TrainingResult.agreement_ratio`.
        classifier_probabilities_NK: `TrainingResult.classifier_probabilities_NK`; None: there are none.
        cross_fitted: `TrainingResult.cross_fitted`; with several folds it ranks.
        opinions: class probabilities [N, K] from the same features by other means; with several folds the
            geometric mean of them and of the training's own ranks (bench/feature_views/RESULTS.md).
        constants: of the asymmetry with one fold.

    """
    arrays: dict[str, npt.NDArray[Any]] = asdict(signals)
    ranking = RANKING_SCORES[score]
    if classifier_probabilities_NK is None or not ranking.uses_asymmetry:
        return arrays
    if cross_fitted is not None and cross_fitted.has_folds:
        log_odds_N = compute_log_odds_of_folds(cross_fitted, labels_N, opinions=opinions)
        return arrays | ranking.compute_arrays({**arrays, "margin": -log_odds_N.astype(np.float32)})
    weight = weigh_classifier(agreement_ratio)
    asymmetry_KK = measure_asymmetry(
        classifier_probabilities_NK, labels_N, classifier_weight=weight, constants=constants
    )
    share = _shrink_asymmetry(signals, labels_N, asymmetry_KK, constants)
    return arrays | _rank_by_asymmetry(
        signals, labels_N, asymmetry_KK, ranking, share=share, classifier_weight=weight
    )


def compute_log_odds_of_folds(
    cross_fitted: CrossFitted,
    labels_N: Labels,
    *,
    opinions: Sequence[npt.NDArray[np.floating[Any]]] = (),
) -> Floats:
    """Return the log-odds that each label is wrong, by all networks of several folds [N]; high = bad.

    All networks weigh alike: those that learn a label tell how well it and the others go together, the one
    that is blind to it what they say without it. Their favour for classes is undone. Each opinion weighs as
    much as all of them.

    Args:
        cross_fitted: of a training with folds.
        labels_N: the given labels.
        opinions: see `gather_signals`.

    """
    seen_NK, blind_NK = cross_fitted.in_sample_probabilities_NK, cross_fitted.probabilities_NK
    assert seen_NK is not None
    blind_share = 1 / (int(cross_fitted.blind_N.max()) + 1)
    confusions = count_confusions(blind_NK, labels_N)
    networks = [balance_classes(each_NK, confusions.bias_K) for each_NK in (seen_NK, blind_NK)]
    together_NK = combine_probabilities(
        [*networks, *opinions], [1 - blind_share, blind_share, *[1.0] * len(opinions)]
    )
    confusion_KK = measure_confusion(confusions.counts_KK, confusions.variance_KK)
    return compute_log_odds(together_NK, labels_N, confusion_KK)


def _rank_by_asymmetry(
    signals: Signals,
    labels_N: Labels,
    asymmetry_KK: Floats,
    ranking: RankingScore,
    *,
    share: float,
    classifier_weight: float,
) -> dict[str, npt.NDArray[Any]]:
    """Return the score less a share of the asymmetry; of a weak classifier also its classes reordered."""
    asymmetry_N = share * asymmetry_KK[_choose_rivals(signals, labels_N), labels_N]
    found = ranking.compute_arrays({**asdict(signals), ASYMMETRY: asymmetry_N})
    if classifier_weight < 1:
        asymmetry_N3 = asymmetry_KK[signals.top_labels_N3, labels_N[:, None]]
        factor_N3 = np.exp((1 - classifier_weight) * share * asymmetry_N3)
        found["top_labels_N3"], found["top_probabilities_N3"] = _reorder_classes(signals, factor_N3)
    return found


def _choose_rivals(signals: Signals, labels_N: Labels) -> npt.NDArray[np.int64]:
    """Return the most probable class other than the given label [N]."""
    best_N, second_N = signals.top_labels_N3[:, 0], signals.top_labels_N3[:, 1]
    return np.where(best_N == labels_N, second_N, best_N)


def _shrink_asymmetry(
    signals: Signals, labels_N: Labels, asymmetry_KK: Floats, constants: AsymmetryConstants
) -> float:
    """Return the weight of the asymmetry by James-Stein shrinkage: 0 if it does not exceed chance."""
    asymmetry_N = asymmetry_KK[_choose_rivals(signals, labels_N), labels_N]
    chance = constants.by_chance
    return constants.weight * max(0.0, 1 - chance / max(float(np.square(asymmetry_N).mean()), chance))


def _reorder_classes(
    signals: Signals, factor_N3: Floats
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Return the best classes, ordered by their probabilities times a factor; the sum stays unchanged."""
    weighted_N3 = signals.top_probabilities_N3 * factor_N3
    total_N1 = signals.top_probabilities_N3.sum(1, keepdims=True)
    weighted_N3 *= total_N1 / weighted_N3.sum(1, keepdims=True).clip(np.finfo(np.float64).tiny)
    order_N3 = np.argsort(-weighted_N3, axis=1, kind="stable")
    labels_N3 = np.take_along_axis(signals.top_labels_N3, order_N3, axis=1)
    return labels_N3, np.take_along_axis(weighted_N3, order_N3, axis=1).astype(np.float32)
