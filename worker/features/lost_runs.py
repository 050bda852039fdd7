"""Runs that wait for features which have failed; without torch, so that the sweep can end them, too."""

from sqlalchemy.orm import Session

from app.audits import audit_service
from app.features import feature_service
from app.tables import RunStatus


def end_lost_runs(session: Session) -> None:
    """End the runs whose features have failed."""
    for run, error in feature_service.list_lost_runs(session):
        audit_service.end_run(session, run, RunStatus.FAILED, error)
