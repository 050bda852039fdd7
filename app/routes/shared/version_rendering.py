"""Turns versions and comparisons into answers."""

from app.schemas.datasets.version_schemas import (
    AuditComparisonOut,
    ChangeOut,
    ComparedAudit,
    ComparedDataset,
    DatasetComparisonOut,
    MovedOut,
    Transition,
    VersionOut,
)
from app.tables import Dataset
from app.versions.audit_comparison import AuditComparison
from app.versions.compared_counts import AuditCount
from app.versions.dataset_comparison import ADDED, DROPPED, RELABELLED, Change, DatasetComparison

TRANSITIONS_MAX = 100


def render_version(dataset: Dataset) -> VersionOut:
    """Return a dataset's answer in a list of versions."""
    return VersionOut(**{name: getattr(dataset, name) for name in VersionOut.model_fields})


def render_dataset_comparison(found: DatasetComparison, *, limit: int) -> DatasetComparisonOut:
    """Return a comparison of datasets with its first changes."""
    return DatasetComparisonOut(
        first=_render_dataset(found.first),
        second=_render_dataset(found.second),
        shared=found.shared,
        relabelled=found.count(RELABELLED),
        dropped=found.count(DROPPED),
        added=found.count(ADDED),
        transitions=[
            Transition(first_label=before, second_label=after, samples=samples)
            for before, after, samples in found.transitions[:TRANSITIONS_MAX]
        ],
        changes=[_render_change(change) for change in found.changes[:limit]],
    )


def render_audit_comparison(found: AuditComparison) -> AuditComparisonOut:
    """Return a comparison of audits."""
    return AuditComparisonOut(
        first=_render_count(found.first),
        second=_render_count(found.second),
        **{name: getattr(found, name) for name in ("shared", "states", "difference", "detail")},
        caveats=list(found.caveats),
        samples=[
            MovedOut(**{name: getattr(moved, name) for name in MovedOut.model_fields})
            for moved in found.samples
        ],
    )


def _render_dataset(dataset: Dataset) -> ComparedDataset:
    return ComparedDataset(**{name: getattr(dataset, name) for name in ComparedDataset.model_fields})


def _render_count(count: AuditCount) -> ComparedAudit:
    return ComparedAudit(
        id=count.audit.id,
        name=count.audit.name,
        dataset=_render_dataset(count.dataset),
        sample_count=count.sample_count,
        flagged=count.flagged,
        interval=None if count.interval is None else list(count.interval),
        rests_on=count.rests_on,
        is_checked=count.is_checked,
    )


def _render_change(change: Change) -> ChangeOut:
    (first_position, first_label) = change.first or (None, None)
    (second_position, second_label) = change.second or (None, None)
    return ChangeOut(
        what=change.what,
        key=change.key,
        first_position=first_position,
        second_position=second_position,
        first_label=first_label,
        second_label=second_label,
        reviewer=change.reviewer,
    )
