"""The head of the ranking while an audit still trains."""

from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.tables import ProvisionalScore
from models.metrics import ranked
from worker import scores
from worker.copying import copy_into
from worker.signal_files import Signals


def replace(
    session: Session, audit_id: UUID, signals: Signals, labels_N: npt.NDArray[np.int32], *, size: int
) -> None:
    """Put the most suspicious samples so far in the place of the earlier ones."""
    seen = np.flatnonzero(signals["top_labels_N3"][:, 0] >= 0)
    order = seen[ranked(signals["distance"][seen])][:size]
    session.execute(delete(ProvisionalScore).where(ProvisionalScore.audit_id == audit_id))
    copy_into(session, ProvisionalScore, scores.rows(audit_id, signals, labels_N, order))
