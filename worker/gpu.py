"""The training worker, one per device or group: `celery -A worker.gpu worker -c 1 --max-tasks-per-child 1`.

A fresh child for every run gives all of a GPU's memory back, and CUDA is touched in the child alone.
"""

from uuid import UUID

from app.database import database
from app.queue import Task
from app.settings import settings
from app.storage import storage
from worker import devices, train
from worker.celery import app, stopping

__all__ = ["app"]


@app.task(name=str(Task.TRAIN))  # type: ignore[untyped-decorator]
def train_run(run_id: str) -> None:
    """Train one run."""
    with devices.held(devices.choose(settings().devices), give_up=stopping.is_set) as ours:
        if ours:
            train.execute(database(), storage(), settings(), UUID(run_id))
