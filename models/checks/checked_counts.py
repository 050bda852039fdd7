"""What people's checks say: the number of wrong labels, the precision of a cut and of the suggestions.

Every figure rests on random checks. Verdicts from the top of the ranking on are no sample of anything: what
was reviewed there without a gap is known, and the checks below it speak for the rest.
Shape suffixes: N samples, S strata, C checks.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.checks.check_plan import PSEUDO_COUNT, Checks, Floats, compute_error_variances, tally_strata

Mask = npt.NDArray[np.bool_]
TAIL = 0.025


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share with its 95 % interval, all in [0, 1]."""

    centre: float
    low: float
    high: float
    checked: int
    """Random checks that it rests on."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """Verdicts that are known whether or not their samples were drawn."""

    head: int = 0
    """Ranks 1 to `head` have a verdict, each of them."""
    head_errors: int = 0
    head_decided: int = 0
    errors: int = 0
    """Wrong labels among all verdicts, those of the head and of the checks included."""
    right: int = 0
    """Right labels among all verdicts."""


NOTHING_KNOWN = Known()


@dataclass(frozen=True, kw_only=True)
class Suggestions:
    """What the suggested labels of the flagged samples are worth."""

    improved: Share
    """Flagged samples whose suggestion is the right label."""
    made_worse: Share
    """Flagged samples whose given label was right: relabelling them makes them wrong."""


def count_errors(checks: Checks, known: Known = NOTHING_KNOWN) -> Share | None:
    """Return the share of wrong labels; None: nothing can be said, since no check below the head is decided.

    A stratified estimate with Jeffreys' interval of as many plain random checks as would be as precise, never
    fewer than were made: it is never wider than that of plain random checks with the same centre. Samples
    that people dropped or could not decide are taken to be as the others around them; the interval holds
    both, that all of them are right and that all are wrong (the bounds of Horowitz and Manski 1998).
    """
    total = checks.strata.sample_count
    below = checks.select(checks.rank_C > known.head)
    left = total - known.head
    if left and not below.is_decided_C.any():
        return None
    expected = known.head * known.head_errors / max(known.head_decided, 1)
    most_errors = known.head - known.head_decided + known.head_errors
    rest = _estimate_rest(below, known.head)
    if_right, if_wrong = (
        _estimate_rest(below.decide_open(is_error=is_error), known.head) for is_error in (False, True)
    )
    ends = [
        (in_head + share * left) / total
        for in_head, share in (
            (expected, rest.centre),
            (known.head_errors, min(rest.low, if_right.low)),
            (most_errors, max(rest.high, if_wrong.high)),
        )
    ]
    least, most = known.errors / total, 1 - known.right / total
    centre, low, high = (min(max(end, least), most) for end in ends)
    return Share(centre=centre, low=low, high=high, checked=int(checks.is_decided_C.sum()))


def measure_share(checks: Checks, holds_C: npt.NDArray[Any], is_inside_C: Mask) -> Share | None:
    """Return how often something holds within a part of the samples; None: no decided check falls into it.

    Args:
        checks: the checks.
        holds_C: whether it holds; only decided checks count.
        is_inside_C: the checks within that part, such as the flagged ones.

    """
    inside_C = is_inside_C & checks.is_decided_C
    if not inside_C.any():
        return None
    weight_C = checks.weight_C[inside_C]
    centre = float(np.average(holds_C[inside_C], weights=weight_C))
    effective = float(weight_C.sum() ** 2 / (weight_C**2).sum())
    low, high = find_jeffreys_interval(centre, effective)
    return Share(centre=centre, low=low, high=high, checked=int(inside_C.sum()))


def judge_suggestions(
    checks: Checks, *, is_right_suggestion_C: Mask, is_flagged_C: Mask
) -> Suggestions | None:
    """Return what relabelling every flagged sample would do; None while no flagged sample is checked.

    Args:
        checks: the checks.
        is_right_suggestion_C: whether the suggested label is the one that people say is right.
        is_flagged_C: whether the sample would be relabelled.

    """
    improved = measure_share(checks, is_right_suggestion_C, is_flagged_C)
    worse = measure_share(checks, checks.is_error_C == 0, is_flagged_C)
    if improved is None or worse is None:
        return None
    return Suggestions(improved=improved, made_worse=worse)


def find_jeffreys_interval(centre: float, count: float) -> tuple[float, float]:
    """Return the ends of Jeffreys' interval of a share seen in so many checks; it holds its centre."""
    from scipy.special import betaincinv  # noqa: PLC0415 - half a second and 30 MB; not every process counts

    errors, right = centre * count + PSEUDO_COUNT, (1 - centre) * count + PSEUDO_COUNT
    low = 0.0 if centre <= 0 else float(betaincinv(errors, right, TAIL))
    high = 1.0 if centre >= 1 else float(betaincinv(errors, right, 1 - TAIL))
    return min(low, centre), max(high, centre)


def _estimate_rest(below: Checks, head: int) -> Share:
    """Return the share of errors below the head by the decided of these checks, all of them below it."""
    left_S = np.minimum(below.strata.sizes_S, (below.strata.ends_S - head).clip(0)).astype(np.float64)
    errors_S, decided_S = tally_strata(below)
    weight_S = _lend_weight(left_S, decided_S)
    rate_S = errors_S / np.maximum(decided_S, 1)
    centre = float((weight_S * rate_S).sum())
    open_S = (1 - decided_S / np.maximum(left_S, 1)).clip(0, 1)
    variance = float((weight_S**2 * compute_error_variances(below) / np.maximum(decided_S, 1) * open_S).sum())
    count, left = float(decided_S.sum()), float(left_S.sum())
    if count >= left:
        return Share(centre=centre, low=centre, high=centre, checked=int(count))
    plain = count / (1 - count / left)
    smooth = (centre * count + PSEUDO_COUNT) / (count + 2 * PSEUDO_COUNT)
    low, high = find_jeffreys_interval(centre, max(smooth * (1 - smooth) / max(variance, 1e-12), plain))
    return Share(centre=centre, low=low, high=high, checked=int(count))


def _lend_weight(left_S: Floats, decided_S: Floats) -> Floats:
    """Return the weight of each stratum in the rest; one without decided checks lends its to the nearest."""
    weight_S = np.where(decided_S > 0, left_S, 0)
    asked = np.flatnonzero(decided_S > 0)
    for stratum in np.flatnonzero((decided_S == 0) & (left_S > 0)):
        weight_S[asked[np.abs(asked - stratum).argmin()]] += left_S[stratum]
    shares_S: Floats = weight_S / max(float(left_S.sum()), 1.0)
    return shares_S
