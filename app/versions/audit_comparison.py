"""Two audits side by side: their counts with intervals, and which suspects were fixed, are new, or moved."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from app.infra.errors import Invalid, WrongState
from app.infra.storage import Storage
from app.reviews.verdicts import require_own_labels
from app.tables import Audit, AuditStatus
from app.versions.compared_counts import (
    AuditCount,
    Difference,
    count_wrong_labels,
    judge_difference,
    list_caveats,
)
from app.versions.compared_rankings import STATES, Moved, State, describe_samples, sort_samples
from app.versions.dataset_comparison import DatasetComparison, compare_datasets


@dataclass(frozen=True, kw_only=True, eq=False)
class AuditComparison:
    """Two audits of the same dataset, or of datasets with samples in common."""

    first: AuditCount
    second: AuditCount
    datasets: DatasetComparison | None
    """None: both audited the same dataset."""
    shared: int
    states: dict[str, int]
    """Samples by state; others were suspected by neither."""
    samples: Sequence[Moved]
    difference: Difference
    detail: str
    caveats: Sequence[str]


def compare_audits(
    session: Session, storage: Storage, first: Audit, second: Audit, *, state: State | None, limit: int
) -> AuditComparison:
    """Compare two audits that have succeeded.

    Raises:
        Invalid: one is a rehearsal, or they have no sample in common.
        WrongState: one has not succeeded, or a dataset was read without digests.

    """
    for audit in (first, second):
        require_own_labels(audit)
        if audit.status != AuditStatus.SUCCEEDED:
            raise WrongState(f"this needs audits that have succeeded, {audit.name!r} is {audit.status}")
    counts = [count_wrong_labels(session, audit) for audit in (first, second)]
    datasets = None
    if first.dataset_id != second.dataset_id:
        datasets = compare_datasets(session, storage, counts[0].dataset, counts[1].dataset)
    places_N = np.arange(counts[1].dataset.sample_count or 0) if datasets is None else datasets.places_N
    shared = int((places_N >= 0).sum())
    if not shared:
        raise Invalid("these audits have no sample in common, so there is nothing to compare")
    states = sort_samples(session, counts, places_N)
    difference, detail = judge_difference(*counts)
    chosen = [each for each in STATES if state is None or each == state]
    return AuditComparison(
        first=counts[0],
        second=counts[1],
        datasets=datasets,
        shared=shared,
        states={name: len(pairs) for name, pairs in states.pairs.items()},
        samples=[
            moved for name in chosen for moved in describe_samples(session, states, name, counts, limit)
        ],
        difference=difference,
        detail=detail,
        caveats=list_caveats(session, *counts),
    )
