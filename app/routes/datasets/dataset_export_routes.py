"""What is carried away after a review. Everything is streamed as it is made."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from app.audits import audit_service
from app.datasets import dataset_service
from app.exports import cleaned_dataset, label_tables
from app.exports.final_labels import Decisions, Issues, decide
from app.infra.database import Database
from app.infra.storage import Storage
from app.routes.shared.dependencies import Files, Opened, Reads

router = APIRouter(prefix="/v1", tags=["exports"])
CSV = "text/csv; charset=utf-8; header=present"
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def streamed(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """Describe a streamed file for the API's description."""
    return {200: {"content": {name: {} for name in media_types}}}


@dataclass(frozen=True)
class Wishes:
    """What becomes of samples that nobody has reviewed."""

    audit_id: Annotated[UUID | None, Query(description="whose issues `issues` speaks of")] = None
    issues: Annotated[
        Issues, Query(description="what becomes of an audit's issues that nobody has reviewed")
    ] = Issues.KEEP


Wished = Annotated[Wishes, Depends()]


def _decide(dataset_id: UUID, wishes: Wishes, opened: Database, files: Storage) -> Decisions:
    with opened.transaction() as session:
        dataset = dataset_service.get(session, dataset_id)
        audit = None if wishes.audit_id is None else audit_service.get(session, wishes.audit_id)
        return decide(session, files, dataset, audit=audit, issues=wishes.issues)


@router.get(
    "/datasets/{dataset_id}/exports/labels.csv",
    dependencies=[Reads],
    response_class=StreamingResponse,
    responses=streamed(CSV),
)
def export_labels(dataset_id: UUID, wishes: Wished, opened: Opened, files: Files) -> StreamingResponse:
    """Download every sample's given and final label, with who decided it and when."""
    decisions = _decide(dataset_id, wishes, opened, files)
    name = f"{_stem(decisions)}-labels.csv"
    return attachment(label_tables.labels_csv(decisions), name=name, media_type=CSV)


@router.get(
    "/datasets/{dataset_id}/exports/drops.csv",
    dependencies=[Reads],
    response_class=StreamingResponse,
    responses=streamed(CSV),
)
def export_drops(dataset_id: UUID, wishes: Wished, opened: Opened, files: Files) -> StreamingResponse:
    """Download the list of the samples that go."""
    decisions = _decide(dataset_id, wishes, opened, files)
    name = f"{_stem(decisions)}-drops.csv"
    return attachment(label_tables.drops_csv(decisions), name=name, media_type=CSV)


@router.get(
    "/datasets/{dataset_id}/exports/dataset",
    dependencies=[Reads],
    response_class=StreamingResponse,
    responses=streamed(*cleaned_dataset.MEDIA_TYPES),
)
def export_dataset(
    dataset_id: UUID,
    wishes: Wished,
    opened: Opened,
    files: Files,
    format: Annotated[  # noqa: A002 - the query's name
        Literal["original", "npz"],
        Query(description="as it came, or an npz of the samples as they are trained on"),
    ] = "original",
) -> StreamingResponse:
    """Download the cleaned dataset: final labels, without the samples that go, ready to be uploaded."""
    decisions = _decide(dataset_id, wishes, opened, files)
    writer = cleaned_dataset.PACK if format == "npz" else cleaned_dataset.writer_of(decisions)
    name = f"{_stem(decisions)}-cleaned.{writer.suffix}"
    return attachment(writer.write(decisions), name=name, media_type=writer.media_type)


def attachment(blocks: Iterator[bytes], *, name: str, media_type: str) -> StreamingResponse:
    """Return a download. Its first block is made now, so that a refusal is still a problem document."""
    first = next(blocks, b"")

    def all_blocks() -> Iterator[bytes]:
        yield first
        yield from blocks

    disposition = f"attachment; filename=\"{UNSAFE.sub('_', name)}\"; filename*=UTF-8''{quote(name)}"
    headers = {"Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(all_blocks(), media_type=media_type, headers=headers)


def _stem(decisions: Decisions) -> str:
    name = decisions.dataset.name
    return name.rpartition(".")[0] or name
