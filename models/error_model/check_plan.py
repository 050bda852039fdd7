"""Which samples people are asked to check: at random, so that their verdicts count the wrong labels.

Two phases (Neyman 1938). The samples are put into strata by their error probability. The first half of the
checks falls to the strata by their size; the second half goes where the verdicts so far leave most variance.
Everything follows from the probabilities, the seed and the verdicts of the first half: a plan that was
interrupted goes on where it was, and nobody can draw again until the answer pleases. What else was
reviewed, in the ranking's order or any other, changes nothing.
Shape suffixes: N samples, S strata, C checks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Verdicts = Mapping[int, bool | None]
"""By position: whether the label is wrong; None where a person could not tell."""
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
NUMBER_OF_CHECKS = 100


@dataclass(frozen=True, kw_only=True)
class CheckPlan:
    """Strata and, within each, the order in which its samples are checked."""

    stratum_N: Index
    """The stratum of each sample, 0 .. S - 1, the likeliest errors last."""
    place_N: Index
    """The place of each sample in its stratum's order, from 0 on; random."""

    def count_samples(self) -> Index:
        """Return the number of samples of each stratum [S]."""
        return np.bincount(self.stratum_N).astype(np.int64)


def make_plan(error_probability_N: npt.NDArray[np.floating[Any]], *, seed: int = 0) -> CheckPlan:
    """Return the plan of an audit; the same for the same probabilities and seed.

    The borders follow the cumulated standard deviation of the verdicts (Dalenius and Hodges 1959), as far as
    the probabilities are trusted. Wrong probabilities make the plan less useful, never biased.
    """
    count = len(error_probability_N)
    deviation_N = np.sqrt(np.clip(error_probability_N * (1 - error_probability_N), 0, None))
    weight_N = deviation_N + EVEN_SHARE * deviation_N.mean() + np.finfo(np.float64).tiny
    order_N = np.argsort(error_probability_N, kind="stable")
    share_N = weight_N[order_N].cumsum() / weight_N.sum()
    strata = max(1, min(STRATA, count // SAMPLES_PER_STRATUM))
    stratum_N = np.empty(count, dtype=np.int64)
    stratum_N[order_N] = np.minimum((share_N * strata - 1e-9).astype(np.int64), strata - 1)
    stratum_N = np.unique(stratum_N, return_inverse=True)[1].astype(np.int64)
    return CheckPlan(stratum_N=stratum_N, place_N=_shuffle(stratum_N, seed))


def draw_checks(plan: CheckPlan, verdicts: Verdicts, count: int = NUMBER_OF_CHECKS) -> Index:
    """Return the positions to check, the first phase first, as far as they are fixed.

    While the first phase has samples without a verdict only that phase is returned. Ask again with more
    verdicts for the rest. Positions that have a verdict stay in the list.

    Args:
        plan: `make_plan`.
        verdicts: all verdicts there are; those of samples that were not drawn are ignored.
        count: checks in all, both phases.

    """
    count = min(count, len(plan.stratum_N))
    size_S = plan.count_samples()
    first_S = _allocate(size_S, (count + 1) // 2, np.minimum(LEAST_CHECKED, size_S), size_S)
    first_C = _take(plan, np.zeros_like(first_S), first_S)
    if any(position not in verdicts for position in first_C.tolist()):
        return first_C
    deviation_S = np.sqrt(error_variances(plan, {place: verdicts[place] for place in first_C.tolist()}))
    all_S = _allocate(size_S * deviation_S, max(count, int(first_S.sum())), first_S, size_S)
    return np.concatenate([first_C, _take(plan, first_S, all_S)])


def error_variances(plan: CheckPlan, checked: Verdicts) -> Floats:
    """Return p (1 - p) of each stratum, by its verdicts and Jeffreys' prior."""
    errors_S, decided_S = tally_strata(plan, checked)
    rate_S = (errors_S + PSEUDO_COUNT) / (decided_S + 2 * PSEUDO_COUNT)
    return rate_S * (1 - rate_S)


def tally_strata(plan: CheckPlan, checked: Verdicts) -> tuple[Floats, Floats]:
    """Return the errors and the decided verdicts of each stratum [S]; a None decides nothing."""
    decided = [(position, is_error) for position, is_error in checked.items() if is_error is not None]
    strata = plan.stratum_N[np.array([position for position, _ in decided], dtype=np.int64)]
    errors = np.array([is_error for _, is_error in decided], dtype=np.float64)
    length = len(plan.count_samples())
    decided_S: Floats = np.bincount(strata, minlength=length).astype(np.float64)
    return np.bincount(strata, errors, length).astype(np.float64), decided_S


def _shuffle(stratum_N: Index, seed: int) -> Index:
    """Return a random place of each sample within its stratum."""
    random_N = np.random.default_rng(seed).permutation(len(stratum_N))
    order_N = np.lexsort((random_N, stratum_N))
    starts_S = np.searchsorted(stratum_N[order_N], np.arange(stratum_N.max() + 1))
    place_N = np.empty_like(stratum_N)
    place_N[order_N] = np.arange(len(stratum_N)) - starts_S[stratum_N[order_N]]
    return place_N


def _take(plan: CheckPlan, from_S: Index, to_S: Index) -> Index:
    """Return the positions whose places lie in the range of their stratum."""
    is_taken_N = (plan.place_N >= from_S[plan.stratum_N]) & (plan.place_N < to_S[plan.stratum_N])
    taken: Index = np.flatnonzero(is_taken_N)
    in_order: Index = taken[np.argsort(plan.place_N[taken], kind="stable")]
    return in_order


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
