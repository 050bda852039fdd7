"""The route of samples' pictures. A stored picture never changes, so browsers keep it."""

from functools import partial
from hashlib import sha256
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from app.datasets import dataset_service
from app.http.slow_work import run_elsewhere, run_slowly
from app.infra.settings import Settings
from app.kinds.sample_display import PictureChoice, StoredSample, Variant
from app.kinds.shown_kinds import find_shown_kind
from app.places.originals import open_originals
from app.routes.shared.dependencies import CallerDatabase, Files, Position, Reads, ServiceSettings
from app.routes.shared.file_responses import describe_content

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])
HEADERS = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
"""An uploaded file is a picture for the browser and nothing else."""
MEDIA = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/avif")


@router.get(
    "/{dataset_id}/samples/{position}/image",
    dependencies=[Reads],
    response_class=Response,
    responses={
        200: {"content": describe_content(*MEDIA)},
        304: {"description": "The client already has this picture"},
    },
)
async def read_image(
    dataset_id: UUID,
    position: Position,
    database: CallerDatabase,
    files: Files,
    settings: ServiceSettings,
    request: Request,
    *,
    variant: Annotated[
        Variant,
        Query(
            description="pack: the training pixels; original: the uploaded file; display: the uploaded"
            " picture, converted if browsers do not show its format; where there is none, the training"
            " pixels; whole: the same, also where the sample is a box, which display and pack cut out"
        ),
    ] = "pack",
    side: Annotated[
        int | None,
        Query(
            ge=8,
            le=2048,
            description="pack: enlarge to this side, at most 1024; display, whole: reduce the longer side to"
            " about this many pixels or more",
        ),
    ] = None,
) -> Response:
    """Return a sample's image."""

    def find() -> StoredSample:
        with database.transaction() as session:
            dataset = dataset_service.get(session, dataset_id)
            dataset_service.require_ready(dataset)
            sample, _ = dataset_service.get_sample(session, dataset_id, position)
            uploads = dataset_service.list_files(session, [dataset_id])[dataset_id]
            originals = open_originals(session, files, dataset, settings) if variant != "pack" else None
        return StoredSample(files=files, dataset=dataset, sample=sample, uploads=uploads, originals=originals)

    stored = await run_in_threadpool(find)
    answer = partial(_respond, request, stored, _make_choice(variant, side, settings))
    run = run_slowly if stored.originals is None else run_elsewhere
    return await run(database.workspace_id, answer)


def _make_choice(variant: Variant, side: int | None, settings: Settings) -> PictureChoice:
    return PictureChoice(
        variant=variant,
        side=side,
        pixels_max=settings.image_max_pixels,
        cache_bytes=settings.picture_cache_bytes,
    )


def _respond(request: Request, stored: StoredSample, choice: PictureChoice) -> Response:
    headers = HEADERS | {"ETag": _make_etag(stored, choice)}
    if stored.originals is not None:
        headers["Cache-Control"] = "private, no-cache"  # the file can change where it lies
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        if stored.originals is not None and stored.sample.source_offset is not None:
            stored.originals.check(stored.sample.source_offset)
        return Response(status_code=304, headers=headers)
    picture = find_shown_kind(stored.dataset).read_picture(stored, choice)
    return Response(picture.content, media_type=picture.media_type, headers=headers)


def _make_etag(stored: StoredSample, choice: PictureChoice) -> str:
    """Return a strong ETag: the stored files of a ready dataset never change."""
    content = (stored.dataset.pack_sha256, *(upload.sha256 for upload in stored.uploads))
    facts = (*content, stored.sample.position, choice.variant, choice.side)
    return f'"{sha256(repr(facts).encode()).hexdigest()[:32]}"'
