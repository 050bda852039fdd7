"""Verdicts on many samples at once: what an action would do, the action itself, and its undoing.

Each is a few statements, however many samples are chosen. Nobody looked at samples that filters chose: their
verdicts change labels in exports, but are no evidence (`Review.is_looked_at`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import UUID

import numpy as np
from sqlalchemy import (
    Case,
    ColumnElement,
    Integer,
    Table,
    and_,
    case,
    delete,
    func,
    literal,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.infra.errors import NotFound, WrongState
from app.reviews import random_checks
from app.reviews.bulk_choice import Chosen, select_chosen
from app.reviews.checked_figures import find_settled
from app.reviews.relabelling import LEAST_CHECKED
from app.reviews.review_progress import Expectation, find_expectation
from app.reviews.sample_leases import is_undecided_elsewhere
from app.reviews.verdicts import require_own_labels
from app.tables import Agreement, Audit, Bulk, BulkAction, BulkVerdict, Dataset, Review, Score, Verdict
from models.checks.checked_counts import Share

VERDICTS, REVIEWS = (cast("Table", each.__table__) for each in (BulkVerdict, Review))
NORMAL_95 = 1.96
"""Standard deviations to either side that hold 95 % of a normal distribution."""
KEPT = ("verdict", "label", "audit_id", "reviewer", "reviewed_at", "is_looked_at", "carried", "agreement")
"""Columns of a review that come back when an action is undone."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What is decided for all chosen samples, and by whom."""

    action: Bulk
    label: int | None = None
    """Of relabel alone."""
    reviewer: str


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What an action would do."""

    samples: int
    """Samples that would get the verdict."""
    reviewed: int
    """Samples that have a verdict: it would be replaced, or with filters and without `replaces` it stays."""
    changed: int
    """Labels that would change."""
    wrong: float | None
    """Of the samples, how many labels are expected to be wrong; None: unknown."""
    wrong_interval: tuple[float, float] | None
    """The least and the most of them; None: unknown."""
    rests_on: str
    """What that rests on."""
    improves: Share | None
    """Share of flagged labels that the suggestion puts right, by random checks; None: unknown."""
    busy: int
    """Samples that somebody else has on their screen at present: they would be left out."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What an action did."""

    action: BulkAction
    saved: int
    left_out: int
    """Selected samples whose review somebody changed meanwhile, that somebody else has on their screen, or
    that the audit does not rank."""


def preview(session: Session, audit: Audit, dataset: Dataset, chosen: Chosen, decision: Decision) -> Preview:
    """Return what an action would do, by the evidence there is."""
    rows, parameters = select_chosen(session, audit, dataset, chosen)
    every, reviewed, changed = session.execute(
        select(
            func.count(),
            func.count(rows.c.version),
            func.count().filter(_choose_label(decision, rows.c) != rows.c.given_label),
        ).select_from(rows),
        parameters,
    ).one()
    if chosen.filters is not None and not chosen.replaces:
        both = replace(chosen, replaces=True)
        every_row, parameters_of_all = select_chosen(session, audit, dataset, both)
        with_verdict = session.scalar(select(func.count(every_row.c.version)), parameters_of_all) or 0
        reviewed = with_verdict - reviewed  # what an earlier version left unsure gets a verdict
    expectation = find_expectation(session, audit)
    wrong, interval = None, None
    if expectation.is_sound:
        probability_n = np.array(session.scalars(select(rows.c.probability), parameters).all(), np.float64)
        wrong = float(expectation.recalibration.apply(probability_n).sum())
        interval = _spread(expectation, wrong, every)
    return Preview(
        samples=every,
        reviewed=reviewed,
        changed=changed,
        wrong=wrong,
        wrong_interval=interval,
        rests_on=expectation.rests_on,
        improves=_find_improvement(session, audit),
        busy=_count_busy(session, audit, dataset, chosen),
    )


def _spread(expectation: Expectation, middle: float, samples: int) -> tuple[float, float]:
    """Return the range of the wrong labels among samples, of which `middle` are expected to be wrong.

    Its ends are to the middle as those of all samples are to their count, and chance adds to both: so many of
    so few may be wrong as a binomial distribution with that mean has in 95 % of draws, by its normal
    approximation, rounded outwards.
    """
    assert expectation.interval is not None
    count = expectation.count or 0.0
    low, high = (middle * end / count if count > 0 else end for end in expectation.interval)
    least, most = (min(end, float(samples)) for end in (low, high))
    return (
        float(np.floor(max(0.0, least - _vary(least, samples)))),
        float(np.ceil(min(float(samples), most + _vary(most, samples)))),
    )


def _vary(mean: float, samples: int) -> float:
    """Return by how much a number of so many samples varies around its mean, in 95 % of draws."""
    return NORMAL_95 * float(np.sqrt(mean * (1 - mean / max(samples, 1))))


def _count_busy(session: Session, audit: Audit, dataset: Dataset, chosen: Chosen) -> int:
    rows, parameters = select_chosen(session, audit, dataset, chosen, is_free_only=False)
    busy = is_undecided_elsewhere(
        dataset.id, rows.c.position, reviewer=chosen.reviewer, reviewed_by=rows.c.reviewer
    )
    return session.scalar(select(func.count()).select_from(rows).where(busy), parameters) or 0


def _find_improvement(session: Session, audit: Audit) -> Share | None:
    figures = find_settled(session.connection(), audit.id, audit.dataset_id)
    suggestions = None if figures is None else figures.suggestions
    if suggestions is None or suggestions.improved.checked < LEAST_CHECKED:
        return None
    return suggestions.improved


def decide(session: Session, audit: Audit, dataset: Dataset, chosen: Chosen, decision: Decision) -> Done:
    """Save one decision for all chosen samples, with what is needed to undo it.

    Raises:
        Invalid: the audit is a rehearsal.

    """
    require_own_labels(audit)
    action = BulkAction(
        audit_id=audit.id,
        action=decision.action,
        label=decision.label,
        reviewer=decision.reviewer,
        is_looked_at=chosen.filters is None,
    )
    session.add(action)
    session.flush()
    _note_earlier(session, audit, dataset, chosen, action)
    _write_verdicts(session, audit, action, decision)
    lost = delete(BulkVerdict).where(BulkVerdict.action_id == action.id, BulkVerdict.version.is_(None))
    session.execute(lost)
    of_action = BulkVerdict.action_id == action.id
    saved = session.scalar(select(func.count()).select_from(BulkVerdict).where(of_action)) or 0
    if chosen.versions is not None:
        positions = session.scalars(select(BulkVerdict.position).where(of_action)).all()
        random_checks.continue_checks(session, dataset, positions)
    wanted = saved if chosen.versions is None else len(chosen.versions)
    return Done(action=action, saved=saved, left_out=wanted - saved)


def undo(session: Session, audit: Audit, action_id: UUID) -> tuple[int, int]:
    """Bring back the reviews that an action replaced; return how many, and how many were changed since.

    Raises:
        NotFound: the audit has no such action.
        WrongState: it was undone already.

    """
    action = session.get(BulkAction, action_id, with_for_update=True)
    if action is None or action.audit_id != audit.id:
        raise NotFound(f"audit {audit.id} has no bulk action {action_id}")
    if action.undone_at is not None:
        raise WrongState(f"bulk action {action_id} was undone at {action.undone_at:%Y-%m-%d %H:%M} UTC")
    _keep_earlier_audits(session, action_id)
    mine = and_(
        BulkVerdict.action_id == action_id,
        Review.dataset_id == audit.dataset_id,
        Review.position == BulkVerdict.position,
        Review.version == BulkVerdict.version,
    )
    restored = session.scalars(
        update(Review)
        .where(mine, BulkVerdict.before_version.is_not(None))
        .values({name: getattr(BulkVerdict, f"before_{name}") for name in KEPT})
        .values(version=Review.versions.next_value())
        .returning(Review.position)
        .execution_options(synchronize_session=False)
    ).all()
    deleted = session.scalars(
        delete(Review)
        .where(mine, BulkVerdict.before_version.is_(None))
        .returning(Review.position)
        .execution_options(synchronize_session=False)
    ).all()
    of_action = select(func.count()).select_from(BulkVerdict).where(BulkVerdict.action_id == action_id)
    every = session.scalar(of_action) or 0
    action.undone_at = session.scalar(select(func.now()))
    back = len(restored) + len(deleted)
    return back, every - back


def _keep_earlier_audits(session: Session, action_id: UUID) -> None:
    """Lock against deletion the audits that the replaced reviews name: the reviews will name them again."""
    named = select(BulkVerdict.before_audit_id).where(BulkVerdict.action_id == action_id)
    kept = select(Audit.id).where(Audit.id.in_(named)).order_by(Audit.id)
    session.execute(kept.with_for_update(read=True, key_share=True)).all()


def list_positions(session: Session, action_id: UUID, *, limit: int) -> Sequence[int]:
    """Return positions of an action's verdicts, at most `limit`."""
    rows = select(BulkVerdict.position).where(BulkVerdict.action_id == action_id)
    return session.scalars(rows.limit(limit)).all()


def _note_earlier(
    session: Session, audit: Audit, dataset: Dataset, chosen: Chosen, action: BulkAction
) -> None:
    """Store which samples the action is about, with their earlier reviews."""
    rows, parameters = select_chosen(session, audit, dataset, chosen)
    earlier = (
        select(literal(action.id), rows.c.position, rows.c.version, *(getattr(Review, name) for name in KEPT))
        .select_from(rows)
        .outerjoin(
            Review,
            and_(
                Review.dataset_id == dataset.id,
                Review.position == rows.c.position,
                Review.version == rows.c.version,
            ),
        )
    )
    names = ["action_id", "position", "before_version", *(f"before_{name}" for name in KEPT)]
    session.execute(insert(VERDICTS).from_select(names, earlier), parameters)


def _write_verdicts(session: Session, audit: Audit, action: BulkAction, decision: Decision) -> None:
    """Write the reviews; one that somebody changed since it was noted stays, without a version here."""
    label = _choose_label(decision, Score)
    values = {
        "dataset_id": literal(audit.dataset_id),
        "position": BulkVerdict.position,
        "verdict": _choose_verdict(decision, label),
        "label": case((label != Score.given_label, label), else_=null()),
        "audit_id": literal(audit.id),
        "reviewer": literal(action.reviewer),
        "is_looked_at": literal(action.is_looked_at),
    }
    if decision.action in {Bulk.DROP, Bulk.UNSURE, Bulk.KEEP}:
        values["label"] = null()
    mine = BulkVerdict.action_id == action.id
    rows = (
        select(*values.values())
        .join(Score, and_(Score.audit_id == audit.id, Score.position == BulkVerdict.position))
        .where(mine)
        .order_by(BulkVerdict.position)  # two actions at once lock in the same order
    )
    statement = insert(REVIEWS).from_select([*values], rows)
    # The row that exists already, without a second FROM, which SQLAlchemy would add here.
    existing = literal_column("reviews.position", Integer)
    seen = select(BulkVerdict.before_version).where(mine, BulkVerdict.position == existing).scalar_subquery()
    copied = ("verdict", "label", "audit_id", "reviewer")
    changed: dict[str, Any] = {name: statement.excluded[name] for name in copied}
    changed["is_looked_at"] = statement.excluded.is_looked_at
    changed["carried"] = null()
    changed["agreement"] = case((REVIEWS.c.agreement.is_(None), null()), else_=Agreement.SETTLED)
    written = (
        statement.on_conflict_do_update(
            index_elements=[REVIEWS.c.dataset_id, REVIEWS.c.position],
            set_={**changed, "reviewed_at": func.now(), "version": Review.versions.next_value()},
            where=REVIEWS.c.version == seen,
        )
        .returning(REVIEWS.c.position, REVIEWS.c.version)
        .cte("written")
    )
    session.execute(
        update(VERDICTS)
        .where(VERDICTS.c.action_id == action.id, VERDICTS.c.position == written.c.position)
        .values(version=written.c.version)
    )


def _choose_label(decision: Decision, columns: Any) -> ColumnElement[Any]:  # noqa: ANN401 - table or subquery
    """Return the label that a sample would have."""
    if decision.action == Bulk.ACCEPT:
        label: ColumnElement[Any] = columns.suggested_label
        return label
    return literal(decision.label) if decision.action == Bulk.RELABEL else columns.given_label


def _choose_verdict(decision: Decision, label: ColumnElement[Any]) -> ColumnElement[Any]:
    if decision.action in {Bulk.ACCEPT, Bulk.RELABEL}:
        verdict: Case[Any] = case((label != Score.given_label, Verdict.RELABEL), else_=Verdict.KEEP)
        return verdict
    return literal(str(decision.action))
