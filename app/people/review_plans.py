"""How much of an audit's review is done twice; which samples that are depends on a seed alone."""

import secrets

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.reviews.verdicts import require_own_labels
from app.tables import Audit, ReviewPlan

SEEDS = 2**31


def find_plan(session: Session, audit: Audit) -> ReviewPlan:
    """Return the plan of an audit; without one, nothing is done twice."""
    plan = session.get(ReviewPlan, audit.id)
    return plan or ReviewPlan(audit_id=audit.id, second_share=0.0, seed=0)


def set_plan(session: Session, audit: Audit, *, second_share: float, seed: int | None) -> ReviewPlan:
    """Set the share of reviewed samples that a second person judges, and the seed that chooses them.

    Without a seed, the one that there is stays, or one is drawn. Opinions that are given stay.

    Raises:
        Invalid: the audit is a rehearsal.

    """
    require_own_labels(audit)
    plan = _get_or_make_plan(session, audit)
    plan.second_share = second_share
    if seed is not None:
        plan.seed = seed
    session.flush()
    return plan


def _get_or_make_plan(session: Session, audit: Audit) -> ReviewPlan:
    """Return the plan of an audit, locked; of two who set one at once the second gets the first one's."""
    values = {"audit_id": audit.id, "second_share": 0.0, "seed": secrets.randbelow(SEEDS)}
    session.execute(insert(ReviewPlan).values(values).on_conflict_do_nothing())
    return session.get_one(ReviewPlan, audit.id, with_for_update=True, populate_existing=True)
