"""Measured memorisation: how well networks know the labels that they learn, and those they are blind to.

Every figure is taken from what a training step computes anyhow: the networks that learn a sample's label have
seen the sample in the same batch as the one that is blind to it. It costs two softmax more a step.

Shape suffixes: B samples of a batch, K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.cross_fitting.folds import NOBODY
from models.paper.objectives import Outcome

_COUNT, _AGREEMENT, _LOSS = range(3)


@dataclass(frozen=True, kw_only=True)
class Memorisation:
    """One epoch of the scoring networks, on labels in and out of sample.

    A label is in sample for a network whose loss it enters. What agreement is higher in sample than out of it
    has been memorised, since both are of the same kind of samples, drawn by lot.
    """

    in_sample_agreement: float
    """Share of labels, in [0, 1], that are the first choice of networks that learn them."""
    out_of_sample_agreement: float
    """The same of networks that are blind to them."""
    in_sample_loss: float
    """Mean -log probability of the given labels, in nats, by networks that learn them."""
    out_of_sample_loss: float
    """The same by networks that are blind to them."""


class MemorisationTally:
    """Sums over an epoch's batches, on the device."""

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros((2, 3), dtype=torch.float64, device=device)

    def reset(self) -> None:
        """Begin an epoch."""
        self.sums.zero_()

    def add(self, labels_B: Tensor, outcome: Outcome, blind_B: Tensor) -> None:
        """Count a training batch, as the networks stood before its update."""
        is_blind_B = blind_B != NOBODY
        seen_logits_BK = outcome.in_sample_logits_BK
        if seen_logits_BK is None:
            seen = self._sums(outcome.scoring_logits_BK, labels_B, ~is_blind_B)
        else:
            seen = self._sums(seen_logits_BK, labels_B, torch.ones_like(is_blind_B))
        self.sums += torch.stack([seen, self._sums(outcome.scoring_logits_BK, labels_B, is_blind_B)])

    def record(self) -> Memorisation:
        """Return the epoch's figures; 0 where no label was of that kind."""
        means = (self.sums[:, 1:] / self.sums[:, :1].clamp_min(1)).tolist()
        (in_agreement, in_loss), (out_agreement, out_loss) = means
        return Memorisation(
            in_sample_agreement=in_agreement,
            out_of_sample_agreement=out_agreement,
            in_sample_loss=in_loss,
            out_of_sample_loss=out_loss,
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
        columns_B3 = torch.stack([torch.ones_like(loss_B), agrees_B.float(), loss_B], dim=1)
        return (columns_B3 * counted_B[:, None]).double().sum(0)
