"""The memorisation onset: the epoch after which more agreement with the given labels is memorisation.

The given labels reach LIMIT's classifier only through predicted gradients, so it learns what many labels have
in common long before it follows a single label. While its agreement with the given labels grows, there is
something left to learn, and the predictor's fast losses learn it. Once the growth has stopped and the
predictor's agreement rises above the classifier's, the predictor has begun to memorise. If some networks are
blind to labels, memorisation is also measured: see `cross_fitting.memorisation.RisingLoss`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from models.paper.objectives import Stage

WINDOW_SHARE = 0.25
"""The growth is measured over this share of all epochs."""
LEAST_GROWTH = 0.15
"""With less growth, relative to the agreement before, little is left to learn."""
LEAST_AGREEMENT_RATIO = 0.75
"""A classifier is weak below this agreement ratio: agreement over all samples, divided by that over the most
confident tenth.

The highest ratio of a training measured 0.58 to 0.73 for a small network on 6,000 CIFAR images with 0 to 40 %
wrong labels, and 0.84 to 0.99 on MNIST and letters with 0 to 80 %.
"""
LEAST_LEAD = 1.02
"""Growth of the predictor's lead over the classifier, from its smallest so far, that shows memorisation."""
LATEST_SHARE = 0.75
"""Memorisation is not detected after this share of all epochs, because the last epochs make the smallest
steps."""


class MemorisationWatch:
    """Watches the classifier's agreement with the given labels, epoch by epoch."""

    def __init__(self, *, epochs: int) -> None:
        self._window = max(1, round(WINDOW_SHARE * epochs))
        self._latest = LATEST_SHARE * epochs
        self._agreements: list[float] = []
        self._lead = math.inf
        self.agreement_ratio = 0.0
        """The highest agreement ratio of any epoch after the first."""
        self.stage = Stage.RELIABLE

    @property
    def agreements(self) -> Sequence[float]:
        """The classifier's agreement with the given labels, epoch by epoch."""
        return self._agreements

    def observe(
        self, agreement: float, *, predictor_agreement: float | None, confident_agreement: float
    ) -> Stage:
        """Add an epoch's agreement in [0, 1]; return the stage of the training. The last stage is final.

        The first epoch never begins a window: most of its samples are scored before anything was learned.

        Args:
            agreement: share of samples whose given label is the classifier's first choice.
            predictor_agreement: the same share for the predictor, which is fitted to the labels; None: there
                is no predictor, and the last stage is never reached.
            confident_agreement: the classifier's agreement on its most confident samples, where only wrong
                labels disagree.

        """
        lead = math.inf if predictor_agreement is None else predictor_agreement / max(agreement, 1e-9)
        self._agreements.append(agreement)
        if len(self._agreements) > 1:
            self._lead = min(self._lead, lead)
            self.agreement_ratio = max(self.agreement_ratio, agreement / max(confident_agreement, 1e-9))
            if self.stage is not Stage.MEMORISING:
                is_weak = self.agreement_ratio < LEAST_AGREEMENT_RATIO
                self.stage = Stage.WEAK if is_weak else Stage.RELIABLE
        # A reliable classifier stays reliable: memorisation makes it confident of memorised labels too.
        if self.stage is Stage.RELIABLE and lead > LEAST_LEAD * self._lead and self._has_stopped_growing():
            self.stage = Stage.MEMORISING
        return self.stage

    def begin_memorising(self) -> Stage:
        """Record that memorisation was measured, whatever the agreements are; return the stage."""
        self.stage = Stage.MEMORISING
        return self.stage

    def _has_stopped_growing(self) -> bool:
        """Return whether agreement has grown too little in the window; False if it is too early or late."""
        before = len(self._agreements) - 1 - self._window
        is_time = before >= 1 and len(self._agreements) <= self._latest
        return is_time and self._agreements[-1] < (1 + LEAST_GROWTH) * self._agreements[before]

    def state(self) -> dict[str, Any]:
        """Return all that `load_state` needs."""
        return {
            "agreements": list(self._agreements),
            "lead": self._lead,
            "agreement_ratio": self.agreement_ratio,
            "stage": str(self.stage),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned."""
        self._agreements, self._lead = list(state["agreements"]), state["lead"]
        self.agreement_ratio = state["agreement_ratio"]
        self.stage = Stage(state["stage"])
