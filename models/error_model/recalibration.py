"""Error probabilities after people's random checks.

Shape suffixes: N samples, C checks.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit

from models.error_model.check_plan import CheckPlan
from models.error_model.checked_counts import find_weights

Floats = npt.NDArray[np.float64]
LEAST = 1e-4
"""Nearest that a probability may be to 0 or 1."""
SLOPE_PENALTY, SHIFT_PENALTY = 1.0, 0.1
"""Weights of (slope - 1)^2 and of shift^2, in checks: without verdicts the probabilities stay as they are."""
SLOPE_BOUNDS, SHIFT_BOUNDS = (0.0, 10.0), (-15.0, 15.0)


def recalibrate(
    error_probability_N: Floats, plan: CheckPlan, drawn: Sequence[int], decided: Mapping[int, bool]
) -> Floats:
    """Return the probabilities, log-odds moved by a slope and a shift that the checks set (Platt 1999).

    Each check weighs as many samples as it speaks for. A slope of 0 is possible: probabilities that tell
    nothing become the error rate. Isotonic regression has more freedom than some hundred verdicts carry:
    it was worse on average and much worse at worst (bench/error_model/results/audits.md).

    Args:
        error_probability_N: the probabilities that the plan was made from.
        plan: the plan.
        drawn: the positions that `draw_checks` returned.
        decided: whether the label is wrong, by position; of samples that were not drawn it is ignored.

    """
    positions = [position for position in drawn if position in decided]
    if not positions:
        return error_probability_N
    log_odds_N = logit(error_probability_N.clip(LEAST, 1 - LEAST))
    weight_C = find_weights(plan, drawn, decided)[positions]
    is_error_C = np.array([decided[position] for position in positions], dtype=np.float64)
    slope, shift = _fit(log_odds_N[positions], is_error_C, weight_C / weight_C.mean())
    moved_N: Floats = expit(slope * log_odds_N + shift)
    return moved_N


def _fit(log_odds_C: Floats, is_error_C: Floats, weight_C: Floats) -> tuple[float, float]:
    def loss(line: Floats) -> tuple[float, Floats]:
        slope, shift = line
        odds_C = slope * log_odds_C + shift
        likelihood_C = is_error_C * log_expit(odds_C) + (1 - is_error_C) * log_expit(-odds_C)
        value = -(weight_C * likelihood_C).sum() + SLOPE_PENALTY * (slope - 1) ** 2 + SHIFT_PENALTY * shift**2
        pull_C = weight_C * (expit(odds_C) - is_error_C)
        by_slope = (pull_C * log_odds_C).sum() + 2 * SLOPE_PENALTY * (slope - 1)
        return float(value), np.array([by_slope, pull_C.sum() + 2 * SHIFT_PENALTY * shift])

    start = np.array([1.0, 0.0])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[SLOPE_BOUNDS, SHIFT_BOUNDS])
    return float(found.x[0]), float(found.x[1])
