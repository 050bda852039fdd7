"""The learning rate of every step."""

import math

from models.configuration.training_config import TrainingConfig

RISE_SHARE = 0.25
"""one_cycle: the share of all steps in which the learning rate rises."""
START_SHARE = 0.04
"""one_cycle: the first learning rate as a share of the peak."""
END_SHARE = 0.001
"""one_cycle: the last learning rate as a share of the peak."""


def compute_learning_rate(config: TrainingConfig, *, step: int, steps: int) -> float:
    """Return the learning rate of one step, counted from 0, of a training of `steps`."""
    if config.schedule == "constant":
        return config.learning_rate
    rise = RISE_SHARE * steps
    if step < rise:
        return config.learning_rate * (START_SHARE + (1 - START_SHARE) * step / rise)
    fall = (step - rise) / max(steps - 1 - rise, 1.0)
    cosine = 0.5 * (1 + math.cos(math.pi * min(fall, 1.0)))
    return config.learning_rate * (END_SHARE + (1 - END_SHARE) * cosine)
