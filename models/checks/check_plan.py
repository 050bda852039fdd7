"""Which samples people are asked to check: at random, so that their verdicts count the wrong labels.

The ranking is cut into strata. The checks are drawn in phases (Neyman 1938): the first half by the size of
the strata; the rest, when all of those have a verdict, where the verdicts so far leave most variance. More
checks are one more phase. What was drawn stays drawn: nobody can draw again until the answer pleases, and a
stratum's checks are a random sample of it whatever else was reviewed.
Shape suffixes: N samples in order of rank, S strata, C checks.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
STRATA = 6
"""Ablation: 6 or 10 differ by 2 % of the width (bench/error_model/results/audits.md)."""
SAMPLES_PER_STRATUM = 10
"""At least, else there are fewer strata."""
EVEN_SHARE = 1.0
"""Weight that each sample has beside its standard deviation when strata are cut; in mean deviations.

At 0 a stratum could be nearly everything where the probabilities are miscounted."""
LEAST_CHECKED = 2
"""Checks of each stratum in the first phase."""
PSEUDO_COUNT = 0.5
"""Jeffreys' prior of an error rate, for the variance of a stratum."""
PRIOR_CHECKS = 20
"""Checks that the error rate of all strata counts as in each, when the second phase is allotted.

A stratum that shows few errors by chance would get few more checks, and its errors would stay uncounted.
With 2 the count is up to 1.8 points too low, and the interval holds the truth in .86 of the worst simulated
audits; with 20 it does in .93 and is at most 3 % wider."""
NUMBER_OF_CHECKS = 100
"""By default: the half-width is about 4 points (bench/error_model/results/audits.md)."""


@dataclass(frozen=True, kw_only=True)
class Strata:
    """Neighbouring parts of a ranking; stratum 0 holds rank 1."""

    ends_S: Index
    """The last rank of each stratum; the last one is N."""

    @property
    def sizes_S(self) -> Index:  # noqa: N802 - the shape suffix
        """Return the number of samples of each stratum."""
        return np.diff(self.ends_S, prepend=0)

    @property
    def sample_count(self) -> int:
        """Return N."""
        return int(self.ends_S[-1])

    def find(self, rank_C: Index) -> Index:
        """Return the stratum of each of these ranks."""
        return np.searchsorted(self.ends_S, rank_C)


@dataclass(frozen=True, kw_only=True)
class Checks:
    """What was drawn at random, and what people said about it."""

    strata: Strata
    rank_C: Index = field(default_factory=lambda: np.empty(0, np.int64))
    """The ranks that were drawn, from 1 on."""
    is_error_C: Floats = field(default_factory=lambda: np.empty(0))
    """1: the label is wrong, 0: right, not a number: undecided, or without a verdict."""
    is_open_C: npt.NDArray[np.bool_] | None = None
    """Which checks people looked at without saying that the label is right or wrong: unsure, disputed or
    dropped ones. They may be wrong more or less often than the others. None: there are none."""

    @property
    def stratum_C(self) -> Index:  # noqa: N802 - the shape suffix
        """Return the stratum of each check."""
        return self.strata.find(self.rank_C)

    @property
    def is_decided_C(self) -> npt.NDArray[np.bool_]:  # noqa: N802 - the shape suffix
        """Return which checks people could decide."""
        return ~np.isnan(self.is_error_C)

    @property
    def weight_C(self) -> Floats:  # noqa: N802 - the shape suffix
        """Return for how many samples each check speaks: its stratum's size over its decided checks."""
        decided_S = np.bincount(self.stratum_C[self.is_decided_C], minlength=len(self.strata.ends_S))
        weight_S = self.strata.sizes_S / np.maximum(decided_S, 1)
        weight_C: Floats = np.where(self.is_decided_C, weight_S[self.stratum_C], 0)
        return weight_C

    def select(self, is_selected_C: npt.NDArray[np.bool_]) -> "Checks":
        """Return some of the checks."""
        return Checks(
            strata=self.strata,
            rank_C=self.rank_C[is_selected_C],
            is_error_C=self.is_error_C[is_selected_C],
            is_open_C=None if self.is_open_C is None else self.is_open_C[is_selected_C],
        )

    def decide_open(self, *, is_error: bool) -> "Checks":
        """Return the checks as if people had said the same of all that they left open."""
        if self.is_open_C is None:
            return self
        is_taken_C = self.is_open_C & ~self.is_decided_C
        return replace(self, is_error_C=np.where(is_taken_C, float(is_error), self.is_error_C))


def cut_strata(error_probability_N: npt.NDArray[np.floating[Any]]) -> Strata:
    """Return the strata of a ranking.

    The borders follow the cumulated standard deviation of the verdicts (Dalenius and Hodges 1959), as far as
    the probabilities are trusted. Wrong probabilities make the checks less useful, never biased.

    Args:
        error_probability_N: the probability that each label is wrong, in [0, 1], in order of rank.

    """
    count = len(error_probability_N)
    probability_N = error_probability_N.astype(np.float64)
    deviation_N = np.sqrt(probability_N * (1 - probability_N))
    weight_N = deviation_N + EVEN_SHARE * deviation_N.mean() + np.finfo(np.float64).tiny
    share_N = weight_N.cumsum() / weight_N.sum()
    strata = max(1, min(STRATA, count // SAMPLES_PER_STRATUM))
    ends = np.searchsorted(share_N, np.arange(1, strata) / strata) + 1
    return Strata(ends_S=np.unique([*ends.clip(max=count).tolist(), count]))


def draw_checks(checks: Checks, wanted: int, *, seed: int) -> Index:
    """Return the ranks to check next, in random order; none if as many as are wanted were drawn.

    Without checks they are the first phase, half of what is wanted. Call it again when these have verdicts.

    Args:
        checks: what was drawn so far, with its verdicts.
        wanted: checks in all; more than the first phase needs, at most N.
        seed: with the same checks it draws the same.

    """
    strata = checks.strata
    drawn_S = np.bincount(checks.stratum_C, minlength=len(strata.ends_S))
    wanted = min(wanted, strata.sample_count)
    if len(checks.rank_C):
        weight_S = strata.sizes_S * _expect_deviations(checks)
        all_S = _allocate(weight_S, max(wanted, len(checks.rank_C)), drawn_S, strata.sizes_S)
    else:
        least_S = np.minimum(LEAST_CHECKED, strata.sizes_S)
        all_S = _allocate(strata.sizes_S, (wanted + 1) // 2, least_S, strata.sizes_S)
    random = np.random.default_rng([seed, len(checks.rank_C)])
    return random.permutation(_draw_in_strata(checks, all_S - drawn_S, random))


def compute_error_variances(checks: Checks) -> Floats:
    """Return p (1 - p) of each stratum, by its verdicts and Jeffreys' prior."""
    errors_S, decided_S = tally_strata(checks)
    rate_S = (errors_S + PSEUDO_COUNT) / (decided_S + 2 * PSEUDO_COUNT)
    return rate_S * (1 - rate_S)


def _expect_deviations(checks: Checks) -> Floats:
    """Return the standard deviation of a verdict that is to be expected in each stratum."""
    errors_S, decided_S = tally_strata(checks)
    total = float(decided_S.sum())
    rate = (float(errors_S.sum()) + PSEUDO_COUNT) / (total + 2 * PSEUDO_COUNT)
    rate_S = (errors_S + PRIOR_CHECKS * rate) / (decided_S + PRIOR_CHECKS)
    deviation_S: Floats = np.sqrt(rate_S * (1 - rate_S))
    return deviation_S


def tally_strata(checks: Checks) -> tuple[Floats, Floats]:
    """Return the errors and the decided checks of each stratum [S]."""
    decided = checks.select(checks.is_decided_C)
    length = len(checks.strata.ends_S)
    decided_S: Floats = np.bincount(decided.stratum_C, minlength=length).astype(np.float64)
    errors_S: Floats = np.bincount(decided.stratum_C, decided.is_error_C, length).astype(np.float64)
    return errors_S, decided_S


def _draw_in_strata(checks: Checks, count_S: Index, random: np.random.Generator) -> Index:
    """Return this many ranks of each stratum that were not drawn yet."""
    drawn = [np.empty(0, np.int64)]
    starts_S = checks.strata.ends_S - checks.strata.sizes_S
    for start, end, count in zip(starts_S, checks.strata.ends_S, count_S, strict=True):
        if count > 0:
            free = np.setdiff1d(np.arange(start + 1, end + 1), checks.rank_C, assume_unique=True)
            drawn.append(random.choice(free, count, replace=False))
    return np.concatenate(drawn)


def _allocate(weight_S: npt.NDArray[Any], count: int, least_S: Index, most_S: Index) -> Index:
    """Return whole numbers of checks by weight that sum to `count`, within bounds that may force more."""
    share_S = weight_S / max(weight_S.sum(), np.finfo(np.float64).tiny) * count
    given_S: Index = np.clip(np.floor(share_S), least_S, most_S).astype(np.int64)
    while given_S.sum() != np.clip(count, least_S.sum(), most_S.sum()):
        step = 1 if given_S.sum() < count else -1
        is_free_S = given_S < most_S if step > 0 else given_S > least_S
        wanted_S = np.where(is_free_S, step * (share_S - given_S), -np.inf)
        given_S[int(wanted_S.argmax())] += step
    return given_S
