"""Where wrong labels come from: the share of them in groups of samples, such as those of one annotator.

Shape suffixes: N samples in order of rank, K classes, G groups, R values of the log-odds ratio, B bins.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from models.checks.check_plan import Floats
from models.checks.recalibration import find_log_odds

Ranks = npt.NDArray[np.int64]
Finding = Literal["more", "fewer"]
LEVEL = 0.05
"""Of intervals, and of all findings together: each is tested at LEVEL over their number (Bonferroni)."""
LEAST_SAMPLES = 10
"""Of a group that a finding may be about, and of the others: with fewer the likelihood is far from normal."""
LOG_RATIO_R: Floats = np.linspace(-7.0, 7.0, 281)
"""Log-odds ratios of a group that are tried, .05 apart: a share of 5 % could become .005 % or 98 %."""
BIN_WIDTH = 0.02
"""Of log-odds: within a bin a probability differs by at most half a percentage point."""
HALF = 0.5


@dataclass(frozen=True, kw_only=True)
class GroupShare:
    """What is said about the samples of one group."""

    count: int
    share: float | None = None
    """Of wrong labels; None: cannot tell."""
    low: float | None = None
    high: float | None = None
    """95 % interval of the share."""
    place: float
    """Mean place in the ranking of the same given class: 0 is the most suspicious, 1 the least."""
    place_low: float
    place_high: float
    finding: Finding | None = None
    """Whether it has more or fewer wrong labels than the other samples; by the ranking alone where no share
    is known: then more or less suspicious ones. None: no difference is certain enough."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Opinion:
    """What an audit says of all samples."""

    given_N: npt.NDArray[np.integer[Any]]
    error_probability_N: npt.NDArray[np.floating[Any]] | None
    """None: cannot tell, so only the ranking speaks."""
    count_interval: tuple[float, float] = (0.0, 0.0)
    """95 % interval of the number of wrong labels."""
    expected_count: float | None = None
    """What that interval is around; None: the sum of the probabilities."""


def compare_groups(groups: Sequence[Ranks], opinion: Opinion, *, comparisons: int) -> list[GroupShare]:
    """Compare each group with all other samples.

    A group's share follows from the evidence of its own samples: the probabilities assume that each class is
    labelled equally well by everybody, so the prior odds of each group get a factor of their own, the
    likeliest one with its likelihood interval (a mixture of known components, as in Saerens et al. 2002). The
    interval is one of how often such samples are labelled wrong: chance and evidence are in it, what follows
    if ambiguous samples are no more often wrong than elsewhere, and the uncertainty of the audit's count. A
    finding needs intervals of the group and of the other samples that do not overlap, at LEVEL over their
    number.

    Args:
        groups: ranks (from 1) of the samples of each group.
        opinion: what the audit says.
        comparisons: how many groups are compared in all, also those of other columns.

    """
    places = _Places(opinion.given_N)
    shares = None if opinion.error_probability_N is None else _Shares(opinion)
    return [_compare(ranks - 1, places, shares, comparisons) for ranks in groups]


def measure_shares(
    groups: Sequence[Ranks], opinion: Opinion, *, together: int
) -> list[tuple[float, float, float]]:
    """Return each group's share of wrong labels with its interval, as `compare_groups` measures it.

    No group has more wrong labels than the interval of the number of all leaves possible.

    Args:
        groups: ranks (from 1) of the samples of each group.
        opinion: what the audit says; it has error probabilities.
        together: how many intervals hold together at 95 % (Bonferroni).

    """
    shares = _Shares(opinion)
    most = opinion.count_interval[1]
    found = []
    for ranks in groups:
        share, low, high = shares.measure(shares.count(ranks - 1), _find_z(together))
        ceiling = most / max(len(ranks), 1)
        found.append((min(share, ceiling), min(low, ceiling), min(high, ceiling)))
    return found


def _compare(at: Ranks, places: "_Places", shares: "_Shares | None", comparisons: int) -> GroupShare:
    place, deviation = places.measure(at)
    usual, strict = _find_z(1), _find_z(comparisons)
    low, high = max(0.0, place - usual * deviation), min(1.0, place + usual * deviation)
    is_comparable = min(len(at), places.count - len(at)) >= LEAST_SAMPLES
    if shares is None:
        is_certain = is_comparable and abs(place - HALF) > strict * deviation
        return GroupShare(
            count=len(at),
            place=place,
            place_low=low,
            place_high=high,
            finding=_name(is_certain=is_certain, is_more=place < HALF),
        )
    group, rest = shares.count(at), shares.count_others(at)
    share, share_low, share_high = shares.measure(group, usual)
    _, group_low, group_high = shares.measure(group, strict)
    _, rest_low, rest_high = shares.measure(rest, strict)
    is_certain = is_comparable and (group_low > rest_high or group_high < rest_low)
    return GroupShare(
        count=len(at),
        share=share,
        low=share_low,
        high=share_high,
        place=place,
        place_low=low,
        place_high=high,
        finding=_name(is_certain=is_certain, is_more=group_low > rest_high),
    )


def _name(*, is_certain: bool, is_more: bool) -> Finding | None:
    if not is_certain:
        return None
    return "more" if is_more else "fewer"


def _find_z(comparisons: int) -> float:
    return NormalDist().inv_cdf(1 - LEVEL / max(1, comparisons) / 2)


class _Places:
    """Places in the ranking of each class, and their spread if groups were drawn at random within classes."""

    def __init__(self, given_N: npt.NDArray[np.integer[Any]]) -> None:
        self.count, self._given_N = len(given_N), given_N
        order_N = np.argsort(given_N, kind="stable")  # rank by rank within each class
        self._size_K = np.bincount(given_N)
        start_K = np.cumsum(self._size_K) - self._size_K
        in_class_N = np.arange(self.count) - np.repeat(start_K, self._size_K)
        self._place_N = np.empty(self.count)
        self._place_N[order_N] = (in_class_N + HALF) / np.repeat(self._size_K, self._size_K)

    def measure(self, at: Ranks) -> tuple[float, float]:
        """Return a group's mean place, and its standard deviation by chance (drawn without replacement)."""
        if not len(at):
            return HALF, HALF
        drawn_K = np.bincount(self._given_N[at], minlength=len(self._size_K))
        size_K = np.maximum(self._size_K, 1)
        # The places of a class of n are evenly spread: their variance is (n^2 - 1) / (12 n^2).
        variance_K = (size_K**2 - 1) / (12 * size_K**2)
        left_K = (size_K - drawn_K) / np.maximum(size_K - 1, 1)
        spread = math.sqrt(float((drawn_K * variance_K * left_K).sum())) / len(at)
        return float(self._place_N[at].mean()), spread


@dataclass(frozen=True, kw_only=True, eq=False)
class _Counted:
    """How many samples of a group are in each bin of log-odds, and of each given class."""

    in_bin_B: Floats
    of_class_K: Floats


class _Shares:
    """Shares of wrong labels, by the likelihood of each log-odds ratio."""

    def __init__(self, opinion: Opinion) -> None:
        assert opinion.error_probability_N is not None
        probability_N = opinion.error_probability_N.astype(np.float64)
        bins_N = np.round(find_log_odds(probability_N) / BIN_WIDTH).astype(np.int64)
        log_odds_B, self._bin_N = np.unique(bins_N, return_inverse=True)
        self._given_N = opinion.given_N
        size_K = np.bincount(opinion.given_N)
        self._prior_K = find_log_odds(np.bincount(opinion.given_N, probability_N) / np.maximum(size_K, 1))
        self._log_odds_B = log_odds_B.astype(np.float64) * BIN_WIDTH
        self._evidence_RB = _add_log_ratios(self._log_odds_B)
        self._prior_RK = _add_log_ratios(self._prior_K)
        self._all = _Counted(in_bin_B=np.bincount(self._bin_N).astype(float), of_class_K=size_K.astype(float))
        expected = probability_N.sum() if opinion.expected_count is None else opinion.expected_count
        total = max(float(expected), HALF)
        low, high = (min(max(bound, HALF), len(probability_N) - HALF) for bound in opinion.count_interval)
        self._widen = min(0.0, math.log(low / total)), max(0.0, math.log(high / total))

    def count(self, at: Ranks) -> _Counted:
        """Count the samples of a group."""
        return _Counted(
            in_bin_B=np.bincount(self._bin_N[at], minlength=len(self._all.in_bin_B)).astype(float),
            of_class_K=np.bincount(self._given_N[at], minlength=len(self._prior_K)).astype(float),
        )

    def count_others(self, at: Ranks) -> _Counted:
        """Count the samples outside a group."""
        group = self.count(at)
        return _Counted(
            in_bin_B=self._all.in_bin_B - group.in_bin_B, of_class_K=self._all.of_class_K - group.of_class_K
        )

    def measure(self, counted: _Counted, z: float) -> tuple[float, float, float]:
        """Return a group's share of wrong labels and its interval of this many standard deviations.

        By two readings of the evidence, since nobody knows which holds. By the first, ambiguous samples of a
        group are as often wrong as its clear ones; by the second, as often as everybody's, as where a camera
        takes bad pictures. The interval has both, the share is between them.
        """
        total = float(counted.of_class_K.sum())
        if not total:
            return 0.0, 0.0, 1.0
        own, own_low, own_high = self._measure_by_own_rate(counted, z, total)
        common, common_low, common_high = self._measure_by_common_rate(counted, z, total)
        return (own + common) / 2, min(own_low, common_low), max(own_high, common_high)

    def _measure_by_own_rate(self, counted: _Counted, z: float, total: float) -> tuple[float, float, float]:
        likelihood_R = self._evidence_RB @ counted.in_bin_B - self._prior_RK @ counted.of_class_K
        best = int(likelihood_R.argmax())
        near_R = LOG_RATIO_R[likelihood_R >= likelihood_R[best] - z**2 / 2]
        ratios = np.array([LOG_RATIO_R[best], near_R[0] + self._widen[0], near_R[-1] + self._widen[1]])
        wrong_K = 1 / (1 + np.exp(-(self._prior_K[None, :] + ratios[:, None])))
        share, low, high = (wrong_K @ counted.of_class_K / total).tolist()
        is_open_low, is_open_high = near_R[0] == LOG_RATIO_R[0], near_R[-1] == LOG_RATIO_R[-1]
        return share, 0.0 if is_open_low else low, 1.0 if is_open_high else high

    def _measure_by_common_rate(
        self, counted: _Counted, z: float, total: float
    ) -> tuple[float, float, float]:
        ratios = np.array([0.0, *self._widen])
        wrong_B = 1 / (1 + np.exp(-(self._log_odds_B[None, :] + ratios[:, None])))
        share, low, high = (wrong_B @ counted.in_bin_B / total).tolist()
        return share, _bound(low, total, -z), _bound(high, total, z)


def _bound(share: float, count: float, z: float) -> float:
    """Return the end of Wilson's interval of a share; z below 0: the lower one."""
    spread = math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return min(1.0, max(0.0, (share + z**2 / (2 * count) + z * spread) / (1 + z**2 / count)))


def _add_log_ratios(log_odds: Floats) -> Floats:
    """Return log(1 + ratio * odds) for each ratio [R] and odds."""
    return np.asarray(np.logaddexp(0.0, LOG_RATIO_R[:, None] + log_odds[None, :]))
