"""The control worker: it runs the periodic tasks and the sweep.

Started as `celery -A worker.processes.control worker -Q control -B -P solo`. It has its own queue, so that
lost work is noticed while every other worker is busy for hours.
"""

from celery.beat import PersistentScheduler

from app.infra.database import get_database
from app.infra.queue import Queue, Task, count_waiting, list_served_queues
from app.infra.settings import get_settings
from worker.jobs.celery_app import app
from worker.maintenance import sweep

__all__ = ["app"]


class FreshSchedule(PersistentScheduler):  # type: ignore[misc]  # Celery has no types
    """The schedule of this start: what an earlier one left may be cut off, and Celery's beat ends at it.

    Nothing is lost: every task is due again within minutes. The file is written for the health probe.
    """

    def setup_schedule(self) -> None:
        """Begin with an empty file."""
        self._remove_db()
        super().setup_schedule()


app.conf.beat_scheduler = f"{__name__}:FreshSchedule"
app.conf.beat_schedule = {
    "sweep": {
        "task": str(Task.SWEEP),
        "schedule": get_settings().sweep_seconds,
        "options": {"queue": str(Queue.CONTROL), "expires": get_settings().sweep_seconds},
    },
    "tidy": {
        "task": str(Task.TIDY),
        "schedule": get_settings().tidy_seconds,
        "options": {"queue": str(Queue.LIGHT), "expires": get_settings().tidy_seconds},
    },
}


@app.task(name=str(Task.SWEEP))  # type: ignore[untyped-decorator]
def sweep_all() -> None:
    """Send lost work again, and note which runs no worker serves."""
    sweep.sweep(get_database(), get_settings(), lambda queue: count_waiting(app, queue))
    sweep.note_unserved(get_database(), get_settings(), lambda: list_served_queues(app))
