"""Samples that somebody selected on a map: stored under an id, which the review takes as a filter."""

import hashlib
from collections.abc import Sequence
from uuid import UUID

import numpy as np
from sqlalchemy import Integer, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session

from app.infra.errors import Invalid, NotFound
from app.tables import Audit, Score, Selection


def store(session: Session, audit: Audit, positions: Sequence[int]) -> Selection:
    """Store some samples of an audit; the same samples are the same selection.

    Raises:
        Invalid: a position has no score in this audit.

    """
    chosen = np.unique(np.asarray(positions, dtype=np.int32))
    known = session.scalar(
        select(func.count()).where(
            Score.audit_id == audit.id, Score.position == any_(literal(chosen.tolist(), ARRAY(Integer)))
        )
    )
    if known != len(chosen):
        raise Invalid(
            f"expected positions of samples that this audit ranks; {len(chosen) - (known or 0)} are none"
        )
    sha256 = hashlib.sha256(chosen.tobytes()).hexdigest()
    values = {"audit_id": audit.id, "sha256": sha256, "positions": chosen.tolist()}
    session.execute(insert(Selection).values(**values).on_conflict_do_nothing())
    statement = select(Selection).where(Selection.audit_id == audit.id, Selection.sha256 == sha256)
    return session.scalars(statement).one()


def get(session: Session, audit: Audit, selection_id: UUID) -> Selection:
    """Return a selection.

    Raises:
        NotFound: the audit has no such selection.

    """
    found = session.get(Selection, selection_id)
    if found is None or found.audit_id != audit.id:
        raise NotFound(f"this audit has no selection {selection_id}")
    return found
