"""Routes of several people at one review: the queue, second opinions, agreement, disagreements."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.audits import audit_service
from app.audits.suspects import Filters, make_ranking, read_suspects
from app.datasets import dataset_service
from app.http import cursors
from app.kinds.shown_kinds import find_shown_kind
from app.people import disputes, review_plans, review_queue
from app.people.agreement_figures import PeopleFigures, find_people_figures
from app.people.review_queue import Wish
from app.reviews import random_checks, sample_leases, verdicts
from app.reviews.checked_figures import follow_checks
from app.reviews.sample_leases import Holder
from app.routes.audits.bulk_routes import make_filters
from app.routes.shared.dependencies import (
    Caller,
    Files,
    Paged,
    Reads,
    ServiceSettings,
    Session,
    Writes,
    link_next,
)
from app.routes.shared.idempotent_routes import IdempotentRoute
from app.routes.shared.rendering import render_review, render_sample
from app.routes.shared.reviewer_names import name_reviewer
from app.schemas.audits.people_schemas import (
    AgreementFigureOut,
    AgreementOut,
    CheckedTwiceOut,
    CheckQueueOut,
    CheckQueueRequest,
    ClassAgreement,
    JudgedSample,
    JudgedSamples,
    PersonOut,
    QueueOut,
    QueueRequest,
    ReleaseOut,
    ReleaseRequest,
    ReviewerError,
    ReviewPlanOut,
    ReviewPlanRequest,
)
from app.schemas.reviews.check_schemas import CheckSample, ShareOut
from app.tables import Agreement, Dataset, Sample
from models.checks.checked_counts import Share

router = APIRouter(prefix="/v1/audits", tags=["reviews"], route_class=IdempotentRoute)


@router.post("/{audit_id}/queue", dependencies=[Writes])
def hand_suspects(
    audit_id: UUID, body: QueueRequest, session: Session, settings: ServiceSettings, name: Caller
) -> QueueOut:
    """Hand a person the next samples of the ranking; nobody else gets them until the lease expires.

    A share of them may be second opinions; nothing tells which. The first verdict is not shown.
    """
    audit = audit_service.get_succeeded(session, audit_id, keep=True)
    verdicts.require_own_labels(audit)
    dataset = dataset_service.get(session, audit.dataset_id)
    holder = Holder(
        dataset_id=dataset.id,
        reviewer=name_reviewer(name, body.reviewer),
        seconds=settings.review_lease_seconds,
    )
    filters = Filters()
    if body.filters is not None:
        filters = make_filters(dataset, body.filters.model_copy(update={"review": None}))
    wish = Wish(count=body.count, held=body.held, after_rank=body.after_rank, filters=filters)
    handed = review_queue.hand_suspects(session, audit, dataset, holder, wish)
    connection = session.connection()
    found = read_suspects(
        connection, follow_checks(connection, make_ranking(audit, dataset)), handed.positions
    )
    by_position = {document["position"]: {**document, "review": None} for document in found}
    return QueueOut(
        items=[by_position[position] for position in handed.positions],
        lost=handed.lost,
        lease_seconds=holder.seconds,
    )


@router.post("/{audit_id}/check/queue", dependencies=[Writes])
def hand_checks(
    audit_id: UUID,
    body: CheckQueueRequest,
    session: Session,
    settings: ServiceSettings,
    files: Files,
    name: Caller,
) -> CheckQueueOut:
    """Hand a person the next samples of the random checks, without score and suggestion."""
    audit = audit_service.get_succeeded(session, audit_id, keep=True)
    random_checks.get_checks(session, audit)
    dataset = dataset_service.get(session, audit.dataset_id)
    holder = Holder(
        dataset_id=dataset.id,
        reviewer=name_reviewer(name, body.reviewer),
        seconds=settings.review_lease_seconds,
    )
    handed = review_queue.hand_checks(session, audit, holder, Wish(count=body.count, held=body.held))
    read_values = find_shown_kind(dataset).open_values(files, dataset)
    samples = [session.get_one(Sample, (dataset.id, position)) for position in handed.positions]
    return CheckQueueOut(
        feature_names=(dataset.statistics or {}).get("feature_names"),
        items=[
            CheckSample(
                **render_sample(dataset, sample, None).model_dump(),
                features=None if read_values is None else read_values(sample.position),
            )
            for sample in samples
        ],
        lost=handed.lost,
        lease_seconds=holder.seconds,
    )


@router.post("/{audit_id}/queue/release", dependencies=[Writes])
def release(audit_id: UUID, body: ReleaseRequest, session: Session, name: Caller) -> ReleaseOut:
    """Give back samples that one was handed and does not want to decide, so that others get them at once."""
    audit = audit_service.get(session, audit_id)
    reviewer = name_reviewer(name, body.reviewer)
    holder = Holder(dataset_id=audit.dataset_id, reviewer=reviewer, seconds=0)
    return ReleaseOut(released=sample_leases.release(session, holder, body.held))


@router.get("/{audit_id}/review-plan", dependencies=[Reads])
def read_plan(audit_id: UUID, session: Session) -> ReviewPlanOut:
    """Return which share of the reviewed samples a second person judges."""
    plan = review_plans.find_plan(session, audit_service.get_succeeded(session, audit_id))
    return ReviewPlanOut(second_share=plan.second_share, seed=plan.seed)


@router.put("/{audit_id}/review-plan", dependencies=[Writes])
def set_plan(audit_id: UUID, body: ReviewPlanRequest, session: Session) -> ReviewPlanOut:
    """Set which share of the reviewed samples a second person judges; they are chosen by the seed alone."""
    audit = audit_service.get_succeeded(session, audit_id, keep=True)
    plan = review_plans.set_plan(session, audit, second_share=body.second_share, seed=body.seed)
    return ReviewPlanOut(second_share=plan.second_share, seed=plan.seed)


@router.get("/{audit_id}/agreement", dependencies=[Reads])
def read_agreement(audit_id: UUID, session: Session) -> AgreementOut:
    """Return how far people agree on an audit's samples, and what that says of the random checks."""
    audit = audit_service.get_succeeded(session, audit_id)
    verdicts.require_own_labels(audit)
    dataset = dataset_service.get(session, audit.dataset_id)
    return _render_agreement(find_people_figures(session, audit, dataset))


@router.get("/{audit_id}/judged-twice", dependencies=[Reads])
def list_judged_twice(
    audit_id: UUID,
    session: Session,
    paging: Paged,
    request: Request,
    response: Response,
    state: Annotated[
        Agreement, Query(description="disputed: the disagreements that nobody has settled")
    ] = Agreement.DISPUTED,
) -> JudgedSamples:
    """List samples that several people judged, with what each says.

    To settle one, put a verdict with `review.version` in If-Match.
    """
    audit = audit_service.get_succeeded(session, audit_id)
    dataset = dataset_service.get(session, audit.dataset_id)
    after = cursors.decode(paging.cursor, cursors.parse_number)
    rows = disputes.list_judged_twice(
        session, audit, state=state, after=after[0] if after else -1, limit=paging.limit + 1
    )
    page = rows[: paging.limit]
    cursor = cursors.encode(page[-1].sample.position) if len(rows) > paging.limit else None
    link_next(request, response, cursor)
    return JudgedSamples(items=[_render_judged(dataset, each) for each in page], next_cursor=cursor)


def _render_judged(dataset: Dataset, judged: disputes.JudgedTwice) -> JudgedSample:
    return JudgedSample(
        **render_sample(dataset, judged.sample, None).model_dump(),
        suggested_label=(dataset.class_names or [])[judged.suggested],
        review=render_review(dataset, judged.review),
        opinions=[render_review(dataset, opinion) for opinion in judged.opinions],
        notes=judged.notes,
    )


def _render_agreement(figures: PeopleFigures) -> AgreementOut:
    checked, error = figures.checked, figures.reviewer_error
    return AgreementOut(
        people=[PersonOut(**asdict(person)) for person in figures.people],
        states=figures.states,
        labels=AgreementFigureOut(**asdict(figures.labels)),
        right_or_wrong=AgreementFigureOut(**asdict(figures.right_or_wrong)),
        classes=[ClassAgreement(name=name, **asdict(figure)) for name, figure in figures.classes],
        disagreement=_render_share(figures.disagreement),
        reviewer_error=None
        if error is None
        else ReviewerError(**dict(zip(("centre", "low", "high"), error, strict=True))),
        checks=CheckedTwiceOut(
            disagreement=_render_share(checked.disagreement),
            disputed=checked.disputed,
            error_share=_render_share(checked.error_share),
            bounds=None if checked.bounds is None else [*checked.bounds],
            caution=checked.caution,
        ),
    )


def _render_share(share: Share | None) -> ShareOut | None:
    return None if share is None else ShareOut(**asdict(share))
