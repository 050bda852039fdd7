"""The paper's theory: bounds from the information that the weights hold about the labels.

All information is in bits. Symbols: r training error rate on the given labels, p rate of uniform label noise,
K classes, n samples, I = I(w : y | x) the information in the weights about the labels, given the inputs.
"""

import math
from collections.abc import Iterable

BISECTIONS = 60
"""Halvings of [0, 1]: finer than a double's resolution."""


def compute_binary_entropy(rate: float) -> float:
    """Return h(rate) in bits, in [0, 1]."""
    _check("A rate", rate, 0.0, 1.0)
    return -sum(share * math.log2(share) for share in (rate, 1.0 - rate) if share > 0)


def compute_label_entropy(*, noise_rate: float, class_count: int) -> float:
    """Return H(y | x) = h(p) + p log2(K - 1) of uniform label noise, in bits per sample."""
    _check("The number of classes", class_count, 2, math.inf)
    return compute_binary_entropy(noise_rate) + noise_rate * math.log2(class_count - 1)


def bound_training_error(*, information_per_sample: float, noise_rate: float, class_count: int) -> float:
    """Return the least r that Theorem 1 allows if I / n bits are memorised, in [0, (K - 1) / K].

    H(y | x) - I / n <= h(r) + r log2(K - 1). The right side rises up to r = (K - 1) / K, so bisection finds
    the least r.
    """
    _check("Information per sample", information_per_sample, 0.0, math.inf)
    missing = compute_label_entropy(noise_rate=noise_rate, class_count=class_count) - information_per_sample
    if missing <= 0:
        return 0.0
    low, high = 0.0, (class_count - 1) / class_count
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if compute_label_entropy(noise_rate=middle, class_count=class_count) < missing:
            low = middle
        else:
            high = middle
    return high


def bound_information(*, training_error: float, noise_rate: float, class_count: int) -> float:
    """Return the least I / n in bits per sample that a model with training error r has memorised.

    Theorem 1, solved for I / n: H(y | x) - h(r) - r log2(K - 1), or 0 if that is negative.
    """
    left_over = compute_label_entropy(noise_rate=training_error, class_count=class_count)
    return max(0.0, compute_label_entropy(noise_rate=noise_rate, class_count=class_count) - left_over)


def bound_gradient_information(*, squared_norm: float, dimension: int, noise_variance: float) -> float:
    """Return Proposition 1's bound on a sample's noisy gradient: its information about the label, in bits.

    (d / 2) log2(1 + L^2 / (d sigma^2)), for a gradient mu + eps with E ||mu||^2 <= L^2, and eps independent
    of the label, with zero mean and variance sigma^2 in each entry. Without noise the bound is infinite.

    Args:
        squared_norm: L^2, such as `EpochRecord.squared_gradient_norm`.
        dimension: d; for gradients at the logits the number of classes.
        noise_variance: sigma^2; "+S" has 1 / (2 lambda) with LIMIT_G and 2 / lambda^2 with LIMIT_L.

    """
    _check("A squared norm", squared_norm, 0.0, math.inf)
    _check("A dimension", dimension, 1, math.inf)
    if noise_variance == 0:
        return math.inf if squared_norm > 0 else 0.0
    _check("A noise variance", noise_variance, 0.0, math.inf)
    return dimension / 2 * math.log2(1 + squared_norm / (dimension * noise_variance))


def accumulate_information(
    squared_norms: Iterable[float], *, dimension: int, noise_variance: float
) -> list[float]:
    """Return the bound on I / n after each epoch, in bits per sample: eq. (4) with Proposition 1.

    An epoch uses every sample's gradient once, and the information of a batch is at most the sum over its
    samples' gradients. So each epoch adds `bound_gradient_information` of its mean ||mu||^2.
    """
    total, totals = 0.0, []
    for squared_norm in squared_norms:
        total += bound_gradient_information(
            squared_norm=squared_norm, dimension=dimension, noise_variance=noise_variance
        )
        totals.append(total)
    return totals


def bound_generalisation_gap(*, information: float, sample_count: int, sub_gaussian: float) -> float:
    """Return eq. (2)'s bound on |E[test loss - training loss]| (Xu & Raginsky, 2017): sqrt(2 sigma^2 I / n).

    Args:
        information: I(w : S) of weights and training set, in bits; the inequality needs nats, converted here.
        sample_count: n.
        sub_gaussian: sigma of the sub-Gaussian loss; 1 / 2 for a loss in [0, 1], such as the error rate.

    """
    _check("Information", information, 0.0, math.inf)
    _check("The number of samples", sample_count, 1, math.inf)
    return math.sqrt(2 * sub_gaussian**2 * information * math.log(2) / sample_count)


def _check(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise ValueError(f"{name} must be between {least:g} and {most:g}, not {value!r}.")
