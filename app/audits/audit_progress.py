"""How far an audit is: its features, its trainings, and the time that is left."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audits.audit_service import UNFINISHED
from app.features import feature_service
from app.features.feature_service import FeatureProgress
from app.tables import Audit, AuditStatus, FeatureStatus, Run, RunStatus

TRAINING_SHARE = 0.98
ENDED = frozenset({AuditStatus.FAILED, AuditStatus.CANCELLED})
FEATURES_SHARE = 0.15
"""The part of an audit's time that its features take, where it has any: 14.4 of 101 seconds of 1,500
photographs with one fold, 32.2 of 204 with four, on two busy cores (docs/photographs.md)."""


def follow_features(session: Session, runs: Mapping[UUID, Sequence[Run]]) -> Mapping[UUID, FeatureProgress]:
    """Return the features that audits wait for, by audit; audits that wait for none are missing."""
    awaited = {
        audit_id: run.feature_set_id
        for audit_id, of_audit in runs.items()
        for run in of_audit
        if run.status == RunStatus.QUEUED and run.feature_set_id is not None
    }
    progress = feature_service.follow(session, set(awaited.values()))
    return {
        audit_id: progress[set_id]
        for audit_id, set_id in awaited.items()
        if set_id in progress and progress[set_id].status != FeatureStatus.READY
    }


def count_before(session: Session, runs: Mapping[UUID, Sequence[Run]]) -> Mapping[UUID, int]:
    """Return how many trainings of all users come before each audit none of whose runs has begun.

    These are the ones that run in its queue, and those that were queued there before. Other audits are
    missing.
    """
    first_runs = {
        audit_id: min(of_audit, key=lambda run: run.id)
        for audit_id, of_audit in runs.items()
        if of_audit and all(run.status == RunStatus.QUEUED for run in of_audit)
    }
    if not first_runs:
        return {}
    statement = select(Run.queue, Run.audit_id, Run.status, Run.id).where(Run.status.in_(UNFINISHED))
    unfinished = session.execute(statement).all()
    return {
        audit_id: sum(
            queue == first.queue and other != audit_id and (status == RunStatus.RUNNING or run_id < first.id)
            for queue, other, status, run_id in unfinished
        )
        for audit_id, first in first_runs.items()
    }


def measure_fraction(
    audit: Audit, audit_runs: Sequence[Run], features: FeatureProgress | None = None
) -> float:
    """Return the progress of an audit, in [0, 1]; `features` are those that it waits for."""
    if audit.status == AuditStatus.SUCCEEDED:
        return 1.0
    if features is not None:
        return TRAINING_SHARE * FEATURES_SHARE * features.fraction
    # Of an audit that goes on nothing is left to do in a failed run; in one that ended this is no progress.
    complete = {RunStatus.SUCCEEDED} if audit.status in ENDED else frozenset(RunStatus) - UNFINISHED
    done = sum(1.0 if run.status in complete else _measure_run_fraction(run.progress) for run in audit_runs)
    has_begun = done > 0 or audit.status not in ENDED
    before = FEATURES_SHARE if has_begun and any(run.feature_set_id for run in audit_runs) else 0.0
    return TRAINING_SHARE * (before + (1 - before) * done / len(audit_runs))


def estimate_seconds(audit_runs: Sequence[Run], features: FeatureProgress | None = None) -> float | None:
    """Return the remaining seconds of the features or runs that are being computed; None: unknown."""
    if features is not None:
        return features.eta_seconds
    estimates = [
        run.progress["eta_seconds"] for run in audit_runs if run.status == RunStatus.RUNNING and run.progress
    ]
    return max((eta for eta in estimates if eta is not None), default=None)


def _measure_run_fraction(progress: dict[str, Any] | None) -> float:
    if not progress or not progress["steps"]:
        return 0.0
    return 1.0 if progress["stage"] == "scoring" else float(progress["step"] / progress["steps"])
