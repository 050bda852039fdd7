"""Scales of log-odds by which held-out labels are likeliest, if a share of the labels is drawn at random.

Plain likelihood punishes a sure prediction for every wrong label, so it takes the model that is sure of
nothing. With P(label y) = (1 - r) p_y + r / K a wrong label costs -log(r / K) at most, whatever the model
says; r is fitted, too.

Array names: S sources, N texts, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, softmax

Floats = npt.NDArray[np.float64]

SCALE_MAX = 1e3
LOGIT_BOUNDS = (-7.0, 0.0)
"""Of r: .001 to .5."""
LOGIT_START = -2.0


@dataclass(frozen=True, kw_only=True)
class Scales:
    """How much each source of log-odds counts."""

    scale_S: Floats
    """0 or more."""
    random_share: float
    """r."""
    loss: float
    """Mean -log probability of the labels, in nats."""


def fit_scales(
    logits: Sequence[npt.NDArray[np.floating[Any]]] | npt.NDArray[np.floating[Any]],
    labels_N: npt.NDArray[np.integer[Any]],
) -> Scales:
    """Return the scales by which labels are likeliest.

    So few numbers are fitted to so many labels that no label moves its own text's log-odds noticeably.

    Args:
        logits: of each source, log-odds but for a constant of each text, [N, K] or [K]; no label entered the
            row of its own text.
        labels_N: the given labels.

    """
    shape = len(labels_N), max(source.shape[-1] for source in logits)
    logits_SNK = np.stack([np.broadcast_to(source, shape) for source in logits]).astype(np.float64)
    logits_SNK -= logits_SNK.mean(2, keepdims=True)
    units_S = np.sqrt(np.square(logits_SNK).mean((1, 2))).clip(1e-9)
    logits_SNK /= units_S[:, None, None]
    start = np.append(np.full(len(logits), 1 / len(logits)), LOGIT_START)
    bounds = [(0.0, SCALE_MAX)] * len(logits) + [LOGIT_BOUNDS]
    found = minimize(_measure, start, args=(logits_SNK, labels_N), jac=True, method="L-BFGS-B", bounds=bounds)
    return Scales(
        scale_S=found.x[:-1] / units_S, random_share=float(expit(found.x[-1])), loss=float(found.fun)
    )


def _measure(
    vector: Floats, logits_SNK: Floats, labels_N: npt.NDArray[np.integer[Any]]
) -> tuple[float, Floats]:
    """Return the mean loss and its gradient by the scales and the logit of r."""
    random = expit(vector[-1])
    rows_N, even = np.arange(len(labels_N)), 1 / logits_SNK.shape[2]
    probability_NK = softmax(np.tensordot(vector[:-1], logits_SNK, 1), axis=1)
    own_N = probability_NK[rows_N, labels_N]
    likelihood_N = (1 - random) * own_N + random * even
    kept_N = (1 - random) * own_N / likelihood_N
    expected_SN = np.einsum("nk,snk->sn", probability_NK, logits_SNK)
    slope_S = -((logits_SNK[:, rows_N, labels_N] - expected_SN) * kept_N).mean(1)
    slope = -((even - own_N) / likelihood_N).mean() * random * (1 - random)
    return float(-np.log(likelihood_N).mean()), np.append(slope_S, slope)
