"""The routes that attach correct labels, probabilities, own columns and annotators' labels to a dataset."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from app.datasets import (
    annotator_labels,
    dataset_service,
    external_probabilities,
    own_columns,
    truth,
    upload_bodies,
)
from app.http.slow_work import run_apart, run_slowly
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.routes.datasets.dataset_routes import RAW_BODY, measure_upload_limits
from app.routes.shared.dependencies import CallerDatabase, Files, ServiceSettings, Writes
from app.routes.shared.idempotent_routes import IdempotentRoute
from app.schemas.datasets.annotator_schemas import AttachedAnnotations
from app.schemas.datasets.dataset_schemas import ProbabilitiesOut, TruthOut
from app.schemas.datasets.source_schemas import AttachedColumns

NAMES_SHOWN, NAME_SHOWN = 200, 200
router = APIRouter(prefix="/v1/datasets", tags=["datasets"], route_class=IdempotentRoute)


@router.put("/{dataset_id}/truth", openapi_extra=RAW_BODY, dependencies=[Writes])
async def put_truth(
    dataset_id: UUID, request: Request, settings: ServiceSettings, files: Files, database: CallerDatabase
) -> TruthOut:
    """Attach the correct labels: a CSV with ``true_label`` and ``key`` or ``position``, as the raw body.

    They replace earlier correct labels. Metrics and files of finished audits are computed again.
    """
    async with _receive(dataset_id, request, settings, files, database) as body:
        return await run_slowly(database.workspace_id, lambda: _attach_truth(database, dataset_id, body))


@router.put("/{dataset_id}/probabilities", openapi_extra=RAW_BODY, dependencies=[Writes])
async def put_probabilities(
    dataset_id: UUID, request: Request, settings: ServiceSettings, files: Files, database: CallerDatabase
) -> ProbabilitiesOut:
    """Attach out-of-sample predicted probabilities; docs/formats.md describes the raw body.

    They replace earlier ones. An audit with the method ``probabilities`` ranks them without training.
    """
    async with _receive(dataset_id, request, settings, files, database) as body:
        attach = partial(_attach_probabilities, database, files, dataset_id, body)
        return await run_apart(database.workspace_id, attach)


@router.put("/{dataset_id}/columns", openapi_extra=RAW_BODY, dependencies=[Writes])
async def put_columns(
    dataset_id: UUID, request: Request, settings: ServiceSettings, files: Files, database: CallerDatabase
) -> AttachedColumns:
    """Attach your own columns: a CSV with ``key`` or ``position`` and other columns, as the raw body.

    They are shown in the review and compared in the result, and are never features. A column of the same name
    is replaced, others stay.
    """
    async with _receive(dataset_id, request, settings, files, database) as body:
        return await run_slowly(database.workspace_id, lambda: _attach_columns(database, dataset_id, body))


@router.put("/{dataset_id}/annotations", openapi_extra=RAW_BODY, dependencies=[Writes])
async def put_annotations(
    dataset_id: UUID,
    request: Request,
    settings: ServiceSettings,
    files: Files,
    database: CallerDatabase,
    *,
    columns: Annotated[
        list[str], Query(description="columns that are annotators; none: all that may be", max_length=1000)
    ] = [],  # noqa: B006 - FastAPI copies it
    key_column: Annotated[
        str | None,
        Query(description="column with the samples' keys; else one of a usual name", max_length=1000),
    ] = None,
) -> AttachedAnnotations:
    """Attach the labels of several annotators as the raw body; docs/annotators.md describes it.

    They replace earlier ones. Their consensus is formed by a worker, and again after every audit.
    """
    async with _receive(dataset_id, request, settings, files, database) as body:
        attach = partial(_attach_annotations, database, files, dataset_id, body, columns, key_column)
        return await run_apart(database.workspace_id, attach)


@asynccontextmanager
async def _receive(
    dataset_id: UUID, request: Request, settings: Settings, files: Storage, database: Database
) -> AsyncIterator[upload_bodies.ReceivedBody]:
    """Receive a raw body for a ready dataset; it is deleted at the end."""
    limits = upload_bodies.BodyLimits(
        max_bytes=settings.truth_max_bytes,
        idle_seconds=settings.upload_idle_seconds,
        free_bytes=(await measure_upload_limits(settings, files, database)).free_bytes,
    )
    await run_in_threadpool(_check_ready, database, dataset_id)
    incoming = files.locate_incoming(dataset_id, uuid4().hex)
    async with upload_bodies.receive_body(request, incoming, limits) as body:
        yield body


def _check_ready(database: Database, dataset_id: UUID) -> None:
    with database.transaction() as session:
        dataset_service.require_ready(dataset_service.get(session, dataset_id))


def _attach_truth(database: Database, dataset_id: UUID, body: upload_bodies.ReceivedBody) -> TruthOut:
    with database.transaction() as session:
        dataset = dataset_service.get(session, dataset_id, lock=True)
        attached, differing = truth.attach(session, dataset, body.path)
    return TruthOut(attached=attached, differing=differing)


def _attach_probabilities(
    database: Database, files: Storage, dataset_id: UUID, body: upload_bodies.ReceivedBody
) -> ProbabilitiesOut:
    with database.transaction() as session:
        dataset = dataset_service.get(session, dataset_id)
    with _written_beside(body.path, ".npy") as destination:
        checked = external_probabilities.read(files, dataset, body.path, destination)
        with database.transaction() as session:
            locked = dataset_service.get(session, dataset_id, lock=True)
            external_probabilities.store(session, files, locked, checked)
    return ProbabilitiesOut(attached=checked.rows)


@contextmanager
def _written_beside(body: Path, suffix: str) -> Iterator[Path]:
    """Yield the path of a file that is made of a body; what is left of it is removed at the end."""
    path = body.with_name(body.name + suffix)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _attach_columns(
    database: Database, dataset_id: UUID, body: upload_bodies.ReceivedBody
) -> AttachedColumns:
    with database.transaction() as session:
        dataset = dataset_service.get(session, dataset_id, lock=True)
        attached = own_columns.attach(session, dataset, body.path)
    return AttachedColumns(
        columns=attached.columns, left_out=_shorten(attached.left_out), samples=attached.samples
    )


def _shorten(names: Sequence[str]) -> list[str]:
    """Return the first names of columns, of which a table can have megabytes."""
    return [name[:NAME_SHOWN] for name in names[:NAMES_SHOWN]]


def _attach_annotations(
    database: Database,
    files: Storage,
    dataset_id: UUID,
    body: upload_bodies.ReceivedBody,
    columns: list[str],
    key_column: str | None,
) -> AttachedAnnotations:
    with database.transaction() as session:
        target = annotator_labels.describe(files, dataset_service.get(session, dataset_id))
    with _written_beside(body.path, ".parquet") as destination:
        found = annotator_labels.read(target, body.path, destination, columns=columns, key_column=key_column)
        with database.transaction() as session:
            locked = dataset_service.get(session, dataset_id, lock=True)
            annotator_labels.store(session, files, locked, found, destination)
    return AttachedAnnotations(
        annotators=found.annotators,
        labels=found.labels,
        samples=found.samples,
        left_out=_shorten(found.left_out),
    )
