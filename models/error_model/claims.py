"""What the count of wrong labels is, how sure that is, and whether it may be claimed at all."""

from dataclasses import dataclass, replace
from enum import StrEnum

from models.error_model.assumptions import CONSTANTS, Constants

TINY = 1e-12


class Reason(StrEnum):
    """Why nothing may be claimed yet."""

    TOO_FEW_SAMPLES = "too_few_samples"
    KNOWS_TOO_LITTLE = "knows_too_little"
    VIEWS_DISAGREE = "views_disagree"
    NOT_OUT_OF_SAMPLE = "not_out_of_sample"
    """There is no evidence: every network learned every label, or there was none."""
    TOO_LARGE = "too_large"
    """There is no evidence: so many class probabilities are not kept."""
    TOO_MANY_CLASSES = "too_many_classes"
    """There are more parameters than the samples of the fit could explain."""


EXPLANATIONS = {
    Reason.NOT_OUT_OF_SAMPLE: (
        "No network was blind to any label in this training, so nothing that it says about a label is "
        "independent of that label."
    ),
    Reason.TOO_LARGE: "There are too many samples and classes: their class probabilities are not kept.",
    Reason.TOO_MANY_CLASSES: (
        "There are too many classes: how they are taken for each other cannot be estimated from the samples."
    ),
}
"""Sentences of the reasons that need no figures."""


@dataclass(frozen=True, kw_only=True)
class Views:
    """The same error rate by several assumptions; shares of all labels in [0, 1] unless said otherwise."""

    forward: float
    """By the forward model on all evidence."""
    forward_of_sources: tuple[float, ...]
    """By the forward model on each source of evidence alone: the probabilities, and the neighbours."""
    standard_error: float
    """Of `forward`, by bootstrap."""
    disagreement: float
    """Labels other than the best class by all evidence: an upper view."""
    consensus: float | None
    """By two nearest neighbours' labels: an upper view; None without neighbours."""
    surest: float
    """The same disagreement among the surest samples of each class alone: a lower view."""
    surest_error: float
    """Standard error of `surest`."""
    information: float
    """Share of the labels' entropy that the evidence explains; at most 1, below 0 for worse than nothing."""
    information_of_neighbours: float
    """The share that the neighbours alone explain; 0 without them."""
    nats_per_parameter: float
    """What the evidence explains of all labels, over the parameters that were fitted to do so."""
    sample_count: int
    evidence_count: int
    """Samples that are out of sample; the others follow from them."""
    class_count: int

    @property
    def upper(self) -> float:
        """Return the lower one of the upper views, and no less than `forward`."""
        views = [self.disagreement] + ([] if self.consensus is None else [self.consensus])
        return max(min(views), self.forward)

    @property
    def seen_by_neighbours(self) -> float:
        """Return the errors that the neighbours alone see beyond all evidence: a network may leak labels.

        They count in the proportion of what the neighbours know to what all evidence knows: neighbours that
        know little, such as photographs by their pixels, see errors everywhere.
        """
        alone = self.forward_of_sources[1] if len(self.forward_of_sources) > 1 else self.forward
        known = min(1.0, max(0.0, self.information_of_neighbours) / max(self.information, TINY))
        return known * max(0.0, min(alone, self.upper) - self.forward)

    @property
    def spread(self) -> float:
        """Return how far the sources alone lead from all evidence, at most as far as the upper view."""
        apart = max((abs(rate - self.forward) for rate in self.forward_of_sources), default=0.0)
        return min(apart, self.upper - self.forward)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The share of wrong labels with its interval, all in [0, 1]."""

    noise_share: float
    """Errors by class-dependent noise, shrunk by what clean data would show."""
    hidden_share: float
    """Errors that look like ignorance."""
    left_over: float
    """Disagreement that neither explains."""
    credibility: float
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
    counted = views.forward + constants.neighbours_share * views.seen_by_neighbours
    left_over = views.upper - counted
    ignorance = constants.ignorance * left_over
    credibility = counted**2 / (counted**2 + ignorance**2 + TINY)
    claim = Claim(
        noise_share=credibility * counted,
        hidden_share=credibility * constants.hidden_share * left_over,
        left_over=left_over,
        credibility=credibility,
        low=0.0,
        high=1.0,
        reasons=(),
    )
    low, high = _bound(views, claim, constants)
    reasons = _find_reasons(views, replace(claim, low=low), constants)
    if reasons:
        low, high = min(low, claim.noise_share / 2), max(high, 2 * views.upper)
    if views.evidence_count < constants.least_samples:
        low, high = 0.0, 1.0
    return replace(claim, low=max(0.0, low), high=min(1.0, high), reasons=reasons)


def _bound(views: Views, claim: Claim, constants: Constants) -> tuple[float, float]:
    """Return the ends of the interval: sampling, assumptions, and what nobody can know from above.

    The lower end is no higher than what the surest samples alone show: of few samples of classes that
    overlap, the forward model can take all that looks like another class for wrong labels.
    """
    misfit = constants.relative_error * claim.centre
    ignorance = constants.ignorance * claim.left_over * (1 - claim.credibility)
    down = constants.normal_95 * (views.standard_error**2 + ignorance**2) ** 0.5 + views.spread + misfit
    # What is not counted as noise can still be errors, and the upper views miss some of those.
    reach = claim.credibility * constants.left_over_up + (1 - claim.credibility) * 2
    up = constants.normal_95 * views.standard_error + reach * claim.left_over + misfit
    surely = views.surest - constants.normal_95 * views.surest_error
    return min(claim.noise_share - down, surely), claim.centre + up


def _find_reasons(views: Views, claim: Claim, constants: Constants) -> tuple[Reason, ...]:
    per_class = views.evidence_count / views.class_count
    few = (
        views.evidence_count < constants.least_samples
        or per_class < constants.least_per_class
        or views.nats_per_parameter < constants.least_nats_per_parameter
    )
    wide = views.standard_error > max(constants.relative_spread * claim.noise_share, constants.spread_small)
    reaches_down = claim.low < constants.least_low * claim.noise_share
    between = reaches_down and claim.noise_share > constants.gap_small and not wide
    apart = claim.left_over > constants.gap_small and views.upper > constants.gap_factor * claim.noise_share
    found = {
        Reason.TOO_FEW_SAMPLES: few or wide,
        Reason.KNOWS_TOO_LITTLE: views.information < constants.least_information,
        Reason.VIEWS_DISAGREE: apart or between,
    }
    return tuple(reason for reason, holds in found.items() if holds)


def explain(reason: Reason, views: Views) -> str:
    """Return the reason as a sentence for people."""
    if reason in EXPLANATIONS:
        return EXPLANATIONS[reason]
    if reason is Reason.TOO_FEW_SAMPLES:
        return (
            f"{views.evidence_count} samples of {views.class_count} classes are too few to count wrong "
            f"labels: the estimate is {views.forward:.0%}, give or take {2 * views.standard_error:.0%}."
        )
    if reason is Reason.KNOWS_TOO_LITTLE:
        return (
            "The networks know too little: their predictions explain "
            f"{max(views.information, 0):.0%} of what the labels are."
        )
    return (
        "Two ways to count are too far apart. By how classes are mistaken for each other, about "
        f"{views.forward:.1%} of the labels are wrong; but networks and similar samples speak for another "
        f"label in up to {views.upper:.1%}. What lies between may be hard samples with right labels, or "
        "wrong labels: nothing here tells them apart, so no number is given."
    )
