"""The figures of one epoch, summed on the device and read once at the epoch's end.

Shape suffixes: N samples, B samples of a batch, K classes.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.cross_fitting.memorisation import Memorisation
from models.paper.objectives import Outcome
from models.training.progress import EpochRecord

CONFIDENT_SHARE = 0.1
"""The share of samples whose class the classifier is surest of; its agreement there is its best."""

_SAMPLES, _CLASSIFIER_LOSS, _PREDICTOR_LOSS, _GRADIENT_NORM, _SQUARED_NORM = range(5)


class EpochTally:
    """Sums over an epoch's samples, and each network's first choice for every sample."""

    def __init__(self, *, sample_count: int, has_predictor: bool, device: torch.device) -> None:
        self.sums = torch.zeros(5, dtype=torch.float64, device=device)
        self._classifier_N = torch.full((sample_count,), -1, device=device)
        self._confidence_N = torch.zeros(sample_count, device=device)
        self._predictor_N = torch.full((sample_count,), -1, device=device) if has_predictor else None

    def reset(self) -> None:
        """Set the sums to 0 for a new epoch; predictions stay until new ones replace them."""
        self.sums.zero_()

    def add(self, index_B: Tensor, labels_B: Tensor, outcome: Outcome, classifier_logits_BK: Tensor) -> None:
        """Add a training batch."""
        count = len(index_B)
        zero = torch.zeros((), device=self.sums.device)
        predictor_loss = zero if outcome.predictor_loss is None else outcome.predictor_loss.detach() * count
        self.sums += torch.stack(
            [
                zero + count,
                functional.cross_entropy(classifier_logits_BK, labels_B, reduction="sum"),
                predictor_loss,
                outcome.gradient_norm_B.sum(),
                outcome.gradient_norm_B.square().sum(),
            ]
        )
        self.predict(index_B, outcome, classifier_logits_BK)

    def predict(self, index_B: Tensor, outcome: Outcome, classifier_logits_BK: Tensor) -> None:
        """Record both networks' first choices, and the classifier's confidence in its choice."""
        first_B = classifier_logits_BK.softmax(1).max(1)
        self._classifier_N.index_copy_(0, index_B, first_B.indices)
        self._confidence_N.index_copy_(0, index_B, first_B.values)
        if self._predictor_N is not None:
            self._predictor_N.index_copy_(0, index_B, outcome.scoring_logits_BK.argmax(1))

    def sum_losses(self) -> float:
        """Return the sum of all sums so far; it is finite only if all losses are."""
        return float(self.sums.sum())

    def measure_accuracy(self, labels_N: Tensor, counted_index: Tensor) -> float:
        """Return the share of the counted samples whose given label is the classifier's first choice."""
        return _measure_accuracy(self._classifier_N, labels_N, counted_index)

    def measure_confident_accuracy(self, labels_N: Tensor, counted_index: Tensor) -> float:
        """Return the same share among the counted samples whose class the classifier is surest of."""
        count = max(1, round(CONFIDENT_SHARE * len(counted_index)))
        surest = self._confidence_N[counted_index].topk(count).indices
        return _measure_accuracy(self._classifier_N, labels_N, counted_index[surest])

    def record(
        self,
        *,
        epoch: int,
        labels_N: Tensor,
        counted_index: Tensor,
        held_out_index: Tensor,
        validation_accuracy: float | None,
        memorisation: Memorisation | None,
        learning_rate: float,
        seconds: float,
    ) -> EpochRecord:
        """Return the epoch's record; its accuracies are over the samples trained on."""
        sums = self.sums.cpu()
        mean = (sums / sums[_SAMPLES]).tolist()
        predictor_N = self._predictor_N
        return EpochRecord(
            epoch=epoch,
            classifier_loss=mean[_CLASSIFIER_LOSS],
            predictor_loss=None if predictor_N is None else mean[_PREDICTOR_LOSS],
            gradient_norm=mean[_GRADIENT_NORM],
            squared_gradient_norm=mean[_SQUARED_NORM],
            accuracy=self.measure_accuracy(labels_N, counted_index),
            confident_accuracy=self.measure_confident_accuracy(labels_N, counted_index),
            predictor_accuracy=None
            if predictor_N is None
            else _measure_accuracy(predictor_N, labels_N, counted_index),
            validation_accuracy=validation_accuracy,
            memorisation=memorisation,
            learning_rate=learning_rate,
            seconds=seconds,
            classifier_predictions_N=self._classifier_N.cpu().numpy().copy(),
            predictor_predictions_N=None if predictor_N is None else predictor_N.cpu().numpy().copy(),
            held_out_index=held_out_index.numpy(),
        )

    def list_predictions(self) -> list[Tensor]:
        """Return the tensors with one row per sample, without copies."""
        return [getattr(self, name) for name in self._list_stored() if name != "sums"]

    def state(self) -> dict[str, Any]:
        """Return copies of all sums and predictions, on the CPU."""
        return {name: getattr(self, name).cpu().clone() for name in self._list_stored()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned."""
        for name in self._list_stored():
            getattr(self, name).copy_(state[name])

    def _list_stored(self) -> list[str]:
        names = ["sums", "_classifier_N", "_confidence_N"]
        return names if self._predictor_N is None else [*names, "_predictor_N"]


def _measure_accuracy(predictions_N: Tensor, labels_N: Tensor, counted_index: Tensor) -> float:
    return float((predictions_N[counted_index] == labels_N[counted_index]).double().mean())
