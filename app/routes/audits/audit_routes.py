"""Routes of audits, their summaries, metrics and files."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from sqlalchemy.orm import Session as OrmSession

from app.audits import audit_lists, audit_service, placement
from app.audits.audit_configuration import AuditConfiguration
from app.datasets import dataset_service
from app.exports import checked_ranking
from app.http import cursors
from app.infra import removals
from app.infra.errors import NotFound, WrongState
from app.infra.storage import Storage
from app.reviews.checked_figures import find_settled
from app.reviews.checked_summary import read_summary as read_summary_of
from app.routes.audits import issue_routes
from app.routes.shared.dependencies import (
    CallerDatabase,
    Files,
    Paged,
    Reads,
    ServiceSettings,
    Session,
    Writes,
    link_next,
)
from app.routes.shared.downloads import Downloads
from app.routes.shared.file_responses import describe_download, serve_file
from app.routes.shared.idempotent_routes import IdempotentRoute
from app.routes.shared.rendering import render_audits, shorten_summary
from app.schemas.audits.audit_schemas import AuditOut, EpochOut, RunEpochsOut
from app.schemas.audits.result_schemas import MetricsOut
from app.schemas.audits.summary_schemas import SummaryOut
from app.schemas.request_schemas import AuditRequest, Name
from app.schemas.shared_schemas import Page
from app.tables import AuditMetrics

router = APIRouter(prefix="/v1/audits", tags=["audits"], route_class=IdempotentRoute)
router.include_router(issue_routes.router)
POLL_SECONDS = "1"
CSV = "text/csv; charset=utf-8; header=present"
PARQUET = "application/vnd.apache.parquet"
RANKING_WRITERS = {"csv": checked_ranking.write_csv, "parquet": checked_ranking.write_parquet}


@router.post("", status_code=202, dependencies=[Writes])
def create_audit(
    body: AuditRequest, session: Session, settings: ServiceSettings, response: Response
) -> AuditOut:
    """Start an audit of a ready dataset. The Location header is its address; poll it for progress."""
    dataset = dataset_service.get(session, body.dataset_id, keep=True)
    dataset_service.require_ready(dataset)
    configuration = AuditConfiguration.read(body.configuration.model_dump())
    queue = placement.choose_queue(
        configuration, device=settings.train_device, steps_gb=settings.memory_steps_gb
    )
    audit = audit_service.create(
        session,
        dataset,
        name=body.name,
        configuration=configuration,
        queue=queue,
        encoders_dir=settings.encoder_folder,
    )
    response.headers["Location"] = f"/v1/audits/{audit.id}"
    response.headers["Retry-After"] = POLL_SECONDS
    return render_audits(session, [audit])[0]


@router.get("", dependencies=[Reads])
def list_audits(
    session: Session,
    paging: Paged,
    request: Request,
    response: Response,
    dataset_id: Annotated[UUID | None, Query(description="only audits of this dataset")] = None,
    match: Annotated[Name | None, Query(description="only those whose name or id begins so")] = None,
) -> Page[AuditOut]:
    """List audits, newest first; with the figures of the first 100 classes of each."""
    before = cursors.decode(paging.cursor, UUID)
    rows = audit_lists.list_audits(
        session,
        before=before[0] if before else None,
        limit=paging.limit + 1,
        dataset_id=dataset_id,
        match=match,
    )
    page = rows[: paging.limit]
    cursor = cursors.encode(page[-1].id) if len(rows) > paging.limit else None
    link_next(request, response, cursor)
    answers = [shorten_summary(answer) for answer in render_audits(session, page)]
    return Page(items=answers, next_cursor=cursor)


@router.get("/{audit_id}", dependencies=[Reads])
def read_audit(audit_id: UUID, session: Session, response: Response) -> AuditOut:
    """Return an audit with its progress and, after it has succeeded, its summary."""
    audit = audit_service.get(session, audit_id)
    if audit.status not in audit_service.TERMINAL:
        response.headers["Retry-After"] = POLL_SECONDS
    return render_audits(session, [audit])[0]


@router.post("/{audit_id}/cancel", status_code=202, dependencies=[Writes])
def cancel_audit(audit_id: UUID, session: Session) -> AuditOut:
    """Cancel an audit. Queued runs end at once, running ones within about a second."""
    return render_audits(session, [audit_service.cancel(session, audit_id)])[0]


@router.delete("/{audit_id}", status_code=204, dependencies=[Writes])
def delete_audit(audit_id: UUID, database: CallerDatabase, files: Files) -> None:
    """Delete an audit that has ended, with its results and files."""
    with database.transaction() as session:
        audit_service.remove(session, audit_id)
        removals.schedule_removal(session, files, files.locate_audit(audit_id))
    removals.remove_due(database, files)


@router.get("/{audit_id}/epochs", dependencies=[Reads])
def list_epochs(audit_id: UUID, session: Session) -> list[RunEpochsOut]:
    """Return the losses and accuracies of every run and epoch."""
    runs = audit_service.list_runs(session, [audit_service.get(session, audit_id).id])[audit_id]
    curves = audit_service.list_epochs(session, [run.id for run in runs])
    return [
        RunEpochsOut(
            run=run.number,
            method=run.method or "auto",
            epochs=[EpochOut.model_validate(epoch) for epoch in curves[run.id]],
        )
        for run in runs
    ]


@router.get("/{audit_id}/summary", dependencies=[Reads])
def read_summary(audit_id: UUID, session: Session) -> SummaryOut:
    """Return the results that need no correct labels: noise rates, confusions, health, review budget."""
    return SummaryOut.model_validate(read_summary_of(session, audit_service.get_succeeded(session, audit_id)))


@router.get("/{audit_id}/metrics", dependencies=[Reads])
def read_metrics(audit_id: UUID, session: Session) -> MetricsOut:
    """Return ROC, PR and precision at k. Needs correct labels, uploaded with the data or attached later."""
    audit = audit_service.get_succeeded(session, audit_id)
    dataset = dataset_service.get(session, audit.dataset_id)
    metrics = session.get(AuditMetrics, audit_id)
    if metrics is None or audit.reported_truth_version != dataset.truth_version:
        if dataset.truth_version == 0:
            raise NotFound("metrics need correct labels; attach them with PUT /v1/datasets/{id}/truth")
        raise WrongState("correct labels were attached and the metrics are being computed; retry in a moment")
    return MetricsOut(**metrics.document)


@router.head("/{audit_id}/ranking.{kind}", include_in_schema=False, dependencies=[Reads])
@router.get(
    "/{audit_id}/ranking.{kind}",
    dependencies=[Reads, Downloads],
    response_class=FileResponse,
    responses=describe_download(CSV, PARQUET),
)
def read_ranking(
    audit_id: UUID, kind: Literal["csv", "parquet"], session: Session, files: Files, request: Request
) -> Response:
    """Download the complete ranking; docs/ranking.md describes its columns. It follows random checks."""
    media_type = {"csv": CSV, "parquet": PARQUET}[kind]
    audit = audit_service.get_succeeded(session, audit_id)
    figures = find_settled(session.connection(), audit.id, audit.dataset_id)
    if figures is not None:
        stored = files.locate_audit(audit.id) / (audit.files or {})["ranking.parquet"]["path"]
        blocks = RANKING_WRITERS[kind](files, stored, figures.settled, figures.words)
        headers = {"Content-Disposition": f'attachment; filename="ranking.{kind}"'}
        return StreamingResponse(
            iter(()) if request.method == "HEAD" else blocks, media_type=media_type, headers=headers
        )
    return _serve_file(session, files, request, audit_id, name=f"ranking.{kind}", media_type=media_type)


@router.head("/{audit_id}/issues.csv", include_in_schema=False, dependencies=[Reads])
@router.get(
    "/{audit_id}/issues.csv",
    dependencies=[Reads],
    response_class=FileResponse,
    responses=describe_download(CSV),
)
def read_issues(audit_id: UUID, session: Session, files: Files, request: Request) -> Response:
    """Download all data issues; docs/issues.md describes their columns."""
    return _serve_file(session, files, request, audit_id, name="issues.csv", media_type=CSV)


def _serve_file(
    session: OrmSession, files: Storage, request: Request, audit_id: UUID, *, name: str, media_type: str
) -> Response:
    stored = (audit_service.get_succeeded(session, audit_id).files or {}).get(name)
    if stored is None:
        raise NotFound(f"this audit was made by a version without {name}; audit the dataset again")
    return serve_file(
        request,
        files,
        files.locate_audit(audit_id) / stored["path"],
        etag=f'"{stored["sha256"]}"',
        media_type=media_type,
        headers={
            "Repr-Digest": stored["repr_digest"],
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )
