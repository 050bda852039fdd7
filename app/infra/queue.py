"""The typed front of Celery: which tasks exist, where each goes, and how a message is sent."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis, RedisError

log = structlog.get_logger()


class Queue(StrEnum):
    """Which workers take a task."""

    CONTROL = "control"
    CPU = "cpu"
    TRAIN = "train"
    """Of runs that any training worker may take; see `placement` for the others."""


class Task(StrEnum):
    """Every task's name on the wire."""

    INGEST = "limit_audit.ingest"
    TRAIN = "limit_audit.train"
    FINISH = "limit_audit.finish"
    REPORT = "limit_audit.report"
    SWEEP = "limit_audit.sweep"
    DELIVER = "limit_audit.deliver"
    TIDY = "limit_audit.tidy"


QUEUE_OF = {
    Task.INGEST: Queue.CPU,
    Task.TRAIN: Queue.TRAIN,
    Task.FINISH: Queue.CPU,
    Task.REPORT: Queue.CPU,
    Task.SWEEP: Queue.CONTROL,  # never behind an ingestion of hours
    Task.TIDY: Queue.CPU,
    Task.DELIVER: Queue.CPU,
}

REQUEST_ID = "request_id"
"""Header of a message: the request that it comes from, for the worker's log."""

SERVING_SECONDS = 3.0
"""Within which a living worker answers; a busy one does too."""


class Send(Protocol):
    """Puts one message on a queue, the task's own if none is named."""

    def __call__(self, task: Task, identifier: UUID, queue: str | None = None, /) -> None:
        """Send it."""


def make_celery_app(broker_url: str, *, visibility_timeout_seconds: int) -> Celery:
    """Return a Celery application set up for work of hours; producer and worker must agree on it."""
    app = Celery("limit-audit", broker=broker_url)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_create_missing_queues=True,
        task_default_queue=Queue.CPU,
        task_routes={str(task): {"queue": str(queue)} for task, queue in QUEUE_OF.items()},
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": visibility_timeout_seconds,
            "socket_connect_timeout": 5,
            "socket_timeout": 30,
            "queue_order_strategy": "priority",  # of several queues a worker empties the first first
        },
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0.1},
    )
    return app


def connect_redis(broker_url: str, *, timeout_seconds: float) -> Redis:
    """Return a connection of our own to the broker, for what Celery does not tell."""
    url = broker_url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
    return Redis.from_url(url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds)


def count_messages(broker_url: str, queues: Sequence[str], *, timeout_seconds: float) -> dict[str, int]:
    """Return how many messages each queue holds; nothing where the broker does not answer."""
    try:
        with connect_redis(broker_url, timeout_seconds=timeout_seconds) as broker:
            return {queue: int(broker.llen(queue)) for queue in queues}
    except RedisError as error:
        log.warning("the broker does not answer", error=str(error))
        return {}


def count_waiting(app: Celery, queue: str) -> int:
    """Return how many messages a queue holds that no worker has taken yet."""
    with app.connection_for_read() as connection:
        return int(connection.default_channel.client.llen(queue))


def list_served_queues(app: Celery) -> set[str]:
    """Return the queues that living workers take from, asking them all; it takes `SERVING_SECONDS`."""
    answers = app.control.broadcast("active_queues", reply=True, timeout=SERVING_SECONDS)
    return {queue["name"] for answer in answers or [] for queues in answer.values() for queue in queues}


def make_sender(app: Celery) -> Send:
    """Return the function that puts one message on its queue.

    The row is the truth and the message a hint: where the broker cannot be reached, the failure is
    logged and the sweeper sends the message again later.
    """

    def send(task: Task, identifier: UUID, queue: str | None = None, /) -> None:
        try:
            app.send_task(
                str(task),
                args=[str(identifier)],
                queue=queue or str(QUEUE_OF[task]),
                headers={REQUEST_ID: structlog.contextvars.get_contextvars().get(REQUEST_ID)},
            )
        except (OperationalError, OSError) as error:
            log.warning("message not sent, the sweeper will", task=task, id=str(identifier), error=str(error))

    return send
