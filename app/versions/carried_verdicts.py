"""Verdicts of a version that hold for the same samples of the next one.

A carried verdict says what a person decided, but it is no evidence about the new version: it answers no
random check and counts for no precision (`Review.is_looked_at`), since people would vouch for their own work.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.tables import Dataset, Json, Review, Verdict
from app.versions.content_matching import Places

ROWS_AT_ONCE = 2_000
"""PostgreSQL takes 65,535 parameters a statement."""
Decided = tuple[Verdict, str | None]
"""A verdict, and the class of a relabelled sample."""


def carry(decided: Decided, *, given_before: str, given_now: str) -> Decided | None:
    """Return the verdict on a sample whose label may have changed; None: it says nothing about the new label.

    A relabelled sample that has its new label by now is decided: the label is right. A verdict that was not
    applied stays as it is. Where the label became a third one, somebody decided otherwise since.
    """
    verdict, label = decided
    right = {Verdict.KEEP: given_before, Verdict.RELABEL: label}.get(verdict)
    if right is not None and given_now == right:
        return Verdict.KEEP, None
    is_unchanged = given_now == given_before
    return decided if is_unchanged and verdict != Verdict.KEEP else None


def describe_source(parent: Dataset, review: Review, given: str, version: int) -> Json:
    """Return which verdict of which version a carried one comes from: the one that a person gave."""
    if review.carried is not None:
        return dict(review.carried)
    names = parent.class_names or []
    return {
        "dataset_id": str(parent.id),
        "version": version,
        "given": given,
        "verdict": str(review.verdict),
        "label": None if review.label is None else names[review.label],
        "is_looked_at": review.is_looked_at,
    }


def carry_verdicts(
    parent: Dataset,
    child: Dataset,
    reviews: Sequence[Review],
    *,
    places_N: Places,
    given_before: Sequence[str],
    given_now: Sequence[str],
    version: int | None = None,
) -> list[Json]:
    """Return rows of reviews of the child.

    Args:
        parent: the version that was reviewed.
        child: the version that gets the verdicts.
        reviews: the parent's.
        places_N: the parent's position of each of the child's samples; -1: it is new.
        given_before: names of the parent's given labels, by the parent's position.
        given_now: names of the child's given labels, by the child's position.
        version: the number of the reviewed version; None: the parent's own, which the view of a class lacks.

    """
    names = parent.class_names or []
    index_of: Mapping[str, int] = {name: index for index, name in enumerate(child.class_names or [])}
    child_place = {int(place): position for position, place in enumerate(places_N.tolist()) if place >= 0}
    rows: list[dict[str, Any]] = []
    number = parent.version if version is None else version
    for review in reviews:
        position = child_place.get(review.position)
        if position is None:
            continue
        found = carry(
            (Verdict(review.verdict), None if review.label is None else names[review.label]),
            given_before=given_before[review.position],
            given_now=given_now[position],
        )
        if found is None or (found[1] is not None and found[1] not in index_of):
            continue
        rows.append(
            {
                "dataset_id": child.id,
                "position": position,
                "verdict": found[0],
                "label": None if found[1] is None else index_of[found[1]],
                "reviewer": review.reviewer,
                "reviewed_at": review.reviewed_at,
                "is_looked_at": False,
                "carried": describe_source(parent, review, given_before[review.position], number),
            }
        )
    return rows


def count_unsure(session: Session, dataset: Dataset) -> int:
    """Return how many samples were left unsure in an earlier version, and not decided since."""
    statement = select(func.count()).where(
        Review.dataset_id == dataset.id, Review.verdict == Verdict.UNSURE, Review.carried.is_not(None)
    )
    return session.scalar(statement) or 0


def store_carried(session: Session, rows: Sequence[Json]) -> int:
    """Store carried verdicts where nobody has decided yet, and return how many were stored."""
    stored = 0
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        statement = insert(Review).values(some).on_conflict_do_nothing().returning(Review.position)
        stored += len(session.scalars(statement).all())
    return stored
