"""What the count of wrong labels is, how sure that is, and whether it may be claimed at all."""

from dataclasses import dataclass
from enum import StrEnum

from models.error_model.assumptions import CONSTANTS, Constants

TINY = 1e-12


class Reason(StrEnum):
    """Why nothing may be claimed yet."""

    TOO_FEW_SAMPLES = "too_few_samples"
    KNOWS_TOO_LITTLE = "knows_too_little"
    VIEWS_DISAGREE = "views_disagree"


@dataclass(frozen=True, kw_only=True)
class Views:
    """The same error rate by several assumptions; shares of all labels in [0, 1] unless said otherwise."""

    forward: float
    """By the forward model on all evidence."""
    forward_of_sources: tuple[float, ...]
    """By the forward model on each source of evidence alone."""
    standard_error: float
    """Of `forward`, by bootstrap."""
    disagreement: float
    """Labels other than the best class by all evidence: an upper view."""
    consensus: float | None
    """By two nearest neighbours' labels: an upper view; None without neighbours."""
    information: float
    """Share of the labels' entropy that the evidence explains; at most 1, below 0 for worse than nothing."""
    sample_count: int
    class_count: int

    @property
    def upper(self) -> float:
        """Return the lower one of the upper views, and no less than `forward`."""
        views = [self.disagreement] + ([] if self.consensus is None else [self.consensus])
        return max(min(views), self.forward)

    @property
    def left_over(self) -> float:
        """Return the disagreement that class-dependent noise leaves unexplained."""
        return self.upper - self.forward

    @property
    def spread(self) -> float:
        """Return how far the sources alone lead from all evidence, at most as far as the upper view."""
        apart = max((abs(rate - self.forward) for rate in self.forward_of_sources), default=0.0)
        return min(apart, self.left_over)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The share of wrong labels with its interval, all in [0, 1]."""

    noise_share: float
    """Errors by class-dependent noise, `Views.forward` shrunk by what clean data would show."""
    hidden_share: float
    """Errors that look like ignorance."""
    belief: float
    """The factor of that shrinkage, in [0, 1]."""
    low: float
    high: float
    reasons: tuple[Reason, ...]
    """Why nothing may be claimed; empty: it may."""

    @property
    def centre(self) -> float:
        """Return the share of wrong labels."""
        return self.noise_share + self.hidden_share


def make_claim(views: Views, constants: Constants = CONSTANTS) -> Claim:
    """Return the count with its interval, and the reasons against claiming it."""
    ignorance = constants.ignorance * views.left_over
    belief = views.forward**2 / (views.forward**2 + ignorance**2 + TINY)
    noise = belief * views.forward
    hidden = belief * constants.hidden_share * views.left_over
    reasons = _find_reasons(views, noise, constants)
    low, high = _bound(views, noise=noise, hidden=hidden, belief=belief, constants=constants)
    if reasons:
        low, high = min(low, noise / 2), max(high, 2 * views.upper)
    if Reason.TOO_FEW_SAMPLES in reasons and views.sample_count < constants.least_samples:
        low, high = 0.0, 1.0
    return Claim(
        noise_share=noise,
        hidden_share=hidden,
        belief=belief,
        low=max(0.0, low),
        high=min(1.0, high),
        reasons=reasons,
    )


def _bound(
    views: Views, *, noise: float, hidden: float, belief: float, constants: Constants
) -> tuple[float, float]:
    """Return the ends of the interval: sampling, assumptions, and what nobody can know from above."""
    misfit = constants.relative_error * (noise + hidden)
    ignorance = constants.ignorance * views.left_over * (1 - belief)
    down = constants.normal_95 * (views.standard_error**2 + ignorance**2) ** 0.5 + views.spread + misfit
    # What is not believed to be noise may be errors all the same, and the upper views miss some of those.
    reach = belief * constants.left_over_up + (1 - belief) * 2
    up = constants.normal_95 * views.standard_error + reach * views.left_over + misfit
    return noise - down, noise + hidden + up


def _find_reasons(views: Views, noise: float, constants: Constants) -> tuple[Reason, ...]:
    per_class = views.sample_count / views.class_count
    few = views.sample_count < constants.least_samples or per_class < constants.least_per_class
    wide = views.standard_error > max(constants.relative_spread * noise, constants.spread_small)
    apart = views.left_over > constants.gap_small and views.upper > constants.gap_factor * noise
    found = {
        Reason.TOO_FEW_SAMPLES: few or wide,
        Reason.KNOWS_TOO_LITTLE: views.information < constants.least_information,
        Reason.VIEWS_DISAGREE: apart,
    }
    return tuple(reason for reason, holds in found.items() if holds)


def explain(reason: Reason, views: Views) -> str:
    """Return the reason as a sentence for people."""
    if reason is Reason.TOO_FEW_SAMPLES:
        return (
            f"{views.sample_count} samples of {views.class_count} classes are too few to count wrong labels: "
            f"the estimate is {views.forward:.0%}, give or take {2 * views.standard_error:.0%}."
        )
    if reason is Reason.KNOWS_TOO_LITTLE:
        return (
            "The networks know too little: their predictions explain "
            f"{max(views.information, 0):.0%} of what the labels are."
        )
    return (
        f"Two views disagree: {views.forward:.1%} of the labels look wrong at random, but "
        f"{views.upper:.1%} do not agree with the evidence; the others may be hard samples or wrong labels."
    )
