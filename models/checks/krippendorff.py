"""Krippendorff's alpha of nominal values, by how often each sample was given each value.

Counts are sparse, so millions of samples fit. Samples are weighted: an interval comes from the weights of a
bootstrap, or of draws from a posterior.
Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011, section C.

Shape suffixes: N samples, K values, D rows of weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy import sparse

Floats = npt.NDArray[np.float64]
PAIR = 2
SMALLEST = 1e-12


def share_agreeing(counts_NK: sparse.csr_array) -> Floats:
    """Return the share of pairs of values of each sample that agree [N], 0 to 1; not a number below two."""
    total_N = _sum_rows(counts_NK)
    same_N = _sum_rows(counts_NK.multiply(counts_NK)) - total_N
    blank_N = np.full(len(total_N), np.nan)
    shares_N: Floats = np.divide(same_N, total_N * (total_N - 1), out=blank_N, where=total_N >= PAIR)
    return shares_N


def count_differing(counts_NK: sparse.csr_array) -> Floats:
    """Return the ordered pairs of values that differ, each by one over the sample's values less one [N]."""
    total_N = _sum_rows(counts_NK)
    squares_N = _sum_rows(counts_NK.multiply(counts_NK))
    differing_N: Floats = (total_N**2 - squares_N) / np.maximum(total_N - 1, 1)
    return differing_N


def compute_alpha(
    weights_DN: Floats,
    counts_NK: sparse.csr_array,
    differing_N: Floats,
    *,
    added_D1: Floats | float = 0.0,
    added_differing_D: Floats | float = 0.0,
) -> Floats:
    """Return 1 - observed / expected disagreement [D]; not a number where no values differ.

    Args:
        weights_DN: of the samples, 0 or more.
        counts_NK: of samples with two values or more.
        differing_N: `count_differing`.
        added_D1: values of each kind that are added, of a prior.
        added_differing_D: differing pairs among them.

    """
    observed_D = weights_DN @ differing_N + added_differing_D
    totals_DK = weights_DN @ counts_NK + added_D1
    total_D = totals_DK.sum(1)
    expected_D = (total_D**2 - np.square(totals_DK).sum(1)) / np.maximum(total_D - 1, SMALLEST)
    blank_D = np.full(len(expected_D), np.nan)
    alpha_D: Floats = 1 - np.divide(observed_D, expected_D, out=blank_D, where=expected_D > SMALLEST)
    return alpha_D


def _sum_rows(counts_NK: sparse.csr_array) -> Floats:
    return np.asarray(counts_NK.sum(1), dtype=np.float64).ravel()
