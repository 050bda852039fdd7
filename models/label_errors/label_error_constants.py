"""The constants of the model of label errors in one object, each with its source and tuning set.

"Chosen" means that no comparison of other values was kept. Abbreviations of tuning sets:

- MIXTURE: digits with 0, 20 and 40 % uniform errors (seed 1), letters with 20 % (seed 0) and synthetic
  mixtures (bench/defaults/RESULTS.md).
- CIFAR: the CIFAR-10 tasks of docs/detection.md, which also reports the results on them.
- ASYMMETRY: seed 2 of CIFAR-10's pair, uniform and `worse` tasks, and the other tasks of docs/detection.md
  except the two of vehicles.
- HARD: the three `hard` tasks of docs/detection.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LabelErrorConstants:
    """The constants that were chosen, not derived. Shares are of the largest distance, sqrt 2."""

    cut: float = 0.25
    """The posterior probability above which a label is an issue. The threshold that maximises F1 is half of
    the maximum F1 (Lipton, Elkan and Naryanaswamy, 2014); half of an F1 of 0.5."""

    mixture_cells: int = 512
    """Cells of the grid over the distances. Chosen; finer than the distributions' shapes."""
    mixture_rounds: int = 300
    """Most rounds of expectation maximisation. Chosen."""
    mixture_converged: float = 1e-7
    """The rounds end when the expected errors change by less than this share of all samples. Chosen."""
    disagreement_share: float = 0.5
    """Distance at which a network undecided between two classes prefers neither. Derived: with two classes of
    0.5 each the distance is half of its maximum."""
    wrong_from: float = 0.35
    """Distance below which no label is wrong: the network clearly prefers the given label. MIXTURE."""
    tail_degrees: int = 4
    """Degrees of freedom of Student's t for right labels; hard samples give these a long tail. MIXTURE."""
    prior_share: float = 0.005
    """Weight of a component's prior shape, as a share of all samples. MIXTURE."""
    right_prior_mean: float = 0.15
    """Prior mean of the distances of right labels. MIXTURE."""
    wrong_prior_mean: float = 0.85
    """Prior mean of the distances of wrong labels. MIXTURE."""
    prior_variance: float = 0.03
    """Prior variance of both components. MIXTURE."""

    sharpness_weak: float = 2.0
    """Power of the class probabilities of a classifier with weight 0. CIFAR."""
    sharpness_strong: float = 10.0
    """Power of the class probabilities of a classifier with weight 1. CIFAR, MNIST and letters."""
    transition_rounds: int = 40
    """Rounds of expectation maximisation for the transition matrix (Dawid and Skene, 1979). Chosen."""
    transition_samples_max: int = 50_000
    """Most samples, evenly spaced, to which the transition matrix is fitted. Chosen."""

    asymmetry_weight: float = 0.75
    """Weight of the log-odds asymmetry, added to the averaged margin. ASYMMETRY; `python -m
    bench.peers.weights` measures other values."""
    asymmetry_by_chance: float = 0.35
    """Mean square of the asymmetry if labels are wrong in both directions alike; it is not 0, because a
    network favours some classes: 0.3 to 0.5 under uniform and human noise. ASYMMETRY."""

    confidence_groups: int = 10
    """Number of groups of equal size, the most confident first, whose disagreement is compared. Chosen."""
    low_groups: tuple[int, ...] = (0,)
    """Groups whose disagreement bounds that of less confident groups, for the interval's lower end. CIFAR."""
    centre_groups: tuple[int, ...] = (3, 4)
    """The same for the centre: human errors grew only up to about the middle group. CIFAR."""
    high_groups: tuple[int, ...] = (9,)
    """The same for the upper end: all disagreement, which for human labels was nearly all wrong. CIFAR."""
    posterior_share: float = 1 / 4
    """Share of the mean posterior in a weak classifier's count; the rest comes from its most confident
    samples. CIFAR."""
    mixture_low: float = 0.85
    """Lower end of the interval as a share of the mixture's count, measured on data with known errors.
    MIXTURE."""
    mixture_high: float = 1.1
    """Upper end of the same interval. MIXTURE."""
    posterior_factor: float = 1.15
    """Interval around the mean posterior, as a factor, measured on data with known errors. CIFAR, MNIST,
    letters."""
    even_disagreement: float = 1 / 4
    """Disagreement of the most confident tenth over that of all; below, errors are on hard samples. HARD."""
    learned_factor: float = 2.0
    """Most errors as a multiple of the posterior's count, reached if the most confident tenth has none: then
    the classifier has learned some errors as right labels. HARD."""


CONSTANTS = LabelErrorConstants()
