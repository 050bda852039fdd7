"""The head of the ranking while an audit still trains."""

from uuid import UUID

import numpy as np
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.tables import ProvisionalScore
from models.metrics import ranked
from worker import scores
from worker.copying import copy_into
from worker.labels import AuditLabels
from worker.signal_files import Signals


def replace(session: Session, audit_id: UUID, signals: Signals, known: AuditLabels, *, size: int) -> None:
    """Put the most suspicious samples so far, but no planted ones, in the place of the earlier ones."""
    is_seen_N = signals["top_labels_N3"][:, 0] >= 0
    seen = np.flatnonzero(is_seen_N if known.planted is None else is_seen_N & ~known.planted)
    order = seen[ranked(scores.ranking_score(signals)[seen])][:size]
    session.execute(delete(ProvisionalScore).where(ProvisionalScore.audit_id == audit_id))
    copy_into(session, ProvisionalScore, scores.rows(audit_id, signals, known.given, order))
