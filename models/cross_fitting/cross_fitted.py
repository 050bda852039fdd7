"""What networks say about labels that they never learned: the evidence for everything claimed of labels.

Shape suffixes: N samples, K classes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class CrossFitted:
    """Class probabilities of every sample, by networks that are blind to its label and by those that are not.

    Averages run over the epochs as those of `Signals`. Rows sum to 1; those of samples that were not seen yet
    are uniform. Which rows are out of sample, `blind_N` says.
    """

    probabilities_NK: npt.NDArray[np.float32]
    """Of the network that scores each label. Out of sample where `blind_N` is at least 0."""
    in_sample_probabilities_NK: npt.NDArray[np.float32] | None
    """The mean of the networks whose loss each label enters; None with one scoring network."""
    blind_N: npt.NDArray[np.int64]
    """The fold of each sample: the number of the network that never learned its label, and scores it; -1
    where none is blind, so that its row is in sample."""

    @property
    def has_folds(self) -> bool:
        """Whether several networks score, so that every label is known in sample and out of sample."""
        return self.in_sample_probabilities_NK is not None
