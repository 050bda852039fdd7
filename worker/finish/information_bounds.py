"""The paper's bounds for an audit: how many bits about the labels its networks must memorise."""

import math
from collections.abc import Sequence
from typing import Any

from app.tables import Run, RunEpoch
from models.catalogue.methods import METHODS
from models.catalogue.training_request import TrainingRequest
from models.paper.information import (
    accumulate_information,
    bound_generalisation_gap,
    bound_information,
    bound_training_error,
    compute_label_entropy,
)

Json = dict[str, Any]
# The error rate lies in [0, 1], so it is sub-Gaussian with this sigma (Hoeffding's lemma).
SUB_GAUSSIAN = 0.5
CURVE_POINTS = 41


def compute_bounds(
    *,
    noise_rate: float,
    is_known: bool,
    class_count: int,
    sample_count: int,
    runs: Sequence[tuple[Run, Sequence[RunEpoch]]],
) -> Json:
    """Return Theorem 1 in both directions for every run, and Proposition 1 if gradients were sampled.

    Args:
        noise_rate: share of wrong labels, assumed to be uniform noise.
        is_known: whether it was counted with true labels, not estimated.
        class_count: K.
        sample_count: n.
        runs: every run with its epochs in order.

    """
    entropy = compute_label_entropy(noise_rate=noise_rate, class_count=class_count)
    return {
        "noise_rate": noise_rate,
        "noise_rate_is_known": is_known,
        "label_entropy_bits": entropy,
        "least_training_error": bound_training_error(
            information_per_sample=0.0, noise_rate=noise_rate, class_count=class_count
        ),
        "bound": _compute_curve(noise_rate, class_count, entropy),
        "runs": [
            _bound_run(run, epochs, noise_rate=noise_rate, class_count=class_count, sample_count=sample_count)
            for run, epochs in runs
            if epochs
        ],
    }


def _compute_curve(noise_rate: float, class_count: int, entropy: float) -> Json:
    """Return Fig. A0's curve: the least training error over the bits memorised per sample."""
    bits = [entropy * step / (CURVE_POINTS - 1) for step in range(CURVE_POINTS)]
    errors = [
        bound_training_error(information_per_sample=bit, noise_rate=noise_rate, class_count=class_count)
        for bit in bits
    ]
    return {"bits_per_sample": bits, "least_training_error": errors}


def _bound_run(
    run: Run, epochs: Sequence[RunEpoch], *, noise_rate: float, class_count: int, sample_count: int
) -> Json:
    """Return the two bounds on the label information in a run's network, and eq. (2) for each.

    The least bits are those of the classifier. Where labels were held back, also those of the networks that
    score labels, which memorise sooner; their agreement is that with the labels they learn.

    Eq. (2) needs I(w : S), and I(w : y | x) is the part of it that label noise increases. So the least bits
    give a lower limit of eq. (2)'s bound on the gap between training and test error, and the most bits give
    an upper limit of what the labels add to it.
    """
    least = [_bound_bits(epoch.accuracy or 0.0, noise_rate, class_count) for epoch in epochs]
    measured = [epoch.in_sample_agreement for epoch in epochs]
    most = _bound_bits_by_epoch(run, epochs, class_count)
    return {
        "run": run.number,
        "training_error": 1.0 - (epochs[-1].accuracy or 0.0),
        "least_bits_memorised_per_sample": least[-1],
        "least_bits_by_epoch": least,
        "least_bits_of_scorers_by_epoch": [
            None if agreement is None else _bound_bits(agreement, noise_rate, class_count)
            for agreement in measured
        ],
        "most_bits_per_sample_by_epoch": most,
        "generalisation_bound_at_least": _bound_gap(least[-1], sample_count),
        "label_part_of_generalisation_bound": None if most is None else _bound_gap(most[-1], sample_count),
    }


def _bound_bits(agreement: float, noise_rate: float, class_count: int) -> float:
    """Return Theorem 1's least bits per sample of networks with this agreement with the labels they learn."""
    return bound_information(training_error=1.0 - agreement, noise_rate=noise_rate, class_count=class_count)


def _bound_bits_by_epoch(run: Run, epochs: Sequence[RunEpoch], class_count: int) -> list[float] | None:
    """Return Proposition 1's bound after every epoch; None without gradient noise: no finite bound."""
    variance = compute_noise_variance(run.configuration or {})
    if variance is None:
        return None
    norms = [epoch.squared_gradient_norm or 0.0 for epoch in epochs]
    return accumulate_information(norms, dimension=class_count, noise_variance=variance)


def _bound_gap(bits_per_sample: float, sample_count: int) -> float:
    """Return eq. (2) for the error rate, at most 1 because two rates never differ by more."""
    gap = bound_generalisation_gap(
        information=bits_per_sample * sample_count, sample_count=sample_count, sub_gaussian=SUB_GAUSSIAN
    )
    return min(gap, 1.0)


def compute_noise_variance(configuration: Json) -> float | None:
    """Return sigma^2 of a run whose classifier was trained on sampled gradients; None without noise."""
    chosen = TrainingRequest.read(configuration)
    method, noise_lambda = METHODS.get(chosen.method or ""), chosen.noise_lambda
    if not chosen.sample_gradients or noise_lambda is None or method is None or not method.gradient_noise:
        return None
    variances = {"gaussian": 1 / (2 * noise_lambda), "laplace": 2 / math.pow(noise_lambda, 2)}
    # If the loss is chosen during training, the smaller variance bounds the epochs of both losses.
    return min(variances[noise] for noise in method.gradient_noise)
