"""Estimates from a rehearsal's planted errors, as they are stored."""

from dataclasses import asdict
from typing import Any

import pyarrow as pa

from app.audits.audit_configuration import Rehearsal
from models.label_errors import rehearsal
from worker.jobs.audited_labels import AuditLabels
from worker.jobs.score_rows import read_probabilities

Json = dict[str, Any]


def summarise_rehearsal(
    rows: pa.Table,
    request: Rehearsal | None,
    labels: AuditLabels,
    *,
    class_count: int,
    may_claim: bool,
) -> Json | None:
    """Return the estimates of a rehearsal, None if the audit is not one.

    Args:
        rows: scores in order of rank, with the planted errors.
        request: how errors were planted.
        labels: the audit's labels.
        class_count: K.
        may_claim: whether the error probabilities of the other labels may correct what is measured.

    """
    if request is None or labels.planted is None:
        return None
    is_uniform = request.noise == "uniform"
    results = rehearsal.evaluate_rehearsal(
        is_planted_N=labels.planted[rows["position"].to_numpy()],
        error_probability_N=read_probabilities(rows) if may_claim else None,
        is_label_issue_N=rows["is_label_issue"].to_numpy(),
        class_count=class_count if is_uniform else None,
    )
    recall = (
        None
        if results.recall is None
        else [{"share": share, "recall": value} for share, value in results.recall.items()]
    )
    return asdict(results) | {"noise": request.noise, "recall": recall}
