"""Routes of data issues."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.audits import audit_service, data_issues
from app.datasets import dataset_service
from app.http import cursors
from app.kinds.shown_kinds import find_picture_address
from app.reviews.verdicts import find_reviews
from app.routes.shared.dependencies import Paged, Reads, Session, link_next
from app.routes.shared.rendering import render_review
from app.schemas.audits.issue_schemas import IssueOut
from app.schemas.shared_schemas import Page
from app.tables import Dataset, Issue, IssueKind, Review

router = APIRouter()


@router.get("/{audit_id}/issues", dependencies=[Reads])
def list_issues(
    audit_id: UUID,
    session: Session,
    paging: Paged,
    request: Request,
    response: Response,
    kind: Annotated[IssueKind | None, Query(description="only issues of this kind")] = None,
) -> Page[IssueOut]:
    """List duplicates, outliers, blank or unreadable images and rare classes; also as issues.csv."""
    audit = audit_service.get_succeeded(session, audit_id)
    dataset = dataset_service.get(session, audit.dataset_id)
    after = cursors.decode(paging.cursor, IssueKind, cursors.parse_number)
    rows = data_issues.list_issues(
        session, audit_id, kind=kind, after=(after[0], after[1]) if after else None, limit=paging.limit + 1
    )
    page = rows[: paging.limit]
    cursor = cursors.encode(page[-1].kind, page[-1].number) if len(rows) > paging.limit else None
    link_next(request, response, cursor)
    positions = [issue.position for issue in page if issue.position is not None]
    reviews = find_reviews(session, dataset.id, positions)
    return Page(
        items=[
            _render_issue(dataset, issue, None if issue.position is None else reviews.get(issue.position))
            for issue in page
        ],
        next_cursor=cursor,
    )


def _render_issue(dataset: Dataset, issue: Issue, review: Review | None) -> IssueOut:
    return IssueOut(
        kind=IssueKind(issue.kind),
        number=issue.number,
        position=issue.position,
        key=issue.key,
        given_label=None if issue.given_label is None else (dataset.class_names or [])[issue.given_label],
        group=issue.group_number,
        score=issue.score,
        detail=issue.detail,
        image_url=None if issue.position is None else find_picture_address(dataset, issue.position),
        review=None if review is None else render_review(dataset, review),
    )
