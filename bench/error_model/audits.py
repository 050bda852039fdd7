"""Simulated audits of known truth: what 100 random checks count, and 200 recalibrate.

    python -m bench.error_model --audits

A ranking is good, bad (it tells nothing), inverted (right labels come first), miscounted (a fifth, or three
times the errors), misshapen (far too sure, or far too unsure), withheld (no probability above 0.5) or not the
order of the probabilities. The functions that the service calls draw the checks and make their figures.
Shape suffixes: N samples in order of rank, C checks.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression
from scipy.special import expit, logit

from bench.error_model.measure import calibration_error
from models.checks.check_plan import Checks, cut_strata, draw_checks
from models.checks.checked_counts import NOTHING_KNOWN, Known, find_jeffreys_interval
from models.checks.recalibration import recalibrate
from models.checks.settled_figures import SettledFigures, settle

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
CHECKS, RECALIBRATED_WITH = 100, 200
HEAD_SHARE = 0.1
"""Of the samples: what was reviewed from the top on, in the column "head"."""
COUNTS = (300, 2_000, 20_000)
RATES = (0.01, 0.05, 0.2, 0.45)
REPEATS = 12


@dataclass(frozen=True, kw_only=True)
class World:
    """How an audit's probabilities relate to the truth."""

    separation: float
    """Distance of wrong from right labels, in standard deviations of the score."""
    factor: float = 1.0
    """Claimed rate over true rate."""
    slope: float = 1.0
    """Of the log-odds: above 1 too sure."""
    cap: float = 1.0
    """Largest probability."""
    is_ranked_otherwise: bool = False
    """Whether another score, as good as the probabilities and independent of them, ranks."""

    def draw(self, count: int, rate: float, random: np.random.Generator) -> tuple[Floats, Mask]:
        """Return error probabilities and errors, in order of rank."""
        is_error_N = random.random(count) < rate
        evidence_N = self._weigh(is_error_N, random)
        claimed = float(np.clip(rate * self.factor, 1e-4, 0.95))
        probability_N = np.minimum(expit(self.slope * (evidence_N + logit(claimed))), self.cap)
        ranking_N = self._weigh(is_error_N, random) if self.is_ranked_otherwise else evidence_N
        order_N = np.argsort(-ranking_N, kind="stable")
        return probability_N[order_N], is_error_N[order_N]

    def _weigh(self, is_error_N: Mask, random: np.random.Generator) -> Floats:
        """Return the log-likelihood ratio of each label's being wrong."""
        distance = abs(self.separation)
        score_N = random.normal(size=len(is_error_N)) + distance * (is_error_N ^ (self.separation < 0))
        evidence_N: Floats = distance * score_N - distance**2 / 2
        return evidence_N


WORLDS: Mapping[str, World] = {
    "good": World(separation=2.5),
    "very good": World(separation=4.0),
    "weak": World(separation=1.0),
    "bad": World(separation=0.0),
    "inverted": World(separation=-1.5),
    "a fifth": World(separation=2.5, factor=0.2),
    "three times": World(separation=2.5, factor=3.0),
    "too sure": World(separation=2.5, slope=3.0),
    "too unsure": World(separation=2.5, slope=0.3),
    "withheld": World(separation=2.5, factor=3.0, cap=0.5),
    "ranked otherwise": World(separation=2.5, is_ranked_otherwise=True),
}


def simulate() -> str:
    """Return the table of all audits."""
    random = np.random.default_rng(0)
    found: dict[str, list[dict[str, float]]] = defaultdict(list)
    for (name, world), count, rate, _ in product(WORLDS.items(), COUNTS, RATES, range(REPEATS)):
        probability_N, is_error_N = world.draw(count, rate, random)
        audit = _audit(probability_N, is_error_N, int(random.integers(2**31)), random)
        for group in (name, f"rate {rate}", f"{count:,} samples", "**all**"):
            found[group].append(audit)
    return _table(found)


def _audit(
    probability_N: Floats, is_error_N: Mask, seed: int, random: np.random.Generator
) -> dict[str, float]:
    truth, count = float(is_error_N.mean()), len(is_error_N)
    half = _check(Checks(strata=cut_strata(probability_N)), is_error_N, CHECKS, seed)
    settled = _settle(half, probability_N)
    low, high = find_jeffreys_interval(settled.count.centre, _as_plain(count))
    with_head = _settle(half, probability_N, _review_head(is_error_N, half))
    full = _check(half, is_error_N, min(RECALIBRATED_WITH, count // 2), seed)
    return {
        "covers": float(settled.count.low <= truth <= settled.count.high),
        "half_width": (settled.count.high - settled.count.low) / 2,
        "squared_error": (settled.count.centre - truth) ** 2,
        "wider_than_plain": float(settled.count.high - settled.count.low > high - low + 1e-9),
        "head_covers": float(with_head.count.low <= truth <= with_head.count.high),
        "head_bias": with_head.count.centre - truth,
        **_plain(is_error_N, random),
        **_calibrations(probability_N, is_error_N, full),
    }


def _check(checks: Checks, is_error_N: Mask, wanted: int, seed: int) -> Checks:
    """Return the checks after as many as are wanted have their verdicts, phase by phase."""
    while len(rank_C := draw_checks(checks, wanted, seed=seed)):
        all_C = np.concatenate([checks.rank_C, rank_C])
        checks = Checks(strata=checks.strata, rank_C=all_C, is_error_C=is_error_N[all_C - 1].astype(float))
    return checks


def _settle(checks: Checks, probability_N: Floats, known: Known = NOTHING_KNOWN) -> SettledFigures:
    settled = settle(checks, probability_N, known)
    assert settled is not None, "some check lies below the head"
    return settled


def _review_head(is_error_N: Mask, checks: Checks) -> Known:
    """Return what is known after a tenth of the ranking, and the checks, were reviewed."""
    head = int(HEAD_SHARE * len(is_error_N))
    is_known_N = np.arange(len(is_error_N)) < head
    is_known_N[checks.rank_C - 1] = True
    return Known(
        head=head,
        head_errors=int(is_error_N[:head].sum()),
        head_decided=head,
        errors=int(is_error_N[is_known_N].sum()),
        right=int((~is_error_N[is_known_N]).sum()),
    )


def _plain(is_error_N: Mask, random: np.random.Generator) -> dict[str, float]:
    """Return the same of a plain random sample with Jeffreys' interval."""
    centre = float(is_error_N[random.choice(len(is_error_N), CHECKS, replace=False)].mean())
    low, high = find_jeffreys_interval(centre, _as_plain(len(is_error_N)))
    return {
        "plain_covers": float(low <= is_error_N.mean() <= high),
        "plain_half_width": (high - low) / 2,
        "plain_squared_error": (centre - float(is_error_N.mean())) ** 2,
    }


def _as_plain(sample_count: int) -> float:
    return CHECKS / (1 - CHECKS / sample_count)


def _calibrations(probability_N: Floats, is_error_N: Mask, checks: Checks) -> dict[str, float]:
    moved_N = _settle(checks, probability_N).recalibration.apply(probability_N)
    free_N = recalibrate(checks, probability_N[checks.rank_C - 1]).apply(probability_N)
    isotonic_N = recalibrate_isotonically(probability_N, checks)
    return {
        "before": calibration_error(probability_N, is_error_N),
        "after": calibration_error(moved_N, is_error_N),
        "after_free": calibration_error(free_N, is_error_N),
        "after_isotonic": calibration_error(isotonic_N, is_error_N),
    }


def recalibrate_isotonically(probability_N: Floats, checks: Checks) -> Floats:
    """Return the probabilities by weighted isotonic regression on the checks: what was not chosen."""
    probability_C = probability_N[checks.rank_C - 1]
    order_C = np.argsort(probability_C, kind="stable")
    rising_C = isotonic_regression(checks.is_error_C[order_C], weights=checks.weight_C[order_C]).x
    moved_N: Floats = np.interp(probability_N, probability_C[order_C], rising_C)
    return moved_N


COLUMNS: Mapping[str, Callable[[dict[str, Floats]], str]] = {
    "audits": lambda got: str(len(got["covers"])),
    "covers": lambda got: f"{got['covers'].mean():.3f}",
    "half-width": lambda got: f"{got['half_width'].mean():.4f}",
    "RMSE": lambda got: f"{np.sqrt(got['squared_error'].mean()):.4f}",
    "plain: covers": lambda got: f"{got['plain_covers'].mean():.3f}",
    "plain: half-width": lambda got: f"{got['plain_half_width'].mean():.4f}",
    "plain: RMSE": lambda got: f"{np.sqrt(got['plain_squared_error'].mean()):.4f}",
    "wider than plain of the same centre": lambda got: f"{got['wider_than_plain'].sum():.0f}",
    "head reviewed: covers": lambda got: f"{got['head_covers'].mean():.3f}",
    "head reviewed: bias": lambda got: f"{got['head_bias'].mean():+.4f}",
    "calibration error before": lambda got: f"{got['before'].mean():.3f}",
    "after 200": lambda got: f"{got['after'].mean():.3f} (95 %: {np.quantile(got['after'], 0.95):.3f})",
    "without the counted mean": lambda got: f"{got['after_free'].mean():.3f}",
    "isotonic": lambda got: (
        f"{got['after_isotonic'].mean():.3f} (95 %: {np.quantile(got['after_isotonic'], 0.95):.3f})"
    ),
}


def _table(found: Mapping[str, list[dict[str, float]]]) -> str:
    rows = [f"| | {' | '.join(COLUMNS)} |", "|" + "---|" * (len(COLUMNS) + 1)]
    for group, audits in found.items():
        columns = {name: np.array([audit[name] for audit in audits]) for name in audits[0]}
        rows.append(f"| {group} | {' | '.join(make(columns) for make in COLUMNS.values())} |")
    return "## Audits of known truth\n\n" + "\n".join(rows) + "\n"
