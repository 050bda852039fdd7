"""The labels of several annotators, and what may be said of them without any model.

Shape suffixes: R labels (one annotator's of one sample), N samples, J annotators, K classes, B samples of a
block.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from models.checks.krippendorff import compute_alpha, count_differing, share_agreeing

Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
BOOTSTRAPS = 200
"""Samples drawn again for the interval of alpha: its ends move by about a twentieth of its width (Efron and
Tibshirani 1993, chapter 13)."""
PAIR = 2
SMALLEST = 1e-12


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """At most one label of each annotator for each sample; R rows in any order."""

    sample_R: Codes
    annotator_R: Codes
    label_R: Codes
    sample_count: int
    annotator_count: int
    class_count: int

    @cached_property
    def counts_NK(self) -> sparse.csr_array:  # noqa: N802 - the shape suffix
        """Return how many annotators gave each sample each label."""
        ones_R = np.ones(len(self.sample_R))
        shape = (self.sample_count, self.class_count)
        return sparse.csr_array((ones_R, (self.sample_R, self.label_R)), shape=shape)

    @cached_property
    def labels_per_sample_N(self) -> npt.NDArray[np.int64]:  # noqa: N802 - the shape suffix
        """Return how many annotators labelled each sample."""
        return np.bincount(self.sample_R, minlength=self.sample_count)

    @cached_property
    def labels_per_annotator_J(self) -> npt.NDArray[np.int64]:  # noqa: N802 - the shape suffix
        """Return how many samples each annotator labelled."""
        return np.bincount(self.annotator_R, minlength=self.annotator_count)


def find_majority(annotations: Annotations) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """Return the most frequent label of each sample, -1 where there is none, and which samples are ties.

    Of tied labels one is taken by the sample's position, so that no class wins all ties.
    """
    counts = annotations.counts_NK.tocsr()
    counts.sum_duplicates()
    majority_N = np.full(annotations.sample_count, -1, dtype=np.int32)
    most_N = np.zeros(annotations.sample_count)
    rows = np.repeat(np.arange(annotations.sample_count), np.diff(counts.indptr))
    np.maximum.at(most_N, rows, counts.data)
    is_most = counts.data == most_N[rows]
    first_of_row = np.flatnonzero(is_most)
    rows_of_most, labels_of_most = rows[first_of_row], counts.indices[first_of_row]
    tied_N = np.bincount(rows_of_most, minlength=annotations.sample_count)
    starts_N = np.concatenate([[0], np.cumsum(tied_N)[:-1]])
    known = np.flatnonzero(tied_N)
    majority_N[known] = labels_of_most[starts_N[known] + known % tied_N[known]]
    return majority_N, tied_N > 1


def measure_agreement(annotations: Annotations) -> Floats:
    """Return the share of pairs of labels of each sample that agree, 0 to 1; not a number below two."""
    return share_agreeing(annotations.counts_NK)


@dataclass(frozen=True, kw_only=True)
class Alpha:
    """Krippendorff's alpha: 1 is full agreement, 0 what chance gives, below 0 systematic disagreement."""

    alpha: float
    low: float
    """Ends of the 95 % interval, by a bootstrap of the samples."""
    high: float
    samples: int
    """Samples with two labels or more; the others say nothing of agreement."""


def measure_alpha(annotations: Annotations, *, seed: int = 0) -> Alpha | None:
    """Return Krippendorff's alpha of nominal labels; None where no two labels can differ."""
    paired = np.flatnonzero(annotations.labels_per_sample_N >= PAIR)
    counts = annotations.counts_NK[paired]
    differing_N = count_differing(counts)
    value = compute_alpha(np.ones((1, len(paired))), counts, differing_N)[0]
    if not np.isfinite(value):
        return None
    random = np.random.default_rng(seed)
    drawn = [
        compute_alpha(_draw_weights(random, len(paired)), counts, differing_N)[0] for _ in range(BOOTSTRAPS)
    ]
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return Alpha(alpha=float(value), low=float(low), high=float(high), samples=len(paired))


def _draw_weights(random: np.random.Generator, count: int) -> Floats:
    weights: Floats = np.bincount(random.integers(0, count, count), minlength=count)[None].astype(np.float64)
    return weights
