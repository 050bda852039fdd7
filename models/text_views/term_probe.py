"""A linear model on vectors of terms, in five folds: no model has seen the label that it judges.

Array names: N texts, M texts of the sample, V terms, K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.special import log_softmax, softmax
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
STRENGTHS = (0.3, 1.0, 3.0, 10.0)
"""Inverse penalties that are tried."""
SCALES = tuple(np.exp(np.linspace(-1, 2, 25)).tolist())
"""Factors of log-odds that are tried."""
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

    def score(self, vectors_NV: csr_array) -> npt.NDArray[np.float32]:
        """Return log-odds but for a constant of each text [N, K]."""
        logits_NK: npt.NDArray[np.float32] = vectors_NV @ self.weights_VK + self.offset_K
        return logits_NK

    def sharpen(self, scale: float) -> "FoldModel":
        """Return the model with its log-odds multiplied."""
        factor = np.float32(scale)
        return FoldModel(weights_VK=self.weights_VK * factor, offset_K=self.offset_K * factor)

    def predict(self, vectors_NV: csr_array) -> Probabilities:
        """Return class probabilities [N, K]."""
        found: Probabilities = softmax(self.score(vectors_NV), axis=1).astype(np.float32)
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

    Penalty and scale are those by which the given labels of the first fold are likeliest to a model of the
    others.
    """
    strength, scale = _choose_strength(
        vectors_MV, labels_M, fold_M, class_count=class_count, on_block=on_block
    )
    models = []
    for fold in range(FOLDS):
        fitted = np.flatnonzero(fold_M != fold)
        model = _fit(vectors_MV[fitted], labels_M[fitted], strength, class_count=class_count)
        models.append(model.sharpen(scale))
        on_block()
    return models


def _choose_strength(
    vectors_MV: csr_array,
    labels_M: Labels,
    fold_M: npt.NDArray[np.intp],
    *,
    class_count: int,
    on_block: Callable[[], None],
) -> tuple[float, float]:
    """Return the inverse penalty and the scale of log-odds by which held-out labels are likeliest.

    A strong penalty ranks wrong labels better and makes probabilities too even: the scale undoes the latter.
    """
    step = -(-len(labels_M) // TRIED_MAX)
    fitted, asked = np.flatnonzero(fold_M != 0)[::step], np.flatnonzero(fold_M == 0)[::step]
    found = []
    for strength in STRENGTHS if len(asked) else STRENGTHS[:1]:
        model = _fit(vectors_MV[fitted], labels_M[fitted], strength, class_count=class_count)
        logits_BK = model.score(vectors_MV[asked])
        losses = [(_measure_loss(logits_BK * scale, labels_M[asked]), scale) for scale in SCALES]
        loss, scale = min(losses) if len(asked) else (0.0, 1.0)
        found.append((loss, strength, scale))
        on_block()
    _, strength, scale = min(found)
    return strength, scale


def _measure_loss(logits_BK: npt.NDArray[np.float32], labels_B: Labels) -> float:
    """Return the mean -log probability of labels, in nats."""
    log_BK = log_softmax(logits_BK.astype(np.float64), axis=1)
    return -float(log_BK[np.arange(len(labels_B)), labels_B].mean())


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
