"""Routes of resumable uploads: tus 1.0 with creation, checksum, expiration, termination (https://tus.io)."""

from datetime import UTC
from email.utils import format_datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool

from app.datasets import dataset_service, resumable_uploads, tus_protocol, upload_bodies
from app.infra.errors import ApiError, Invalid, NoSpace, TooLarge
from app.routes.shared.dependencies import CallerDatabase, Files, Reads, ServiceSettings, Session, Writes
from app.routes.shared.idempotent_routes import Handler, IdempotentRoute
from app.tables import Upload

RAW_BODY = {
    "requestBody": {
        "required": True,
        "content": {tus_protocol.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}
Offset = Annotated[int, Header(alias="Upload-Offset", ge=0, lt=2**63)]
Length = Annotated[int, Header(alias="Upload-Length", ge=0, lt=2**63)]
Metadata = Annotated[
    str, Header(alias="Upload-Metadata", max_length=4096, description="filename, sha256, complete: Base64")
]


class TusRoute(IdempotentRoute):
    """Answers a wrong protocol version as tus wants it, and sends its own in every answer."""

    def get_route_handler(self) -> Handler:
        """Wrap the operation."""
        handle = super().get_route_handler()

        async def _answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError:
                if request.method != "OPTIONS":
                    tus_protocol.check_version(request.headers)
                raise

        async def add_version(request: Request) -> Response:
            try:
                response = await _answer(request)
            except ApiError as error:
                error.headers |= tus_protocol.VERSION_HEADER
                raise
            response.headers.update(tus_protocol.VERSION_HEADER)
            return response

        return add_version


def require_version(
    _: Annotated[str, Header(alias="Tus-Resumable", pattern=r"^1\.0\.0$", description="protocol version")],
) -> None:
    """Refuse requests of another version of tus."""


router = APIRouter(prefix="/v1/datasets/{dataset_id}/uploads", tags=["datasets"], route_class=TusRoute)
TusVersion = Depends(require_version)


@router.options("", status_code=204, dependencies=[Reads])
def describe_uploads(
    dataset_id: UUID, session: Session, settings: ServiceSettings, response: Response
) -> None:
    """Return the supported tus version, extensions and maximum size as headers."""
    dataset_service.get(session, dataset_id)
    response.headers.update(tus_protocol.DESCRIPTION | {"Tus-Max-Size": str(settings.upload_max_bytes)})


@router.post("", status_code=201, dependencies=[Writes, TusVersion])
def begin_upload(
    dataset_id: UUID,
    length: Length,
    metadata: Metadata,
    session: Session,
    settings: ServiceSettings,
    files: Files,
    response: Response,
) -> None:
    """Begin a resumable upload of one file. Send its bytes to the Location by PATCH.

    With the last byte the file enters the dataset, as after a PUT.
    """
    options = tus_protocol.parse_metadata(metadata)
    if length == 0:
        raise Invalid("an upload needs at least one byte")
    if length > settings.upload_max_bytes:
        raise TooLarge(
            f"an upload can have at most {settings.upload_max_bytes} bytes, this one has {length}",
            max_bytes=settings.upload_max_bytes,
        )
    room = resumable_uploads.measure_room(
        session,
        files,
        reserve_bytes=settings.upload_reserve_bytes,
        workspace_max_bytes=settings.workspace_max_bytes,
    )
    if length > room:
        raise NoSpace(f"there is room for {max(room, 0)} bytes, this upload has {length}")
    upload = resumable_uploads.create(
        session,
        dataset_service.get(session, dataset_id, lock=True),
        name=options.name,
        size=length,
        sha256=options.sha256,
        complete=options.complete,
        note=metadata,
        expiry_seconds=settings.upload_expiry_seconds,
        most=settings.upload_max_files,
    )
    response.headers["Location"] = f"/v1/datasets/{dataset_id}/uploads/{upload.id}"
    response.headers.update(_make_expiry_header(upload))


@router.head("/{upload_id}", dependencies=[Reads, TusVersion])
def read_upload(dataset_id: UUID, upload_id: UUID, session: Session, response: Response) -> None:
    """Return the offset at which an upload continues."""
    upload = resumable_uploads.get(session, dataset_id, upload_id)
    response.headers.update(
        {
            "Upload-Offset": str(upload.offset),
            "Upload-Length": str(upload.size),
            "Upload-Metadata": upload.note,
            "Cache-Control": "no-store",
        }
    )
    response.headers.update(_make_expiry_header(upload))


@router.patch("/{upload_id}", status_code=204, openapi_extra=RAW_BODY, dependencies=[Writes, TusVersion])
async def continue_upload(
    dataset_id: UUID,
    upload_id: UUID,
    offset: Offset,
    request: Request,
    settings: ServiceSettings,
    files: Files,
    database: CallerDatabase,
) -> Response:
    """Append the body at the offset. With the last byte the file enters its dataset.

    Bytes that arrived before a connection broke are kept, unless an `Upload-Checksum` covers the body.
    """
    tus_protocol.check_media_type(request.headers)
    checksum = tus_protocol.Checksum.read_announced(request.headers)

    def claim() -> tuple[Upload, int]:
        with database.transaction() as session:
            upload = resumable_uploads.get(session, dataset_id, upload_id, lock=True)
            return upload, resumable_uploads.claim(
                session, upload, offset, expiry_seconds=settings.upload_expiry_seconds
            )

    def save(offset: int) -> None:
        with database.transaction() as session:
            resumable_uploads.advance(session, upload_id, writer, offset)

    upload, writer = await run_in_threadpool(claim)
    if upload.finished_at is None:
        part = upload_bodies.UploadPart(
            path=resumable_uploads.locate_body(files, upload),
            offset=offset,
            size=upload.size,
            save_bytes=settings.upload_save_bytes,
            reserve_bytes=settings.upload_reserve_bytes,
        )
        new_offset = await part.receive(
            request, idle_seconds=settings.upload_idle_seconds, save=save, checksum=checksum
        )
        if new_offset == upload.size:
            await run_in_threadpool(resumable_uploads.complete, database, files, upload)
    return Response(
        status_code=204,
        headers={
            "Upload-Offset": str(upload.size if upload.finished_at else new_offset),
            **_make_expiry_header(upload),
        },
    )


@router.delete("/{upload_id}", status_code=204, dependencies=[Writes, TusVersion])
def delete_upload(dataset_id: UUID, upload_id: UUID, database: CallerDatabase, files: Files) -> None:
    """Delete an upload and its bytes. A completed file stays in the dataset."""
    with database.transaction() as session:
        upload = resumable_uploads.get(session, dataset_id, upload_id, lock=True)
        resumable_uploads.remove(session, upload_id)
    resumable_uploads.locate_body(files, upload).unlink(missing_ok=True)


def _make_expiry_header(upload: Upload) -> dict[str, str]:
    return {"Upload-Expires": format_datetime(upload.expires_at.astimezone(UTC), usegmt=True)}
