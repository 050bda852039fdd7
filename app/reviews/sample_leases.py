"""Leases on samples: each person is handed others, and one who leaves loses theirs after minutes.

A lease says only who is handed a sample. Verdicts need none: they are guarded by the version that was seen.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, String, cast, exists, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.tables import Review, SampleLease

BITS = 32
"""Of the hash that chooses samples for a second opinion."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The person who holds or wants leases on the samples of a dataset, and for how long."""

    dataset_id: UUID
    reviewer: str
    seconds: float


def lock_dataset(session: Session, dataset_id: UUID) -> None:
    """Let one person at a time be handed samples of a dataset, until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"leases {dataset_id}", 0))))


def renew(session: Session, holder: Holder, positions: Sequence[int]) -> set[int]:
    """Extend leases that nobody else has taken; return their positions."""
    held = (
        update(SampleLease)
        .where(*_is_held(holder, positions))
        .values(expires_at=func.now() + timedelta(seconds=holder.seconds))
        .returning(SampleLease.position)
    )
    return set(session.scalars(held.execution_options(synchronize_session=False)))


def release(session: Session, holder: Holder, positions: Sequence[int]) -> int:
    """Let others be handed these samples; return how many were held."""
    held = (
        update(SampleLease)
        .where(*_is_held(holder, positions))
        .values(expires_at=func.now())
        .returning(SampleLease.position)
    )
    return len(session.scalars(held.execution_options(synchronize_session=False)).all())


def take(session: Session, holder: Holder, positions: Sequence[int], *, is_second: bool) -> None:
    """Lease samples to a person; the caller has chosen those that are free, with the dataset locked."""
    if not positions:
        return
    expires = func.now() + timedelta(seconds=holder.seconds)
    statement = insert(SampleLease).values(
        [
            {
                "dataset_id": holder.dataset_id,
                "position": position,
                "reviewer": holder.reviewer,
                "is_second": is_second,
                "expires_at": expires,
            }
            for position in sorted(positions)
        ]
    )
    changed = {name: statement.excluded[name] for name in ("reviewer", "is_second", "expires_at")}
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[SampleLease.dataset_id, SampleLease.position], set_=changed
        )
    )


def is_free(dataset_id: UUID, position: Any, reviewer: str) -> ColumnElement[bool]:  # noqa: ANN401 - a column
    """Return the condition that no other person has been handed this sample."""
    return ~exists().where(
        SampleLease.dataset_id == dataset_id,
        SampleLease.position == position,
        SampleLease.reviewer != reviewer,
        SampleLease.expires_at > func.now(),
    )


def is_undecided_elsewhere(
    dataset_id: UUID,
    position: Any,  # noqa: ANN401 - a column
    *,
    reviewer: str,
    reviewed_by: Any,  # noqa: ANN401 - a column
) -> ColumnElement[bool]:
    """Return the condition that somebody else has a sample on their screen and has not decided it yet.

    `reviewed_by` names whose verdict it has: their own lease lasts a while longer and means nothing.
    """
    return exists().where(
        SampleLease.dataset_id == dataset_id,
        SampleLease.position == position,
        SampleLease.reviewer != reviewer,
        SampleLease.reviewer.is_distinct_from(reviewed_by),
        ~SampleLease.is_second,
        SampleLease.expires_at > func.now(),
    )


def is_free_for_second(dataset_id: UUID, position: Any, reviewer: str) -> ColumnElement[bool]:  # noqa: ANN401
    """Return the condition that nobody else is asked for a second opinion on this sample.

    `Review` must be joined: the lease of the person who has given the first verdict does not count.
    """
    return ~exists().where(
        SampleLease.dataset_id == dataset_id,
        SampleLease.position == position,
        SampleLease.reviewer.not_in([reviewer, Review.reviewer]),
        SampleLease.expires_at > func.now(),
    )


def is_chosen_for_second(position: Any, *, share: float, seed: int) -> ColumnElement[bool]:  # noqa: ANN401
    """Return the condition that a sample is one of the share that is judged twice.

    It depends on the seed and the position alone, so no verdict influences it, and a larger share contains a
    smaller one. `is_below` is the same in Python.
    """
    digest = func.md5(func.concat(literal(seed, BigInteger), literal(":"), cast(position, String)))
    below: ColumnElement[bool] = func.left(digest, BITS // 4).collate("C") < make_threshold(share)
    return below


def make_threshold(share: float) -> str:
    """Return the hexadecimal digits below which the hash of a sample must be."""
    count = round(share * 2**BITS)
    return "g" if count >= 2**BITS else f"{count:0{BITS // 4}x}"


def is_below(position: int, *, share: float, seed: int) -> bool:
    """Return whether a sample is one of the share that is judged twice."""
    digest = hashlib.md5(f"{seed}:{position}".encode(), usedforsecurity=False).hexdigest()
    return digest[: BITS // 4] < make_threshold(share)


def _is_held(holder: Holder, positions: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
    return (
        SampleLease.dataset_id == holder.dataset_id,
        SampleLease.position.in_(positions),
        SampleLease.reviewer == holder.reviewer,
    )
