"""How far a classifier has come, up to where more agreement with the given labels is memory.

The classifier of LIMIT never sees a label, so that it follows what many labels have in common long before
what a single one says. While its agreement with the given labels grows, there is something to learn and the
predictor's quick losses learn it. Once the growth is over and the predictor's own agreement pulls away from
the classifier's, that loss has begun to memorise.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from models.paper.objectives import Stage

WINDOW_SHARE = 0.25
"""The growth is measured over this share of all epochs."""
LEAST_GROWTH = 0.15
"""Growth, relative to the agreement before, below which the classifier has settled."""
LEAST_COMPETENCE = 0.75
"""Agreement over all samples as a share of that over the surest, below which a classifier knows too little.

Measured, the highest of a training: 0.58 to 0.73 of a small network on 6,000 CIFAR images with 0 to 40 %
wrong labels, against 0.84 to 0.99 on MNIST and letters with 0 to 80 %.
"""
LEAST_LEAD = 1.02
"""Growth of the predictor's lead over the classifier, from its smallest so far, that tells of memory."""
LATEST_SHARE = 0.75
"""Who has not settled after this share of all epochs does not any more: the end is for the finest steps."""


class Settling:
    """Watches the classifier's agreement with the given labels, epoch by epoch."""

    def __init__(self, *, epochs: int) -> None:
        self._window = max(1, round(WINDOW_SHARE * epochs))
        self._latest = LATEST_SHARE * epochs
        self._agreements: list[float] = []
        self._lead = math.inf
        self.competence = 0.0
        """The highest agreement of all samples as a share of that of the surest, after the first epoch."""
        self.stage = Stage.COMPETENT

    @property
    def agreements(self) -> Sequence[float]:
        """The classifier's agreement with the given labels, epoch by epoch."""
        return self._agreements

    def note(
        self, agreement: float, *, predictor_agreement: float | None, confident_agreement: float
    ) -> Stage:
        """Add an epoch's agreement in [0, 1]; return how far the classifier has come. Settled it stays.

        The first epoch, judged mostly before anything was learned, never serves as the beginning of a window.

        Args:
            agreement: share of samples whose given label is the classifier's first choice.
            predictor_agreement: the same of the predictor, whose loss sees the labels; without one nobody
                settles.
            confident_agreement: of the classifier among the samples it is surest of, where wrong labels alone
                disagree.

        """
        lead = math.inf if predictor_agreement is None else predictor_agreement / max(agreement, 1e-9)
        self._agreements.append(agreement)
        if len(self._agreements) > 1:
            self._lead = min(self._lead, lead)
        pulls_away = lead > LEAST_LEAD * self._lead
        before = len(self._agreements) - 1 - self._window
        is_time = before >= 1 and len(self._agreements) <= self._latest
        if len(self._agreements) > 1:
            self.competence = max(self.competence, agreement / max(confident_agreement, 1e-9))
        if self.stage is not Stage.SETTLED and len(self._agreements) > 1:
            is_weak = self.competence < LEAST_COMPETENCE
            self.stage = Stage.WEAK if is_weak else Stage.COMPETENT
        # Whoever was competent once is so still: memory makes it surest of what it has memorised.
        if (
            self.stage is Stage.COMPETENT
            and is_time
            and pulls_away
            and agreement < (1 + LEAST_GROWTH) * self._agreements[before]
        ):
            self.stage = Stage.SETTLED
        return self.stage

    def state(self) -> dict[str, Any]:
        """Return all that `load_state` needs."""
        return {
            "agreements": list(self._agreements),
            "lead": self._lead,
            "competence": self.competence,
            "stage": str(self.stage),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned."""
        self._agreements, self._lead = list(state["agreements"]), state["lead"]
        self.competence = state["competence"]
        self.stage = Stage(state["stage"])
