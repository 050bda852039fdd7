"""What training tells about every sample, as arrays.

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
    """One row per sample, in the samples' order. They come from the scoring network.

    That is the predictor or, in methods without one, the classifier. Averages run over the epochs with
    weights (`TrainingConfig.signal_decay`). Each sample is scored in its batch, before that batch's update,
    and where epochs weigh by agreement once more by the trained network. Provisional signals hold zeros,
    and -1 for classes, where a sample has not been seen yet.
    """

    score: npt.NDArray[np.float32]
    """What ranks [N], in [0, 1]; high = bad. See `models.ranking`."""
    distance: npt.NDArray[np.float32]
    """||mu - g||_2 [N]: `distance_last` where that ranks, else `distance_average`; high = bad."""
    distance_average: npt.NDArray[np.float32]
    """||y - s(b)||_2 averaged [N], in [0, sqrt 2]; high = bad."""
    distance_last: npt.NDArray[np.float32]
    """||y - s(b)||_2 of the trained network in one last pass [N], in [0, sqrt 2]; high = bad."""
    predicted_gradient_norm: npt.NDArray[np.float32]
    """||mu||_2 averaged [N], in [0, sqrt 2]; should not tell right labels from wrong ones (Fig. A2)."""
    margin: npt.NDArray[np.float32]
    """The logit of the given label less the best other logit, averaged [N]; low = bad."""
    given_label_probability: npt.NDArray[np.float32]
    """The probability of the given label, averaged [N]; low = bad."""
    top_labels_N3: npt.NDArray[np.int64]
    """The three most probable classes, best first; [:, 0] is the suggested label; -1 where K < 3.

    A classifier that is reliable enough enters with its weight (`classifier_weight`)."""
    top_probabilities_N3: npt.NDArray[np.float32]
    """Their probabilities, averaged where N * K fits `recorder.PROBABILITY_CELLS_MAX`; 0 where K < 3."""
    loss: npt.NDArray[np.float32]
    """The cross-entropy of the given label in nats, averaged [N]; high = bad."""

    @classmethod
    def from_untrained(cls, found: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the signals that were found without a training; the others are 0."""
        zeros_N = np.zeros_like(found["score"])
        return cls(**{field.name: found.get(field.name, zeros_N) for field in fields(cls)})
