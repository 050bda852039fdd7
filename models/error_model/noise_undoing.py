"""The true classes' probabilities behind those of the given labels.

A network learns labels as they were given, and neighbours vote with them. Where class k is labelled y with
probability T_ky, a perfect one says of a sample y with probability sum over k of eta_k T_ky: where fours are
labelled nine in three of ten, it says "four, .7; nine, .3" of a sure four. A power of its probabilities can
sharpen that only with all others. Undoing T does it where T says so: eta is what makes the probabilities
likeliest, by expectation and maximisation (Richardson 1972, Lucy 1974).

Whether that describes a source better than its probabilities as they are, the likelihood of the given labels
decides; both have the same number of parameters.
Shape suffixes: B samples of a block, N samples, K classes, M sources.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from models.error_model.assumptions import CONSTANTS, Constants
from models.error_model.forward_model import ForwardModel, fit_forward, refit_forward, take_logs

Floats = npt.NDArray[np.float64]
Probabilities = npt.NDArray[np.floating[Any]]
TINY = 1e-12


def undo_noise(
    probabilities_BK: Probabilities, transition_KK: Floats, constants: Constants = CONSTANTS
) -> npt.NDArray[np.float32]:
    """Return the true classes' probabilities [B, K] that would give such probabilities of labels.

    Args:
        probabilities_BK: of the given labels; rows sum to 1.
        transition_KK: P(label y | class k) in row k, column y.
        constants: of the model.

    """
    given_BK = np.maximum(probabilities_BK, constants.least_probability).astype(np.float32)
    given_BK /= given_BK.sum(1, keepdims=True)
    transition_KK = transition_KK.astype(np.float32)
    true_BK = given_BK.copy()
    for _ in range(constants.undoing_steps):
        expected_BK = np.maximum(true_BK @ transition_KK, np.float32(TINY))
        true_BK *= (given_BK / expected_BK) @ transition_KK.T
    found_BK: npt.NDArray[np.float32] = true_BK / true_BK.sum(1, keepdims=True)
    return found_BK


def prepare_logs(
    sources: Sequence[Probabilities], undone_KK: Floats | None, constants: Constants = CONSTANTS
) -> Floats:
    """Return the centred logarithms [M, B, K] of sources, with these transitions undone if there are any."""
    if undone_KK is not None:
        sources = [undo_noise(source_BK, undone_KK, constants) for source_BK in sources]
    return take_logs(sources, constants)


def fit_to_sources(
    sources: Sequence[Probabilities],
    labels_N: npt.NDArray[np.integer[Any]],
    constants: Constants = CONSTANTS,
    *,
    evenness: float = 0.0,
) -> ForwardModel:
    """Return the likeliest model of the given labels, the noise of its sources undone as far as that helps.

    Each round undoes the transitions that the round before found, until the likelihood no longer rises by
    `Constants.undoing_gain`.

    Args:
        sources: class probabilities [N, K] of each source.
        labels_N: the given labels.
        constants: of the model.
        evenness: `noise_evenness.choose_evenness`.

    """
    best = fit_forward(take_logs(sources, constants), labels_N, constants, evenness=evenness)
    for _ in range(constants.undoing_rounds):
        undone_KK = best.transition_KK
        logs_MNK = prepare_logs(sources, undone_KK, constants)
        model = refit_forward(best, logs_MNK, labels_N, constants)
        if len(labels_N) * (model.log_likelihood - best.log_likelihood) < constants.undoing_gain:
            break
        best = replace(model, undone_KK=undone_KK)
    return best
