"""The selection of the best epoch's classifier and early stopping, by the paper's protocol."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor


class Selection:
    """The classifier with the best accuracy on held-out given labels; the earliest of equals."""

    def __init__(self, *, patience: int, warm_up_epochs: int) -> None:
        self._patience = patience
        # The classifier does not learn in warm-up, so those epochs do not count as lack of progress.
        self._best_epoch = warm_up_epochs
        self.accuracy: float | None = None
        self.state_of_best: dict[str, Tensor] | None = None

    def offer(self, *, epoch: int, accuracy: float | None, state: Callable[[], dict[str, Tensor]]) -> None:
        """Keep the classifier of `epoch`, counted from 1, if it is better; None: nothing is held out."""
        if accuracy is None or (self.accuracy is not None and accuracy <= self.accuracy):
            return
        self.accuracy = accuracy
        self.state_of_best = state()
        self._best_epoch = max(self._best_epoch, epoch)

    def is_over(self, epochs_done: int) -> bool:
        """Return whether `patience` epochs have passed without a better accuracy (early stopping)."""
        return 0 < self._patience <= epochs_done - self._best_epoch

    def state(self) -> dict[str, Any]:
        """Return all that `load_state` needs."""
        return {
            "best_epoch": self._best_epoch,
            "best_accuracy": self.accuracy,
            "best_state": self.state_of_best,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned."""
        self._best_epoch = state["best_epoch"]
        self.accuracy = state["best_accuracy"]
        self.state_of_best = state["best_state"]
