"""Verdicts of people, saved with the version the person saw, so that nobody overwrites an unseen verdict."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.infra.errors import Invalid, NotFound, StaleVersion
from app.reviews.opinions import Author, Entry, give_opinion, mark_settled, withdraw
from app.tables import Agreement, Audit, Dataset, Opinion, Review, Sample, Verdict

ERRORS = (Verdict.RELABEL,)
"""Verdicts that say that the given label is wrong. A drop does not say so: copies, blurred pictures and
samples of no class are dropped, too. It counts neither as a wrong nor as a right label."""
CHANGES = (Verdict.RELABEL, Verdict.DROP)
"""Verdicts after which a version differs."""


def put(session: Session, dataset: Dataset, entry: Entry, author: Author) -> Review | Opinion:
    """Save a verdict: as the sample's review, or as a person's own opinion beside that of somebody else.

    Whoever was asked for a second opinion sends a first verdict; they have not seen that there is one.

    Raises:
        NotFound: the position does not exist.
        StaleVersion: the review was changed since it was read; the message names it.

    """
    values = {
        "verdict": entry.verdict,
        "label": entry.label,
        "audit_id": author.audit_id,
        "reviewer": author.reviewer,
        "is_looked_at": True,
        "carried": None,
    }
    if entry.seen is None:
        _require_sample(session, dataset, entry.position)
        key = {"dataset_id": dataset.id, "position": entry.position}
        saved = session.scalars(
            insert(Review)
            .values(**key, **values)
            .on_conflict_do_update(
                index_elements=[Review.dataset_id, Review.position],
                set_={**values, **_mark_written()},
                where=~Review.is_looked_at,
            )
            .returning(Review)
            .execution_options(populate_existing=True)
        ).one_or_none()
    else:
        changed = {**values, **_mark_written(), "agreement": mark_settled()}
        saved = session.scalars(
            update(Review)
            .where(*_match_version(dataset, entry.position, entry.seen))
            .values(**changed)
            .returning(Review)
            .execution_options(synchronize_session=False, populate_existing=True)
        ).one_or_none()
    answer = saved or give_opinion(session, dataset, entry, author)
    if answer is None:
        raise _describe_conflict(session, dataset, entry.position)
    return answer


def clear(session: Session, dataset: Dataset, position: int, *, seen: int, reviewer: str) -> None:
    """Delete a verdict; of several people's, what settled them or one's own, and the others' stay.

    Raises:
        StaleVersion: the review was changed since it was read.

    """
    statement = (
        delete(Review)
        .where(*_match_version(dataset, position, seen), Review.agreement.is_distinct_from(Agreement.SETTLED))
        .returning(Review.position)
        .execution_options(synchronize_session=False)
    )
    is_deleted = session.scalars(statement).one_or_none() is not None
    if not is_deleted and not withdraw(session, dataset, position, seen=seen, reviewer=reviewer):
        raise _describe_conflict(session, dataset, position)


def get(session: Session, dataset: Dataset, position: int) -> Review:
    """Return a sample's review.

    Raises:
        NotFound: nobody has reviewed it.

    """
    review = find_reviews(session, dataset.id, [position]).get(position)
    if review is None:
        raise NotFound(f"nobody has reviewed position {position}")
    return review


def find_reviews(session: Session, dataset_id: UUID, positions: Collection[int]) -> dict[int, Review]:
    """Return the reviews of these samples, by position."""
    statement = select(Review).where(Review.dataset_id == dataset_id, Review.position.in_(positions))
    fresh = statement.execution_options(populate_existing=True)
    return {review.position: review for review in session.scalars(fresh)}


def find_keys(session: Session, dataset_id: UUID, positions: Collection[int]) -> dict[int, str]:
    """Return the keys of these samples, by position."""
    statement = select(Sample.position, Sample.key).where(Sample.dataset_id == dataset_id)
    return {row[0]: row[1] for row in session.execute(statement.where(Sample.position.in_(positions)))}


def list_reviews(
    session: Session, dataset: Dataset, *, after: int, limit: int, verdict: Verdict | None
) -> Sequence[Review]:
    """Return reviews in order of position, after the given position."""
    statement = select(Review).where(Review.dataset_id == dataset.id, Review.position > after)
    if verdict is not None:
        statement = statement.where(Review.verdict == verdict)
    return session.scalars(statement.order_by(Review.position).limit(limit)).all()


def count_reviews(session: Session, dataset: Dataset) -> dict[str, int]:
    """Return the number of a dataset's verdicts of each kind."""
    statement = select(Review.verdict, func.count()).where(Review.dataset_id == dataset.id)
    counts: dict[str, int] = dict(session.execute(statement.group_by(Review.verdict)).all())
    return {verdict: counts.get(verdict, 0) for verdict in Verdict}


def check_audit(session: Session, dataset: Dataset, audit_id: UUID | None) -> None:
    """Raise Invalid unless the audit is of this dataset and not a rehearsal."""
    if audit_id is None:
        return
    audit = session.get(Audit, audit_id, with_for_update={"read": True, "key_share": True})
    if audit is None or audit.dataset_id != dataset.id:
        raise Invalid(f"dataset {dataset.id} has no audit {audit_id}")
    require_own_labels(audit)


def require_own_labels(audit: Audit) -> None:
    """Raise Invalid for a rehearsal: it has planted labels, which a verdict cannot correct."""
    if audit.is_rehearsal:
        raise Invalid("a rehearsal measures planted errors; review an audit of the labels as uploaded")


def _mark_written() -> dict[str, Any]:
    return {"reviewed_at": func.now(), "version": Review.versions.next_value()}


def _match_version(dataset: Dataset, position: int, version: int) -> tuple[ColumnElement[bool], ...]:
    return (
        Review.dataset_id == dataset.id,
        Review.position == position,
        Review.version == version,
    )


def _require_sample(session: Session, dataset: Dataset, position: int) -> None:
    if session.get(Sample, (dataset.id, position)) is None:
        raise NotFound(f"dataset {dataset.id} has no sample at position {position}")


def _describe_conflict(session: Session, dataset: Dataset, position: int) -> StaleVersion:
    current = find_reviews(session, dataset.id, [position]).get(position)
    if current is None:
        return StaleVersion(f"position {position} has no such review now", position=position, version=None)
    return StaleVersion(
        f"{current.reviewer} disagree about position {position}; a verdict on top of that settles it"
        if current.agreement == Agreement.DISPUTED
        else f"{current.reviewer} has saved {current.verdict!r} for position {position} meanwhile",
        position=position,
        version=current.version,
    )
