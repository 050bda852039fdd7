"""The evidence that ranks the labels of a cross-fitted training: the log-odds that each label is wrong.

By Bayes' rule, with the transition matrix T of the given labels, P(label y | class k) = T_ky, and the class
probabilities p_k of a sample, the odds that its label y is wrong are sum over k other than y of p_k T_ky,
over p_y T_yy; p is sharpened before. Classes that are taken for each other make that label a likelier error,
in one direction or in both. T is estimated out of sample, where no label influences its own prediction, and
counts only as far as it stands out from chance.

Shape suffixes: N samples, B samples of a block, K classes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]
Probabilities = npt.NDArray[np.floating[Any]]

LEAST_PROBABILITY = 1e-6
"""Averages of float32 do not resolve smaller probabilities."""
SHARPNESS = 1.25
"""Power of the probabilities: averages over a training, early epochs among them, are less sure than networks
become. Ablation (bench/evidence/RESULTS.md): 1 ranks CIFAR-10N `worse` .003 lower, 1.5 ranks one-way pairs of
CIFAR-10 .014 lower."""
PRIOR_COUNT = 1.0
"""Added to the count of labels of every kind (Laplace), so that every logarithm is finite."""
BLOCK_ELEMENTS = 4_000_000
"""Samples times classes that are computed at once; memory."""


def measure_confusion(counts_KK: Floats, variance_KK: Floats) -> Floats:
    """Return how readily class k is labelled y, compared with y itself, as confusion_KK[k, y].

    log T_ky - log T_yy, and 0 on the diagonal. Every pair of classes is drawn to the median of all pairs, by
    its own variance (James-Stein): the median is what uniform noise, or none, would make of all pairs. A pair
    stays there unless it stands out more than the largest of so many would by chance, sqrt(2 log m) standard
    errors of m pairs (Donoho and Johnstone 1994). What this limit is worth, and an error that includes what
    weak networks cannot tell: bench/evidence/RESULTS.md.

    Args:
        counts_KK: samples of class k (row) that were labelled y (column), as a model estimates them.
        variance_KK: of log T_ky - log T_yy.

    """
    smoothed_KK = counts_KK + PRIOR_COUNT
    log_share_KK = np.log(smoothed_KK / smoothed_KK.sum(1, keepdims=True))
    confusion_KK = log_share_KK - np.diag(log_share_KK)
    is_pair_KK = ~np.eye(len(confusion_KK), dtype=np.bool_)
    median = float(np.median(confusion_KK[is_pair_KK]))
    beyond_KK = confusion_KK - median
    by_chance_KK = 2 * np.log(is_pair_KK.sum()) * variance_KK
    square_KK = np.square(beyond_KK)
    kept_KK = (square_KK - by_chance_KK).clip(0) / square_KK.clip(np.finfo(np.float64).tiny)
    shrunk_KK: Floats = np.where(is_pair_KK, median + beyond_KK * kept_KK, 0)
    return shrunk_KK


def balance_classes(probabilities_NK: Probabilities, bias_K: Floats) -> Floats:
    """Return probabilities of networks that learned the labels, without a favour for any class [N, K].

    Networks learn how often each label is given, and say so where they are unsure: if many automobiles are
    labelled truck, unsure pictures become trucks. Rows sum to 1.

    Args:
        probabilities_NK: class probabilities.
        bias_K: what a model of the labels adds to the log-probabilities of blind networks.

    """
    balanced_NK = np.exp(_take_logs(probabilities_NK) + bias_K)
    scaled_NK: Floats = balanced_NK / balanced_NK.sum(1, keepdims=True)
    return scaled_NK


def compute_log_odds(probabilities_NK: Probabilities, labels_N: Labels, confusion_KK: Floats) -> Floats:
    """Return the log-odds that each given label is wrong [N]; high = bad.

    Args:
        probabilities_NK: class probabilities, of any scale.
        labels_N: the given labels.
        confusion_KK: `measure_confusion`.

    """
    odds_N = np.empty(len(labels_N))
    rows = max(1, BLOCK_ELEMENTS // probabilities_NK.shape[1])
    for start in range(0, len(labels_N), rows):
        block = slice(start, start + rows)
        odds_N[block] = _compute_block(probabilities_NK[block], labels_N[block], confusion_KK)
    return odds_N


def _compute_block(probabilities_BK: Probabilities, labels_B: Labels, confusion_KK: Floats) -> Floats:
    log_BK = SHARPNESS * _take_logs(probabilities_BK)
    rows_B = np.arange(len(labels_B))
    given_B = log_BK[rows_B, labels_B]
    joint_BK = log_BK + confusion_KK.T[labels_B]
    joint_BK[rows_B, labels_B] = -np.inf
    odds_B: Floats = logsumexp(joint_BK, axis=1) - given_B
    return odds_B


def _take_logs(probabilities: Probabilities) -> Floats:
    log: Floats = np.log(np.asarray(probabilities, dtype=np.float64).clip(LEAST_PROBABILITY))
    return log
