"""What a rehearsal's planted errors tell, as it is stored."""

from dataclasses import asdict
from typing import Any

import pyarrow as pa

from app.audits.audit_configuration import Rehearsal
from models.label_errors import rehearsal
from worker.jobs.audited_labels import AuditLabels

Json = dict[str, Any]


def summarise_rehearsal(
    rows: pa.Table, asked: Rehearsal | None, known: AuditLabels, *, class_count: int
) -> Json | None:
    """Return the estimates of a rehearsal, None where an audit is none.

    Args:
        rows: scores in order of rank, the planted ones among them.
        asked: how errors were planted.
        known: the audit's labels.
        class_count: K.

    """
    if asked is None or known.planted is None:
        return None
    is_uniform = asked.noise == "uniform"
    found = rehearsal.evaluate_rehearsal(
        is_planted_N=known.planted[rows["position"].to_numpy()],
        error_probability_N=rows["error_probability"].to_numpy(),
        is_label_issue_N=rows["is_label_issue"].to_numpy(),
        class_count=class_count if is_uniform else None,
    )
    recall = (
        None
        if found.recall is None
        else [{"share": share, "recall": value} for share, value in found.recall.items()]
    )
    return asdict(found) | {"noise": asked.noise, "recall": recall}
