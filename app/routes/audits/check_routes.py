"""Routes of random checks: begin or extend them, their state, the samples to check next, the result."""

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session as OrmSession

from app.audits import audit_service
from app.datasets import dataset_service
from app.infra.errors import WrongState
from app.kinds.shown_kinds import find_shown_kind
from app.reviews import checked_figures, random_checks, relabelling
from app.reviews.ranked_scores import read_ranked_scores
from app.routes.shared.dependencies import Files, Reads, Session, Writes
from app.routes.shared.idempotent_routes import IdempotentRoute
from app.routes.shared.rendering import render_sample
from app.schemas.reviews.check_schemas import (
    CheckRequest,
    CheckResult,
    CheckSample,
    CheckSamples,
    CheckState,
    RelabellingOut,
    ShareOut,
)
from app.tables import Audit
from models.checks.checked_counts import Share
from models.checks.settled_figures import are_enough, find_least

router = APIRouter(prefix="/v1/audits", tags=["checks"], route_class=IdempotentRoute)


@router.put("/{audit_id}/check", dependencies=[Writes])
def want_checks(audit_id: UUID, body: CheckRequest, session: Session) -> CheckState:
    """Begin to check samples of an audit at random, or extend it. What was drawn stays drawn."""
    audit = audit_service.get_succeeded(session, audit_id, keep=True)
    random_checks.want_checks(session, audit, body.samples)
    return _render_state(session, audit)


@router.get("/{audit_id}/check", dependencies=[Reads])
def read_check(audit_id: UUID, session: Session) -> CheckState:
    """Return how far the random checks of an audit have come."""
    return _render_state(session, audit_service.get_succeeded(session, audit_id))


@router.get("/{audit_id}/check/samples", dependencies=[Reads])
def list_open_checks(
    audit_id: UUID,
    session: Session,
    files: Files,
    limit: Annotated[int, Query(ge=1, le=500, description="maximum number of samples")] = 50,
) -> CheckSamples:
    """Return the samples to check next, without score and suggestion. Their verdicts are ordinary reviews."""
    audit = audit_service.get_succeeded(session, audit_id)
    random_checks.get_checks(session, audit)
    dataset = dataset_service.get(session, audit.dataset_id)
    read_values = find_shown_kind(dataset).open_values(files, dataset)
    return CheckSamples(
        feature_names=(dataset.statistics or {}).get("feature_names"),
        items=[
            CheckSample(
                **render_sample(dataset, sample, None).model_dump(),
                features=None if read_values is None else read_values(sample.position),
            )
            for sample in random_checks.list_open(session, audit, limit)
        ],
    )


@router.get("/{audit_id}/check/result", dependencies=[Reads])
def read_check_result(audit_id: UUID, session: Session) -> CheckResult:
    """Return what the random checks say, computed from the verdicts that there are now."""
    audit = audit_service.get_succeeded(session, audit_id)
    drawn = random_checks.get_checks(session, audit)
    figures = checked_figures.find_settled(session.connection(), audit.id, audit.dataset_id)
    if figures is None:
        decided = int(drawn.checks.is_decided_C.sum())
        least = find_least(drawn.checks.strata.sample_count)
        raise WrongState(f"this needs {least} decided random checks; found {decided}")
    settled, count = figures.settled, figures.settled.count
    scores = read_ranked_scores(session.connection(), audit.id)
    samples = len(scores.given_N)
    suggestions = figures.suggestions
    return CheckResult(
        rests_on=figures.words,
        decided=count.checked,
        sample_count=samples,
        error_share=ShareOut(**asdict(count)),
        error_count=count.centre * samples,
        error_count_interval=[count.low * samples, count.high * samples],
        flagged_count=int(checked_figures.mark_flagged(scores, settled).sum()),
        flagged_precision=_render_share(figures.flagged),
        slope=settled.recalibration.slope,
        shift=settled.recalibration.shift,
        suggestion_improves=None if suggestions is None else _render_share(suggestions.improved),
        suggestion_worsens=None if suggestions is None else _render_share(suggestions.made_worse),
    )


@router.get("/{audit_id}/relabelling", dependencies=[Reads])
def preview_relabelling(audit_id: UUID, session: Session) -> RelabellingOut:
    """Return what it would do to relabel the flagged samples that nobody has reviewed, as suggested."""
    found = relabelling.preview(session, audit_service.get_succeeded(session, audit_id))
    suggestions = found.suggestions
    return RelabellingOut(
        labels=found.labels,
        improves=None if suggestions is None else _render_share(suggestions.improved),
        worsens=None if suggestions is None else _render_share(suggestions.made_worse),
        detail=found.detail,
    )


def _render_state(session: OrmSession, audit: Audit) -> CheckState:
    drawn = random_checks.get_checks(session, audit)
    count = checked_figures.count_wrong(session.connection(), drawn, audit.id, audit.dataset_id)
    return CheckState(
        wanted=drawn.wanted,
        answered=drawn.answered,
        unsure=drawn.unsure,
        dropped=drawn.dropped,
        least=find_least(drawn.checks.strata.sample_count),
        decided=int(drawn.checks.is_decided_C.sum()),
        is_finished=drawn.answered >= drawn.wanted,
        follows=count is not None and are_enough(drawn.checks),
        error_share=_render_share(count),
    )


def _render_share(share: Share | None) -> ShareOut | None:
    return None if share is None else ShareOut(**asdict(share))
