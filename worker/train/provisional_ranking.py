"""The head of the ranking while an audit still trains."""

from uuid import UUID

import numpy as np
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.tables import ProvisionalScore
from models.ranking.ranking_scores import rank_samples, read_score
from worker.jobs import score_rows
from worker.jobs.audited_labels import AuditLabels
from worker.jobs.bulk_copy import copy_into
from worker.jobs.signal_files import Signals


def replace(session: Session, audit_id: UUID, signals: Signals, known: AuditLabels, *, size: int) -> None:
    """Put the most suspicious samples so far, but no planted ones, in the place of the earlier ones."""
    is_seen_N = signals["top_labels_N3"][:, 0] >= 0
    seen = np.flatnonzero(is_seen_N if known.planted is None else is_seen_N & ~known.planted)
    order = seen[rank_samples(read_score(signals)[seen])][:size]
    session.execute(delete(ProvisionalScore).where(ProvisionalScore.audit_id == audit_id))
    copy_into(session, ProvisionalScore, score_rows.build_rows(audit_id, signals, known.given, order))
