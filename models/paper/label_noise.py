"""Label noise added to correct labels: uniform, pair, and by a confusion matrix.

Every function returns the noisy labels and the mask of the changed ones; the same seed gives the same noise.
Shape suffixes: N samples, K classes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.integer[Any]]
Noisy = tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]

CIFAR10_PAIRS: Mapping[int, int] = {9: 1, 2: 0, 4: 7, 3: 5}
"""The paper's pair noise: truck to automobile, bird to airplane, deer to horse, cat to dog."""


def add_uniform_noise(labels_N: Labels, *, class_count: int, rate: float, seed: int) -> Noisy:
    """Change each label with probability `rate` to one of the K - 1 wrong classes, all equally likely."""
    matrix_KK = np.full((class_count, class_count), rate / max(class_count - 1, 1))
    np.fill_diagonal(matrix_KK, 1.0 - rate)
    return add_confusion_noise(labels_N, matrix_KK=matrix_KK, seed=seed)


def add_pair_noise(
    labels_N: Labels, *, mapping: Mapping[int, int], class_count: int, rate: float, seed: int
) -> Noisy:
    """Change each label in `mapping` to its partner there, with probability `rate`."""
    _check_labels(np.array([*mapping, *mapping.values()], dtype=np.int64), class_count)
    matrix_KK = np.eye(class_count)
    for source, target in mapping.items():
        matrix_KK[source, source] -= rate
        matrix_KK[source, target] += rate
    return add_confusion_noise(labels_N, matrix_KK=matrix_KK, seed=seed)


def add_confusion_noise(labels_N: Labels, *, matrix_KK: npt.ArrayLike, seed: int) -> Noisy:
    """Draw each noisy label from its class's row: matrix[i, j] is the probability that i becomes j.

    Raises ValueError for labels outside 0 .. K - 1 and for rows that are not distributions.
    """
    rows_KK = np.asarray(matrix_KK, dtype=np.float64)
    _check_matrix(rows_KK)
    clean_N = np.asarray(labels_N, dtype=np.int64)
    _check_labels(clean_N, len(rows_KK))
    drawn_N = np.random.default_rng(seed).random(len(clean_N))
    noisy_N = np.empty_like(clean_N)
    for label, row_K in enumerate(rows_KK):
        is_label_N = clean_N == label
        # Without the last border: rounding must not put a draw beyond the last class.
        noisy_N[is_label_N] = np.searchsorted(row_K.cumsum()[:-1], drawn_N[is_label_N], side="right")
    return noisy_N, noisy_N != clean_N


def _check_matrix(rows_KK: npt.NDArray[np.float64]) -> None:
    is_square = rows_KK.ndim == 2 and rows_KK.shape[0] == rows_KK.shape[1] >= 2  # noqa: PLR2004
    if not is_square:
        raise ValueError(
            f"A confusion matrix must be square, of 2 classes or more, not {list(rows_KK.shape)}."
        )
    if not (np.isfinite(rows_KK).all() and (rows_KK >= 0).all() and np.allclose(rows_KK.sum(1), 1.0)):
        raise ValueError("Every row of a confusion matrix must hold probabilities that sum to 1.")


def _check_labels(labels_N: npt.NDArray[np.int64], class_count: int) -> None:
    if len(labels_N) and not 0 <= labels_N.min() <= labels_N.max() < class_count:
        raise ValueError(
            f"Labels must be in 0 .. {class_count - 1}, not {labels_N.min()} .. {labels_N.max()}."
        )
