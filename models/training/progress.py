"""The progress reports of a running training."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from models.cross_fitting.memorisation import Memorisation
from models.training.signals import Signals

REPORT_INTERVAL_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """The figures of one epoch: means over its samples, each scored before its batch's update."""

    epoch: int
    """Counted from 1."""
    classifier_loss: float
    """The classifier's cross-entropy of the given labels, in nats."""
    predictor_loss: float | None
    """The objective of eq. 10, or q's part of eq. 8; None if the method has no predictor."""
    gradient_norm: float
    """||mu||_2; without a predictor ||g||_2."""
    squared_gradient_norm: float
    """The mean of the norm's square: L^2 of Proposition 1."""
    accuracy: float
    """Share of samples whose given label is the classifier's first choice, in [0, 1]."""
    confident_accuracy: float
    """The same share among the tenth of samples whose class the classifier is surest of."""
    predictor_accuracy: float | None
    """The same share of all samples for the predictor; None if the method has no predictor."""
    validation_accuracy: float | None
    """The classifier's accuracy on held-out given labels; None if nothing is held out."""
    memorisation: Memorisation | None
    """Figures in sample and out of sample; None if no network is blind to any label."""
    learning_rate: float
    """The learning rate of the epoch's last step."""
    seconds: float
    classifier_predictions_N: npt.NDArray[np.int64]
    """The classifier's first choice for every sample; for held-out samples at the epoch's end."""
    predictor_predictions_N: npt.NDArray[np.int64] | None
    """The predictor's first choice for every sample; None if the method has no predictor."""
    held_out_index: npt.NDArray[np.int64]
    """Positions of the held-out samples."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One progress report."""

    stage: str
    """"training", then "scoring"."""
    epoch: int
    """The current epoch, or the one just finished; counted from 1."""
    epochs: int
    step: int
    """Steps done in this stage."""
    steps: int
    """All steps of this stage."""
    samples_per_second: float
    eta_seconds: float
    """Seconds to the end of the stage, at the speed so far."""
    finished: EpochRecord | None
    """The epoch that ended with this report, else None."""
    signals: Callable[[], Signals]
    """Returns the signals so far; computed when called, and callable only during the callback."""
    state: Callable[[], dict[str, Any]]
    """Returns all that `train(resume=...)` needs to continue from here, for torch.save; otherwise as
    `signals`."""
    model_state: Callable[[], dict[str, Tensor]]
    """Returns a copy of the classifier's current state dict, on the CPU."""


OnProgress = Callable[[Progress], None]


class Pace:
    """Measures the speed within a stage, and decides when the next report is due."""

    def __init__(self, *, step: int, steps: int) -> None:
        self.steps = steps
        self._first_step = step
        self._started = self._reported = time.monotonic()
        self._samples = 0

    def advance(self, samples: int) -> bool:
        """Count samples; return whether a report is due."""
        self._samples += samples
        return time.monotonic() - self._reported >= REPORT_INTERVAL_SECONDS

    def measure_step_seconds(self, step: int) -> float:
        """Return the mean duration of a step so far in this stage."""
        return max(time.monotonic() - self._started, 1e-9) / max(step - self._first_step, 1)

    def report(self, step: int) -> tuple[float, float]:
        """Return samples per second and the seconds left; the next report is due an interval later."""
        self._reported = time.monotonic()
        elapsed = max(self._reported - self._started, 1e-9)
        done = max(step - self._first_step, 1)
        return self._samples / elapsed, elapsed / done * (self.steps - step)
