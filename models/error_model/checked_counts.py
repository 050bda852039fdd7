"""What people's checks say: the number of wrong labels, the precision of a cut and of the suggestions.

Every figure rests on random checks alone; `check_plan` says why.
Shape suffixes: N samples, S strata, C checks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from models.error_model.check_plan import PSEUDO_COUNT, CheckPlan, Verdicts, error_variances, tally_strata

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
TAIL = 0.025


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share with its 95 % interval, all in [0, 1]."""

    centre: float
    low: float
    high: float
    checked: int
    """Verdicts that it rests on."""


@dataclass(frozen=True, kw_only=True)
class Suggestions:
    """What the suggested labels of the flagged samples are worth."""

    improved: Share
    """Flagged samples whose suggestion is the right label."""
    made_worse: Share
    """Flagged samples whose given label was right: relabelling them makes them wrong."""


def count_errors(plan: CheckPlan, drawn: Sequence[int], verdicts: Verdicts) -> Share:
    """Return the share of wrong labels.

    A stratified estimate with Jeffreys' interval of as many plain random checks as would be as precise, never
    fewer than were made: it is never wider than that of plain random checks with the same centre. Samples
    with a verdict that were not drawn are no sample of anything: they are counted as they are, and the
    checks speak for the others.

    Args:
        plan: the plan.
        drawn: the positions that `draw_checks` returned.
        verdicts: all verdicts there are.

    Raises ValueError where no drawn sample is decided yet.

    """
    checked = {position: verdicts[position] for position in drawn if verdicts.get(position) is not None}
    if not checked:
        raise ValueError("No sample that was drawn at random has a verdict yet; check some first.")
    known = {
        place: wrong for place, wrong in verdicts.items() if wrong is not None and place not in set(drawn)
    }
    left_S = plan.count_samples() - tally_strata(plan, known)[1]
    rest = _estimate_rest(plan, checked, left_S)
    total, left = len(plan.stratum_N), float(left_S.sum())
    known_errors = float(sum(bool(wrong) for wrong in known.values()))
    ends = [(known_errors + share * left) / total for share in (rest.centre, rest.low, rest.high)]
    return Share(centre=ends[0], low=ends[1], high=ends[2], checked=len(checked))


def share_of(
    plan: CheckPlan, drawn: Sequence[int], values: Mapping[int, bool], subset_N: Mask
) -> Share | None:
    """Return how often something holds within a subset, by the checks that fall into it; None: none does.

    Args:
        plan: the plan.
        drawn: the positions that `draw_checks` returned.
        values: whether it holds, by position, of checks that are decided.
        subset_N: the samples that are asked about, such as the flagged ones.

    """
    weight_N = find_weights(plan, drawn, values)
    inside = [position for position in drawn if position in values and subset_N[position]]
    if not inside:
        return None
    weight_C = weight_N[inside]
    centre = float(np.average([values[position] for position in inside], weights=weight_C))
    effective = float(weight_C.sum() ** 2 / (weight_C**2).sum())
    low, high = jeffreys(centre, effective)
    return Share(centre=centre, low=low, high=high, checked=len(inside))


def judge_suggestions(
    plan: CheckPlan,
    drawn: Sequence[int],
    right_labels: Mapping[int, int],
    *,
    labels_N: npt.NDArray[np.integer[Any]],
    suggested_N: npt.NDArray[np.integer[Any]],
    is_flagged_N: Mask,
) -> Suggestions | None:
    """Return what relabelling every flagged sample would do; None while no flagged sample is checked.

    Args:
        plan: the plan.
        drawn: the positions that `draw_checks` returned.
        right_labels: what people say the label should be, by position.
        labels_N: the given labels.
        suggested_N: the labels that would be put in their place.
        is_flagged_N: the samples that would be relabelled.

    """
    improved = {place: right == suggested_N[place] for place, right in right_labels.items()}
    worse = {place: right == labels_N[place] for place, right in right_labels.items()}
    shares = [share_of(plan, drawn, values, is_flagged_N) for values in (improved, worse)]
    if shares[0] is None or shares[1] is None:
        return None
    return Suggestions(improved=shares[0], made_worse=shares[1])


def find_weights(plan: CheckPlan, drawn: Sequence[int], decided: Mapping[int, Any]) -> Floats:
    """Return for how many samples each decided check speaks [N]: its stratum's size over its checks."""
    positions = [position for position in drawn if position in decided]
    count_S = np.bincount(plan.stratum_N[positions], minlength=len(plan.count_samples()))
    weight_S = plan.count_samples() / np.maximum(count_S, 1)
    weight_N: Floats = weight_S[plan.stratum_N]
    return weight_N


def jeffreys(centre: float, count: float) -> tuple[float, float]:
    """Return the ends of Jeffreys' interval of a share seen in so many checks; it holds its centre."""
    errors, right = centre * count + PSEUDO_COUNT, (1 - centre) * count + PSEUDO_COUNT
    low = 0.0 if centre <= 0 else float(beta.ppf(TAIL, errors, right))
    high = 1.0 if centre >= 1 else float(beta.ppf(1 - TAIL, errors, right))
    return min(low, centre), max(high, centre)


def _estimate_rest(plan: CheckPlan, checked: Verdicts, left_S: Floats) -> Share:
    """Return the share of errors among the samples that the checks speak for."""
    errors_S, decided_S = tally_strata(plan, checked)
    asked_S = decided_S > 0
    left = float(left_S.sum())
    # Strata without a decided check, by unsure verdicts, are taken to be as the others together.
    weight_S = np.where(asked_S, left_S, 0) / max(float(left_S[asked_S].sum()), 1.0)
    rate_S = errors_S / np.maximum(decided_S, 1)
    centre = float((weight_S * rate_S).sum())
    open_S = (1 - decided_S / np.maximum(left_S, 1)).clip(0, 1)
    variance = float((weight_S**2 * error_variances(plan, checked) / np.maximum(decided_S, 1) * open_S).sum())
    count = float(decided_S.sum())
    if count >= left:
        return Share(centre=centre, low=centre, high=centre, checked=int(count))
    plain = count / (1 - count / left)
    smooth = (centre * count + PSEUDO_COUNT) / (count + 2 * PSEUDO_COUNT)
    low, high = jeffreys(centre, max(smooth * (1 - smooth) / max(variance, 1e-12), plain))
    return Share(centre=centre, low=low, high=high, checked=int(count))
