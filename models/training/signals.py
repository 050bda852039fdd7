"""The signals of a training about every sample, as arrays.

Shape suffixes: N samples, 3 best classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

TOP = 3


@dataclass(frozen=True, kw_only=True)
class Signals:
    """One row per sample, in the samples' order, from the scoring network.

    The scoring network is the predictor or, in methods without a predictor, the classifier. Averages run over
    the epochs with weights (`TrainingConfig.signal_decay`). Each sample is scored in its batch, before that
    batch's update, and once more by the trained network if epochs are weighted by agreement. For samples not
    seen yet, provisional signals are 0, and classes -1.
    """

    score: npt.NDArray[np.float32]
    """The score that ranks [N], in [0, 1]; high = bad. See `models.ranking`."""
    distance: npt.NDArray[np.float32]
    """||mu - g||_2 [N]: `distance_last` if that ranks, else `distance_average`; high = bad."""
    distance_average: npt.NDArray[np.float32]
    """||y - s(b)||_2 averaged [N], in [0, sqrt 2]; high = bad."""
    distance_last: npt.NDArray[np.float32]
    """||y - s(b)||_2 of the trained network in one last pass [N], in [0, sqrt 2]; high = bad."""
    predicted_gradient_norm: npt.NDArray[np.float32]
    """||mu||_2 averaged [N], in [0, sqrt 2]; it should not separate right from wrong labels (Fig. A2)."""
    margin: npt.NDArray[np.float32]
    """The logit of the given label minus the best other logit, averaged [N]; low = bad."""
    given_label_probability: npt.NDArray[np.float32]
    """The probability of the given label, averaged [N]; low = bad."""
    top_labels_N3: npt.NDArray[np.int64]
    """The three most probable classes, best first; [:, 0] is the suggested label; padded with -1 if K < 3.

    A reliable classifier contributes with its weight (`classifier_weight`)."""
    top_probabilities_N3: npt.NDArray[np.float32]
    """Their probabilities, averaged if N * K is at most `signal_recorder.PROBABILITY_CELLS_MAX`; padded with
    0 if K < 3."""
    loss: npt.NDArray[np.float32]
    """The cross-entropy of the given label in nats, averaged [N]; high = bad."""

    @classmethod
    def from_untrained(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return signals that were computed without a training; missing ones are 0."""
        zeros_N = np.zeros_like(arrays["score"])
        return cls(**{field.name: arrays.get(field.name, zeros_N) for field in fields(cls)})
