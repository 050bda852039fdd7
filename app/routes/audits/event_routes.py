"""Server-sent events of an audit: changes of its state, ended epochs, and its end."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.audits import audit_service
from app.infra.database import UNAVAILABLE, Database
from app.infra.errors import NotFound, Unauthorised
from app.routes.shared.callers import Admission
from app.routes.shared.dependencies import CallerDatabase, Reads
from app.routes.shared.rendering import render_audits
from app.schemas.audits.audit_schemas import AuditOut, EpochOut, RunEpochOut
from app.tables import Run, RunEpoch

router = APIRouter(prefix="/v1/audits", tags=["audits"])
POLL_SECONDS = 0.5
# Proxies close a silent connection, usually after a minute.
KEEPALIVE_SECONDS = 15.0
# After this time the client reconnects by itself.
STREAM_SECONDS = 900.0
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
Seen = dict[int, int]
EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/event-stream": {
                "itemSchema": {
                    "type": "object",
                    "required": ["id", "event", "data"],
                    "properties": {
                        "id": {"type": "string", "description": "value for Last-Event-ID"},
                        "event": {"enum": ["audit", "epoch", "end"]},
                        "data": {"type": "string", "description": "JSON: the audit, or an epoch"},
                    },
                }
            }
        }
    }
}


@router.get(
    "/{audit_id}/events", dependencies=[Reads], response_class=StreamingResponse, responses=EVENT_STREAM
)
async def stream_events(
    audit_id: UUID,
    is_admitted: Admission,
    database: CallerDatabase,
    last_event_id: Annotated[
        str | None,
        Header(max_length=10_000, description="id of the last event received, to continue a broken stream"),
    ] = None,
) -> StreamingResponse:
    """Stream an audit's events: `epoch` for each epoch, `audit` for each change of state, `end` at the end.

    The data of `audit` and `end` is the audit as `GET /v1/audits/{audit_id}` returns it.
    """
    await run_in_threadpool(_read_state, database, audit_id, {})
    stream = follow(database, audit_id, _parse_last_event(last_event_id), is_admitted=is_admitted)
    return StreamingResponse(stream, media_type="text/event-stream", headers=HEADERS)


async def follow(
    database: Database,
    audit_id: UUID,
    seen: Seen,
    *,
    is_admitted: Callable[[Session], bool] = lambda _: True,
) -> AsyncIterator[str]:
    """Yield an audit's events, starting after the epochs already seen, until it ends, or the key or login."""
    last, sent_at, deadline = "", time.monotonic(), time.monotonic() + STREAM_SECONDS
    while time.monotonic() < deadline:
        try:
            answer, epochs = await run_in_threadpool(_read_state, database, audit_id, seen, is_admitted)
        except (NotFound, Unauthorised):
            return  # the audit was deleted during the stream, the key revoked, or the browser logged out
        except UNAVAILABLE:
            await asyncio.sleep(POLL_SECONDS)  # the database is away; try again
            continue
        for epoch in epochs:
            seen[epoch.run] = epoch.epoch
            yield _format_event("epoch", epoch.model_dump_json(), seen)
        state, has_ended = answer.model_dump_json(), answer.status in audit_service.TERMINAL
        if state != last:
            yield _format_event("end" if has_ended else "audit", state, seen)
            last, sent_at = state, time.monotonic()
        elif time.monotonic() - sent_at > KEEPALIVE_SECONDS:
            yield ": still here\n\n"
            sent_at = time.monotonic()
        if has_ended:
            return
        await asyncio.sleep(POLL_SECONDS)


def _read_state(
    database: Database, audit_id: UUID, seen: Seen, is_admitted: Callable[[Session], bool] = lambda _: True
) -> tuple[AuditOut, list[RunEpochOut]]:
    """Return an audit's current state, and its epochs that the client has not seen."""
    with database.transaction() as session:
        if not is_admitted(session):
            raise Unauthorised("this key is expired or revoked, or the login has ended")
        audit = audit_service.get(session, audit_id)
        runs = audit_service.list_runs(session, [audit_id])[audit_id]
        return render_audits(session, [audit])[0], _read_epochs_after(session, runs, seen)


def _read_epochs_after(session: Session, runs: list[Run], seen: Seen) -> list[RunEpochOut]:
    numbers = {run.id: run.number for run in runs}
    unseen = [and_(RunEpoch.run_id == run.id, RunEpoch.epoch > seen.get(run.number, 0)) for run in runs]
    rows = session.scalars(select(RunEpoch).where(or_(*unseen)))
    epochs = [
        RunEpochOut(run=numbers[row.run_id], **EpochOut.model_validate(row).model_dump()) for row in rows
    ]
    return sorted(epochs, key=lambda epoch: (epoch.run, epoch.epoch))


def _format_event(name: str, data: str, seen: Seen) -> str:
    identifier = ",".join(f"{run}:{epoch}" for run, epoch in sorted(seen.items())) or "0:0"
    return f"id: {identifier}\nevent: {name}\ndata: {data}\n\n"


def _parse_last_event(last_event_id: str | None) -> Seen:
    """Return the last epoch seen of each run; an unknown id starts from the beginning."""
    try:
        pairs = [pair.split(":") for pair in (last_event_id or "0:0").split(",")]
        seen = {int(run): int(epoch) for run, epoch in pairs}
        return seen if all(0 <= number < 2**31 for pair in seen.items() for number in pair) else {}
    except ValueError:
        return {}
