"""What the paper's theory says about an audit: how many bits about the labels its networks must hold."""

import math
from collections.abc import Sequence
from typing import Any

from app.tables import Run, RunEpoch
from models.information import (
    cumulated_information,
    generalisation_gap,
    label_entropy,
    least_information,
    least_training_error,
)

Json = dict[str, Any]
# The error rate lies in [0, 1], which makes it sub-Gaussian with this sigma (Hoeffding's lemma).
SUB_GAUSSIAN = 0.5
CURVE_POINTS = 41


def document(
    *,
    noise_rate: float,
    is_known: bool,
    class_count: int,
    sample_count: int,
    runs: Sequence[tuple[Run, Sequence[RunEpoch]]],
) -> Json:
    """Return Theorem 1 in both directions for every run, and Proposition 1 where gradients were sampled.

    Args:
        noise_rate: share of wrong labels, taken for uniform noise.
        is_known: whether it was counted by the truth rather than estimated.
        class_count: K.
        sample_count: n.
        runs: every run with its epochs in order.

    """
    entropy = label_entropy(noise_rate=noise_rate, class_count=class_count)
    return {
        "noise_rate": noise_rate,
        "noise_rate_is_known": is_known,
        "label_entropy_bits": entropy,
        "least_training_error": least_training_error(
            information_per_sample=0.0, noise_rate=noise_rate, class_count=class_count
        ),
        "bound": _bound(noise_rate, class_count, entropy),
        "runs": [
            _of_run(run, epochs, noise_rate=noise_rate, class_count=class_count, sample_count=sample_count)
            for run, epochs in runs
            if epochs
        ],
    }


def _bound(noise_rate: float, class_count: int, entropy: float) -> Json:
    """Return Fig. A0's curve: the least training error over the bits memorised per sample."""
    bits = [entropy * step / (CURVE_POINTS - 1) for step in range(CURVE_POINTS)]
    errors = [
        least_training_error(information_per_sample=bit, noise_rate=noise_rate, class_count=class_count)
        for bit in bits
    ]
    return {"bits_per_sample": bits, "least_training_error": errors}


def _of_run(
    run: Run, epochs: Sequence[RunEpoch], *, noise_rate: float, class_count: int, sample_count: int
) -> Json:
    error = 1.0 - (epochs[-1].accuracy or 0.0)
    found: Json = {
        "run": run.number,
        "training_error": error,
        "least_bits_memorised_per_sample": least_information(
            training_error=error, noise_rate=noise_rate, class_count=class_count
        ),
        "most_bits_per_sample_by_epoch": None,
        "generalisation_gap_at_most": None,
    }
    variance = noise_variance(run.configuration or {})
    if variance is not None:
        norms = [epoch.squared_gradient_norm or 0.0 for epoch in epochs]
        bits = cumulated_information(norms, dimension=class_count, noise_variance=variance)
        gap = generalisation_gap(
            information=bits[-1] * sample_count, sample_count=sample_count, sub_gaussian=SUB_GAUSSIAN
        )
        found |= {"most_bits_per_sample_by_epoch": bits, "generalisation_gap_at_most": min(gap, 1.0)}
    return found


def noise_variance(configuration: Json) -> float | None:
    """Return sigma^2 of a run whose classifier was trained on sampled gradients; None: there is no noise."""
    if not configuration.get("sample_gradients"):
        return None
    noise_lambda = float(configuration["noise_lambda"])
    if configuration.get("method") == "limit_g":
        return 1 / (2 * noise_lambda)
    return 2 / math.pow(noise_lambda, 2) if configuration.get("method") == "limit_l" else None
