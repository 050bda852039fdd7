"""The training worker, one for each device or group of devices; it also computes features.

Started as `celery -A worker.processes.gpu worker -c 1 --max-tasks-per-child 1`. A new child for every run
releases all of a GPU's memory after it, and only the child initialises CUDA.
"""

from uuid import UUID

import structlog
from celery.app.utils import Settings as CelerySettings
from celery.signals import celeryd_init

from app.infra.database import get_database
from app.infra.queue import Task
from app.infra.settings import get_settings
from app.infra.storage import get_storage
from worker.features import shard_job
from worker.jobs import devices
from worker.jobs.celery_app import app, stopping
from worker.processes import queue_choice
from worker.train import training_job

__all__ = ["app"]
log = structlog.get_logger()


@celeryd_init.connect  # type: ignore[untyped-decorator]
def _subscribe(conf: CelerySettings, **_: object) -> None:
    """Subscribe to every queue that this worker's devices can serve; `--queues` selects some of them."""
    names = queue_choice.choose_queues(get_settings())
    conf.task_queues = {name: {"exchange": name} for name in names}
    log.info("queues", names=names)


@app.task(name=str(Task.FEATURES))  # type: ignore[untyped-decorator]
def compute_shard(shard_id: str) -> None:
    """Compute one shard of a dataset's features."""
    with devices.hold(devices.choose(get_settings().devices), give_up=stopping.is_set) as is_held:
        if is_held:
            shard_job.execute(get_database(), get_storage(), get_settings(), UUID(shard_id))


@app.task(name=str(Task.TRAIN))  # type: ignore[untyped-decorator]
def train_run(run_id: str) -> None:
    """Train one run."""
    with devices.hold(devices.choose(get_settings().devices), give_up=stopping.is_set) as is_held:
        if is_held:
            training_job.execute(get_database(), get_storage(), get_settings(), UUID(run_id))
