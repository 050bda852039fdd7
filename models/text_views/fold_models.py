"""Two linear models of vectors of terms: logistic regression, and term shares as naive Bayes weighs them.

Logistic regression weighs terms together, and needs texts enough to tell them apart; naive Bayes looks at
each term alone, and is right sooner where texts are few (Ng and Jordan 2002). Which of them says more, labels
decide that neither has seen (`term_probe`).

Array names: N texts, M texts that are fitted to, V terms, K classes.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

Labels = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float32]
Probabilities = npt.NDArray[np.float32]

ITERATIONS = 25
PRIOR_COUNT = 0.5
"""Of each class, in labels (Jeffreys): a class that a fold has not seen is not impossible."""


@dataclass(frozen=True, kw_only=True)
class FoldModel:
    """The weights of a fold's model."""

    weights_VK: Floats
    offset_K: Floats

    def score(self, vectors_NV: csr_array) -> Floats:
        """Return log-odds but for a constant of each text [N, K]."""
        logits_NK: Floats = vectors_NV @ self.weights_VK + self.offset_K
        return logits_NK

    def predict(self, vectors_NV: csr_array) -> Probabilities:
        """Return class probabilities [N, K]."""
        found: Probabilities = softmax(self.score(vectors_NV), axis=1).astype(np.float32)
        return found


def measure_shares(labels_M: Labels, class_count: int) -> Floats:
    """Return the classes' frequencies [K], none of them 0."""
    counts_K = np.bincount(labels_M, minlength=class_count) + PRIOR_COUNT
    shares_K: Floats = (counts_K / counts_K.sum()).astype(np.float32)
    return shares_K


def fit_logistic(vectors_MV: csr_array, labels_M: Labels, strength: float, *, class_count: int) -> FoldModel:
    """Return a logistic regression.

    Weights of classes that no label names are 0, their offset so low that they get their prior share.

    Args:
        vectors_MV: of length 1.
        labels_M: in 0 .. class_count - 1.
        strength: inverse penalty of the squared weights, above 0.
        class_count: K.

    """
    known = np.unique(labels_M)
    weights_VK = np.zeros((vectors_MV.shape[1], class_count), np.float32)
    share_K = measure_shares(labels_M, class_count)
    offset_K = np.log(share_K)
    if len(known) > 1:
        model = LogisticRegression(C=strength, max_iter=ITERATIONS, tol=1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # as good: bench/text/RESULTS.md
            model.fit(vectors_MV, labels_M)
        coefficients, intercepts = model.coef_, model.intercept_
        if len(known) == 2:  # noqa: PLR2004 - one row of weights says both
            coefficients = np.concatenate([-coefficients, coefficients]) / 2
            intercepts = np.append(-intercepts, intercepts) / 2
        weights_VK[:, known] = coefficients.T
        offset_K[known] = intercepts
        unseen = np.setdiff1d(np.arange(class_count), known)
        offset_K[unseen] = np.log(share_K[unseen]) + intercepts.max()
    return FoldModel(weights_VK=weights_VK, offset_K=offset_K.astype(np.float32))


def sum_terms(vectors_MV: csr_array, labels_M: Labels, *, class_count: int) -> Floats:
    """Return the summed weights of each term in the texts of each class [V, K], over the mean weight."""
    ones_M = np.ones(len(labels_M), np.float32)
    is_label_MK = csr_array(
        (ones_M, (np.arange(len(labels_M)), labels_M)), shape=(len(labels_M), class_count)
    )
    sums_VK: Floats = (vectors_MV.T @ is_label_MK).toarray()
    return sums_VK / np.float32(vectors_MV.data.mean() if vectors_MV.nnz else 1)


def fit_bayes(sums_VK: Floats, share_K: Floats, smoothing: float) -> FoldModel:
    """Return a model whose weights are the log of each class's share of a term over its share of all texts.

    A term's shares are drawn to those of all texts by so many places (Dirichlet prior): a term that few texts
    have says little. A text's classes' frequencies are not in it.

    Args:
        sums_VK: `sum_terms`.
        share_K: `measure_shares`.
        smoothing: places, above 0.

    """
    smoothed_VK = sums_VK + np.float32(smoothing) * share_K
    smoothed_VK /= smoothed_VK.sum(1, keepdims=True)
    smoothed_VK /= share_K
    weights_VK: Floats = np.log(smoothed_VK, out=smoothed_VK)
    return FoldModel(weights_VK=weights_VK, offset_K=np.zeros_like(share_K))
