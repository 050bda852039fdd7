"""A linear probe of features, which judges every label by the other labels alone.

Ridge regression on one-hot labels. Its leave-one-out predictions are exact and need one fit instead of N:
with the projection P = Z (Z'Z + r I)^-1 Z', the prediction of a sample by all others is
(p - h y) / (1 - h), where p is its prediction by all, y its label and h its entry on the diagonal of P
(Allen 1974, "The relationship between variable selection and data augmentation"; Golub, Heath and
Wahba 1979).

Shape suffixes: N samples, B samples of a block, D features, K classes, R penalties.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer[Any]]

PENALTIES = tuple(10.0**exponent for exponent in (-5, -4.5, -4, -3.5, -3, -2.5, -2, -1.5, -1, 0))
"""Penalties over N that are tried. Features have length 1, so their variances sum to at most 1."""
BLOCK_VALUES = 32_000_000
"""Most float64 values of one block: 256 MB."""
LOG_SCALES = (-5.0, 7.0)
"""Range of the logarithm of the scale that turns predictions into log-odds."""
SCALE_SAMPLES = 20_000
"""Most samples by which the scale is chosen: one number needs no more."""


def predict_out_of_sample(
    features_ND: Features,
    labels_N: Labels,
    *,
    class_count: int,
    device: str = "cpu",
    on_block: Callable[[], None] = lambda: None,
) -> npt.NDArray[np.float32]:
    """Return the class probabilities of every sample by a probe of all other samples [N, K].

    The penalty is the one whose leave-one-out predictions have the least squared error; the scale that
    turns predictions into probabilities is the likeliest for the given labels. No true label is needed.

    Args:
        features_ND: finite numbers, in memory or memory-mapped; read block by block.
        labels_N: the given labels, in 0 .. class_count - 1.
        class_count: K, at least 2.
        device: the torch device that computes.
        on_block: called after every block; its exceptions stop the computation and propagate.

    Raises:
        ValueError: features and labels differ in number, or there are fewer than 2 samples.

    """
    _check(features_ND, labels_N)
    blocks = _Blocks(features_ND, labels_N, class_count, torch.device(device), on_block)
    ridge = _decompose(blocks)
    penalty = PENALTIES[int(np.argmin(_measure_errors(blocks, ridge)))]
    predicted_NK = np.concatenate(
        [
            _leave_one_out(ridge, _project(ridge, features_BD), labels_BK, penalty)
            for features_BD, labels_BK in blocks.read()
        ]
    )
    return _calibrate(predicted_NK, labels_N)


@dataclass(frozen=True, kw_only=True)
class _Ridge:
    """Features in the axes of their covariance."""

    mean_D: Tensor
    axes_DD: Tensor
    variances_D: Tensor
    """Sums of squares along the axes."""
    projections_DK: Tensor
    """Sums of features times centred labels, along the axes."""
    frequency_K: Tensor
    sample_count: int


@dataclass(frozen=True)
class _Blocks:
    features_ND: Features
    labels_N: Labels
    class_count: int
    device: torch.device
    on_block: Callable[[], None]

    def read(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield features of length 1 [B, D] and one-hot labels [B, K], float64."""
        rows = max(1, BLOCK_VALUES // self.features_ND.shape[1])
        for start in range(0, len(self.labels_N), rows):
            part_BD = np.array(self.features_ND[start : start + rows], dtype=np.float64)
            labels_B = torch.from_numpy(self.labels_N[start : start + rows].astype(np.int64))
            yield (
                functional.normalize(torch.from_numpy(part_BD).to(self.device), dim=1),
                functional.one_hot(labels_B, self.class_count).to(self.device, torch.float64),
            )
            self.on_block()


def _check(features_ND: Features, labels_N: Labels) -> None:
    if features_ND.ndim != 2 or len(features_ND) != len(labels_N) or len(labels_N) < 2:  # noqa: PLR2004
        raise ValueError(
            f"Features are 2 rows or more, one for each of {len(labels_N)} labels, "
            f"not {list(features_ND.shape)}."
        )


def _decompose(blocks: _Blocks) -> _Ridge:
    count, width = blocks.features_ND.shape
    sum_D = torch.zeros(width, dtype=torch.float64, device=blocks.device)
    gram_DD = torch.zeros((width, width), dtype=torch.float64, device=blocks.device)
    product_DK = torch.zeros((width, blocks.class_count), dtype=torch.float64, device=blocks.device)
    count_K = torch.zeros(blocks.class_count, dtype=torch.float64, device=blocks.device)
    for features_BD, labels_BK in blocks.read():
        sum_D += features_BD.sum(0)
        gram_DD += features_BD.T @ features_BD
        product_DK += features_BD.T @ labels_BK
        count_K += labels_BK.sum(0)
    mean_D = sum_D / count
    variances_D, axes_DD = torch.linalg.eigh(gram_DD - count * torch.outer(mean_D, mean_D))
    return _Ridge(
        mean_D=mean_D,
        axes_DD=axes_DD,
        variances_D=variances_D.clamp_min(0),
        projections_DK=axes_DD.T @ (product_DK - torch.outer(mean_D, count_K)),
        frequency_K=count_K / count,
        sample_count=count,
    )


def _measure_errors(blocks: _Blocks, ridge: _Ridge) -> Floats:
    """Return the squared error of the leave-one-out predictions for each penalty [R]."""
    errors_R = np.zeros(len(PENALTIES))
    for features_BD, labels_BK in blocks.read():
        along_BD = _project(ridge, features_BD)
        for place, penalty in enumerate(PENALTIES):
            predicted_BK = _leave_one_out(ridge, along_BD, labels_BK, penalty)
            errors_R[place] += np.square(predicted_BK - labels_BK.cpu().numpy()).sum()
    return errors_R


def _project(ridge: _Ridge, features_BD: Tensor) -> Tensor:
    """Return centred features along the axes [B, D]."""
    return (features_BD - ridge.mean_D) @ ridge.axes_DD


def _leave_one_out(ridge: _Ridge, along_BD: Tensor, labels_BK: Tensor, penalty: float) -> Floats:
    """Return each sample's prediction by the others [B, K]."""
    shrunk_D = 1 / (ridge.variances_D + penalty * ridge.sample_count)
    predicted_BK = along_BD @ (shrunk_D[:, None] * ridge.projections_DK)
    leverage_B1 = (along_BD.square() @ shrunk_D)[:, None] + 1 / ridge.sample_count
    own_BK = labels_BK - ridge.frequency_K
    others_BK = (predicted_BK - leverage_B1 * own_BK) / (1 - leverage_B1)
    found_BK: Floats = (others_BK + ridge.frequency_K).cpu().numpy()
    return found_BK


def _calibrate(predicted_NK: Floats, labels_N: Labels) -> npt.NDArray[np.float32]:
    """Return the softmax of the predictions times the likeliest scale [N, K]."""
    step = -(-len(labels_N) // SCALE_SAMPLES)
    some_MK, labels_M = predicted_NK[::step], labels_N[::step]

    def loss(log_scale: float) -> float:
        log_MK = _log_softmax(some_MK * np.exp(log_scale))
        return -float(log_MK[np.arange(len(labels_M)), labels_M].mean())

    scale = float(np.exp(minimize_scalar(loss, bounds=LOG_SCALES, method="bounded").x))
    probabilities_NK: npt.NDArray[np.float32] = np.exp(_log_softmax(predicted_NK * scale)).astype(np.float32)
    return probabilities_NK


def _log_softmax(logits_NK: Floats) -> Floats:
    shifted_NK = logits_NK - logits_NK.max(1, keepdims=True)
    result_NK: Floats = shifted_NK - np.log(np.exp(shifted_NK).sum(1, keepdims=True))
    return result_NK
