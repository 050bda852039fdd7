"""The figures of an audit that rest on its random checks, made when they are asked for.

Shape suffixes: N samples in order of rank, C checks.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, func, select

from app.audits.suspects import Ranking
from app.reviews.random_checks import DrawnChecks, find_checks
from app.reviews.ranked_scores import RankedScores, read_ranked_scores
from app.reviews.verdicts import ERRORS
from app.tables import CheckPlan, Review, Score, Verdict
from models.checks.checked_counts import (
    Known,
    Share,
    Suggestions,
    count_errors,
    judge_suggestions,
    measure_share,
)
from models.checks.settled_figures import SettledFigures, settle

AUDITS_MAX = 16
Fingerprint = tuple[int, int, int]
"""The number of a dataset's verdicts, the sum of their versions, and the number of checks."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckedFigures:
    """What random checks and other verdicts make of an audit's figures; the same object until they change."""

    settled: SettledFigures
    """The figures of all samples."""
    sample_count: int
    flagged: Share | None
    """The share of wrong labels among the flagged samples; None: no flagged sample is checked."""
    suggestions: Suggestions | None
    """What relabelling every flagged sample would do; None: no flagged sample is checked."""
    unsure: int = 0
    """Checks that people could not decide or disagree about; they are not among the checked."""
    dropped: int = 0
    """Checks that people dropped; they are not among the checked."""
    reviewed: int = 0
    """Other samples that were reviewed from the top of the ranking on without a gap."""

    @property
    def words(self) -> str:
        """Return what the figures rest on."""
        parts = [f"checked: {self.settled.count.checked:,} samples at random"]
        said = [(self.unsure, "unsure"), (self.dropped, "dropped")]
        left_open = [f"{number:,} more {word}" for number, word in said if number]
        if left_open:
            parts.append(f"{' and '.join(left_open)}, which the range counts both as right and as wrong")
        if self.reviewed:
            parts.append(f"{self.reviewed:,} others reviewed from the top count as they are")
        return "; ".join(parts)


_kept: "OrderedDict[UUID, tuple[Fingerprint, CheckedFigures | None]]" = OrderedDict()
_lock = Lock()


def find_settled(connection: Connection, audit_id: UUID, dataset_id: UUID) -> CheckedFigures | None:
    """Return an audit's figures that follow from its random checks; None: too few are decided, or none begun.

    They are kept until a verdict of the dataset changes.
    """
    # Before anything else is read: what commits in between may be in the figures, but not in what tells them
    # apart, so that the next caller makes them again.
    versions = _sum_versions(connection, audit_id, dataset_id)
    drawn = None if versions is None else find_checks(connection, audit_id)
    if versions is None or drawn is None:
        return None
    fingerprint = (*versions, len(drawn.verdict_C))
    with _lock:
        kept = _kept.get(audit_id)
    if kept is not None and kept[0] == fingerprint:
        return kept[1]
    figures = _make_figures(
        drawn, read_ranked_scores(connection, audit_id), read_known(connection, audit_id, dataset_id)
    )
    with _lock:
        _kept[audit_id] = (fingerprint, figures)
        _kept.move_to_end(audit_id)
        while len(_kept) > AUDITS_MAX:
            _kept.popitem(last=False)
    return figures


def count_wrong(connection: Connection, drawn: DrawnChecks, audit_id: UUID, dataset_id: UUID) -> Share | None:
    """Return the share of wrong labels by an audit's checks; quick, since it looks at no other sample."""
    return count_errors(drawn.checks, read_known(connection, audit_id, dataset_id))


def follow_checks(connection: Connection, ranking: Ranking) -> Ranking:
    """Return a ranking whose probabilities and cut follow its random checks, as far as they say anything."""
    if not ranking.may_have_checks:
        return ranking
    figures = find_settled(connection, ranking.audit_id, ranking.dataset_id)
    return ranking if figures is None else replace(ranking, settled=figures.settled)


def mark_flagged(scores: RankedScores, settled: SettledFigures) -> npt.NDArray[np.bool_]:
    """Return which samples the cut flags [N]."""
    return (scores.error_probability_N > settled.cut) & scores.has_other_N


def _make_figures(drawn: DrawnChecks, scores: RankedScores, known: Known) -> CheckedFigures | None:
    settled = settle(drawn.checks, scores.error_probability_N, known)
    if settled is None:
        return None
    at_C = drawn.checks.rank_C - 1
    is_flagged_C = mark_flagged(scores, settled)[at_C]
    return CheckedFigures(
        settled=settled,
        sample_count=drawn.checks.strata.sample_count,
        flagged=measure_share(drawn.checks, drawn.checks.is_error_C == 1, is_flagged_C),
        suggestions=judge_suggestions(
            drawn.checks,
            is_right_suggestion_C=drawn.label_C == scores.suggested_N[at_C],
            is_flagged_C=is_flagged_C,
        ),
        unsure=drawn.unsure,
        dropped=drawn.dropped,
        reviewed=known.head - int((drawn.checks.rank_C <= known.head).sum()),
    )


def _sum_versions(connection: Connection, audit_id: UUID, dataset_id: UUID) -> tuple[int, int] | None:
    """Return the number of verdicts and the sum of their versions; None: no check was begun.

    They tell all states apart: a verdict that is new or changed has a higher version than any before it.
    """
    of_dataset = Review.dataset_id == dataset_id
    count = select(func.count()).select_from(Review).where(of_dataset).scalar_subquery()
    total = select(func.coalesce(func.sum(Review.version), 0)).where(of_dataset).scalar_subquery()
    row = connection.execute(select(count, total).where(CheckPlan.audit_id == audit_id)).one_or_none()
    return None if row is None else (row[0], int(row[1]))


def read_known(connection: Connection, audit_id: UUID, dataset_id: UUID) -> Known:
    """Return what verdicts tell: those from the top of the ranking on without a gap, and all of them.

    Verdicts on samples that nobody looked at tell nothing.
    """
    joined = (Review.dataset_id == dataset_id) & (Review.position == Score.position) & Review.is_looked_at
    gap = (
        select(Score.rank)
        .where(Score.audit_id == audit_id, ~select(Review.position).where(joined).exists())
        .order_by(Score.rank)
        .limit(1)
    )
    first_gap = connection.scalar(gap)
    is_error, is_right = Review.verdict.in_(ERRORS), Review.verdict == Verdict.KEEP
    is_head = Score.rank < first_gap if first_gap is not None else Score.rank >= 1
    head, head_errors, head_right, errors, right = connection.execute(
        select(
            func.count().filter(is_head),
            func.count().filter(is_head, is_error),
            func.count().filter(is_head, is_right),
            func.count().filter(is_error),
            func.count().filter(is_right),
        )
        .join_from(Review, Score, joined)
        .where(Score.audit_id == audit_id, Review.dataset_id == dataset_id)
    ).one()
    return Known(
        head=head, head_errors=head_errors, head_decided=head_errors + head_right, errors=errors, right=right
    )
