"""The worker without a GPU: ingestion, finishing, tidying. `celery -A worker.cpu worker -Q cpu`."""

from uuid import UUID

from app.database import database
from app.queue import Task
from app.settings import settings
from app.storage import storage
from worker import deliver, finish, ingest, tidy
from worker.celery import app

__all__ = ["app"]


@app.task(name=str(Task.INGEST))  # type: ignore[untyped-decorator]
def ingest_dataset(dataset_id: str) -> None:
    """Read an uploaded dataset."""
    ingest.ingest(database(), storage(), settings(), UUID(dataset_id))


@app.task(name=str(Task.FINISH))  # type: ignore[untyped-decorator]
def finish_audit(audit_id: str) -> None:
    """Turn an audit's runs into scores."""
    finish.finish(database(), storage(), UUID(audit_id))


@app.task(name=str(Task.REPORT))  # type: ignore[untyped-decorator]
def report_audit(audit_id: str) -> None:
    """Make an audit's metrics and files anew, after truth was attached."""
    finish.report_again(database(), storage(), UUID(audit_id))


@app.task(name=str(Task.DELIVER))  # type: ignore[untyped-decorator]
def deliver_message(delivery_id: str) -> None:
    """Send one message of a webhook."""
    deliver.deliver(database(), settings(), UUID(delivery_id))


@app.task(name=str(Task.TIDY))  # type: ignore[untyped-decorator]
def tidy_all() -> None:
    """Delete what has expired and finish what was interrupted."""
    tidy.tidy(database(), storage(), settings())
