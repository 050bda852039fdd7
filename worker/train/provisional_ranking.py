"""The first samples of the ranking while an audit is still training."""

from uuid import UUID

import numpy as np
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.tables import ProvisionalScore
from models.ranking.ranking_scores import rank_by_signals
from worker.jobs import score_rows
from worker.jobs.audited_labels import AuditLabels
from worker.jobs.bulk_copy import copy_into
from worker.jobs.signal_files import Signals


def replace(session: Session, audit_id: UUID, signals: Signals, labels: AuditLabels, *, size: int) -> None:
    """Replace the provisional ranking by the `size` most suspicious samples, without planted errors."""
    has_signal_N = signals["top_labels_N3"][:, 0] >= 0
    index = np.flatnonzero(has_signal_N if labels.planted is None else has_signal_N & ~labels.planted)
    order = index[rank_by_signals({name: signals[name][index] for name in ("score", "margin")})][:size]
    session.execute(delete(ProvisionalScore).where(ProvisionalScore.audit_id == audit_id))
    copy_into(session, ProvisionalScore, score_rows.build_rows(audit_id, signals, labels.given, order))
