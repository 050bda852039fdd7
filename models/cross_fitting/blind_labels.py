"""The labels of one training that its networks never learn, and what they show of memorisation.

Shape suffixes: N samples, n of them trained on, B samples of a batch.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from models.configuration.training_config import TrainingConfig
from models.cross_fitting import folds
from models.cross_fitting.memorisation import Memorisation, MemorisationTally, RisingLoss
from models.paper.objectives import Outcome


class BlindLabels:
    """Which network is blind to which label, and memorisation by epoch; empty if all labels are learned."""

    def __init__(self, labels_N: Tensor, config: TrainingConfig, device: torch.device) -> None:
        """Assign the folds.

        Args:
            labels_N: the given labels.
            config: `folds`, `blind_fraction` and `seed` decide the assignment.
            device: the device of the training.

        """
        self._labels_N = labels_N.cpu()
        self._folds = config.folds
        assigned_N = folds.assign_folds(
            labels_N, folds=config.folds, blind_fraction=config.blind_fraction, seed=config.seed
        )
        self.membership_N = None if assigned_N is None else assigned_N.to(device)
        """See `folds.assign_folds`, on the device."""
        self._tally = MemorisationTally(device)
        self._rising_loss = RisingLoss()

    def measure_seen_shares(self, train_index: Tensor) -> list[float]:
        """Return, for every scoring network, the share of these labels that it learns."""
        if self.membership_N is None:
            return [1.0]
        return folds.measure_seen_shares(self.membership_N.cpu()[train_index], scorers=self._folds)

    def number(self, index_n: Tensor) -> Tensor:
        """Return the numbers of the networks that are blind to these labels, NOBODY for none, on the CPU."""
        if self.membership_N is None:
            return torch.full_like(index_n, folds.NOBODY)
        return self.membership_N.cpu()[index_n]

    def select(self, index_B: Tensor) -> Tensor | None:
        """Return the same numbers on the device; None if all labels are learned."""
        return None if self.membership_N is None else self.membership_N[index_B]

    def group(self) -> Tensor:
        """Return a number for each label and blind network [N], which batches are to hold in equal shares."""
        # Labels that are held back from one network are dealt out after each other.
        return self._labels_N * (self._folds + 1) + self.number(torch.arange(len(self._labels_N)))

    @property
    def sums(self) -> Tensor:
        """The sums of the epoch, which processes average."""
        return self._tally.sums

    def begin_epoch(self) -> None:
        """Set the sums to 0."""
        self._tally.reset()

    def tally(self, labels_B: Tensor, outcome: Outcome, blind_B: Tensor | None) -> None:
        """Add a training batch, with the outputs from before its update."""
        if blind_B is not None:
            self._tally.add(labels_B, outcome, blind_B)

    def measure_memorisation(self, *, processes: int) -> Memorisation | None:
        """Return the epoch's figures; None if they cannot be measured. See `MemorisationTally.record`."""
        return None if self.membership_N is None else self._tally.record(processes=processes)

    def has_rising_loss(self, measured: Memorisation | None) -> bool:
        """Add an epoch; return whether the out-of-sample loss has risen."""
        return measured is not None and self._rising_loss.observe(measured)

    def state(self) -> dict[str, Any]:
        """Return all that `load_state` needs; the assignment follows from the configuration."""
        return {"blind_tally": self._tally.state(), "rising_loss": self._rising_loss.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned."""
        self._tally.load_state(state["blind_tally"])
        self._rising_loss.load_state(state["rising_loss"])
