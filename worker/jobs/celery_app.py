"""The workers' Celery application, and how a clean shutdown reaches the work in hand."""

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
# Shared with the pool's children, which are forked from here: set once the parent is told to stop.
stopping = multiprocessing.get_context("fork").Event()
ABOUT = {
    queue.Task.INGEST: "dataset",
    queue.Task.TRAIN: "run",
    queue.Task.FINISH: "audit",
    queue.Task.REPORT: "audit",
}
"""What a task's one argument is the id of."""


@setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logging(**_: object) -> None:
    configure_logging(get_settings().log_format)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _tell_children(**_: object) -> None:
    stopping.set()


@task_prerun.connect  # type: ignore[untyped-decorator]
def _bind_ids(task: Task, args: list[str], **_: object) -> None:
    """Have every line of the log say which work it is about, and which request asked for it."""
    about = ABOUT.get(task.name, "id")
    request_id = getattr(task.request, queue.REQUEST_ID, None)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        task=task.name,
        **({about: args[0]} if args else {}),
        **({queue.REQUEST_ID: request_id} if request_id else {}),
    )
