"""The result of a finished training.

Shape suffixes: N samples, K classes, W kept features.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from models.configuration.training_config import TrainingConfig
from models.cross_fitting.cross_fitted import CrossFitted
from models.cross_fitting.memorisation import Memorisation
from models.training.remarks import Remark
from models.training.signals import Signals


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """The result of a finished training."""

    signals: Signals
    agreement_ratio: float
    """The classifier's agreement with the given labels over that of its most confident tenth, about 0 to 1.

    See `memorisation_onset`."""
    classifier_probabilities_NK: npt.NDArray[np.float32] | None
    """The classifier's softmax, averaged like the signals; None without a predictor or if N * K is large. The
    given labels reach the classifier only through predicted gradients."""
    cross_fitted: CrossFitted | None
    """Class probabilities by networks that never learned the label; None if no network is blind to any label
    or if N * K is large."""
    memorisation: Memorisation | None
    """Memorisation in the last epoch; an `EpochRecord` has that of its epoch. None in the same cases."""
    features_NW: npt.NDArray[np.float16] | None
    """The inputs of the scoring network's last layer, at most `feature_width` of them; None if none are
    kept."""
    model_state: dict[str, Tensor]
    """The classifier's state dict on the CPU: the best on held-out samples if any, else the last."""
    start_state: dict[str, Tensor]
    """All that another training can start from: the same classifier, with folds also the networks that score
    labels in the same epoch, and which labels were held back."""
    input_mean: npt.NDArray[np.float32]
    """The mean that was subtracted from the classifier's inputs, per channel or feature."""
    input_deviation: npt.NDArray[np.float32]
    """The deviation by which the difference was divided."""
    seconds: float
    """Duration of this call, without the time before a resume."""
    samples_per_second: float
    """Speed of the training stage of this call."""
    epochs: int
    """Epochs trained; fewer than `config.epochs` if `patience` or `stable_correlation` ended the training."""
    validation_accuracy: float | None
    """The highest of any epoch, that of `model_state`; None if nothing is held out."""
    transition_KK: npt.NDArray[np.float32] | None
    """The forward correction's T: row i, how class i was labelled; None with all other methods."""
    remarks: tuple[Remark, ...]
    """What the method could not do with these samples."""
    config: TrainingConfig
