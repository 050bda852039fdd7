"""The worker without a GPU, for ingestion (`-Q cpu`) and for finishing (`-Q finish`): a process for each.

Started as `celery -A worker.processes.cpu worker -Q cpu`. Messages of earlier versions may ask it for what
the light worker does now, so it can do that too.
"""

from uuid import UUID

from app.infra.database import get_database
from app.infra.queue import Task
from app.infra.settings import get_settings
from app.infra.storage import get_storage
from worker.finish import finishing_job
from worker.ingest import ingestion_job
from worker.jobs.celery_app import app
from worker.processes.light import deliver_message, form_consensuses, tidy_all

__all__ = ["app", "deliver_message", "form_consensuses", "tidy_all"]


@app.task(name=str(Task.INGEST))  # type: ignore[untyped-decorator]
def ingest_dataset(_: str) -> None:
    """Read the uploaded dataset whose turn it is; the message says only that there is one more."""
    ingestion_job.ingest_next(get_database(), get_storage(), get_settings())


@app.task(name=str(Task.FINISH))  # type: ignore[untyped-decorator]
def finish_audit(audit_id: str) -> None:
    """Turn an audit's runs into scores."""
    finishing_job.finish(get_database(), get_storage(), UUID(audit_id))


@app.task(name=str(Task.REPORT))  # type: ignore[untyped-decorator]
def report_audit(audit_id: str) -> None:
    """Compute an audit's metrics and files again, after true labels were attached."""
    finishing_job.report_again(get_database(), get_storage(), UUID(audit_id))
