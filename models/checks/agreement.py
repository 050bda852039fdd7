"""How far people agree who judged the same samples: Cohen's kappa for two, Krippendorff's alpha for more.

Both compare the share of disagreements with what chance alone would give: 1 is full agreement, 0 chance.
Sources: J. Cohen, "A coefficient of agreement for nominal scales", 1960; K. Krippendorff, "Content Analysis",
chapter 11 (nominal data, values may be missing).
Shape suffixes: U samples, R people, P different rows of verdicts, C values, D draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from models.checks.checked_counts import Share, find_jeffreys_interval
from models.checks.krippendorff import compute_alpha, count_differing, share_agreeing

if TYPE_CHECKING:
    from scipy import sparse

MISSING = -1
LEAST_SAMPLES = 20
"""That two people judged: where all of 20 agree, up to 12 % of disagreement are still possible (Jeffreys)."""
LEAST_NAMED = 5
"""Samples that somebody gave a class, before its own figure says anything: one of 5 is a fifth of it."""
DRAWS = 1_000
"""The ends of an interval vary by less than .02 between seeds."""
TAILS = (0.025, 0.975)
Values = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Statistic = Literal["cohen_kappa", "krippendorff_alpha"]


@dataclass(frozen=True, kw_only=True)
class AgreementFigure:
    """How far people agree beyond chance."""

    statistic: Statistic
    samples: int
    """That two or more people judged and were sure of."""
    agreed: int
    """Those of them on which all agree."""
    value: float | None
    """At most 1; None: too few samples to tell, or all verdicts are one and the same."""
    low: float | None
    high: float | None


def measure_agreement(values_UR: Values, *, seed: int = 0) -> AgreementFigure:
    """Return how far people agree on any values, numbered from 0; `MISSING` where somebody said nothing.

    The interval is a Bayesian bootstrap of the samples with one sample of no information added, so that full
    agreement on few samples does not look certain.
    """
    values_UR = values_UR[(values_UR != MISSING).sum(1) > 1]
    people = int((values_UR != MISSING).any(0).sum())
    values_UR = values_UR[:, (values_UR != MISSING).any(0)]
    statistic: Statistic = "cohen_kappa" if people <= 2 else "krippendorff_alpha"  # noqa: PLR2004 - two people
    agreed = _mark_agreed(values_UR)
    value, low, high = None, None, None
    if len(values_UR) >= LEAST_SAMPLES:
        value, low, high = _measure(values_UR, statistic, seed)
    return AgreementFigure(
        statistic=statistic,
        samples=len(values_UR),
        agreed=int(agreed.sum()),
        value=value,
        low=low,
        high=high,
    )


def measure_class_agreement(values_UR: Values, name: int, *, seed: int = 0) -> AgreementFigure:
    """Return how far people agree on which samples have one value, such as a class."""
    is_named_UR = np.where(values_UR == MISSING, MISSING, (values_UR == name).astype(np.int64))
    figure = measure_agreement(is_named_UR, seed=seed)
    both_UR = is_named_UR[(is_named_UR != MISSING).sum(1) > 1]
    if int((both_UR == 1).any(1).sum()) >= LEAST_NAMED:
        return figure
    return AgreementFigure(
        statistic=figure.statistic,
        samples=figure.samples,
        agreed=figure.agreed,
        value=None,
        low=None,
        high=None,
    )


def measure_disagreement(values_UR: Values) -> Share | None:
    """Return the share of samples on which two people disagree; None: too few samples to tell.

    Of more than two people it is the mean over the pairs of each sample.
    """
    values_UR = values_UR[(values_UR != MISSING).sum(1) > 1]
    if len(values_UR) < LEAST_SAMPLES:
        return None
    centre = float(_list_disagreements(values_UR).mean())
    low, high = find_jeffreys_interval(centre, len(values_UR))
    return Share(centre=centre, low=low, high=high, checked=len(values_UR))


def find_reviewer_error(disagreement: float) -> float | None:
    """Return how often one person is wrong, if all are equally often and independently of each other.

    Two such people disagree on a yes or no with probability 2 e (1 - e). Where people make the same mistakes
    together it is more than this. None: they disagree on half of the samples or more.
    """
    half = 0.5
    return None if disagreement >= half else (1 - float(np.sqrt(1 - 2 * disagreement))) / 2


def _measure(
    values_UR: Values, statistic: Statistic, seed: int
) -> tuple[float | None, float | None, float | None]:
    rows_PR, count_P = np.unique(values_UR, axis=0, return_counts=True)
    names = np.unique(rows_PR[rows_PR != MISSING])
    if len(names) < 2:  # noqa: PLR2004 - one value for all: chance alone agrees as often
        return None, None, None
    compute = _compute_kappa if statistic == "cohen_kappa" else _compute_alpha
    value = float(compute(rows_PR, names, count_P[None].astype(np.float64), None)[0])
    generator = np.random.default_rng(seed)
    weight_DP = generator.gamma(count_P.astype(np.float64), size=(DRAWS, len(count_P)))
    same = 1 / len(names)
    prior_D2 = generator.gamma([same, 1 - same], size=(DRAWS, 2))
    drawn_D = compute(rows_PR, names, weight_DP, prior_D2)
    low, high = np.quantile(drawn_D, TAILS)
    return value, min(float(low), value), max(float(high), value)


def _compute_kappa(rows_PR: Values, names: Values, weight_DP: Floats, prior_D2: Floats | None) -> Floats:
    """Return Cohen's kappa [D] of two people; `prior_D2` are added weights of agreement and disagreement."""
    first_PC, second_PC = ((rows_PR[:, place, None] == names).astype(np.float64) for place in (0, 1))
    first_DC, second_DC = weight_DP @ first_PC, weight_DP @ second_PC
    agreed_D = weight_DP @ (rows_PR[:, 0] == rows_PR[:, 1]).astype(np.float64)
    if prior_D2 is not None:
        added_D1 = prior_D2.sum(1, keepdims=True) / len(names)
        first_DC, second_DC, agreed_D = first_DC + added_D1, second_DC + added_D1, agreed_D + prior_D2[:, 0]
    total_D = first_DC.sum(1)
    chance_D = (first_DC * second_DC).sum(1) / total_D**2
    kappa_D: Floats = (agreed_D / total_D - chance_D) / (1 - chance_D)
    return kappa_D


def _compute_alpha(rows_PR: Values, names: Values, weight_DP: Floats, prior_D2: Floats | None) -> Floats:
    """Return Krippendorff's alpha [D] for nominal values; `prior_D2` are weights of added pairs of values."""
    counts_PC = _count_values(rows_PR)
    differing_P = count_differing(counts_PC)
    if prior_D2 is None:
        return compute_alpha(weight_DP, counts_PC, differing_P)
    return compute_alpha(
        weight_DP,
        counts_PC,
        differing_P,
        added_D1=2 * prior_D2.sum(1, keepdims=True) / len(names),
        added_differing_D=2 * prior_D2[:, 1],
    )


def _list_disagreements(values_UR: Values) -> Floats:
    """Return the share of pairs of people who differ on each sample; each has two verdicts or more."""
    differing_U: Floats = 1 - share_agreeing(_count_values(values_UR))
    return differing_U


def _count_values(values_UR: Values) -> sparse.csr_array:
    """Return how many people said each of the values that occur [U, C]."""
    from scipy import sparse  # noqa: PLC0415 - not every process compares people

    is_said_UR = values_UR != MISSING
    names, place_V = np.unique(values_UR[is_said_UR], return_inverse=True)
    samples_V = np.nonzero(is_said_UR)[0]
    return sparse.csr_array((np.ones(len(place_V)), (samples_V, place_V)), shape=(len(values_UR), len(names)))


def _mark_agreed(values_UR: Values) -> npt.NDArray[np.bool_]:
    if not len(values_UR):
        return np.zeros(0, dtype=np.bool_)
    is_agreed_U: npt.NDArray[np.bool_] = _list_disagreements(values_UR) == 0
    return is_agreed_U
