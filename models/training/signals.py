"""What training tells about every sample, as arrays.

Shape suffixes: N samples, 3 best classes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

TOP = 3
MARGIN_SCALE = 4.0


@dataclass(frozen=True, kw_only=True)
class Signals:
    """One row per sample, in the samples' order. "Judge" is the predictor, or with "ce" the classifier.

    Averages run over the epochs with weights (`TrainingConfig.signal_decay`), each judgement taken when the
    sample's batch was judged, before that batch's update, and where epochs weigh by agreement one more by the
    trained judge. Provisional signals hold zeros, and -1 for classes, where a sample has not been seen yet.
    """

    score: npt.NDArray[np.float32]
    """What ranks [N], in [0, 1]; high = bad. As configured, `rivalry` by the margin, or the distance over its
    maximum."""
    distance: npt.NDArray[np.float32]
    """||mu - g||_2 [N]: `distance_last` where that ranks, else `distance_average`; high = bad."""
    distance_average: npt.NDArray[np.float32]
    """||y - s(b)||_2 averaged [N], in [0, sqrt 2]; high = bad."""
    distance_last: npt.NDArray[np.float32]
    """||y - s(b)||_2 of the trained judge in one last pass [N], in [0, sqrt 2]; high = bad."""
    predicted_gradient_norm: npt.NDArray[np.float32]
    """||mu||_2 averaged [N], in [0, sqrt 2]; should not tell right labels from wrong ones (Fig. A2)."""
    margin: npt.NDArray[np.float32]
    """The judge's logit of the given label less its best other logit, averaged [N]; low = bad."""
    given_label_probability: npt.NDArray[np.float32]
    """The judge's probability of the given label, averaged [N]; low = bad."""
    top_labels_N3: npt.NDArray[np.int64]
    """The three most probable classes, best first; [:, 0] is the suggested label; -1 where K < 3.

    The judge's, or for a share of a classifier that knows its data that classifier's."""
    top_probabilities_N3: npt.NDArray[np.float32]
    """Their probabilities, averaged where N * K fits `recorder.PROBABILITY_CELLS_MAX`; 0 where K < 3."""
    loss: npt.NDArray[np.float32]
    """The judge's cross-entropy of the given label in nats, averaged [N]; high = bad."""


def rivalry(margin_N: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return 1 / (1 + exp(margin / 4)) [N], in [0, 1], 0.5 where the given label's best rival equals it.

    High = bad. The division keeps far margins apart in single precision.
    """
    rivalry_N: npt.NDArray[np.float32] = 1 / (1 + np.exp(margin_N / np.float32(MARGIN_SCALE)))
    return rivalry_N
