"""Linear models on vectors of terms, in five folds: no model has seen the label that it judges.

Array names: N texts, M texts of the sample, V terms, K classes.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from models.text_views.fold_models import FoldModel, fit_bayes, fit_logistic, measure_shares, sum_terms
from models.text_views.noisy_likelihood import fit_scales

Labels = npt.NDArray[np.integer[Any]]

FOLDS = 5
SAMPLED_MAX = 62_500
"""Most texts that models are fitted to, four fifths of them each."""
WEIGHTS_MAX = 50_000_000
"""Most weights K V of one model: 200 MB."""
WORK_MAX = 12_500_000
"""Most texts times classes that a model is fitted to: minutes."""
TEXTS_MIN = 10
STRENGTHS = (0.3, 1.0, 3.0)
"""Inverse penalties of logistic regression that are tried."""
SMOOTHINGS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Places by which naive Bayes draws a term's shares to those of all texts, that are tried."""
TRIED_MAX = 10_000
"""Most texts by which penalty and smoothing are chosen."""
SCALED_MAX = 2_000_000
"""Most texts times classes by which the scales are chosen."""


def choose_sample(count: int, class_count: int, *, seed: int) -> npt.NDArray[np.int64] | None:
    """Return the texts that models are fitted to, ascending; None: too much work, or too few texts."""
    size = min(count, SAMPLED_MAX, WORK_MAX // max(class_count, 1))
    if count < TEXTS_MIN or size < min(count, TEXTS_MIN * class_count):
        return None
    return np.sort(np.random.default_rng(seed).permutation(count)[:size])


def assign_folds(labels_N: Labels, *, seed: int) -> npt.NDArray[np.intp]:
    """Return the fold of every text [N]; each class is spread over the folds as far as it goes."""
    shuffled_N = np.random.default_rng(seed).permutation(len(labels_N))
    order_N = shuffled_N[np.argsort(labels_N[shuffled_N], kind="stable")]
    fold_N = np.empty(len(labels_N), dtype=np.intp)
    fold_N[order_N] = np.arange(len(labels_N)) % FOLDS
    return fold_N


def fit_folds(
    vectors_MV: csr_array,
    labels_M: Labels,
    fold_M: npt.NDArray[np.intp],
    *,
    class_count: int,
    on_block: Callable[[], None],
) -> list[FoldModel]:
    """Return a model for each fold, fitted to the texts of the other folds.

    It is the sum of logistic regression, naive Bayes and the classes' frequencies, in the scales by which the
    held-out labels of all folds are likeliest (`noisy_likelihood`). Penalty and smoothing are those by which
    the labels of the first fold are.
    """
    strength, smoothing = _choose_constants(
        vectors_MV, labels_M, fold_M, class_count=class_count, on_block=on_block
    )
    parts: list[tuple[FoldModel, FoldModel, npt.NDArray[np.float32]]] = []
    logits_3MK = np.empty((3, len(labels_M), class_count), np.float32)
    for fold in range(FOLDS):
        fitted, asked = np.flatnonzero(fold_M != fold), np.flatnonzero(fold_M == fold)
        vectors_FV, labels_F = vectors_MV[fitted], labels_M[fitted]
        share_K = measure_shares(labels_F, class_count)
        logistic = fit_logistic(vectors_FV, labels_F, strength, class_count=class_count)
        bayes = fit_bayes(sum_terms(vectors_FV, labels_F, class_count=class_count), share_K, smoothing)
        logits_3MK[0, asked], logits_3MK[1, asked] = (
            each.score(vectors_MV[asked]) for each in (logistic, bayes)
        )
        logits_3MK[2, asked] = np.log(share_K)
        parts.append((logistic, bayes, np.log(share_K)))
        on_block()
    step = -(-len(labels_M) * class_count // SCALED_MAX)
    scales = fit_scales(logits_3MK[:, ::step], labels_M[::step]).scale_S.astype(np.float32)
    return [
        FoldModel(
            weights_VK=scales[0] * logistic.weights_VK + scales[1] * bayes.weights_VK,
            offset_K=scales[0] * logistic.offset_K + scales[2] * log_share_K,
        )
        for logistic, bayes, log_share_K in parts
    ]


def _choose_constants(
    vectors_MV: csr_array,
    labels_M: Labels,
    fold_M: npt.NDArray[np.intp],
    *,
    class_count: int,
    on_block: Callable[[], None],
) -> tuple[float, float]:
    """Return the inverse penalty and the smoothing by which held-out labels are likeliest."""
    step = -(-len(labels_M) // TRIED_MAX)
    fitted, asked = np.flatnonzero(fold_M != 0)[::step], np.flatnonzero(fold_M == 0)[::step]
    if not len(asked):
        return STRENGTHS[0], SMOOTHINGS[0]
    vectors_FV, labels_F, share_K = (
        vectors_MV[fitted],
        labels_M[fitted],
        measure_shares(labels_M, class_count),
    )
    sums_VK = sum_terms(vectors_FV, labels_F, class_count=class_count)

    def measure(
        options: tuple[float, ...], fit: Callable[[float], FoldModel]
    ) -> Iterator[tuple[float, float]]:
        for option in options:
            logits_BK = fit(option).score(vectors_MV[asked])
            yield fit_scales([logits_BK, np.log(share_K)], labels_M[asked]).loss, option
            on_block()

    _, strength = min(
        measure(STRENGTHS, lambda each: fit_logistic(vectors_FV, labels_F, each, class_count=class_count))
    )
    _, smoothing = min(measure(SMOOTHINGS, lambda each: fit_bayes(sums_VK, share_K, each)))
    return strength, smoothing
