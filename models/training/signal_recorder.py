"""The recorder of every sample's signals during a training.

Shape suffixes: N samples, B samples of a batch, K classes, S recorded columns, T and 3 best classes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from models.paper import limit
from models.paper.objectives import Outcome
from models.ranking.ranking_scores import RankingScore
from models.training.signals import TOP, Signals

AGREEMENT_POWER = 8
"""See `SignalRecorder.weigh_pass`."""
PROBABILITY_CELLS_MAX = 64_000_000
"""Class probabilities are averaged, and are evidence about the labels, if N * K is at most this (256 MB);
else the last ones are used, and there is no such evidence."""

TINY = torch.finfo(torch.float32).tiny
"""Replaces a weight of 0 in divisions."""

_WEIGHT, _DISTANCE, _GRADIENT_NORM, _MARGIN, _PROBABILITY, _LOSS = range(6)
_COLUMNS = 6


class SignalRecorder:
    """Weighted per-sample averages on the device, written batch by batch through the samples' index."""

    def __init__(
        self,
        *,
        sample_count: int,
        class_count: int,
        decay: float | None,
        ranking: RankingScore,
        has_predictor: bool,
        device: torch.device,
        has_folds: bool = False,
    ) -> None:
        self._by_agreement = decay is None
        self._decay = 1.0 if decay is None else decay
        self._ranking = ranking
        self._class_count = class_count
        top = min(TOP, class_count)
        self._totals_NS = torch.zeros((sample_count, _COLUMNS), device=device)
        self._distance_last_N = torch.zeros(sample_count, device=device)
        self._top_labels_NT = torch.full((sample_count, top), -1, device=device)
        self._top_probabilities_NT = torch.zeros((sample_count, top), device=device)
        fits = sample_count * class_count <= PROBABILITY_CELLS_MAX
        cells = (sample_count, class_count)
        self._probability_totals_NK = torch.zeros(cells, device=device) if fits else None
        self._classifier_totals_NK = torch.zeros(cells, device=device) if fits and has_predictor else None
        self._in_sample_totals_NK = torch.zeros(cells, device=device) if fits and has_folds else None

    def weigh_pass(self, agreements: Sequence[float]) -> None:
        """Set the weight of the next pass, from the classifier's agreement with the labels before it.

        The weight is that agreement to the power of `AGREEMENT_POWER`. While there is much to learn, the
        latest passes count most; later all count the same. A configured decay is used instead.
        """
        if self._by_agreement:
            before, now = (max(each, 1 / self._class_count) for each in [0.0, 0.0, *agreements][-2:])
            self._decay = (before / now) ** AGREEMENT_POWER

    def record(
        self, index_B: Tensor, labels_B: Tensor, outcome: Outcome, classifier_logits_BK: Tensor
    ) -> None:
        """Add the scoring network's outputs for a batch, from before the batch's update."""
        probabilities_BK = outcome.scoring_logits_BK.softmax(1)
        distance_B = limit.measure_distance(
            outcome.scoring_logits_BK, limit.encode_one_hot(labels_B, self._class_count)
        )
        columns_BS = self._stack_columns(
            outcome.scoring_logits_BK, outcome.gradient_norm_B, distance_B, labels_B
        )
        self._accumulate(self._totals_NS, index_B, columns_BS)
        self._distance_last_N.index_copy_(0, index_B, distance_B)
        if self._classifier_totals_NK is not None:
            self._accumulate(self._classifier_totals_NK, index_B, classifier_logits_BK.softmax(1))
        self._record_in_sample(index_B, outcome.in_sample_logits_BK)
        self._record_classes(index_B, probabilities_BK)

    def record_last(
        self,
        index_B: Tensor,
        labels_B: Tensor,
        scoring_logits_BK: Tensor,
        in_sample_logits_BK: Tensor | None = None,
    ) -> None:
        """Add the trained networks' outputs; with a configured decay, not to the averages.

        With folds the networks that learn a label count like the one that is blind to it: both averages are
        over the same passes.
        """
        targets_BK = limit.encode_one_hot(labels_B, self._class_count)
        distance_B = limit.measure_distance(scoring_logits_BK, targets_BK)
        self._distance_last_N.index_copy_(0, index_B, distance_B)
        if self._by_agreement:
            # This pass does not compute the gradient's norm, so its average stays unchanged.
            totals_BS = self._totals_NS[index_B]
            norm_B = totals_BS[:, _GRADIENT_NORM] / totals_BS[:, _WEIGHT].clamp_min(TINY)
            columns_BS = self._stack_columns(scoring_logits_BK, norm_B, distance_B, labels_B)
            self._accumulate(self._totals_NS, index_B, columns_BS)
            self._record_in_sample(index_B, in_sample_logits_BK)
        if self._by_agreement or self._probability_totals_NK is None:
            self._record_classes(index_B, scoring_logits_BK.softmax(1))

    def get_classifier_probabilities(self) -> npt.NDArray[np.float32] | None:
        """Return the classifier's averaged softmax [N, K]; None if none is kept.

        For samples not seen yet, all classes have the same probability.
        """
        return _scale_rows(self._classifier_totals_NK)

    def get_scorer_probabilities(self) -> npt.NDArray[np.float32] | None:
        """Return the same for the network that scores each label."""
        return _scale_rows(self._probability_totals_NK)

    def get_in_sample_probabilities(self) -> npt.NDArray[np.float32] | None:
        """Return the same for the networks that learn each label; None if only one network scores."""
        return _scale_rows(self._in_sample_totals_NK)

    def order_by(self) -> Tensor:
        """Return the values that order the samples in the ranking so far [N], on the device; high = bad."""
        average_NS = self._totals_NS / self._totals_NS[:, :1].clamp_min(TINY)
        return self._ranking.order_by(
            {
                "margin": average_NS[:, _MARGIN],
                "distance_average": average_NS[:, _DISTANCE],
                "distance_last": self._distance_last_N,
            }
        )

    def collect_signals(self, *, classifier_share: float = 0.0) -> Signals:
        """Return copies of everything recorded so far, as arrays.

        Args:
            classifier_share: the share, in [0, 1], of the recorded classifier in the class probabilities.

        """
        weight_N1 = self._totals_NS[:, :1].clamp_min(TINY)
        average_NS = (self._totals_NS / weight_N1).cpu().numpy()
        top_labels_N3, top_probabilities_N3 = self._find_top(weight_N1, classifier_share)
        arrays = {
            "distance_average": np.ascontiguousarray(average_NS[:, _DISTANCE]),
            "distance_last": self._distance_last_N.cpu().numpy().copy(),
            "predicted_gradient_norm": np.ascontiguousarray(average_NS[:, _GRADIENT_NORM]),
            "margin": np.ascontiguousarray(average_NS[:, _MARGIN]),
            "given_label_probability": np.ascontiguousarray(average_NS[:, _PROBABILITY]),
            "loss": np.ascontiguousarray(average_NS[:, _LOSS]),
        }
        return Signals(
            score=self._ranking.compute(arrays),
            distance=arrays[self._ranking.distance].copy(),
            top_labels_N3=top_labels_N3,
            top_probabilities_N3=top_probabilities_N3,
            **arrays,
        )

    def list_tensors(self) -> list[Tensor]:
        """Return the tensors with one row per sample, without copies."""
        return [getattr(self, name) for name in self._list_recorded()]

    def state(self) -> dict[str, Any]:
        """Return copies of everything recorded, on the CPU."""
        return {name: getattr(self, name).detach().cpu().clone() for name in self._list_recorded()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        for name in self._list_recorded():
            getattr(self, name).copy_(state[name])

    def _list_recorded(self) -> list[str]:
        names = ["_totals_NS", "_distance_last_N", "_top_labels_NT", "_top_probabilities_NT"]
        large = ("_probability_totals_NK", "_classifier_totals_NK", "_in_sample_totals_NK")
        return [*names, *(name for name in large if getattr(self, name) is not None)]

    def _stack_columns(
        self, logits_BK: Tensor, norm_B: Tensor, distance_B: Tensor, labels_B: Tensor
    ) -> Tensor:
        """Return the signals of a batch as columns [B, S]; the first column is their weight, 1."""
        targets_BK = limit.encode_one_hot(labels_B, self._class_count)
        given_B1 = labels_B[:, None]
        best_other_B = logits_BK.masked_fill(targets_BK.bool(), -torch.inf).amax(1)
        columns = [torch.ones_like(best_other_B)] * _COLUMNS
        columns[_DISTANCE] = distance_B
        columns[_GRADIENT_NORM] = norm_B
        columns[_MARGIN] = logits_BK.gather(1, given_B1)[:, 0] - best_other_B
        columns[_PROBABILITY] = logits_BK.softmax(1).gather(1, given_B1)[:, 0]
        columns[_LOSS] = functional.cross_entropy(logits_BK, labels_B, reduction="none")
        return torch.stack(columns, dim=1)

    def _accumulate(self, totals: Tensor, index_B: Tensor, values: Tensor) -> None:
        """Decay these samples' totals, and add the new values."""
        totals.index_copy_(0, index_B, totals[index_B] * self._decay + values)

    def _record_in_sample(self, index_B: Tensor, logits_BK: Tensor | None) -> None:
        """Add the probabilities of the networks that learn a batch's labels, if several networks score."""
        if self._in_sample_totals_NK is not None:
            assert logits_BK is not None
            self._accumulate(self._in_sample_totals_NK, index_B, logits_BK.softmax(1))

    def _record_classes(self, index_B: Tensor, probabilities_BK: Tensor) -> None:
        """Add the scoring network's probabilities of a batch, or keep only the highest of the last pass."""
        if self._probability_totals_NK is not None:
            self._accumulate(self._probability_totals_NK, index_B, probabilities_BK)
            return
        best = probabilities_BK.topk(self._top_labels_NT.shape[1], dim=1)
        self._top_labels_NT.index_copy_(0, index_B, best.indices)
        self._top_probabilities_NT.index_copy_(0, index_B, best.values)

    def _find_top(
        self, weight_N1: Tensor, classifier_share: float
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Return labels and probabilities [N, 3], padded with -1 and 0 if there are fewer classes."""
        labels_NT, probabilities_NT = self._top_labels_NT, self._top_probabilities_NT
        if self._probability_totals_NK is not None:
            probabilities_NK = self._probability_totals_NK / weight_N1
            if classifier_share and self._classifier_totals_NK is not None:
                classifier_NK = self._classifier_totals_NK
                classifier_NK = classifier_NK / classifier_NK.sum(1, keepdim=True).clamp_min(TINY)
                probabilities_NK = torch.lerp(probabilities_NK, classifier_NK, classifier_share)
            best = probabilities_NK.topk(labels_NT.shape[1], dim=1)
            seen_N1 = self._totals_NS[:, :1] > 0
            labels_NT, probabilities_NT = torch.where(seen_N1, best.indices, -1), best.values
        missing = TOP - labels_NT.shape[1]
        return (
            functional.pad(labels_NT, (0, missing), value=-1).cpu().numpy().copy(),
            functional.pad(probabilities_NT, (0, missing)).cpu().numpy().copy(),
        )


def _scale_rows(totals_NK: Tensor | None) -> npt.NDArray[np.float32] | None:
    """Return the rows, scaled to a sum of 1."""
    if totals_NK is None:
        return None
    totals_NK = totals_NK + TINY
    return (totals_NK / totals_NK.sum(1, keepdim=True)).cpu().numpy()
