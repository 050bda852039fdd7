"""The figures of an audit after random checks: one function that everything else here serves.

Shape suffixes: N samples in order of rank, C checks.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.checks.check_plan import Checks
from models.checks.checked_counts import NOTHING_KNOWN, Known, Share, count_errors
from models.checks.label_cut import choose_cut
from models.checks.recalibration import Recalibration, anchor, recalibrate

LEAST_DECIDED = 50
"""Decided checks from which on an audit's figures follow them: with 50 the calibration error is .06 on
average in the worst simulated audits, with 20 it is .10. The count has its interval from the first on."""
NOTHING_FLAGGED = 2.0
"""A probability that no label has."""


@dataclass(frozen=True, kw_only=True)
class SettledFigures:
    """What random checks make of an audit's figures."""

    count: Share
    """The share of wrong labels."""
    recalibration: Recalibration
    """From the audit's error probabilities to those that rest on the checks.

    They sum to the counted errors; where all checks agree, to within half a label, since none is 0 or 1."""
    cut: float
    """Error probability, before recalibration, above which a label is flagged."""


def settle(
    checks: Checks, error_probability_N: npt.NDArray[np.floating[Any]], known: Known = NOTHING_KNOWN
) -> SettledFigures | None:
    """Return the figures of an audit; None: there are fewer decided checks than `LEAST_DECIDED`.

    Where there are fewer samples, all of them have to be decided.

    Args:
        checks: the checks.
        error_probability_N: the audit's error probabilities in order of rank.
        known: verdicts that are no random sample.

    """
    count = count_errors(checks, known)
    if count is None or not are_enough(checks):
        return None
    line = recalibrate(checks, error_probability_N[checks.rank_C - 1])
    half_a_label = 0.5 / (len(error_probability_N) + 1)
    share = min(max(count.centre, half_a_label), 1 - half_a_label)
    line = anchor(line, error_probability_N, share)
    return SettledFigures(count=count, recalibration=line, cut=_find_cut(error_probability_N, line))


def are_enough(checks: Checks) -> bool:
    """Return whether an audit's figures follow its checks."""
    return int(checks.is_decided_C.sum()) >= find_least(checks.strata.sample_count)


def find_least(sample_count: int) -> int:
    """Return how many checks have to be decided before the figures of so many samples follow them."""
    return min(LEAST_DECIDED, sample_count)


def _find_cut(error_probability_N: npt.NDArray[np.floating[Any]], line: Recalibration) -> float:
    """Return a probability between the flagged samples and the others."""
    is_flagged_N = choose_cut(line.apply(error_probability_N))
    if not is_flagged_N.any():
        return NOTHING_FLAGGED
    least = float(error_probability_N[is_flagged_N].min())
    below_N = error_probability_N[error_probability_N < least]
    return (least + float(below_N.max())) / 2 if len(below_N) else -1.0
