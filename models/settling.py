"""When a classifier has learned what the given labels agree on: from there on, more agreement is memory.

The classifier of LIMIT never sees a label, so that it follows what many labels have in common long before
what a single one says. While its agreement with the given labels grows, there is something to learn and the
predictor's quick loss learns it; once the growth is over, that loss would begin to memorise.
"""

from collections.abc import Sequence

WINDOW_SHARE = 0.25
"""The growth is measured over this share of all epochs."""
LEAST_GROWTH = 0.15
"""Growth, relative to the agreement before, below which the classifier has settled."""
LATEST_SHARE = 0.75
"""Who has not settled after this share of all epochs does not any more: the end is for the finest steps."""


class Settling:
    """Watches the classifier's agreement with the given labels, epoch by epoch."""

    def __init__(self, *, epochs: int) -> None:
        self._window = max(1, round(WINDOW_SHARE * epochs))
        self._latest = LATEST_SHARE * epochs
        self._agreements: list[float] = []

    def note(self, agreement: float) -> bool:
        """Add an epoch's agreement in [0, 1]; return whether the classifier has settled.

        The first epoch, judged mostly before anything was learned, never serves as the beginning of a window.
        """
        self._agreements.append(agreement)
        before = len(self._agreements) - 1 - self._window
        is_time = before >= 1 and len(self._agreements) <= self._latest
        return is_time and agreement < (1 + LEAST_GROWTH) * self._agreements[before]

    def state(self) -> list[float]:
        """Return all that `load_state` needs."""
        return list(self._agreements)

    def load_state(self, state: Sequence[float]) -> None:
        """Continue from what `state` returned."""
        self._agreements = list(state)
