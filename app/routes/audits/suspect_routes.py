"""Suspects over HTTP: pages of a ranking, and one sample of it.

Asked for more often than anything else, so the application looks for these routes first.
"""

from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.audits import audit_service, suspects
from app.datasets import dataset_service
from app.fast_paths import query_models
from app.fast_paths.short_reads import run_in_turn
from app.fast_paths.suspect_documents import Document
from app.http import cursors
from app.routes.shared.dependencies import CallerDatabase, Position, Reads, link_next
from app.routes.shared.rendering import respond_json
from app.schemas.result_schemas import SuspectDetail, SuspectPage

router = APIRouter(prefix="/v1/audits", tags=["audits"])


class SuspectQuery(BaseModel):
    """Which suspects are query for."""

    limit: int = Field(50, ge=1, le=500, description="most items of a page")
    cursor: str | None = Field(None, max_length=500, description="next_cursor of the page before")
    given_label: str | None = Field(None, description="class name")
    suggested_label: str | None = Field(None, description="class name")
    min_distance: float | None = Field(None, ge=0, le=1.5)
    max_distance: float | None = Field(None, ge=0, le=1.5)
    is_label_issue: bool | None = Field(None, description="above or below the automatic cut")
    review: suspects.ReviewState | None = Field(None, description="by the verdict of a person")
    after_rank: int = Field(0, ge=0, lt=2**31, description="start below this rank")


@router.get(
    "/{audit_id}/suspects",
    dependencies=[Reads],
    response_model=SuspectPage,
    openapi_extra=query_models.describe_query(SuspectQuery),
)
async def list_suspects(audit_id: UUID, database: CallerDatabase, request: Request) -> Response:
    """List samples, the most suspicious first; while the audit trains, the head of a provisional ranking."""
    query = query_models.parse_query(SuspectQuery, request)
    after = cursors.decode(query.cursor, cursors.parse_number)

    def read() -> Response:
        with database.connect_for_reading() as connection:
            ranked = suspects.find_ranking(connection, audit_id, workspace_id=database.workspace_id)
            filters = suspects.Filters(
                given_label=_find_label(ranked, query.given_label),
                suggested_label=_find_label(ranked, query.suggested_label),
                min_distance=query.min_distance,
                max_distance=query.max_distance,
                is_label_issue=query.is_label_issue,
                review=query.review,
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


@router.get("/{audit_id}/samples/{position}", dependencies=[Reads], response_model=SuspectDetail)
def read_suspect(audit_id: UUID, position: Position, database: CallerDatabase) -> Response:
    """Return one sample's score and its neighbours in rank."""
    with database.connect_for_reading() as connection:
        ranked = suspects.find_ranking(connection, audit_id, workspace_id=database.workspace_id)
        suspect = suspects.read_suspect(connection, ranked, position)
        before, after = suspects.find_neighbours(connection, ranked, suspect["rank"])
    return respond_json({**suspect, "previous_position": before, "next_position": after})
