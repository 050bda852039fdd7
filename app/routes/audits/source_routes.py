"""The route of where errors come from, by people's own columns."""

from uuid import UUID

from fastapi import APIRouter

from app.audits import audit_service
from app.datasets import dataset_service
from app.http.slow_work import run_slowly
from app.infra.database import Database
from app.reviews.error_sources import Grouped, Judged, find_sources
from app.reviews.source_words import describe_findings
from app.routes.shared.dependencies import CallerDatabase, Reads
from app.schemas.datasets.source_schemas import ErrorSourcesOut, SourceColumn, SourceGroup

router = APIRouter(prefix="/v1/audits", tags=["audits"])


@router.get("/{audit_id}/error-sources", dependencies=[Reads])
async def read_error_sources(audit_id: UUID, database: CallerDatabase) -> ErrorSourcesOut:
    """Compare the values of your own columns: annotators, cameras, batches. Without columns it is empty."""
    return await run_slowly(database.workspace_id, lambda: _compare(audit_id, database))


def _compare(audit_id: UUID, database: Database) -> ErrorSourcesOut:
    with database.transaction() as session:
        audit = audit_service.get_succeeded(session, audit_id)
        dataset = dataset_service.get(session, audit.dataset_id)
        sources = find_sources(session.connection(), audit, dataset)
    return ErrorSourcesOut(
        basis=sources.basis,
        rests_on=sources.rests_on,
        comparisons=sources.comparisons,
        findings=describe_findings(sources),
        columns=[_render_column(column, groups) for column, groups in sources.columns],
    )


def _render_column(column: Grouped, groups: list[Judged]) -> SourceColumn:
    return SourceColumn(
        name=column.name,
        kind=column.kind,
        groups=[_render_group(judged) for judged in groups],
        other_values=column.other_values,
        other_samples=column.other_samples,
    )


def _render_group(judged: Judged) -> SourceGroup:
    group, share = judged.group, judged.share
    return SourceGroup(
        value=group.value,
        low=group.low,
        high=group.high,
        samples=share.count,
        share=share.share,
        share_low=share.low,
        share_high=share.high,
        **{name: getattr(share, name) for name in ("place", "place_low", "place_high", "finding")},
        **{name: getattr(judged, name) for name in ("reviewed", "found_wrong", "checked", "checked_wrong")},
    )
