"""How far an audit is: its features, its trainings, and the time that is left."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audits.audit_service import UNFINISHED
from app.features import feature_service
from app.features.feature_service import FeatureProgress
from app.tables import Audit, AuditStatus, FeatureStatus, Json, Run, RunStatus

TRAINING_SHARE = 0.98
MEASURED_SECONDS, FIRST_EPOCH_SECONDS = 5, 30
"""Seconds of epochs before their speed tells how long the rest takes; within the first epoch more, as it
begins slowly: after one second of 46 it said three minutes, on two busy cores."""
ENDED = frozenset({AuditStatus.FAILED, AuditStatus.CANCELLED})
FEATURES_SHARE = 0.33
"""The part of an audit's time that its features take, where it has any: 13 of 33 seconds of 415 photographs,
29 of 104 of 4,317, on two busy cores."""
EVIDENCE_SHARE = 0.06
"""The part of a training's time after its last epoch, for views and neighbours that judge every label: 1.4 of
19.7 and 4.4 of 75.3 seconds of the same."""


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
    done = sum(1.0 if run.status in complete else _measure_run_fraction(run) for run in audit_runs)
    has_begun = done > 0 or audit.status not in ENDED
    before = FEATURES_SHARE if has_begun and any(run.feature_set_id for run in audit_runs) else 0.0
    return TRAINING_SHARE * (before + (1 - before) * done / len(audit_runs))


def estimate_seconds(
    audit: Audit, audit_runs: Sequence[Run], features: FeatureProgress | None = None
) -> float | None:
    """Return about how many seconds are left of all parts: features, trainings, ranking; None: unknown."""
    if features is not None:
        if features.eta_seconds is None:
            return None
        whole = features.eta_seconds / max(1 - features.fraction, 1e-9)
        return float(round(features.eta_seconds + whole * (1 - FEATURES_SHARE) / FEATURES_SHARE))
    left = _estimate_runs(audit_runs)
    if left is None:
        return None
    spent = _measure_seconds(audit.started_at)
    # Whole seconds: finer ones would make every event of a stream another one.
    return float(round(left + (spent + left) * (1 - TRAINING_SHARE) / TRAINING_SHARE if left else 0.0))


def _estimate_runs(audit_runs: Sequence[Run]) -> float | None:
    """Return the seconds left of all runs; those that wait take as long as those that run."""
    running = [run for run in audit_runs if run.status == RunStatus.RUNNING]
    lefts = [_estimate_run(run) for run in running]
    known = [left for left in lefts if left is not None]
    if not known or len(known) < len(lefts):
        return None
    waiting = sum(run.status == RunStatus.QUEUED for run in audit_runs)
    each = max(_measure_seconds(run.started_at) + left for run, left in zip(running, known, strict=True))
    return max(known) + waiting * each / len(running)


def _estimate_run(run: Run) -> float | None:
    """Return the seconds left of a run: of its epochs at their speed, and of what follows them."""
    if not run.progress:
        return None
    if run.progress["stage"] == "evidence":
        spent, expected = _measure_evidence(run)
        return max(0.0, expected - spent)
    left = run.progress["eta_seconds"]
    if left is None or not _is_measured(run.progress):
        return None
    epochs = _measure_seconds(run.started_at) + float(left)
    return float(left) + epochs * EVIDENCE_SHARE / (1 - EVIDENCE_SHARE)


def _is_measured(progress: Json) -> bool:
    """Return whether enough of a run's epochs is done to tell the time of the rest by their speed."""
    done, left = progress["step"], progress["steps"] - progress["step"]
    measured = math.inf if left <= 0 else progress["eta_seconds"] * done / left
    return bool(measured >= (FIRST_EPOCH_SECONDS if progress["epoch"] == 1 else MEASURED_SECONDS))


def _measure_run_fraction(run: Run) -> float:
    progress = run.progress
    if not progress or not progress["steps"]:
        return 0.0
    before = 1 - EVIDENCE_SHARE
    if progress["stage"] == "evidence":
        spent, expected = _measure_evidence(run)
        # It rises all the time and is nowhere complete: how long it takes is an estimate.
        return before + EVIDENCE_SHARE * round(1 - math.exp(-spent / max(expected, 1e-9)), 3)
    return before if progress["stage"] == "scoring" else before * float(progress["step"] / progress["steps"])


def _measure_evidence(run: Run) -> tuple[float, float]:
    """Return the seconds since a run's last epoch, and those that are to be expected."""
    epochs = float((run.progress or {}).get("training_seconds") or 0.0)
    spent = max(0.0, _measure_seconds(run.started_at) - epochs)
    return spent, epochs * EVIDENCE_SHARE / (1 - EVIDENCE_SHARE)


def _measure_seconds(since: datetime | None) -> float:
    return 0.0 if since is None else max(0.0, (datetime.now(UTC) - since).total_seconds())
