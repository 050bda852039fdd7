"""Progress of a review of an audit, and whether to continue."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.tables import Audit, Review, Score, Verdict

Advice = Literal["begin", "go_on", "nearly_done", "stop"]
ERRORS = (Verdict.RELABEL, Verdict.DROP)
LEAST_DECIDED = 20
WINDOW = 50
NEARLY_DONE = 0.25
STOP = 0.1


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Counts of the verdicts on an audit's samples."""

    verdicts: dict[str, int]
    """Samples by verdict."""
    expected_decided: float
    """Expected errors among the samples with a verdict other than unsure."""
    expected_reviewed: float
    """Expected errors among the samples with any verdict."""

    @property
    def errors(self) -> int:
        """Return the number of labels judged wrong."""
        return sum(self.verdicts[verdict] for verdict in ERRORS)

    @property
    def decided(self) -> int:
        """Return the number of labels judged right or wrong."""
        return self.errors + self.verdicts[Verdict.KEEP]

    @property
    def precision(self) -> float | None:
        """Return the share of wrong labels among the decided."""
        return self.errors / self.decided if self.decided else None

    @property
    def calibration(self) -> float:
        """Return (errors + 1) / (expected errors + 1) among the decided; near 1 while there are few."""
        return (self.errors + 1) / (self.expected_decided + 1)


def count_verdicts(session: Session, audit: Audit) -> Tally:
    """Count the verdicts on an audit's samples."""
    statement = (
        select(Review.verdict, func.count(), func.sum(Score.error_probability))
        .join(Score, (Score.audit_id == audit.id) & (Score.position == Review.position))
        .where(Review.dataset_id == audit.dataset_id)
        .group_by(Review.verdict)
    )
    rows = [(verdict, count, float(expected or 0)) for verdict, count, expected in session.execute(statement)]
    counts = {verdict: count for verdict, count, _ in rows}
    return Tally(
        verdicts={str(verdict): counts.get(verdict, 0) for verdict in Verdict},
        expected_decided=sum(expected for verdict, _, expected in rows if verdict != Verdict.UNSURE),
        expected_reviewed=sum(expected for _, _, expected in rows),
    )


def estimate_next_share(session: Session, audit: Audit, counted: Tally) -> float | None:
    """Return the expected share of errors among the next samples without a verdict; None: there are none."""
    reviewed = select(Review.position).where(
        Review.dataset_id == audit.dataset_id, Review.position == Score.position
    )
    upcoming = (
        select(Score.error_probability)
        .where(Score.audit_id == audit.id, ~reviewed.exists())
        .order_by(Score.rank)
        .limit(WINDOW)
        .subquery()
    )
    mean = session.scalar(select(func.avg(upcoming.c.error_probability)))
    return None if mean is None else min(1.0, float(mean) * counted.calibration)


def measure_recent_share(session: Session, audit: Audit) -> float | None:
    """Return the share of errors among the latest verdicts other than unsure; None: there are none."""
    latest = (
        select(Review.verdict)
        .where(Review.dataset_id == audit.dataset_id, Review.verdict != Verdict.UNSURE)
        .order_by(Review.version.desc())
        .limit(WINDOW)
    )
    verdicts = session.scalars(latest).all()
    return sum(verdict in ERRORS for verdict in verdicts) / len(verdicts) if verdicts else None


def advise(counted: Tally, upcoming: float | None) -> Advice:
    """Return whether to continue, by the expected share of errors among the next samples."""
    if upcoming is None:
        return "stop"
    if counted.decided < LEAST_DECIDED:
        return "begin" if counted.decided == 0 else "go_on"
    if upcoming < STOP:
        return "stop"
    return "nearly_done" if upcoming < NEARLY_DONE else "go_on"
