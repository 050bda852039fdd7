"""Who else judged a sample, whether they agree, and what people wrote, as exports tell it."""

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.people.sample_notes import list_notes
from app.reviews.opinions import BETWEEN_NAMES
from app.tables import Agreement, Opinion, Review

BETWEEN_NOTES = "; "


@dataclass(frozen=True, kw_only=True)
class DecisionColumns:
    """What exports append to a verdict."""

    note: str = ""
    """Every note with its author, the oldest first."""
    second_reviewer: str = ""
    """The other people who judged the sample."""
    agreement: str = ""
    first_reviewer: str | None = None
    """Of a disagreement: the first person, because the review itself names all."""


EMPTY = DecisionColumns()
DECISION_COLUMNS = ("note", "second_reviewer", "agreement")


def read_decision_columns(session: Session, dataset_id: UUID) -> dict[int, DecisionColumns]:
    """Return the columns by position; samples without a note and with one person's verdict are left out."""
    notes: dict[int, list[str]] = defaultdict(list)
    for note in list_notes(session, dataset_id):
        notes[note.position].append(f"{note.text} ({note.reviewer}, {note.created_at:%Y-%m-%d})")
    people: dict[int, list[str]] = defaultdict(list)
    names = select(Opinion.position, Opinion.reviewer).where(Opinion.dataset_id == dataset_id)
    for position, name in session.execute(names.order_by(Opinion.reviewed_at, Opinion.version)):
        people[position].append(name)
    judged = select(Review.position, Review.reviewer, Review.agreement).where(
        Review.dataset_id == dataset_id, Review.agreement.is_not(None)
    )
    states = {position: (reviewer, str(state)) for position, reviewer, state in session.execute(judged)}
    return {
        position: _make_columns(notes.get(position, []), people.get(position, []), states.get(position))
        for position in {*notes, *states}
    }


def _make_columns(notes: list[str], people: list[str], state: tuple[str, str] | None) -> DecisionColumns:
    note = BETWEEN_NOTES.join(notes)
    if state is None:
        return DecisionColumns(note=note)
    reviewer, agreement = state
    first = people[0] if agreement == Agreement.DISPUTED else reviewer
    others = BETWEEN_NAMES.join(name for name in people if name != first)
    return DecisionColumns(note=note, second_reviewer=others, agreement=agreement, first_reviewer=first)
