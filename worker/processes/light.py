"""The worker for what waits more than it works: webhooks, tidying, and the processes of maps and consensuses.

Started as `celery -A worker.processes.light worker -Q light -P threads`. In a queue of its own, because a
receiver that does not answer keeps a thread for seconds, and must keep nobody else.
"""

import threading
from uuid import UUID

from app.infra.database import get_database
from app.infra.queue import Task
from app.infra.settings import get_settings
from app.infra.storage import get_storage
from worker.consensus import consensus_job
from worker.jobs.celery_app import app
from worker.maintenance import tidy, webhook_delivery
from worker.maps import map_job

__all__ = ["app"]
TIDYING, MAPPING, FORMING = threading.Lock(), threading.Lock(), threading.Lock()


@app.task(name=str(Task.DELIVER))  # type: ignore[untyped-decorator]
def deliver_message(delivery_id: str) -> None:
    """Send one message of a webhook."""
    webhook_delivery.deliver(get_database(), get_settings(), UUID(delivery_id))


@app.task(name=str(Task.TIDY))  # type: ignore[untyped-decorator]
def tidy_all() -> None:
    """Delete expired uploads and finish interrupted ones; not twice at a time."""
    if TIDYING.acquire(blocking=False):
        try:
            tidy.tidy(get_database(), get_storage(), get_settings())
        finally:
            TIDYING.release()


@app.task(name=str(Task.MAP))  # type: ignore[untyped-decorator]
def draw_maps(_: str) -> None:
    """Compute the maps that wait, one at a time; the message says only that there is one more."""
    if MAPPING.acquire(blocking=False):
        try:
            map_job.draw_waiting(get_database(), get_storage(), get_settings())
        finally:
            MAPPING.release()


@app.task(name=str(Task.CONSENSUS))  # type: ignore[untyped-decorator]
def form_consensuses(_: str) -> None:
    """Form the consensuses that wait, one at a time; the message says only that there is one more."""
    if FORMING.acquire(blocking=False):
        try:
            consensus_job.form_waiting(get_database(), get_storage())
        finally:
            FORMING.release()
