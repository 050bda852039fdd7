"""What it would do to relabel, as suggested, the flagged samples that nobody has looked at."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.audits.suspects import is_flagged_after_checks
from app.infra.errors import WrongState
from app.reviews.checked_figures import find_settled
from app.tables import Audit, Review, Score
from models.checks.checked_counts import Suggestions
from models.checks.settled_figures import SettledFigures

LEAST_CHECKED = 10
"""Random checks of flagged samples; if they find none made worse, up to 22 % still may be (Jeffreys)."""
HOW_TO_CONFIRM = "check samples at random first, or confirm it (--yes, confirmed=true)"


@dataclass(frozen=True, kw_only=True)
class Relabelling:
    """What relabelling the flagged samples without a verdict would do."""

    labels: int
    """Labels that would change."""
    suggestions: Suggestions | None
    """The worth of these changes; None: unknown."""

    @property
    def detail(self) -> str:
        """Return it as a sentence for people."""
        if not self.labels:
            return "No label that nobody has looked at would change."
        changed = f"{self.labels:,} labels that nobody has looked at would change to the suggested label."
        if self.suggestions is None:
            return f"{changed} How many of them would be made worse is unknown."
        worse = self.suggestions.made_worse
        return (
            f"{changed} About {worse.centre:.0%} of them ({worse.low:.0%} to {worse.high:.0%}) would be made"
            f" worse, by {worse.checked:,} random checks of flagged samples."
        )


def preview(session: Session, audit: Audit) -> Relabelling:
    """Return what relabelling the flagged samples of an audit would do."""
    figures = find_settled(session.connection(), audit.id, audit.dataset_id)
    settled = None if figures is None else figures.settled
    suggestions = None if figures is None else figures.suggestions
    if suggestions is not None and suggestions.made_worse.checked < LEAST_CHECKED:
        suggestions = None
    reviewed = select(Review.position).where(
        Review.dataset_id == audit.dataset_id, Review.position == Score.position
    )
    changed = select(func.count()).where(
        Score.audit_id == audit.id,
        flag(settled),
        Score.suggested_label != Score.given_label,
        ~reviewed.exists(),
    )
    labels = session.scalar(changed, {} if settled is None else {"cut": settled.cut})
    return Relabelling(labels=labels or 0, suggestions=suggestions)


def flag(settled: SettledFigures | None) -> ColumnElement[bool]:
    """Return the condition that the cut flags a sample; with settled figures it has the parameter `cut`."""
    return Score.is_label_issue.is_(True) if settled is None else is_flagged_after_checks()


def require_consent(session: Session, audit: Audit, *, confirmed: bool) -> None:
    """Refuse to relabel samples that nobody looked at while nobody knows what that does.

    Raises:
        WrongState: labels would change, it is unknown what that does, and it is not confirmed.

    """
    found = preview(session, audit)
    if found.labels and found.suggestions is None and not confirmed:
        raise WrongState(f"{found.detail} To go on, {HOW_TO_CONFIRM}.")
