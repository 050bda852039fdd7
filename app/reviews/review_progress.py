"""Progress of a review of an audit, and whether to continue."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import case, func, null, select
from sqlalchemy.orm import Session

from app.audits.suspects import STORED_PROBABILITY
from app.reviews.checked_figures import CheckedFigures, find_settled
from app.reviews.verdicts import ERRORS
from app.tables import (
    Audit,
    BulkAction,
    BulkVerdict,
    Check,
    Issue,
    IssueKind,
    Review,
    Score,
    Verdict,
)
from models.checks.recalibration import Recalibration
from models.checks.review_advice import ReviewState

WINDOW = 50
BY_ESTIMATE = "estimated by the audit; nobody has checked it"
BY_NOTHING = "nothing yet"


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Counts of the verdicts on an audit's samples."""

    verdicts: dict[str, int]
    """Samples by verdict."""
    looked_at: dict[str, int]
    """Those of them that somebody looked at; the others tell nothing about labels."""
    carried: int
    """Samples whose verdict was carried over from an earlier version; they are not among `looked_at`."""

    @property
    def errors(self) -> int:
        """Return the number of labels judged wrong."""
        return sum(self.looked_at[verdict] for verdict in ERRORS)

    @property
    def decided(self) -> int:
        """Return the number of labels judged right or wrong; a dropped sample's label is judged neither."""
        return self.errors + self.looked_at[Verdict.KEEP]

    @property
    def unseen(self) -> int:
        """Return the number of verdicts on samples that nobody looked at."""
        return sum(self.verdicts.values()) - sum(self.looked_at.values()) - self.carried

    @property
    def precision(self) -> float | None:
        """Return the share of wrong labels among the decided."""
        return self.errors / self.decided if self.decided else None


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """How many labels are wrong, as far as anybody may say."""

    rests_on: str
    count: float | None
    """Wrong labels in all; None: unknown."""
    interval: tuple[float, float] | None
    recalibration: Recalibration
    is_checked: bool = False
    """Whether random checks counted them."""

    @property
    def is_sound(self) -> bool:
        """Return whether the count and the error probabilities may be used."""
        return self.count is not None

    def leave(self, counted: Tally, middle: float | None = None) -> tuple[float, float] | None:
        """Return the interval of the wrong labels that are left; None: unknown.

        Nobody said whether the labels of dropped samples are wrong: the lower end takes them for wrong, and
        gone; the upper end for right.

        Args:
            counted: the verdicts.
            middle: what is expected to be left, which the interval holds; None: nothing in particular.

        """
        if self.interval is None:
            return None
        low = max(0.0, self.interval[0] - counted.errors - counted.verdicts[Verdict.DROP])
        high = max(0.0, self.interval[1] - counted.errors)
        return (low, high) if middle is None else (min(low, middle), max(high, middle))


def count_verdicts(session: Session, audit: Audit) -> Tally:
    """Count the verdicts on an audit's samples."""
    statement = (
        select(
            Review.verdict,
            func.count(),
            func.count().filter(Review.is_looked_at),
            func.count().filter(Review.carried.is_not(None)),
        )
        .join(Score, (Score.audit_id == audit.id) & (Score.position == Review.position))
        .where(Review.dataset_id == audit.dataset_id)
        .group_by(Review.verdict)
    )
    rows = {row[0]: row[1:] for row in session.execute(statement).all()}
    counts = {str(verdict): rows.get(verdict, (0, 0, 0)) for verdict in Verdict}
    return Tally(
        verdicts={verdict: every for verdict, (every, _, _) in counts.items()},
        looked_at={verdict: looked_at for verdict, (_, looked_at, _) in counts.items()},
        carried=sum(carried for _, _, carried in counts.values()),
    )


def find_expectation(session: Session, audit: Audit) -> Expectation:
    """Return what random checks say or, without them, the audit's own estimate where it may be claimed."""
    figures = find_settled(session.connection(), audit.id, audit.dataset_id)
    if figures is not None:
        return _expect_by_checks(figures)
    summary = audit.summary or {}
    if not (summary.get("estimate") or {}).get("may_claim"):
        return Expectation(rests_on=BY_NOTHING, count=None, interval=None, recalibration=Recalibration())
    low, high = summary["expected_error_interval"]
    return Expectation(
        rests_on=BY_ESTIMATE,
        count=summary["expected_error_count"],
        interval=(low, high),
        recalibration=Recalibration(),
    )


def _expect_by_checks(figures: CheckedFigures) -> Expectation:
    count, samples = figures.settled.count, figures.sample_count
    return Expectation(
        rests_on=figures.words,
        count=count.centre * samples,
        interval=(count.low * samples, count.high * samples),
        recalibration=figures.settled.recalibration,
        is_checked=True,
    )


def read_state(session: Session, audit: Audit, expectation: Expectation, counted: Tally) -> ReviewState:
    """Return what is known about the next samples of the ranking, after these verdicts."""
    errors, decided = _count_recent(session, audit)
    upcoming, upcoming_count = _find_upcoming(session, audit, expectation.recalibration)
    left = expectation.leave(counted) if expectation.is_checked else None
    return ReviewState(
        upcoming=upcoming,
        upcoming_count=upcoming_count,
        most_left=None if left is None else (max(0.0, (expectation.count or 0.0) - counted.errors), left[1]),
        is_upcoming_sound=expectation.is_sound,
        recent_errors=errors,
        recent_decided=decided,
    )


def _find_upcoming(session: Session, audit: Audit, recalibration: Recalibration) -> tuple[float | None, int]:
    """Return the mean error probability of the next samples without a verdict, and how many they are.

    None: there are none.
    """
    reviewed = select(Review.position).where(
        Review.dataset_id == audit.dataset_id, Review.position == Score.position
    )
    upcoming = session.scalars(
        select(STORED_PROBABILITY)
        .where(Score.audit_id == audit.id, ~reviewed.exists())
        .order_by(Score.rank)
        .limit(WINDOW)
    ).all()
    mean = float(recalibration.apply(np.array(upcoming)).mean()) if upcoming else None
    return mean, len(upcoming)


def _count_recent(session: Session, audit: Audit) -> tuple[int, int]:
    """Return the errors among the latest decided verdicts, and their number.

    Samples that were drawn at random, duplicates with different labels, and samples that somebody picked for
    one action are left out: they do not tell what the next of the ranking are like.
    """
    drawn = select(Check.position).where(Check.audit_id == audit.id, Check.position == Review.position)
    conflicting = select(Issue.position).where(
        Issue.audit_id == audit.id,
        Issue.kind == IssueKind.CONFLICTING_DUPLICATE,
        Issue.position == Review.position,
    )
    actions = (
        select(BulkAction.id)
        .join(Audit, Audit.id == BulkAction.audit_id)
        .where(Audit.dataset_id == audit.dataset_id, BulkAction.is_looked_at)
    )
    picked = select(BulkVerdict.position).where(
        BulkVerdict.action_id.in_(actions),
        BulkVerdict.position == Review.position,
        BulkVerdict.version == Review.version,
    )
    latest = (
        select(Review.verdict)
        .where(
            Review.dataset_id == audit.dataset_id,
            Review.verdict.in_((*ERRORS, Verdict.KEEP)),
            Review.is_looked_at,
            ~drawn.exists(),
            ~conflicting.exists(),
            ~picked.exists(),
        )
        .order_by(Review.version.desc())
        .limit(WINDOW)
    )
    verdicts = session.scalars(latest).all()
    return sum(verdict in ERRORS for verdict in verdicts), len(verdicts)


def count_open_conflicts(session: Session, audit: Audit) -> int:
    """Return how many groups of duplicates still have different labels and a sample that nobody decided."""
    labels = case(
        (Review.verdict == Verdict.RELABEL, Review.label),
        (Review.verdict == Verdict.DROP, null()),
        else_=Issue.given_label,
    )
    is_open = Review.verdict.is_(None) | (Review.verdict == Verdict.UNSURE)
    groups = (
        select(Issue.group_number)
        .outerjoin(Review, (Review.dataset_id == audit.dataset_id) & (Review.position == Issue.position))
        .where(Issue.audit_id == audit.id, Issue.kind == IssueKind.CONFLICTING_DUPLICATE)
        .group_by(Issue.group_number)
        .having(func.count(labels.distinct()) > 1, func.count().filter(is_open) > 0)
    )
    return session.scalar(select(func.count()).select_from(groups.subquery())) or 0
