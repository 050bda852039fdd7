"""What people wrote about samples."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.infra.errors import Invalid, NotFound
from app.tables import Dataset, Sample, SampleNote

NOTE_LENGTH = 1_000
NOTES_MAX = 50
"""Of one sample."""


def add_note(session: Session, dataset: Dataset, position: int, *, reviewer: str, text: str) -> SampleNote:
    """Store a note.

    Raises:
        NotFound: there is no such sample.
        Invalid: the sample has its most notes already.

    """
    if session.get(Sample, (dataset.id, position), with_for_update={"key_share": True}) is None:
        raise NotFound(f"dataset {dataset.id} has no sample at position {position}")
    of_sample = (SampleNote.dataset_id == dataset.id, SampleNote.position == position)
    if (session.scalar(select(func.count()).where(*of_sample)) or 0) >= NOTES_MAX:
        raise Invalid(f"a sample can have {NOTES_MAX} notes at most")
    note = SampleNote(dataset_id=dataset.id, position=position, reviewer=reviewer, text=text)
    session.add(note)
    session.flush()
    session.refresh(note)
    return note


def delete_note(session: Session, dataset: Dataset, note_id: UUID, *, reviewer: str) -> None:
    """Delete one's own note.

    Raises:
        NotFound: this person has no such note in the dataset.

    """
    own = delete(SampleNote).where(
        SampleNote.id == note_id, SampleNote.dataset_id == dataset.id, SampleNote.reviewer == reviewer
    )
    if session.scalars(own.returning(SampleNote.id)).one_or_none() is None:
        raise NotFound(f"{reviewer} has no note {note_id} in dataset {dataset.id}")


def list_notes(
    session: Session, dataset_id: UUID, positions: Iterable[int] | None = None
) -> list[SampleNote]:
    """Return the notes on these samples, or on all of a dataset, the oldest first."""
    statement = select(SampleNote).where(SampleNote.dataset_id == dataset_id)
    if positions is not None:
        statement = statement.where(SampleNote.position.in_([*positions]))
    return [*session.scalars(statement.order_by(SampleNote.position, SampleNote.id))]
