"""What training tells about every sample, gathered while it happens.

Shape suffixes: N samples, B of a batch, K classes, S recorded columns, 3 best classes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from models import limit
from models.objectives import Outcome
from models.scale import MAXIMUM_DISTANCE

TOP = 3
MARGIN_SCALE = 4.0
PROBABILITY_CELLS_MAX = 64_000_000
"""Class probabilities are averaged while N * K is at most this (256 MB); else the last ones serve."""

_WEIGHT, _DISTANCE, _GRADIENT_NORM, _MARGIN, _PROBABILITY, _LOSS = range(6)
_COLUMNS = 6


@dataclass(frozen=True, kw_only=True)
class Signals:
    """One row per sample, in the samples' order. "Judge" is the predictor, or with "ce" the classifier.

    Averages run over the epochs with decaying weights (`TrainingConfig.signal_decay`), each taken when the
    sample's batch was judged, before that batch's update. Provisional signals hold zeros, and -1 for classes,
    where a sample has not been seen yet.
    """

    score: npt.NDArray[np.float32]
    """What ranks [N], in [0, 1]; high = bad. As configured, `rivalry` by the margin, or the distance over its
    maximum."""
    distance: npt.NDArray[np.float32]
    """||mu - g||_2 [N]: `distance_last` where that ranks, else `distance_average`; high = bad."""
    distance_average: npt.NDArray[np.float32]
    """||y - s(b)||_2 averaged [N], in [0, sqrt 2]; high = bad."""
    distance_last: npt.NDArray[np.float32]
    """||y - s(b)||_2 of the trained judge in one last pass [N], in [0, sqrt 2]; high = bad."""
    predicted_gradient_norm: npt.NDArray[np.float32]
    """||mu||_2 averaged [N], in [0, sqrt 2]; should not tell right labels from wrong ones (Fig. A2)."""
    margin: npt.NDArray[np.float32]
    """The judge's logit of the given label less its best other logit, averaged [N]; low = bad."""
    given_label_probability: npt.NDArray[np.float32]
    """The judge's probability of the given label, averaged [N]; low = bad."""
    top_labels_N3: npt.NDArray[np.int64]
    """The judge's three most probable classes, best first; [:, 0] is the suggested label; -1 where K < 3."""
    top_probabilities_N3: npt.NDArray[np.float32]
    """Their probabilities, averaged where N * K fits `PROBABILITY_CELLS_MAX`; 0 where K < 3."""
    loss: npt.NDArray[np.float32]
    """The judge's cross-entropy of the given label in nats, averaged [N]; high = bad."""


class SignalRecorder:
    """Decaying per-sample averages on the device, written batch by batch through the samples' index."""

    def __init__(
        self, *, sample_count: int, class_count: int, decay: float, score: str, device: torch.device
    ) -> None:
        self._decay = decay
        self._score = score
        self._class_count = class_count
        top = min(TOP, class_count)
        self._totals_NS = torch.zeros((sample_count, _COLUMNS), device=device)
        self._distance_last_N = torch.zeros(sample_count, device=device)
        self._top_labels_NT = torch.full((sample_count, top), -1, device=device)
        self._top_probabilities_NT = torch.zeros((sample_count, top), device=device)
        self._probability_totals_NK = (
            torch.zeros((sample_count, class_count), device=device)
            if sample_count * class_count <= PROBABILITY_CELLS_MAX
            else None
        )

    def record(self, index_B: Tensor, labels_B: Tensor, outcome: Outcome) -> None:
        """Add one judgement of each sample of a batch."""
        probabilities_BK = outcome.judge_logits_BK.softmax(1)
        columns_BS = self._columns(outcome, probabilities_BK, labels_B)
        self._accumulate(self._totals_NS, index_B, columns_BS)
        self._distance_last_N.index_copy_(0, index_B, columns_BS[:, _DISTANCE])
        if self._probability_totals_NK is not None:
            self._accumulate(self._probability_totals_NK, index_B, probabilities_BK)
        else:
            self._keep_top(index_B, probabilities_BK)

    def record_last(self, index_B: Tensor, labels_B: Tensor, judge_logits_BK: Tensor) -> None:
        """Set what the trained judge says, which no average enters."""
        targets_BK = limit.one_hot(labels_B, self._class_count)
        self._distance_last_N.index_copy_(0, index_B, limit.distance(judge_logits_BK, targets_BK))
        if self._probability_totals_NK is None:
            self._keep_top(index_B, judge_logits_BK.softmax(1))

    def scores(self) -> Tensor:
        """Return the ranking score of every sample so far [N], on the device."""
        if self._score == "last":
            return self._distance_last_N
        weight_N = self._totals_NS[:, _WEIGHT].clamp_min(torch.finfo(torch.float32).tiny)
        return self._totals_NS[:, _DISTANCE] / weight_N

    def signals(self) -> Signals:
        """Return everything recorded so far as arrays of its own."""
        weight_N1 = self._totals_NS[:, :1].clamp_min(torch.finfo(torch.float32).tiny)
        average_NS = (self._totals_NS / weight_N1).cpu().numpy()
        last_N = self._distance_last_N.cpu().numpy().copy()
        top_labels_N3, top_probabilities_N3 = self._top(weight_N1)
        average_N = np.ascontiguousarray(average_NS[:, _DISTANCE])
        distance_N = last_N if self._score == "last" else average_N
        margin_N = np.ascontiguousarray(average_NS[:, _MARGIN])
        return Signals(
            score=rivalry(margin_N)
            if self._score == "margin"
            else (distance_N / MAXIMUM_DISTANCE).astype(np.float32),
            distance=distance_N.copy(),
            distance_average=average_N,
            distance_last=last_N,
            predicted_gradient_norm=np.ascontiguousarray(average_NS[:, _GRADIENT_NORM]),
            margin=margin_N,
            given_label_probability=np.ascontiguousarray(average_NS[:, _PROBABILITY]),
            top_labels_N3=top_labels_N3,
            top_probabilities_N3=top_probabilities_N3,
            loss=np.ascontiguousarray(average_NS[:, _LOSS]),
        )

    def tensors(self) -> list[Tensor]:
        """Return what holds a row for every sample, as it is."""
        return [getattr(self, name) for name in self._recorded()]

    def state(self) -> dict[str, Any]:
        """Return copies of all that was recorded, on the CPU."""
        return {name: getattr(self, name).detach().cpu().clone() for name in self._recorded()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        for name in self._recorded():
            getattr(self, name).copy_(state[name])

    def _recorded(self) -> list[str]:
        names = ["_totals_NS", "_distance_last_N", "_top_labels_NT", "_top_probabilities_NT"]
        return names if self._probability_totals_NK is None else [*names, "_probability_totals_NK"]

    def _columns(self, outcome: Outcome, probabilities_BK: Tensor, labels_B: Tensor) -> Tensor:
        """Return one judgement as columns [B, S], led by its weight of 1."""
        logits_BK = outcome.judge_logits_BK
        targets_BK = limit.one_hot(labels_B, self._class_count)
        given_B1 = labels_B[:, None]
        best_other_B = logits_BK.masked_fill(targets_BK.bool(), -torch.inf).amax(1)
        columns = [torch.ones_like(best_other_B)] * _COLUMNS
        columns[_DISTANCE] = limit.distance(logits_BK, targets_BK)
        columns[_GRADIENT_NORM] = outcome.gradient_norm_B
        columns[_MARGIN] = logits_BK.gather(1, given_B1)[:, 0] - best_other_B
        columns[_PROBABILITY] = probabilities_BK.gather(1, given_B1)[:, 0]
        columns[_LOSS] = functional.cross_entropy(logits_BK, labels_B, reduction="none")
        return torch.stack(columns, dim=1)

    def _accumulate(self, totals: Tensor, index_B: Tensor, values: Tensor) -> None:
        """Let what these samples had decay, and add the new values."""
        totals.index_copy_(0, index_B, totals[index_B] * self._decay + values)

    def _keep_top(self, index_B: Tensor, probabilities_BK: Tensor) -> None:
        best = probabilities_BK.topk(self._top_labels_NT.shape[1], dim=1)
        self._top_labels_NT.index_copy_(0, index_B, best.indices)
        self._top_probabilities_NT.index_copy_(0, index_B, best.values)

    def _top(self, weight_N1: Tensor) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return labels and probabilities [N, 3], padded with -1 and 0 where there are fewer classes."""
        labels_NT, probabilities_NT = self._top_labels_NT, self._top_probabilities_NT
        if self._probability_totals_NK is not None:
            best = (self._probability_totals_NK / weight_N1).topk(labels_NT.shape[1], dim=1)
            seen_N1 = self._totals_NS[:, :1] > 0
            labels_NT, probabilities_NT = torch.where(seen_N1, best.indices, -1), best.values
        missing = TOP - labels_NT.shape[1]
        return (
            functional.pad(labels_NT, (0, missing), value=-1).cpu().numpy().copy(),
            functional.pad(probabilities_NT, (0, missing)).cpu().numpy().copy(),
        )


def rivalry(margin_N: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return 1 / (1 + exp(margin / 4)) [N], in [0, 1], 0.5 where the given label's best rival equals it.

    High = bad. The division keeps far margins apart in single precision.
    """
    rivalry_N: npt.NDArray[np.float32] = 1 / (1 + np.exp(margin_N / np.float32(MARGIN_SCALE)))
    return rivalry_N
