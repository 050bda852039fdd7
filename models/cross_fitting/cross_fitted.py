"""The class probabilities from networks that never learned a sample's label.

Shape suffixes: N samples, K classes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

MEMORISATION = "memorisation"
"""Name of `CrossFitted.measure_memorisation` [N] among the signals."""


@dataclass(frozen=True, kw_only=True)
class CrossFitted:
    """Class probabilities of every sample, by networks that are blind to its label and by those that are not.

    Averages over the epochs are those of `Signals`. Rows sum to 1; for samples not seen yet they are uniform.
    `blind_N` says which rows are out of sample.
    """

    probabilities_NK: npt.NDArray[np.float32]
    """From the network that scores each label; out of sample if `blind_N` is at least 0."""
    in_sample_probabilities_NK: npt.NDArray[np.float32] | None
    """The mean of the networks that learn each label; None with one scoring network."""
    blind_N: npt.NDArray[np.int64]
    """The fold of each sample: the number of the network that never learned its label and scores it; -1 if no
    network is blind, so that the row is in sample."""

    @property
    def has_folds(self) -> bool:
        """Whether several networks score, so that every label has probabilities in and out of sample."""
        return self.in_sample_probabilities_NK is not None

    def measure_memorisation(self, labels_N: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.float32] | None:
        """Return how much more probable each label is to networks that learn it [N], in [-1, 1]; high = bad.

        Its probability in sample minus that out of sample, the memorisation of Feldman and Zhang (2020) in
        probabilities instead of first choices. A label that only its own learning supports is wrong, or its
        sample is like no other. None with one scoring network: nobody both learns a label and does not.
        """
        if self.in_sample_probabilities_NK is None:
            return None
        rows_N = np.arange(len(labels_N))
        difference_N: npt.NDArray[np.float32] = (
            self.in_sample_probabilities_NK[rows_N, labels_N] - self.probabilities_NK[rows_N, labels_N]
        )
        return difference_N
