"""Routes of suspects: pages of a ranking, and single samples.

These are the most frequent requests, so the application matches these routes first.
"""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.audits import audit_service, suspects
from app.datasets import dataset_service, own_filters
from app.fast_paths import query_models
from app.fast_paths.short_reads import run_in_turn
from app.fast_paths.suspect_documents import Document
from app.http import cursors
from app.reviews.checked_figures import follow_checks
from app.routes.shared.dependencies import CallerDatabase, Position, Reads, link_next
from app.routes.shared.rendering import respond_json
from app.schemas.audits.result_schemas import SuspectDetail, SuspectPage

router = APIRouter(prefix="/v1/audits", tags=["audits"])


class SuspectQuery(BaseModel):
    """Query parameters of a page of suspects."""

    limit: int = Field(50, ge=1, le=500, description="maximum number of items on the page")
    cursor: str | None = Field(None, max_length=500, description="next_cursor of the previous page")
    given_label: str | None = Field(None, description="class name")
    suggested_label: str | None = Field(None, description="class name")
    min_distance: float | None = Field(None, ge=0, le=1.5)
    max_distance: float | None = Field(None, ge=0, le=1.5)
    is_label_issue: bool | None = Field(None, description="whether the automatic cut flags the sample")
    review: suspects.ReviewState | None = Field(
        None,
        description="only samples with this review state; none: also those left unsure in an earlier version",
    )
    column: str | None = Field(None, description="one of your own columns; alone: samples without a value")
    value: str | None = Field(None, description="only samples with this value in `column`")
    low: float | None = Field(None, description="only samples with at least this number in `column`")
    high: float | None = Field(None, description="only samples with at most this number in `column`")
    selection: UUID | None = Field(None, description="only samples of this selection on the map")
    after_rank: int = Field(0, ge=0, lt=2**31, description="only samples after this rank")


@router.get(
    "/{audit_id}/suspects",
    dependencies=[Reads],
    response_model=SuspectPage,
    openapi_extra=query_models.describe_query(SuspectQuery),
)
async def list_suspects(audit_id: UUID, database: CallerDatabase, request: Request) -> Response:
    """List samples, the most suspicious first. During training: the top of the provisional ranking."""
    query = query_models.parse_query(SuspectQuery, request)
    after = cursors.decode(query.cursor, cursors.parse_number)

    def read() -> Response:
        with database.connect_for_reading() as connection:
            ranked = suspects.find_ranking(connection, audit_id, workspace_id=database.workspace_id)
            ranked = follow_checks(connection, ranked)
            filters = suspects.Filters(
                given_label=_find_label(ranked, query.given_label),
                suggested_label=_find_label(ranked, query.suggested_label),
                min_distance=query.min_distance,
                max_distance=query.max_distance,
                is_label_issue=query.is_label_issue,
                review=query.review,
                own=_make_own_filter(ranked, query),
                selection=query.selection,
            )
            start = after[0] if after else query.after_rank
            rows = suspects.list_suspects(
                connection, ranked, filters, after_rank=start, limit=query.limit + 1
            )
        return _render_page(request, ranked, rows, limit=query.limit)

    return await run_in_turn(read)


def _render_page(request: Request, ranked: suspects.Ranking, rows: list[Document], *, limit: int) -> Response:
    page = rows[:limit]
    cursor = cursors.encode(page[-1]["rank"]) if len(rows) > limit else None
    response = respond_json(
        {"items": page, "next_cursor": cursor, "provisional": ranked.status not in audit_service.TERMINAL}
    )
    link_next(request, response, cursor)
    return response


def _find_label(ranked: suspects.Ranking, name: str | None) -> int | None:
    return None if name is None else dataset_service.find_label(ranked.class_names, name)


def _make_own_filter(ranked: suspects.Ranking, query: SuspectQuery) -> own_filters.OwnFilter | None:
    if query.column is None:
        return None
    return own_filters.make_filter(
        ranked.own_columns, query.column, value=query.value, low=query.low, high=query.high
    )


@router.get("/{audit_id}/samples/{position}", dependencies=[Reads], response_model=SuspectDetail)
def read_suspect(audit_id: UUID, position: Position, database: CallerDatabase) -> Response:
    """Return one sample with its scores and the positions of its neighbours in the ranking."""
    with database.connect_for_reading() as connection:
        ranked = suspects.find_ranking(connection, audit_id, workspace_id=database.workspace_id)
        ranked = follow_checks(connection, ranked)
        suspect = suspects.read_suspect(connection, ranked, position)
        before, after = suspects.find_neighbours(connection, ranked, suspect["rank"])
    return respond_json({**suspect, "previous_position": before, "next_position": after})
