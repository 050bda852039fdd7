"""The route that attaches people's own columns to a dataset."""

from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from app.datasets import dataset_service, own_columns, upload_bodies
from app.infra.database import Database
from app.routes.datasets.dataset_routes import RAW_BODY, check_ready, measure_upload_limits
from app.routes.shared.dependencies import CallerDatabase, Files, ServiceSettings, Writes
from app.schemas.source_schemas import AttachedColumns

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])


@router.put("/{dataset_id}/columns", openapi_extra=RAW_BODY, dependencies=[Writes])
async def put_columns(
    dataset_id: UUID, request: Request, settings: ServiceSettings, files: Files, database: CallerDatabase
) -> AttachedColumns:
    """Attach your own columns: a CSV with ``key`` or ``position`` and other columns, as the raw body.

    They are shown in the review and compared in the result, and are never features. A column of the same name
    is replaced, others stay.
    """
    limits = upload_bodies.BodyLimits(
        max_bytes=settings.truth_max_bytes,
        idle_seconds=settings.upload_idle_seconds,
        free_bytes=(await measure_upload_limits(settings, files, database)).free_bytes,
    )
    await run_in_threadpool(check_ready, database, dataset_id)
    async with upload_bodies.receive_body(
        request, files.locate_incoming(dataset_id, uuid4().hex), limits
    ) as body:
        return await run_in_threadpool(_attach, database, dataset_id, body)


def _attach(database: Database, dataset_id: UUID, body: upload_bodies.ReceivedBody) -> AttachedColumns:
    with database.transaction() as session:
        dataset = dataset_service.get(session, dataset_id, lock=True)
        attached = own_columns.attach(session, dataset, body.path)
    return AttachedColumns(columns=attached.columns, left_out=attached.left_out, samples=attached.samples)
