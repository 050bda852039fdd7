"""The worker without a GPU: ingestion, finishing, tidying. `celery -A worker.processes.cpu worker -Q cpu`."""

from uuid import UUID

from app.infra.database import get_database
from app.infra.queue import Task
from app.infra.settings import get_settings
from app.infra.storage import get_storage
from worker.finish import finishing_job
from worker.ingest import ingestion_job
from worker.jobs.celery_app import app
from worker.maintenance import tidy, webhook_delivery

__all__ = ["app"]


@app.task(name=str(Task.INGEST))  # type: ignore[untyped-decorator]
def ingest_dataset(dataset_id: str) -> None:
    """Read an uploaded dataset."""
    ingestion_job.ingest(get_database(), get_storage(), get_settings(), UUID(dataset_id))


@app.task(name=str(Task.FINISH))  # type: ignore[untyped-decorator]
def finish_audit(audit_id: str) -> None:
    """Turn an audit's runs into scores."""
    finishing_job.finish(get_database(), get_storage(), UUID(audit_id))


@app.task(name=str(Task.REPORT))  # type: ignore[untyped-decorator]
def report_audit(audit_id: str) -> None:
    """Compute an audit's metrics and files again, after true labels were attached."""
    finishing_job.report_again(get_database(), get_storage(), UUID(audit_id))


@app.task(name=str(Task.DELIVER))  # type: ignore[untyped-decorator]
def deliver_message(delivery_id: str) -> None:
    """Send one message of a webhook."""
    webhook_delivery.deliver(get_database(), get_settings(), UUID(delivery_id))


@app.task(name=str(Task.TIDY))  # type: ignore[untyped-decorator]
def tidy_all() -> None:
    """Delete expired uploads and finish interrupted ones."""
    tidy.tidy(get_database(), get_storage(), get_settings())
