"""Routes of datasets, their files, samples, correct labels and external probabilities."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from app.datasets import (
    dataset_service,
    resumable_uploads,
    upload_bodies,
)
from app.datasets.shared_files import read_files_again
from app.http import cursors
from app.infra import removals
from app.infra.database import Database
from app.infra.errors import NoSpace, WrongState
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.kinds.shown_kinds import find_shown_kind
from app.label_sets.class_views import require_no_view
from app.places import place_opening
from app.routes.shared.dependencies import (
    CallerDatabase,
    Files,
    Paged,
    Position,
    Reads,
    ServiceSettings,
    Session,
    Writes,
    link_next,
)
from app.routes.shared.idempotent_routes import IdempotentRoute
from app.routes.shared.rendering import render_dataset, render_datasets, render_sample
from app.schemas.datasets.dataset_schemas import ClassesOut, DatasetOut, ProblemOut, SampleDetail, SampleOut
from app.schemas.request_schemas import DatasetOptions, DatasetRequest, Name
from app.schemas.shared_schemas import Page
from app.tables import Dataset
from app.versions import lineage, place_syncing

router = APIRouter(prefix="/v1/datasets", tags=["datasets"], route_class=IdempotentRoute)
FileName = Annotated[str, Path(description="plain file name", examples=["photos.zip"])]
POLL_SECONDS = "1"
RAW_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("", status_code=201, dependencies=[Writes])
def create_dataset(
    body: DatasetRequest, session: Session, settings: ServiceSettings, response: Response
) -> DatasetOut:
    """Create an empty dataset. Upload its files next; with a `place` its pictures are read there instead."""
    options = body.model_dump(exclude={"name", "place"}, exclude_none=True, exclude_defaults=True)
    if body.place is None:
        dataset = dataset_service.create(session, name=body.name, options=options)
    else:
        place = place_opening.describe_place(body.place, settings)
        dataset = place_syncing.add_dataset(session, name=body.name, options=options, place=place)
    response.headers["Location"] = f"/v1/datasets/{dataset.id}"
    return render_dataset(dataset, [])


@router.put(
    "/{dataset_id}/files/{file_name}",
    status_code=202,
    response_model=DatasetOut,
    openapi_extra=RAW_BODY,
    dependencies=[Writes],
)
async def put_file(
    dataset_id: UUID,
    file_name: FileName,
    request: Request,
    settings: ServiceSettings,
    files: Files,
    database: CallerDatabase,
    *,
    complete: Annotated[bool, Query(description="true: start ingestion; false: more files follow")] = True,
) -> JSONResponse:
    """Upload one file as the raw body (``curl --upload-file``). The last file starts ingestion."""

    def check_upload() -> None:
        with database.transaction() as session:
            dataset_service.require_uploading(dataset_service.get(session, dataset_id))
            dataset_service.check_file_name(session, dataset_id, file_name, most=settings.upload_max_files)

    def register(body: upload_bodies.ReceivedBody) -> DatasetOut:
        with database.transaction() as session:
            dataset = dataset_service.get(session, dataset_id, lock=True)
            dataset_service.require_uploading(dataset)
            dataset_service.put_file(session, dataset, name=file_name, size=body.size, sha256=body.sha256)
            resumable_uploads.check_quota(session, workspace_max_bytes=settings.workspace_max_bytes)
            target = files.locate_upload(dataset_id, file_name)
            files.move(body.path, target)
            if complete:
                dataset_service.start_ingestion(session, dataset)
            return render_dataset(dataset, dataset_service.list_files(session, [dataset_id])[dataset_id])

    await run_in_threadpool(check_upload)
    incoming = files.locate_incoming(dataset_id, uuid4().hex)
    async with upload_bodies.receive_body(
        request, incoming, await measure_upload_limits(settings, files, database)
    ) as body:
        answer = await run_in_threadpool(register, body)
    return JSONResponse(
        answer.model_dump(mode="json"),
        status_code=202 if complete else 201,
        headers={"Location": f"/v1/datasets/{dataset_id}", "Retry-After": POLL_SECONDS},
    )


async def measure_upload_limits(
    settings: Settings, files: Storage, database: Database
) -> upload_bodies.BodyLimits:
    """Return what an uploaded body may have."""

    def measure_room() -> int:
        with database.transaction() as session:
            return resumable_uploads.measure_room(
                session,
                files,
                reserve_bytes=settings.upload_reserve_bytes,
                workspace_max_bytes=settings.workspace_max_bytes,
            )

    return upload_bodies.BodyLimits(
        max_bytes=settings.upload_max_bytes,
        idle_seconds=settings.upload_idle_seconds,
        free_bytes=await run_in_threadpool(measure_room),
        reserve_bytes=settings.upload_reserve_bytes,
    )


@router.post("/{dataset_id}/ingestion", status_code=202, dependencies=[Writes])
def start_ingestion(dataset_id: UUID, session: Session, response: Response) -> DatasetOut:
    """Start the ingestion of a dataset whose files were all uploaded with ``complete=false``."""
    dataset = dataset_service.get(session, dataset_id, lock=True)
    dataset_service.start_ingestion(session, dataset)
    response.headers["Location"] = f"/v1/datasets/{dataset_id}"
    response.headers["Retry-After"] = POLL_SECONDS
    return render_dataset(dataset, dataset_service.list_files(session, [dataset_id])[dataset_id])


@router.post("/{dataset_id}/readings", status_code=202, dependencies=[Writes])
def read_again(
    dataset_id: UUID,
    body: DatasetOptions,
    session: Session,
    settings: ServiceSettings,
    files: Files,
    response: Response,
) -> DatasetOut:
    """Read the files of a dataset again with other options, as a new dataset. The old one stays as it is."""
    source = dataset_service.get(session, dataset_id, keep=True)
    require_no_view(source)
    if lineage.is_made_here(source):
        raise WrongState(
            "the files of this version have the labels of the upload; read its first version again"
        )
    needed = sum(file.bytes for file in dataset_service.list_files(session, [dataset_id])[dataset_id])
    room = resumable_uploads.measure_room(
        session,
        files,
        reserve_bytes=settings.upload_reserve_bytes,
        workspace_max_bytes=settings.workspace_max_bytes,
    )
    if needed > room:
        raise NoSpace(f"there is room for {max(room, 0)} bytes, these files have {needed}")
    options = body.model_dump(exclude_none=True, exclude_defaults=True)
    if source.place is not None:
        dataset = place_syncing.add_dataset(session, name=source.name, options=options, place=source.place)
    else:
        dataset = dataset_service.create(session, name=source.name, options=options)
        read_files_again(session, files, source, dataset, workspace_max_bytes=settings.workspace_max_bytes)
    response.headers["Location"] = f"/v1/datasets/{dataset.id}"
    response.headers["Retry-After"] = POLL_SECONDS
    return render_dataset(dataset, dataset_service.list_files(session, [dataset.id])[dataset.id])


@router.get("", dependencies=[Reads])
def list_datasets(
    session: Session,
    paging: Paged,
    request: Request,
    response: Response,
    match: Annotated[Name | None, Query(description="only those whose name or id begins so")] = None,
) -> Page[DatasetOut]:
    """List datasets, newest first; with the first 100 class names of each."""
    before = cursors.decode(paging.cursor, UUID)
    rows = dataset_service.list_datasets(
        session, before=before[0] if before else None, limit=paging.limit + 1, match=match
    )
    page = rows[: paging.limit]
    cursor = cursors.encode(page[-1].dataset.id) if len(rows) > paging.limit else None
    link_next(request, response, cursor)
    return Page(items=render_datasets(session, page), next_cursor=cursor)


@router.get("/{dataset_id}", dependencies=[Reads])
def read_dataset(dataset_id: UUID, session: Session) -> DatasetOut:
    """Return a dataset with its status and its detected format, classes and shape."""
    dataset = dataset_service.get(session, dataset_id)
    return render_dataset(dataset, dataset_service.list_files(session, [dataset_id])[dataset_id])


@router.delete("/{dataset_id}", status_code=204, dependencies=[Writes])
def delete_dataset(dataset_id: UUID, database: CallerDatabase, files: Files) -> None:
    """Delete a dataset that has no audits, with its samples and files. Its versions stay."""
    with database.transaction() as session:
        dataset = dataset_service.get(session, dataset_id, lock=True)
        lineage.require_no_child_in_the_making(session, dataset)
        dataset_service.remove(session, dataset_id)
        removals.schedule_removal(session, files, files.locate_dataset(dataset_id))
    removals.remove_due(database, files)


@router.get("/{dataset_id}/problems", dependencies=[Reads])
def list_problems(
    dataset_id: UUID, session: Session, paging: Paged, request: Request, response: Response
) -> Page[ProblemOut]:
    """List the problems that ingestion met, in order: samples left out, and warnings."""
    dataset_service.get(session, dataset_id)
    after = cursors.decode(paging.cursor, cursors.parse_number)
    rows = dataset_service.list_problems(
        session, dataset_id, after=after[0] if after else -1, limit=paging.limit + 1
    )
    page = rows[: paging.limit]
    cursor = cursors.encode(page[-1].number) if len(rows) > paging.limit else None
    link_next(request, response, cursor)
    return Page(
        items=[ProblemOut(number=row.number, key=row.key, code=row.code, detail=row.detail) for row in page],
        next_cursor=cursor,
    )


@router.get("/{dataset_id}/classes", dependencies=[Reads])
def search_classes(
    dataset_id: UUID,
    session: Session,
    text: Annotated[str, Query(max_length=500, description="in the name, in any case")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> ClassesOut:
    """Search the classes of a dataset: names that begin with the text, then those that contain it."""
    names = _require_ready(session, dataset_id).class_names or []
    found = dataset_service.search_classes(names, text, limit=limit)
    return ClassesOut(items=found, class_count=len(names))


@router.get("/{dataset_id}/samples", dependencies=[Reads])
def list_samples(
    dataset_id: UUID,
    session: Session,
    paging: Paged,
    request: Request,
    response: Response,
    given_label: Annotated[str | None, Query(description="class name")] = None,
) -> Page[SampleOut]:
    """List samples by position."""
    dataset = _require_ready(session, dataset_id)
    label = None if given_label is None else dataset_service.find_label(dataset.class_names, given_label)
    after = cursors.decode(paging.cursor, cursors.parse_number)
    rows = dataset_service.list_samples(
        session, dataset_id, after=after[0] if after else -1, limit=paging.limit + 1, given_label=label
    )
    page = rows[: paging.limit]
    cursor = cursors.encode(page[-1][0].position) if len(rows) > paging.limit else None
    link_next(request, response, cursor)
    return Page(items=[render_sample(dataset, *row) for row in page], next_cursor=cursor)


@router.get("/{dataset_id}/samples/{position}", dependencies=[Reads])
def read_sample(dataset_id: UUID, position: Position, session: Session, files: Files) -> SampleDetail:
    """Return one sample, with its values where it is no image."""
    dataset = _require_ready(session, dataset_id)
    sample = render_sample(dataset, *dataset_service.get_sample(session, dataset_id, position))
    read_values = find_shown_kind(dataset).open_values(files, dataset)
    return SampleDetail(
        **sample.model_dump(),
        features=None if read_values is None else read_values(position),
        feature_names=(dataset.statistics or {}).get("feature_names"),
    )


def _require_ready(session: Session, dataset_id: UUID) -> Dataset:
    dataset = dataset_service.get(session, dataset_id)
    dataset_service.require_ready(dataset)
    return dataset
