"""Random checks of an audit: drawn once, kept, and extended by more; their verdicts are ordinary reviews."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.infra.errors import Invalid, NotFound
from app.reviews.ranked_scores import read_ranked_scores
from app.reviews.verdicts import ERRORS, require_own_labels
from app.tables import Audit, Check, CheckPlan, Dataset, Review, Sample, Score, Verdict
from models.checks.check_plan import Checks, Strata, cut_strata, draw_checks
from models.checks.settled_figures import find_least

LEFT_OPEN = (Verdict.UNSURE, Verdict.DROP)
"""Verdicts of people who looked at a sample and said neither that its label is right nor that it is wrong."""
IS_ERROR: Mapping[str | None, float] = {Verdict.KEEP: 0.0, **dict.fromkeys(ERRORS, 1.0)}


@dataclass(frozen=True, kw_only=True)
class DrawnChecks:
    """The checks of an audit that are drawn, in the order of checking, with their verdicts."""

    wanted: int
    """How many are to be checked in all; the rest is drawn when all of these have a verdict."""
    checks: Checks
    verdict_C: Sequence[str | None]
    """None: no verdict yet."""
    label_C: npt.NDArray[np.int64]
    """The label that people say is right, where they relabelled; else -1."""

    @property
    def answered(self) -> int:
        """Return the number of checks with a verdict."""
        return sum(verdict is not None for verdict in self.verdict_C)

    @property
    def unsure(self) -> int:
        """Return the number of checks that people could not decide."""
        return sum(verdict == Verdict.UNSURE for verdict in self.verdict_C)

    @property
    def dropped(self) -> int:
        """Return the number of checks that people dropped; that does not tell whether labels were right."""
        return sum(verdict == Verdict.DROP for verdict in self.verdict_C)


def want_checks(session: Session, audit: Audit, wanted: int) -> None:
    """Have this many samples of an audit checked in all; what is drawn already stays.

    Raises:
        Invalid: the audit is a rehearsal or ranks nothing, or the number is too small.

    """
    require_own_labels(audit)
    plan = _get_or_make_plan(session, audit)
    sample_count = plan.stratum_ends[-1]
    least = max(plan.wanted, find_least(sample_count))
    if wanted < least:
        raise Invalid(f"expected {least} checks or more in all, found {wanted}")
    plan.wanted = min(wanted, sample_count)
    session.flush()
    _draw_due(session, plan)


def continue_checks(session: Session, dataset: Dataset, positions: Collection[int]) -> None:
    """Draw the next phase for audits of a dataset whose checks all have a verdict now.

    Call it after verdicts on these positions were saved. Of two reviewers who save the last two verdicts at
    once, the one who gets the lock later sees both.
    """
    drawn = select(Check.audit_id).where(Check.position.in_(positions))
    audits = select(Audit.id).where(Audit.dataset_id == dataset.id)
    plans = select(CheckPlan).where(CheckPlan.audit_id.in_(drawn), CheckPlan.audit_id.in_(audits))
    for plan in session.scalars(plans.order_by(CheckPlan.audit_id).with_for_update()).all():
        _draw_due(session, plan)


def get_checks(session: Session, audit: Audit) -> DrawnChecks:
    """Return the checks of an audit.

    Raises:
        NotFound: none were begun.

    """
    drawn = find_checks(session.connection(), audit.id)
    if drawn is None:
        raise NotFound(f"audit {audit.id} has no random checks; PUT /v1/audits/{audit.id}/check begins them")
    return drawn


def find_checks(connection: Connection, audit_id: UUID) -> DrawnChecks | None:
    """Return the checks of an audit; None: none were begun."""
    plan = connection.execute(
        select(CheckPlan.wanted, CheckPlan.stratum_ends).where(CheckPlan.audit_id == audit_id)
    ).one_or_none()
    if plan is None:
        return None
    rows = connection.execute(
        select(Check.rank, Review.verdict, Review.label)
        .join(Audit, Audit.id == Check.audit_id)
        .outerjoin(
            Review,
            (Review.dataset_id == Audit.dataset_id)
            & (Review.position == Check.position)
            & Review.is_looked_at,
        )
        .where(Check.audit_id == audit_id)
        .order_by(Check.number)
    ).all()
    return DrawnChecks(
        wanted=plan.wanted,
        checks=Checks(
            strata=Strata(ends_S=np.array(plan.stratum_ends, np.int64)),
            rank_C=np.array([rank for rank, _, _ in rows], np.int64),
            is_error_C=np.array([IS_ERROR.get(verdict, np.nan) for _, verdict, _ in rows], np.float64),
            is_open_C=np.array([verdict in LEFT_OPEN for _, verdict, _ in rows], np.bool_),
        ),
        verdict_C=[verdict for _, verdict, _ in rows],
        label_C=np.array([-1 if label is None else label for _, _, label in rows], np.int64),
    )


def list_open(session: Session, audit: Audit, limit: int) -> Sequence[Sample]:
    """Return the drawn samples without a verdict, in the order of checking."""
    reviewed = select(Review.position).where(
        Review.dataset_id == Sample.dataset_id, Review.position == Sample.position, Review.is_looked_at
    )
    statement = (
        select(Sample)
        .join(Check, (Check.audit_id == audit.id) & (Check.position == Sample.position))
        .where(Sample.dataset_id == audit.dataset_id, ~reviewed.exists())
        .order_by(Check.number)
        .limit(limit)
    )
    return session.scalars(statement).all()


def _get_or_make_plan(session: Session, audit: Audit) -> CheckPlan:
    """Return the plan of an audit, locked; of two who begin at once the second one gets the first one's."""
    plan = session.get(CheckPlan, audit.id, with_for_update=True)
    if plan is not None:
        return plan
    probability_N = read_ranked_scores(session.connection(), audit.id).error_probability_N
    if not len(probability_N):
        raise Invalid("this audit ranks no samples, so there is nothing to check")
    values = {"audit_id": audit.id, "wanted": 0, "stratum_ends": cut_strata(probability_N).ends_S.tolist()}
    session.execute(upsert(CheckPlan).values(values).on_conflict_do_nothing())
    return session.get_one(CheckPlan, audit.id, with_for_update=True)


def _draw_due(session: Session, plan: CheckPlan) -> None:
    """Draw what is due: nothing while a drawn sample has no verdict. The plan must be locked."""
    while True:
        drawn = find_checks(session.connection(), plan.audit_id)
        assert drawn is not None, "the plan is locked"
        if drawn.answered < len(drawn.verdict_C) or len(drawn.verdict_C) >= plan.wanted:
            return
        # The id is random, and nobody chooses it: with it as the seed the same audit draws the same.
        ranks = draw_checks(drawn.checks, plan.wanted, seed=plan.audit_id.int)
        _store_checks(session, plan.audit_id, ranks.tolist(), first_number=len(drawn.verdict_C))


def _store_checks(session: Session, audit_id: UUID, ranks: Sequence[int], *, first_number: int) -> None:
    statement = select(Score.rank, Score.position).where(Score.audit_id == audit_id, Score.rank.in_(ranks))
    position_of: dict[int, int] = dict(session.execute(statement).all())
    session.execute(
        insert(Check),
        [
            {"audit_id": audit_id, "number": number, "position": position_of[rank], "rank": rank}
            for number, rank in enumerate(ranks, first_number)
        ],
    )
