"""The measurement of memorisation: agreement and loss on labels that networks learn, and on blind ones.

Every figure comes from outputs that a training step computes anyway: the networks that learn a sample's label
see the sample in the same batch as the network that is blind to it. It costs two more softmax per step.

Shape suffixes: B samples of a batch, K classes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.cross_fitting.folds import NOBODY
from models.paper.objectives import Outcome

_COLUMNS = 4
"""Number of labels, agreements, losses and squared losses."""
EPOCHS_ABOVE = 2
"""One epoch can be worse than the best by chance."""


@dataclass(frozen=True, kw_only=True)
class Memorisation:
    """One epoch of the scoring networks, on labels in and out of sample.

    A label is in sample for a network that learns it. If agreement is higher in sample than out of sample,
    the difference is memorisation, because both are measured on randomly drawn samples: it is the mean over
    samples of Feldman and Zhang's (2020) memorisation score. The figures are those of the training steps,
    each batch before its update, so they lag behind the network at the epoch's end.
    """

    in_sample_agreement: float
    """Share of labels, in [0, 1], that are the first choice of networks that learn them."""
    out_of_sample_agreement: float
    """The same share for networks that are blind to the labels."""
    in_sample_loss: float
    """Mean -log probability of the given labels, in nats, by networks that learn them."""
    out_of_sample_loss: float
    """The same loss by networks that are blind to the labels."""
    out_of_sample_error: float
    """The standard error of `out_of_sample_loss` for randomly drawn labels."""


class RisingLoss:
    """Watches the out-of-sample loss, which falls while networks learn and rises once they memorise."""

    def __init__(self) -> None:
        self._least = math.inf
        self._epochs_above = 0

    def observe(self, measured: Memorisation) -> bool:
        """Add an epoch; return whether the loss has risen.

        It has risen if it was above its minimum for two epochs in a row, and is now above the minimum by more
        than its standard error.
        """
        loss = measured.out_of_sample_loss
        self._epochs_above = 0 if loss < self._least else self._epochs_above + 1
        self._least = min(self._least, loss)
        is_above = loss > self._least + measured.out_of_sample_error
        return is_above and self._epochs_above >= EPOCHS_ABOVE

    def state(self) -> dict[str, Any]:
        """Return all that `load_state` needs."""
        return {"least": self._least, "epochs_above": self._epochs_above}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned."""
        self._least, self._epochs_above = state["least"], state["epochs_above"]


class MemorisationTally:
    """Sums over an epoch's batches, on the device."""

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros((2, _COLUMNS), dtype=torch.float64, device=device)

    def reset(self) -> None:
        """Set the sums to 0 for a new epoch."""
        self.sums.zero_()

    def add(self, labels_B: Tensor, outcome: Outcome, blind_B: Tensor) -> None:
        """Add a training batch, with the outputs from before its update."""
        is_blind_B = blind_B != NOBODY
        seen_logits_BK = outcome.in_sample_logits_BK
        if seen_logits_BK is None:
            seen = self._sums(outcome.scoring_logits_BK, labels_B, ~is_blind_B)
        else:
            seen = self._sums(seen_logits_BK, labels_B, torch.ones_like(is_blind_B))
        self.sums += torch.stack([seen, self._sums(outcome.scoring_logits_BK, labels_B, is_blind_B)])

    def record(self, *, processes: int = 1) -> Memorisation | None:
        """Return the epoch's figures; None if no label was counted in sample, or none out of sample.

        Args:
            processes: number of processes that share the labels; the sums are averages over them.

        """
        counts = self.sums[:, :1]
        if not bool((counts > 0).all()):
            return None
        (in_agreement, in_loss, _), (out_agreement, out_loss, out_square) = (
            self.sums[:, 1:] / counts
        ).tolist()
        variance = max(out_square - out_loss**2, 0.0)
        return Memorisation(
            in_sample_agreement=in_agreement,
            out_of_sample_agreement=out_agreement,
            in_sample_loss=in_loss,
            out_of_sample_loss=out_loss,
            out_of_sample_error=math.sqrt(variance / (processes * float(counts[1]))),
        )

    def state(self) -> dict[str, Any]:
        """Return a copy of the sums, on the CPU."""
        return {"sums": self.sums.cpu().clone()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.sums.copy_(state["sums"])

    def _sums(self, logits_BK: Tensor, labels_B: Tensor, counted_B: Tensor) -> Tensor:
        loss_B = functional.cross_entropy(logits_BK, labels_B, reduction="none")
        agrees_B = logits_BK.argmax(1) == labels_B
        columns = [torch.ones_like(loss_B), agrees_B.float(), loss_B, loss_B.square()]
        return (torch.stack(columns, dim=1) * counted_B[:, None]).double().sum(0)
