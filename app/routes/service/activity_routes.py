"""Route of the activity log, for administrators of a workspace."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.access import activity_log
from app.http import cursors
from app.routes.shared.dependencies import Administers, Paged, Session, link_next
from app.schemas.activity_schemas import ActivityOut
from app.schemas.shared_schemas import Page

router = APIRouter(prefix="/v1/activity", tags=["activity"])


@router.get("", dependencies=[Administers])
def list_activity(session: Session, paging: Paged, request: Request, response: Response) -> Page[ActivityOut]:
    """List who changed, or tried to change, what in this workspace, newest first."""
    before = cursors.decode(paging.cursor, UUID)
    rows = activity_log.list_activities(session, before=before[0] if before else None, limit=paging.limit + 1)
    page = rows[: paging.limit]
    cursor = cursors.encode(page[-1].id) if len(rows) > paging.limit else None
    link_next(request, response, cursor)
    return Page(items=[ActivityOut.model_validate(row) for row in page], next_cursor=cursor)
