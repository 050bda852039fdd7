"""Error probabilities after people's random checks.

Shape suffixes: N samples, C checks.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.checks.check_plan import Checks, Floats

LEAST = 1e-4
"""Nearest that a probability may be to 0 or 1."""
SLOPE_PENALTY, SHIFT_PENALTY = 1.0, 0.1
"""Weights of (slope - 1)^2 and of shift^2, in checks: without verdicts the probabilities stay as they are."""
SLOPE_BOUNDS, SHIFT_BOUNDS = (0.0, 10.0), (-15.0, 15.0)
TOLERANCE = 1e-6
REACH = 10
"""Shifts are sought where the probabilities sum to a tenth of a label up to all labels but a tenth."""


@dataclass(frozen=True, kw_only=True)
class Recalibration:
    """A line through the log-odds of error probabilities."""

    slope: float = 1.0
    shift: float = 0.0

    def apply(self, error_probability_N: npt.NDArray[np.floating[Any]]) -> Floats:
        """Return the corrected probabilities [N]; the order stays."""
        return _expit(self.slope * find_log_odds(error_probability_N) + self.shift)


def find_log_odds(error_probability_N: npt.NDArray[np.floating[Any]]) -> Floats:
    """Return the log-odds of probabilities, kept off 0 and 1."""
    kept_N = error_probability_N.astype(np.float64).clip(LEAST, 1 - LEAST)
    log_odds_N: Floats = np.log(kept_N / (1 - kept_N))
    return log_odds_N


def recalibrate(checks: Checks, error_probability_C: npt.NDArray[np.floating[Any]]) -> Recalibration:
    """Return the slope and shift that the checks set (Platt 1999); with no decided check nothing moves.

    Each check weighs as many samples as it speaks for. A slope of 0 is possible: probabilities that tell
    nothing become the error rate. Isotonic regression has more freedom than some hundred verdicts carry:
    it was worse on average and much worse at worst (bench/error_model/RESULTS.md).

    Args:
        checks: the checks.
        error_probability_C: the probabilities of the samples that were drawn.

    """
    is_decided_C = checks.is_decided_C
    if not is_decided_C.any():
        return Recalibration()
    weight_C = checks.weight_C[is_decided_C]
    return _fit(
        find_log_odds(error_probability_C[is_decided_C]),
        checks.is_error_C[is_decided_C],
        weight_C / weight_C.mean(),
    )


def _fit(log_odds_C: Floats, is_error_C: Floats, weight_C: Floats) -> Recalibration:
    from scipy.optimize import minimize  # noqa: PLC0415 - half a second and 50 MB; not every process fits

    def loss(line: Floats) -> tuple[float, Floats]:
        slope, shift = line
        odds_C = slope * log_odds_C + shift
        likelihood_C = -is_error_C * np.logaddexp(0, -odds_C) - (1 - is_error_C) * np.logaddexp(0, odds_C)
        value = -(weight_C * likelihood_C).sum() + SLOPE_PENALTY * (slope - 1) ** 2 + SHIFT_PENALTY * shift**2
        pull_C = weight_C * (_expit(odds_C) - is_error_C)
        by_slope = (pull_C * log_odds_C).sum() + 2 * SLOPE_PENALTY * (slope - 1)
        return float(value), np.array([by_slope, pull_C.sum() + 2 * SHIFT_PENALTY * shift])

    start = np.array([1.0, 0.0])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[SLOPE_BOUNDS, SHIFT_BOUNDS])
    return Recalibration(slope=float(found.x[0]), shift=float(found.x[1]))


def anchor(
    recalibration: Recalibration, error_probability_N: npt.NDArray[np.floating[Any]], share: float
) -> Recalibration:
    """Return the recalibration whose probabilities have this mean, so that they sum to the counted errors.

    Args:
        recalibration: whose slope is kept.
        error_probability_N: the probabilities of all samples.
        share: the share of wrong labels; at 0 or 1 no finite shift has it, and nothing changes.

    """
    from scipy.optimize import brentq  # noqa: PLC0415 - as above

    steep_N = recalibration.slope * find_log_odds(error_probability_N)

    def miss(shift: float) -> float:
        return float(_expit(steep_N + shift).mean()) - share

    reach = math.log(REACH * len(steep_N))  # at both ends of it less than 1 / REACH of a label is left
    low, high = -steep_N.max() - reach, -steep_N.min() + reach
    if miss(low) >= 0 or miss(high) <= 0:
        return recalibration
    return Recalibration(slope=recalibration.slope, shift=float(brentq(miss, low, high, xtol=TOLERANCE)))


def _expit(odds: Floats) -> Floats:
    probabilities: Floats = 0.5 * (1 + np.tanh(0.5 * odds))  # 1 / (1 + exp(-odds)), without overflow
    return probabilities
