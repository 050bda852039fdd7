"""Simulated audits of known truth: what 100 random checks count, and 200 recalibrate.

    python -m bench.error_model --audits

A ranking is good, bad (it tells nothing), inverted (right labels come first), miscounted (a fifth, or three
times the errors) or misshapen (far too sure, or far too unsure). Shape suffixes: N samples.
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
from models.error_model.check_plan import CheckPlan, draw_checks, make_plan
from models.error_model.checked_counts import count_errors, find_weights, jeffreys
from models.error_model.recalibration import recalibrate

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
CHECKS, RECALIBRATED_WITH = 100, 200
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

    def draw(self, count: int, rate: float, random: np.random.Generator) -> tuple[Floats, Mask]:
        """Return error probabilities and errors."""
        is_error_N = random.random(count) < rate
        score_N = random.normal(size=count) + abs(self.separation) * (is_error_N ^ (self.separation < 0))
        evidence_N = abs(self.separation) * score_N - self.separation**2 / 2
        claimed = float(np.clip(rate * self.factor, 1e-4, 0.95))
        return expit(self.slope * (evidence_N + logit(claimed))), is_error_N


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
    plan, truth = make_plan(probability_N, seed=seed), float(is_error_N.mean())
    drawn, decided = _check(plan, is_error_N, CHECKS)
    counted = count_errors(plan, drawn, decided)
    plain = _plain(is_error_N, random)
    low, high = jeffreys(counted.centre, _as_plain(len(is_error_N)))
    drawn, decided = _check(plan, is_error_N, min(RECALIBRATED_WITH, len(is_error_N) // 2))
    return {
        "covers": float(counted.low <= truth <= counted.high),
        "half_width": (counted.high - counted.low) / 2,
        "squared_error": (counted.centre - truth) ** 2,
        "wider_than_plain": float(counted.high - counted.low > high - low + 1e-9),
        **plain,
        **_calibrations(probability_N, is_error_N, plan, drawn, decided),
    }


def _check(plan: CheckPlan, is_error_N: Mask, count: int) -> tuple[list[int], dict[int, bool]]:
    """Return the drawn positions and their verdicts, both phases."""
    decided: dict[int, bool] = {}
    for _ in range(2):
        drawn = draw_checks(plan, decided, count).tolist()
        decided = {position: bool(is_error_N[position]) for position in drawn}
    return drawn, decided


def _plain(is_error_N: Mask, random: np.random.Generator) -> dict[str, float]:
    """Return the same of a plain random sample with Jeffreys' interval."""
    centre = float(is_error_N[random.choice(len(is_error_N), CHECKS, replace=False)].mean())
    low, high = jeffreys(centre, _as_plain(len(is_error_N)))
    return {
        "plain_covers": float(low <= is_error_N.mean() <= high),
        "plain_half_width": (high - low) / 2,
        "plain_squared_error": (centre - float(is_error_N.mean())) ** 2,
    }


def _as_plain(sample_count: int) -> float:
    return CHECKS / (1 - CHECKS / sample_count)


def _calibrations(
    probability_N: Floats, is_error_N: Mask, plan: CheckPlan, drawn: list[int], decided: dict[int, bool]
) -> dict[str, float]:
    moved_N = recalibrate(probability_N, plan, drawn, decided)
    isotonic_N = recalibrate_isotonically(probability_N, plan, drawn, decided)
    return {
        "before": calibration_error(probability_N, is_error_N),
        "after": calibration_error(moved_N, is_error_N),
        "after_isotonic": calibration_error(isotonic_N, is_error_N),
    }


def recalibrate_isotonically(
    probability_N: Floats, plan: CheckPlan, drawn: list[int], decided: dict[int, bool]
) -> Floats:
    """Return the probabilities by weighted isotonic regression on the checks: what was not chosen."""
    drawn_C = np.array(drawn)
    order_C = drawn_C[np.argsort(probability_N[drawn_C], kind="stable")]
    weight_C = find_weights(plan, drawn, decided)[order_C]
    seen_C = np.array([decided[position] for position in order_C.tolist()], dtype=np.float64)
    rising_C = isotonic_regression(seen_C, weights=weight_C).x
    moved_N: Floats = np.interp(probability_N, probability_N[order_C], rising_C)
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
    "calibration error before": lambda got: f"{got['before'].mean():.3f}",
    "after 200": lambda got: f"{got['after'].mean():.3f} (95 %: {np.quantile(got['after'], 0.95):.3f})",
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
