"""Routes of samples with several labels: views of classes, the ranking over all, and deciding a set."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.datasets import dataset_service
from app.http import cursors
from app.infra.errors import NotFound
from app.kinds.shown_kinds import find_picture_address
from app.label_sets import class_views, set_ranking, set_verdicts
from app.label_sets.set_ranking import RankedSet
from app.reviews.checked_summary import read_summaries
from app.routes.shared.dependencies import (
    Caller,
    Files,
    Paged,
    Position,
    Reads,
    ServiceSettings,
    Session,
    Writes,
    link_next,
)
from app.routes.shared.idempotent_routes import IdempotentRoute
from app.routes.shared.reviewer_names import name_reviewer
from app.schemas.reviews.label_set_schemas import (
    ClassAuditOut,
    ClassViewOut,
    ClassViewsOut,
    ClassViewsRequest,
    LabelDoubt,
    LabelSetRequest,
    RankedSetOut,
    RankedSetPage,
)
from app.tables import Audit, AuditStatus, Dataset, Json

router = APIRouter(prefix="/v1/datasets", tags=["label sets"], route_class=IdempotentRoute)
Doubts = Annotated[int, Query(ge=1, le=class_views.VIEWS_MAX, description="most doubts listed of a sample")]


@router.get("/{dataset_id}/class-views", dependencies=[Reads])
def list_class_views(dataset_id: UUID, session: Session) -> ClassViewsOut:
    """List the classes of a dataset with several labels a sample, each with its view and newest audit."""
    return _render_views(session, dataset_service.get(session, dataset_id))


@router.post("/{dataset_id}/class-views", status_code=202, dependencies=[Writes])
def make_class_views(
    dataset_id: UUID, body: ClassViewsRequest, session: Session, files: Files, settings: ServiceSettings
) -> ClassViewsOut:
    """Make a dataset for each class, whose labels say which samples have it; what is there stays."""
    dataset = dataset_service.get(session, dataset_id, keep=True)
    quota = settings.workspace_max_bytes
    class_views.make_views(session, files, dataset, classes=body.classes, workspace_max_bytes=quota)
    return _render_views(session, dataset)


@router.get("/{dataset_id}/label-sets", dependencies=[Reads])
def list_label_sets(
    dataset_id: UUID,
    session: Session,
    paging: Paged,
    request: Request,
    response: Response,
    doubts: Doubts = 10,
) -> RankedSetPage:
    """List samples in order of the most doubtful of their labels, by the newest audit of each class."""
    dataset = dataset_service.get(session, dataset_id)
    class_views.require_sets(dataset)
    found = cursors.decode(paging.cursor, cursors.parse_number)
    after = max(found[0], 0) if found else 0
    audits = class_views.find_newest_audits(session, [*class_views.list_views(session, dataset).values()])
    rows = set_ranking.rank_sets(session, dataset, audits, after=after, limit=paging.limit + 1)
    cursor = cursors.encode(after + paging.limit) if len(rows) > paging.limit else None
    link_next(request, response, cursor)
    return RankedSetPage(
        items=[_render_set(dataset, row, doubts) for row in rows[: paging.limit]], next_cursor=cursor
    )


@router.put("/{dataset_id}/samples/{position}/label-set", dependencies=[Writes])
def decide_label_set(
    dataset_id: UUID, position: Position, body: LabelSetRequest, session: Session, name: Caller
) -> RankedSetOut:
    """Save which labels a sample has: a verdict for every class that was asked about or changes."""
    dataset = dataset_service.get(session, dataset_id)
    class_views.require_sets(dataset)
    found = set_ranking.find_samples(session, dataset, [position])
    if position not in found:
        raise NotFound(f"dataset {dataset_id} has no sample at position {position}")
    views = class_views.list_ready_views(session, dataset, keep=True)
    reviewer = name_reviewer(name, body.reviewer)
    if body.is_dropped:
        set_verdicts.drop_sample(session, views, position, seen=body.seen, reviewer=reviewer)
    else:
        set_verdicts.decide_set(
            session,
            views,
            position,
            labels=body.labels,
            asked=body.asked,
            fixed=[name for name in found[position][1] if name not in views],
            seen=body.seen,
            reviewer=reviewer,
        )
    session.flush()
    audits = class_views.find_newest_audits(session, [*views.values()])
    (row,) = set_ranking.describe_sets(session, dataset, set_ranking.keep_succeeded(audits), [position])
    return _render_set(dataset, row, class_views.VIEWS_MAX)


def _render_views(session: Session, dataset: Dataset) -> ClassViewsOut:
    members = class_views.list_members(dataset)
    views = class_views.list_views(session, dataset)
    audits = class_views.find_newest_audits(session, [*views.values()])
    summaries = read_summaries(session, [*audits.values()])
    items = []
    for member in members:
        view, audit = views.get(member.name), audits.get(member.name)
        items.append(
            ClassViewOut(
                class_name=member.name,
                samples=member.samples,
                dataset_id=None if view is None else view.id,
                status=None if view is None else view.status,
                not_audited=class_views.explain_no_view(member, dataset.sample_count or 0),
                audit=None if audit is None else _render_audit(audit, summaries[audit.id]),
            )
        )
    return ClassViewsOut(items=items)


def _render_audit(audit: Audit, summary: Json | None) -> ClassAuditOut:
    found = (summary or {}) if audit.status == AuditStatus.SUCCEEDED else {}
    return ClassAuditOut(
        id=audit.id,
        status=audit.status,
        flagged=found.get("label_issue_count"),
        count=found.get("expected_error_count"),
        interval=found.get("expected_error_interval"),
        rests_on=found.get("rests_on"),
    )


def _render_set(dataset: Dataset, row: RankedSet, doubts: int) -> RankedSetOut:
    return RankedSetOut(
        position=row.position,
        key=row.key,
        image_url=find_picture_address(dataset, row.position),
        given=list(row.given),
        final=row.final,
        is_dropped=row.is_dropped,
        doubts=[
            LabelDoubt(**{name: getattr(doubt, name) for name in LabelDoubt.model_fields})
            for doubt in row.doubts[:doubts]
        ],
    )
