"""Routes of an audit's map: start, follow, cancel, its points and verdicts, selections of samples."""

import hashlib
import io
from uuid import UUID

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from app.audits import audit_service
from app.maps import map_files, map_service, selections
from app.routes.shared.dependencies import Files, Reads, Session, Writes
from app.routes.shared.file_responses import describe_download, serve_file
from app.routes.shared.idempotent_routes import IdempotentRoute
from app.schemas.audits.map_schemas import MapFacts, MapOut, SelectionOut, SelectionRequest
from app.tables import AuditMap, MapStatus, Selection

router = APIRouter(prefix="/v1/audits/{audit_id}", tags=["maps"], route_class=IdempotentRoute)
NPY = "application/octet-stream"


@router.put("/map", status_code=202, dependencies=[Writes])
def start_map(audit_id: UUID, session: Session) -> MapOut:
    """Compute the map of an audit, unless it is computed or being computed; poll it for progress."""
    audit = audit_service.get_succeeded(session, audit_id, keep=True)
    return _render(audit_id, map_service.require_map(session, audit))


@router.get("/map", dependencies=[Reads])
def read_map(audit_id: UUID, session: Session) -> MapOut:
    """Return how far the map of an audit is, and what it was made from."""
    audit_service.get(session, audit_id)
    return _render(audit_id, map_service.find(session, audit_id))


@router.post("/map/cancel", status_code=202, dependencies=[Writes])
def cancel_map(audit_id: UUID, session: Session) -> MapOut:
    """Stop computing the map; one that is computed stays."""
    audit_service.get(session, audit_id)
    map_service.cancel(session, audit_id)
    return _render(audit_id, map_service.find(session, audit_id))


@router.get(
    "/map/points.npy", dependencies=[Reads], response_class=FileResponse, responses=describe_download(NPY)
)
def read_points(audit_id: UUID, session: Session, files: Files, request: Request) -> Response:
    """Download the points: float32 [7, N] with position, x, y, rank, given label, suggested label, score."""
    audit_service.get(session, audit_id)
    file = map_service.require_succeeded(session, audit_id).file or {}
    path = map_files.locate_points(files, audit_id, file["sha256"])
    return serve_file(request, files, path, etag=f'"{file["sha256"]}"', media_type=NPY, headers={})


@router.get(
    "/map/verdicts.npy",
    dependencies=[Reads],
    response_class=Response,
    responses={
        200: {"content": {NPY: {}}},
        304: {"description": "The client already has this version"},
    },
)
def read_verdicts(audit_id: UUID, session: Session, files: Files, request: Request) -> Response:
    """Download the verdicts of the points: uint8 [N], 0 none, 1 keep, 2 relabel, 3 drop, 4 unsure."""
    audit = audit_service.get(session, audit_id)
    found = map_service.require_succeeded(session, audit_id)
    positions_N = map_files.read_points(files, audit_id, found.file or {})[0].astype(np.int64)
    buffer = io.BytesIO()
    np.save(buffer, map_files.read_verdicts(session, audit.dataset_id, positions_N))
    etag = f'"{hashlib.sha256(buffer.getvalue()).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(buffer.getvalue(), media_type=NPY, headers=headers)


@router.post("/selections", status_code=201, dependencies=[Writes])
def create_selection(audit_id: UUID, body: SelectionRequest, session: Session) -> SelectionOut:
    """Store selected samples, for the filter `selection` of suspects and bulk actions."""
    audit = audit_service.get_succeeded(session, audit_id, keep=True)
    return _render_selection(selections.store(session, audit, body.positions))


@router.get("/selections/{selection_id}", dependencies=[Reads])
def read_selection(audit_id: UUID, selection_id: UUID, session: Session) -> SelectionOut:
    """Return a selection."""
    audit = audit_service.get(session, audit_id)
    return _render_selection(selections.get(session, audit, selection_id))


def _render_selection(found: Selection) -> SelectionOut:
    return SelectionOut(id=found.id, samples=len(found.positions), created_at=found.created_at)


def _render(audit_id: UUID, found: AuditMap | None) -> MapOut:
    base = f"/v1/audits/{audit_id}/map"
    is_there = found is not None and found.status == MapStatus.SUCCEEDED
    share = 0.0 if found is None else (found.progress or {}).get("fraction", 0.0)
    return MapOut.model_validate(
        {
            "status": "none" if found is None else found.status,
            "fraction": 1.0 if is_there else share,
            "error": None if found is None else found.error,
            "facts": MapFacts(**(found.facts or {})) if found is not None and is_there else None,
            "points_url": f"{base}/points.npy" if is_there else None,
            "verdicts_url": f"{base}/verdicts.npy" if is_there else None,
        }
    )
