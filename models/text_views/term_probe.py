"""A linear model on vectors of terms, in five folds: no model has seen the label that it judges.

Array names: N texts, M texts of the sample, V terms, K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

Labels = npt.NDArray[np.integer[Any]]
Probabilities = npt.NDArray[np.float32]

FOLDS = 5
SAMPLED_MAX = 62_500
"""Most texts that models are fitted to, four fifths of them each."""
WEIGHTS_MAX = 50_000_000
"""Most weights K V of one model: 200 MB."""
WORK_MAX = 12_500_000
"""Most texts times classes that a model is fitted to: minutes."""
TEXTS_MIN = 10
STRENGTHS = (1.0, 10.0, 100.0)
"""Inverse penalties that are tried."""
TRIED_MAX = 10_000
"""Most texts by which the penalty is chosen."""
ITERATIONS = 50
PRIOR_COUNT = 0.5
"""Of each class, in labels (Jeffreys): a class that a fold has not seen is not impossible."""


@dataclass(frozen=True, kw_only=True)
class FoldModel:
    """The weights of a fold's model."""

    weights_VK: npt.NDArray[np.float32]
    """0 for classes that the fold has not seen."""
    offset_K: npt.NDArray[np.float32]
    """Of classes that it has not seen, so low that they get their prior share."""

    def predict(self, vectors_NV: csr_array) -> Probabilities:
        """Return class probabilities [N, K]."""
        found: Probabilities = softmax(vectors_NV @ self.weights_VK + self.offset_K, axis=1).astype(
            np.float32
        )
        return found


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

    The penalty is the one by which the given labels of the first fold are likeliest to a model of the others.
    """
    strength = _choose_strength(vectors_MV, labels_M, fold_M, class_count=class_count, on_block=on_block)
    models = []
    for fold in range(FOLDS):
        fitted = np.flatnonzero(fold_M != fold)
        models.append(_fit(vectors_MV[fitted], labels_M[fitted], strength, class_count=class_count))
        on_block()
    return models


def _choose_strength(
    vectors_MV: csr_array,
    labels_M: Labels,
    fold_M: npt.NDArray[np.intp],
    *,
    class_count: int,
    on_block: Callable[[], None],
) -> float:
    step = -(-len(labels_M) // TRIED_MAX)
    fitted, asked = np.flatnonzero(fold_M != 0)[::step], np.flatnonzero(fold_M == 0)[::step]

    def measure(strength: float) -> float:
        model = _fit(vectors_MV[fitted], labels_M[fitted], strength, class_count=class_count)
        on_block()
        own = model.predict(vectors_MV[asked])[np.arange(len(asked)), labels_M[asked]]
        return -float(np.log(own.clip(1e-6)).mean())

    return min(STRENGTHS, key=measure) if len(asked) else STRENGTHS[0]


def _fit(vectors_MV: csr_array, labels_M: Labels, strength: float, *, class_count: int) -> FoldModel:
    known = np.unique(labels_M)
    weights_VK = np.zeros((vectors_MV.shape[1], class_count), np.float32)
    share_K = np.bincount(labels_M, minlength=class_count) + PRIOR_COUNT
    offset_K = np.log(share_K / share_K.sum())
    if len(known) > 1:
        model = LogisticRegression(C=strength, max_iter=ITERATIONS, tol=1e-3)
        model.fit(vectors_MV, labels_M)
        if len(known) == 2:  # noqa: PLR2004 - one row of weights says both
            halves = (
                np.concatenate([-model.coef_, model.coef_]) / 2,
                np.append(-model.intercept_, model.intercept_) / 2,
            )
        else:
            halves = model.coef_, model.intercept_
        weights_VK[:, known] = halves[0].T
        offset_K[known] = halves[1]
        unseen = np.setdiff1d(np.arange(class_count), known)
        offset_K[unseen] = np.log(share_K[unseen] / share_K.sum()) + halves[1].max()
    return FoldModel(weights_VK=weights_VK, offset_K=offset_K.astype(np.float32))
