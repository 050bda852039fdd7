"""What an audit, its random checks and people's verdicts say of each sample, for shares of groups.

Shape suffix: N samples in order of rank.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, select

from app.reviews.checked_figures import find_settled
from app.reviews.ranked_scores import read_ranked_scores
from app.reviews.verdicts import ERRORS
from app.tables import Audit, Check, Review, Score, Verdict
from models.checks.group_shares import Opinion

Basis = Literal["checks", "evidence", "ranking"]


def form_opinion(connection: Connection, audit: Audit) -> tuple[Opinion, Basis, str]:
    """Return what may be said of the samples: by checks, by the audit's evidence, or only by the ranking."""
    scores = read_ranked_scores(connection, audit.id)
    figures = find_settled(connection, audit.id, audit.dataset_id)
    if figures is not None:
        count, total = figures.settled.count, len(scores.given_N)
        opinion = Opinion(
            given_N=scores.given_N,
            error_probability_N=figures.settled.recalibration.apply(scores.error_probability_N),
            count_interval=(count.low * total, count.high * total),
        )
        return opinion, "checks", figures.words
    estimate = (audit.summary or {}).get("estimate") or {}
    if estimate.get("may_claim"):
        low, high = estimate["interval"]
        opinion = Opinion(
            given_N=scores.given_N,
            error_probability_N=scores.error_probability_N,
            count_interval=(low, high),
        )
        return (
            opinion,
            "evidence",
            "this audit's own evidence, not checked at random",
        )
    opinion = Opinion(given_N=scores.given_N, error_probability_N=None)
    return opinion, "ranking", "the order of the ranking alone, which does not say how many labels are wrong"


@dataclass(frozen=True, kw_only=True, eq=False)
class DecidedSamples:
    """Which samples have a decided verdict, in order of rank, and which of them a random check drew."""

    is_wrong_N: npt.NDArray[np.bool_]
    is_right_N: npt.NDArray[np.bool_]
    is_drawn_N: npt.NDArray[np.bool_]

    @classmethod
    def read(
        cls, connection: Connection, audit: Audit, count: int, *, only_looked_at: bool = False
    ) -> "DecidedSamples":
        """Read the verdicts on an audit's samples; those carried over count unless `only_looked_at`."""
        joined = (Review.position == Score.position) & (Score.audit_id == audit.id)
        decided = select(Score.rank, Review.verdict).join_from(Review, Score, joined)
        decided = decided.where(Review.dataset_id == audit.dataset_id)
        rows = connection.execute(decided.where(Review.is_looked_at) if only_looked_at else decided).all()
        drawn = connection.scalars(select(Check.rank).where(Check.audit_id == audit.id)).all()
        wrong = [rank for rank, verdict in rows if verdict in ERRORS]
        right = [rank for rank, verdict in rows if verdict == Verdict.KEEP]
        marks = []
        for ranks in (wrong, right, drawn):
            mark_N = np.zeros(count, dtype=np.bool_)
            mark_N[np.array(ranks, dtype=np.int64) - 1] = True
            marks.append(mark_N)
        return cls(is_wrong_N=marks[0], is_right_N=marks[1], is_drawn_N=marks[2])

    def decide(self, opinion: Opinion) -> Opinion:
        """Return what is said of all samples, with what people have decided in the place of probabilities."""
        if opinion.error_probability_N is None:
            return opinion
        probability_N = opinion.error_probability_N.astype(np.float64)
        expected = float(probability_N.sum())
        probability_N[self.is_wrong_N], probability_N[self.is_right_N] = 1.0, 0.0
        return replace(opinion, error_probability_N=probability_N, expected_count=expected)
