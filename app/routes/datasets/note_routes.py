"""Routes of notes on samples."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.datasets import dataset_service
from app.people import sample_notes
from app.routes.shared.dependencies import Caller, Position, Reads, Session, Writes
from app.routes.shared.idempotent_routes import IdempotentRoute
from app.routes.shared.reviewer_names import name_reviewer
from app.schemas.audits.people_schemas import NoteOut, NoteRequest, Notes
from app.schemas.reviews.review_schemas import Reviewer
from app.tables import SampleNote

router = APIRouter(prefix="/v1/datasets", tags=["reviews"], route_class=IdempotentRoute)


@router.get("/{dataset_id}/samples/{position}/notes", dependencies=[Reads])
def list_notes(dataset_id: UUID, position: Position, session: Session) -> Notes:
    """List what people wrote about a sample, the oldest first."""
    dataset = dataset_service.get(session, dataset_id)
    return Notes(items=[_render(note) for note in sample_notes.list_notes(session, dataset.id, [position])])


@router.post("/{dataset_id}/samples/{position}/notes", status_code=201, dependencies=[Writes])
def add_note(
    dataset_id: UUID, position: Position, body: NoteRequest, session: Session, name: Caller
) -> NoteOut:
    """Write a note on a sample."""
    dataset = dataset_service.get(session, dataset_id, keep=True)
    author = name_reviewer(name, body.reviewer)
    return _render(sample_notes.add_note(session, dataset, position, reviewer=author, text=body.text))


@router.delete("/{dataset_id}/notes/{note_id}", status_code=204, dependencies=[Writes])
def delete_note(
    dataset_id: UUID,
    note_id: UUID,
    session: Session,
    name: Caller,
    reviewer: Annotated[Reviewer, Query()] = None,
) -> None:
    """Delete one's own note."""
    dataset = dataset_service.get(session, dataset_id)
    sample_notes.delete_note(session, dataset, note_id, reviewer=name_reviewer(name, reviewer))


def _render(note: SampleNote) -> NoteOut:
    return NoteOut(**{field: getattr(note, field) for field in NoteOut.model_fields})
