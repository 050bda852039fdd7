"""Routes of reviews. A write names the version it replaces, so nobody overwrites a verdict unseen."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from app.audits import audit_service, similar_samples
from app.audits.suspect_reasons import Reasons, find_reasons
from app.datasets import dataset_service
from app.http import cursors
from app.infra.errors import Invalid, StaleVersion
from app.kinds.shown_kinds import find_shown_kind
from app.reviews import random_checks, review_progress, verdicts
from app.reviews.opinions import Author, Entry, find_own
from app.routes.shared.dependencies import Caller, Files, Paged, Position, Reads, Session, Writes, link_next
from app.routes.shared.idempotent_routes import IdempotentRoute
from app.routes.shared.rendering import render_listed_review, render_review, render_sample
from app.routes.shared.reviewer_names import name_reviewer
from app.schemas.reviews.review_schemas import (
    Conflict,
    ReasonColumn,
    ReasonsOut,
    ReasonWord,
    Reviewer,
    ReviewOut,
    ReviewPage,
    ReviewProgress,
    ReviewRequest,
    ReviewsOut,
    ReviewsRequest,
    SimilarClass,
    SimilarOut,
    SimilarSample,
    VerdictIn,
)
from app.tables import Dataset, Verdict
from models.checks.review_advice import advise, count_missing, expect_left, expect_next

router = APIRouter(prefix="/v1", tags=["reviews"], route_class=IdempotentRoute)
ETAG = re.compile(r'"([1-9][0-9]{0,17})"')
IfMatch = Annotated[str | None, Header(description="ETag of the review that this replaces")]
IfNoneMatch = Annotated[
    str | None, Header(description="*: the sample has no review yet; this is the default")
]


@router.get("/datasets/{dataset_id}/reviews", dependencies=[Reads])
def list_reviews(
    dataset_id: UUID,
    session: Session,
    paging: Paged,
    request: Request,
    response: Response,
    verdict: Verdict | None = None,
) -> ReviewPage:
    """List verdicts by position, with the number of each verdict in the dataset."""
    dataset = dataset_service.get(session, dataset_id)
    after = cursors.decode(paging.cursor, cursors.parse_number)
    rows = verdicts.list_reviews(
        session, dataset, after=after[0] if after else -1, limit=paging.limit + 1, verdict=verdict
    )
    page = rows[: paging.limit]
    cursor = cursors.encode(page[-1].position) if len(rows) > paging.limit else None
    link_next(request, response, cursor)
    keys = verdicts.find_keys(session, dataset.id, [review.position for review in page])
    return ReviewPage(
        items=[render_listed_review(dataset, review, keys[review.position]) for review in page],
        next_cursor=cursor,
        counts=verdicts.count_reviews(session, dataset),
    )


@router.post("/datasets/{dataset_id}/reviews", dependencies=[Writes])
def put_reviews(dataset_id: UUID, body: ReviewsRequest, session: Session, name: Caller) -> ReviewsOut:
    """Save verdicts on several samples. Verdicts that conflict with somebody else's are listed, not saved."""
    dataset = _require_ready(session, dataset_id)
    verdicts.check_audit(session, dataset, body.audit_id)
    author = Author(reviewer=name_reviewer(name, body.reviewer), audit_id=body.audit_id)
    answer = ReviewsOut(saved=[], conflicts=[])
    for item in sorted(body.reviews, key=lambda item: item.position):
        entry = _make_entry(dataset, item, position=item.position, seen=item.version)
        try:
            answer.saved.append(render_review(dataset, verdicts.put(session, dataset, entry, author)))
        except StaleVersion as error:
            current = verdicts.find_reviews(session, dataset.id, [item.position]).get(item.position)
            own = None if current is None else find_own(session, current, author.reviewer)
            answer.conflicts.append(
                Conflict(
                    position=item.position,
                    detail=error.detail,
                    current=None if current is None else render_review(dataset, current),
                    own=None if own is None else render_review(dataset, own),
                )
            )
    random_checks.continue_checks(session, dataset, [review.position for review in answer.saved])
    return answer


@router.get("/datasets/{dataset_id}/samples/{position}/review", dependencies=[Reads])
def read_review(dataset_id: UUID, position: Position, session: Session, response: Response) -> ReviewOut:
    """Return a sample's verdict. To change it, send its ETag in If-Match."""
    dataset = dataset_service.get(session, dataset_id)
    return _set_etag(response, render_review(dataset, verdicts.get(session, dataset, position)))


@router.put("/datasets/{dataset_id}/samples/{position}/review", dependencies=[Writes])
def put_review(
    dataset_id: UUID,
    position: Position,
    body: ReviewRequest,
    session: Session,
    name: Caller,
    response: Response,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> ReviewOut:
    """Save a sample's first verdict or, with If-Match, replace the verdict with this ETag."""
    dataset = _require_ready(session, dataset_id)
    verdicts.check_audit(session, dataset, body.audit_id)
    if if_none_match not in {None, "*"} or (if_match and if_none_match):
        raise Invalid("send If-None-Match: * for a first verdict, or If-Match with an ETag for a change")
    seen = None if if_match is None else _parse_version(if_match)
    author = Author(reviewer=name_reviewer(name, body.reviewer), audit_id=body.audit_id)
    entry = _make_entry(dataset, body, position=position, seen=seen)
    saved = verdicts.put(session, dataset, entry, author)
    random_checks.continue_checks(session, dataset, [position])
    return _set_etag(response, render_review(dataset, saved))


@router.delete("/datasets/{dataset_id}/samples/{position}/review", status_code=204, dependencies=[Writes])
def clear_review(
    dataset_id: UUID,
    position: Position,
    session: Session,
    name: Caller,
    if_match: Annotated[str, Header()],
    reviewer: Annotated[Reviewer, Query()] = None,
) -> None:
    """Delete a verdict; If-Match must be its current ETag, or that of one's own opinion, which goes alone."""
    dataset = dataset_service.get(session, dataset_id)
    author = name_reviewer(name, reviewer)
    verdicts.clear(session, dataset, position, seen=_parse_version(if_match), reviewer=author)


@router.get("/audits/{audit_id}/review-progress", dependencies=[Reads])
def read_progress(audit_id: UUID, session: Session) -> ReviewProgress:
    """Count the verdicts on an audit's samples, and advise whether more reviewing is worth it."""
    audit = audit_service.get_succeeded(session, audit_id)
    verdicts.require_own_labels(audit)
    counted = review_progress.count_verdicts(session, audit)
    expectation = review_progress.find_expectation(session, audit)
    state = review_progress.read_state(session, audit, expectation, counted)
    left = expect_left(state, expectation.count, counted.errors)
    return ReviewProgress(
        sample_count=(audit.summary or {})["sample_count"],
        verdicts=counted.verdicts,
        reviewed=sum(counted.verdicts.values()),
        unseen=counted.unseen,
        carried=counted.carried,
        errors=counted.errors,
        precision=counted.precision,
        recent_precision=state.recent_errors / state.recent_decided if state.recent_decided else None,
        recent_decided=state.recent_decided,
        verdicts_to_advice=count_missing(state),
        rests_on=expectation.rests_on,
        expected_errors=expectation.count,
        expected_errors_interval=expectation.interval,
        expected_errors_left=left,
        expected_errors_left_interval=expectation.leave(counted, left),
        open_conflicts=review_progress.count_open_conflicts(session, audit),
        next_precision=expect_next(state),
        advice=advise(state),
    )


@router.get("/audits/{audit_id}/samples/{position}/similar", dependencies=[Reads])
def read_similar(
    audit_id: UUID,
    position: Position,
    session: Session,
    files: Files,
    limit: Annotated[int, Query(ge=1, le=50, description="samples of each class")] = 6,
) -> SimilarOut:
    """Return similar samples of the given class and of the most likely other class."""
    audit = audit_service.get_succeeded(session, audit_id)
    dataset = dataset_service.get(session, audit.dataset_id)
    score = audit_service.get_score(session, audit, position)
    ground = similar_samples.open_comparison(session, files, audit, dataset)
    read_values = find_shown_kind(dataset).open_values(files, dataset)
    other = score.suggested_label if score.suggested_label != score.given_label else score.second_label

    def find_class(label: int | None) -> SimilarClass:
        if label is None:
            return SimilarClass(label="", samples=[])
        similar = similar_samples.find_similar(
            session, audit, ground, position=position, label=label, limit=limit
        )
        return SimilarClass(
            label=(dataset.class_names or [])[label],
            samples=[
                SimilarSample(
                    **render_sample(dataset, sample, None).model_dump(),
                    features=None if read_values is None else read_values(sample.position),
                )
                for sample in similar
            ],
        )

    return SimilarOut(
        feature_names=(dataset.statistics or {}).get("feature_names"),
        features=None if read_values is None else read_values(position),
        given=find_class(score.given_label),
        other=find_class(other),
        reasons=_render_reasons(dataset, find_reasons(session, files, audit, position)),
    )


def _render_reasons(dataset: Dataset, reasons: Reasons | None) -> ReasonsOut | None:
    """Return the columns that speak for another class by their names."""
    names = (dataset.statistics or {}).get("feature_names") or []
    if reasons is None:
        return None
    return ReasonsOut(
        label=(dataset.class_names or [])[reasons.rival],
        columns=[
            ReasonColumn(column=names[place] if place < len(names) else f"column {place + 1}", effect=effect)
            for place, effect in reasons.columns
        ],
        words=[
            ReasonWord(start=start, length=length, effect=effect) for start, length, effect in reasons.words
        ],
    )


def _make_entry(dataset: Dataset, verdict: VerdictIn, *, position: int, seen: int | None) -> Entry:
    label = None if verdict.label is None else dataset_service.find_label(dataset.class_names, verdict.label)
    return Entry(position=position, verdict=verdict.verdict, label=label, seen=seen)


def _parse_version(etag: str) -> int:
    match = ETAG.fullmatch(etag.strip())
    if match is None:
        raise Invalid(f"If-Match must be the ETag of a review, found {etag!r}")
    return int(match[1])


def _set_etag(response: Response, review: ReviewOut) -> ReviewOut:
    response.headers["ETag"] = f'"{review.version}"'
    return review


def _require_ready(session: Session, dataset_id: UUID) -> Dataset:
    dataset = dataset_service.get(session, dataset_id, keep=True)
    dataset_service.require_ready(dataset)
    return dataset
