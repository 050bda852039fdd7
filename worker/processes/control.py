"""The worker that watches over the others, and beat.

Started as `celery -A worker.processes.control worker -Q control -B -P solo`. It has a queue of its own, so
that lost work is noticed while every other worker is busy for hours.
"""

from app.infra.database import database
from app.infra.queue import Queue, Task, served, waiting
from app.infra.settings import settings
from worker.jobs.celery_app import app
from worker.maintenance import sweep

__all__ = ["app"]

app.conf.beat_schedule = {
    "sweep": {
        "task": str(Task.SWEEP),
        "schedule": settings().sweep_seconds,
        "options": {"queue": str(Queue.CONTROL), "expires": settings().sweep_seconds},
    },
    "tidy": {
        "task": str(Task.TIDY),
        "schedule": settings().tidy_seconds,
        "options": {"queue": str(Queue.CPU), "expires": settings().tidy_seconds},
    },
}


@app.task(name=str(Task.SWEEP))  # type: ignore[untyped-decorator]
def sweep_all() -> None:
    """Make good what was lost."""
    sweep.sweep(database(), settings(), lambda queue: waiting(app, queue))
    sweep.note_unserved(database(), settings(), lambda: served(app))
