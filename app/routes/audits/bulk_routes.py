"""Routes of verdicts on many samples at once."""

from dataclasses import asdict
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.orm import Session as OrmSession

from app.audits import audit_service
from app.audits.suspects import Filters
from app.datasets import dataset_service, own_filters
from app.reviews import bulk_verdicts, verdicts
from app.reviews.bulk_choice import Chosen
from app.reviews.bulk_verdicts import Decision
from app.routes.shared.dependencies import Caller, Session, Writes
from app.routes.shared.idempotent_routes import IdempotentRoute
from app.routes.shared.rendering import render_review
from app.routes.shared.reviewer_names import name_reviewer
from app.schemas.reviews.bulk_schemas import BulkOut, BulkPreview, BulkRequest, BulkUndone, SuspectFilters
from app.schemas.reviews.check_schemas import ShareOut
from app.schemas.reviews.review_schemas import REVIEWS_MAX, ReviewOut
from app.tables import Bulk, Dataset

router = APIRouter(prefix="/v1/audits", tags=["reviews"], route_class=IdempotentRoute)


@router.post("/{audit_id}/bulk-actions/preview", dependencies=[Writes])
def preview_bulk(audit_id: UUID, body: BulkRequest, session: Session, name: Caller) -> BulkPreview:
    """Return what a decision for many samples would do; nothing is saved."""
    audit = audit_service.get_succeeded(session, audit_id)
    dataset = dataset_service.get(session, audit.dataset_id)
    decision = _decide(dataset, body, name)
    found = bulk_verdicts.preview(
        session, audit, dataset, _choose(dataset, body, decision.reviewer), decision
    )
    return BulkPreview(
        samples=found.samples,
        reviewed=found.reviewed,
        changed=found.changed,
        wrong=found.wrong,
        wrong_interval=found.wrong_interval,
        rests_on=found.rests_on,
        improves=None if found.improves is None else ShareOut(**asdict(found.improves)),
        busy=found.busy,
    )


@router.post("/{audit_id}/bulk-actions", status_code=201, dependencies=[Writes])
def decide_bulk(audit_id: UUID, body: BulkRequest, session: Session, name: Caller) -> BulkOut:
    """Give one verdict to many samples, in one step that can be undone."""
    audit = audit_service.get_succeeded(session, audit_id, keep=True)
    dataset = dataset_service.get(session, audit.dataset_id, keep=True)
    decision = _decide(dataset, body, name)
    done = bulk_verdicts.decide(session, audit, dataset, _choose(dataset, body, decision.reviewer), decision)
    reviews = _read_reviews(session, dataset, done.action.id)
    return BulkOut(id=done.action.id, saved=done.saved, left_out=done.left_out, reviews=reviews)


@router.post("/{audit_id}/bulk-actions/{action_id}/undo", dependencies=[Writes])
def undo_bulk(audit_id: UUID, action_id: UUID, session: Session) -> BulkUndone:
    """Bring back the reviews that a bulk action replaced, except those that somebody has changed since."""
    audit = audit_service.get_succeeded(session, audit_id, keep=True)
    restored, changed_since = bulk_verdicts.undo(session, audit, action_id)
    dataset = dataset_service.get(session, audit.dataset_id)
    reviews = _read_reviews(session, dataset, action_id)
    return BulkUndone(restored=restored, changed_since=changed_since, reviews=reviews)


def _read_reviews(session: OrmSession, dataset: Dataset, action_id: UUID) -> list[ReviewOut] | None:
    positions = bulk_verdicts.list_positions(session, action_id, limit=REVIEWS_MAX + 1)
    if len(positions) > REVIEWS_MAX:
        return None
    found = verdicts.find_reviews(session, dataset.id, positions)
    return [render_review(dataset, review) for review in found.values()]


def _choose(dataset: Dataset, body: BulkRequest, reviewer: str) -> Chosen:
    if body.samples is not None:
        versions = {sample.position: sample.version for sample in body.samples}
        return Chosen(versions=versions, reviewer=reviewer)
    filters = make_filters(dataset, body.filters or SuspectFilters())
    return Chosen(filters=filters, replaces=body.replaces, reviewer=reviewer)


def make_filters(dataset: Dataset, given: SuspectFilters) -> Filters:
    """Return filters with labels in the place of class names."""
    return Filters(
        given_label=_find_label(dataset, given.given_label),
        suggested_label=_find_label(dataset, given.suggested_label),
        min_distance=given.min_distance,
        max_distance=given.max_distance,
        is_label_issue=given.is_label_issue,
        review=given.review,
        own=_make_own_filter(dataset, given),
        selection=given.selection,
    )


def _make_own_filter(dataset: Dataset, given: SuspectFilters) -> own_filters.OwnFilter | None:
    if given.column is None:
        return None
    return own_filters.make_filter(
        dataset.own_columns, given.column, value=given.value, low=given.low, high=given.high
    )


def _decide(dataset: Dataset, body: BulkRequest, name: str | None) -> Decision:
    return Decision(
        action=Bulk(body.action),
        label=_find_label(dataset, body.label),
        reviewer=name_reviewer(name, body.reviewer),
    )


def _find_label(dataset: Dataset, name: str | None) -> int | None:
    return None if name is None else dataset_service.find_label(dataset.class_names, name)
