"""The workers' Celery application, and the event that tells running jobs of a shutdown."""

import multiprocessing

import structlog
from celery import Task
from celery.signals import setup_logging, task_prerun, worker_shutting_down

from app.infra import queue
from app.infra.logs import configure_logging
from app.infra.settings import get_settings

app = queue.make_celery_app(
    get_settings().broker_url, visibility_timeout_seconds=get_settings().visibility_timeout_seconds
)
# Shared with the pool's children, which are forked from this process; set when the parent must stop.
stopping = multiprocessing.get_context("fork").Event()
ABOUT = {
    queue.Task.INGEST: "dataset",
    queue.Task.FEATURES: "shard",
    queue.Task.TRAIN: "run",
    queue.Task.FINISH: "audit",
    queue.Task.REPORT: "audit",
    queue.Task.MAP: "map",
    queue.Task.CONSENSUS: "dataset",
}
"""What the argument of a task identifies."""


@setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logging(**_: object) -> None:
    configure_logging(get_settings().log_format)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _tell_children(**_: object) -> None:
    stopping.set()


@task_prerun.connect  # type: ignore[untyped-decorator]
def _bind_ids(task: Task, args: list[str], **_: object) -> None:
    """Add the ids of the work and of the request that started it to every log line."""
    about = ABOUT.get(task.name, "id")
    request_id = getattr(task.request, queue.REQUEST_ID, None)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        task=task.name,
        **({about: args[0]} if args else {}),
        **({queue.REQUEST_ID: request_id} if request_id else {}),
    )
