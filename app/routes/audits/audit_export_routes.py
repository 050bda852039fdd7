"""What is carried away of one audit: tasks for Label Studio, arrays for cleanlab, a report."""

import base64
from collections.abc import Callable
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from pyarrow import parquet
from sqlalchemy.orm import Session as OrmSession

from app.audits import audit_service, suspects
from app.datasets import dataset_service, sample_pictures
from app.exports import cleanlab_arrays, html_report, label_studio
from app.infra.errors import WrongState
from app.infra.storage import PACK, Storage
from app.reviews import verdicts as reviews
from app.routes.datasets.dataset_export_routes import attachment, streamed
from app.routes.shared.dependencies import Files, Opened, Reads
from app.schemas.result_schemas import Suspect
from app.tables import Audit, AuditMetrics, AuditStatus, Dataset

router = APIRouter(prefix="/v1/audits", tags=["exports"])
PAGE = 500
REPORT_SUSPECTS, REPORT_SIDE = 60, 128
NPZ, JSON = "application/octet-stream", "application/json"


@router.get(
    "/{audit_id}/exports/label-studio.json",
    dependencies=[Reads],
    response_class=StreamingResponse,
    responses=streamed(JSON),
)
def export_label_studio(
    audit_id: UUID,
    opened: Opened,
    files: Files,
    request: Request,
    pictures: Annotated[
        Literal["embedded", "url"],
        Query(description="inside the file, or as addresses of this service, which ask for a key"),
    ] = "embedded",
    limit: Annotated[int, Query(ge=1, le=100_000, description="the most suspicious so many")] = 1000,
) -> StreamingResponse:
    """Download tasks with predictions, and annotations where there is a verdict."""
    with opened.transaction() as session:
        dataset, audit = _finished(session, audit_id)
        reviews.require_own_labels(audit)
        found = _first(session, dataset, audit, limit)
    show: label_studio.Picture | None = None
    if dataset.kind == "images":
        show = _embedded(files, dataset) if pictures == "embedded" else _linked(request)
    tasks = label_studio.tasks(found, model=f"limit-audit {audit.id}", picture=show)
    return attachment(tasks, name="label-studio.json", media_type=JSON)


@router.get("/{audit_id}/exports/label-studio.xml", dependencies=[Reads], response_class=PlainTextResponse)
def export_configuration(audit_id: UUID, opened: Opened) -> PlainTextResponse:
    """Return the labelling configuration that the tasks belong to."""
    with opened.transaction() as session:
        dataset, _ = _finished(session, audit_id)
    names = dataset.class_names or []
    return PlainTextResponse(label_studio.configuration(names, has_pictures=dataset.kind == "images"))


@router.get(
    "/{audit_id}/exports/cleanlab.npz",
    dependencies=[Reads],
    response_class=StreamingResponse,
    responses=streamed(NPZ),
)
def export_cleanlab(audit_id: UUID, opened: Opened, files: Files) -> StreamingResponse:
    """Download labels [N] and pred_probs [N, K] in order of position."""
    with opened.transaction() as session:
        dataset, audit = _finished(session, audit_id)
        found = cleanlab_arrays.scores(session, audit.id)
    keys = parquet.read_table(files.pack_file(dataset, "samples.parquet"), columns=["key"])["key"].to_pylist()
    arrays = cleanlab_arrays.cleanlab_npz(found, dataset.class_names or [], keys)
    return attachment(arrays, name="cleanlab.npz", media_type=NPZ)


@router.get("/{audit_id}/exports/report.html", dependencies=[Reads], response_class=HTMLResponse)
def export_report(audit_id: UUID, opened: Opened, files: Files) -> Response:
    """Download a report as one file that can be mailed: it opens from disk and loads nothing."""
    with opened.transaction() as session:
        dataset, audit = _finished(session, audit_id)
        metrics = session.get(AuditMetrics, audit_id)
        verdicts = reviews.counts(session, dataset)
        found = _first(session, dataset, audit, REPORT_SUSPECTS)
    show = _embedded(files, dataset) if dataset.kind == "images" else None
    text = html_report.html(
        dataset,
        audit,
        metrics=None if metrics is None else metrics.document,
        verdicts=verdicts,
        shown=[html_report.Shown(suspect=one, picture=None if show is None else show(one)) for one in found],
    )
    headers = {
        "Content-Disposition": 'attachment; filename="report.html"',
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(text, headers=headers)


def _finished(session: OrmSession, audit_id: UUID) -> tuple[Dataset, Audit]:
    audit = audit_service.get(session, audit_id)
    if audit.status != AuditStatus.SUCCEEDED:
        raise WrongState(f"this needs an audit that has succeeded, this one is {audit.status}")
    return dataset_service.get(session, audit.dataset_id), audit


def _first(session: OrmSession, dataset: Dataset, audit: Audit, count: int) -> list[Suspect]:
    """Return the most suspicious so many, with their reviews."""
    connection, ranked = session.connection(), suspects.of(audit, dataset)
    found: list[Suspect] = []
    while len(found) < count:
        wanted = min(PAGE, count - len(found))
        after = found[-1].rank if found else 0
        rows = suspects.page(connection, ranked, suspects.Filters(), after_rank=after, limit=wanted)
        found += [Suspect.model_validate(row) for row in rows]
        if len(rows) < wanted:
            break
    return found


def _embedded(files: Storage, dataset: Dataset) -> Callable[[Suspect], str]:
    read = files.reader(files.pack(dataset.id) / PACK)
    side = max(REPORT_SIDE, *(dataset.shape or [0])[:2])

    def picture(one: Suspect) -> str:
        png = sample_pictures.from_pack(read, one.position, side=side)
        return f"data:image/png;base64,{base64.b64encode(png).decode()}"

    return picture


def _linked(request: Request) -> Callable[[Suspect], str]:
    return lambda one: f"{str(request.base_url).rstrip('/')}{one.image_url}"
