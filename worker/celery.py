"""The workers' Celery application, and how a clean shutdown reaches the work in hand."""

import multiprocessing

from celery.signals import setup_logging, worker_shutting_down

from app import queue
from app.logs import configure_logging
from app.settings import settings

app = queue.celery_app(
    settings().broker_url, visibility_timeout_seconds=settings().visibility_timeout_seconds
)
# Shared with the pool's children, which are forked from here: set once the parent is told to stop.
stopping = multiprocessing.get_context("fork").Event()


@setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logging(**_: object) -> None:
    configure_logging(settings().log_format)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _tell_children(**_: object) -> None:
    stopping.set()
