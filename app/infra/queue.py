"""Tasks and queues of Celery, typed: which tasks exist, the queue of each, and how messages are sent."""

import time
from collections.abc import Sequence
from enum import StrEnum
from threading import Lock
from typing import Protocol
from uuid import UUID

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis, RedisError

log = structlog.get_logger()


class Queue(StrEnum):
    """A queue, which decides the workers that run a task."""

    CONTROL = "control"
    CPU = "cpu"
    """For ingestion alone, which can take hours."""
    FINISH = "finish"
    LIGHT = "light"
    """For what waits more than it works: webhooks, tidying, and maps and consensuses, which have processes of
    their own."""
    TRAIN = "train"
    """For runs that any training worker can take; `placement` has the other training queues."""


class Task(StrEnum):
    """Names of tasks in messages."""

    INGEST = "limit_audit.ingest"
    FEATURES = "limit_audit.features"
    TRAIN = "limit_audit.train"
    FINISH = "limit_audit.finish"
    REPORT = "limit_audit.report"
    CONSENSUS = "limit_audit.consensus"
    SWEEP = "limit_audit.sweep"
    DELIVER = "limit_audit.deliver"
    TIDY = "limit_audit.tidy"
    MAP = "limit_audit.map"


QUEUE_OF = {
    Task.INGEST: Queue.CPU,
    Task.FEATURES: Queue.TRAIN,
    Task.TRAIN: Queue.TRAIN,
    Task.FINISH: Queue.FINISH,
    Task.REPORT: Queue.FINISH,
    Task.SWEEP: Queue.CONTROL,  # must not wait behind an ingestion that takes hours
    Task.TIDY: Queue.LIGHT,
    Task.DELIVER: Queue.LIGHT,
    Task.MAP: Queue.LIGHT,
    Task.CONSENSUS: Queue.LIGHT,
}

REQUEST_ID = "request_id"
"""Header of a message: the id of the request that caused it, for the worker's log."""

SERVING_SECONDS = 3.0
"""Time limit for answers of workers; busy workers answer too."""
ANSWER_KEPT_SECONDS = 2.0
"""For requests that come together."""
_asking = Lock()
_answered: tuple[float, str, list[set[str]] | None] = (-ANSWER_KEPT_SECONDS, "", None)
"""When the workers were asked last, through which broker, and their answer."""


class Send(Protocol):
    """Puts one message on a queue; None: the task's default queue."""

    def __call__(self, task: Task, identifier: UUID, queue: str | None = None, /) -> None:
        """Send the message."""


def make_celery_app(broker_url: str, *, visibility_timeout_seconds: int) -> Celery:
    """Return a Celery application for tasks that take hours; producers and workers use the same one."""
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
            "queue_order_strategy": "priority",  # a worker empties its queues in their order
        },
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0.1},
    )
    return app


def connect_redis(broker_url: str, *, timeout_seconds: float) -> Redis:
    """Return a direct connection to the broker, for facts that Celery does not report."""
    url = broker_url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
    return Redis.from_url(url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds)


def count_messages(broker_url: str, queues: Sequence[str], *, timeout_seconds: float) -> dict[str, int]:
    """Return the number of messages in each queue; empty if the broker does not answer."""
    try:
        with connect_redis(broker_url, timeout_seconds=timeout_seconds) as broker:
            return {queue: int(broker.llen(queue)) for queue in queues}
    except RedisError as error:
        log.warning("the broker does not answer", error=str(error))
        return {}


def count_waiting(app: Celery, queue: str) -> int:
    """Return the number of messages in a queue that no worker has taken yet."""
    with app.connection_for_read() as connection:
        return int(connection.default_channel.client.llen(queue))


def list_served_queues(app: Celery) -> set[str]:
    """Ask all workers and return the queues that they take from; this takes `SERVING_SECONDS`."""
    answers = app.control.broadcast("active_queues", reply=True, timeout=SERVING_SECONDS)
    return {queue["name"] for answer in answers or [] for queues in answer.values() for queue in queues}


def list_workers(broker_url: str, *, timeout_seconds: float) -> list[set[str]] | None:
    """Ask all workers and return the queues of each; None if the broker does not answer.

    One thread asks at a time, and the others take its answer. Of ten at once, each would hold a connection
    of kombu's pool and wait for a second one to send its question, without an end.
    """
    with _asking:
        asked_at, url, answer = _answered
        if url == broker_url and time.monotonic() - asked_at < ANSWER_KEPT_SECONDS:
            return answer
        answer = _ask_workers(broker_url, timeout_seconds)
        _keep_answer(broker_url, answer)
        return answer


def _keep_answer(broker_url: str, answer: list[set[str]] | None) -> None:
    global _answered  # noqa: PLW0603 - one answer for the process, under the lock
    _answered = (time.monotonic(), broker_url, answer)


def _ask_workers(broker_url: str, timeout_seconds: float) -> list[set[str]] | None:
    app = make_celery_app(broker_url, visibility_timeout_seconds=1)
    try:
        with app.connection_for_write() as connection:
            answers = app.control.broadcast(
                "active_queues", reply=True, timeout=timeout_seconds, connection=connection
            )
    except (OperationalError, OSError, RedisError) as error:
        log.warning("the broker does not answer", error=str(error))
        return None
    finally:
        app.close()
    return [{queue["name"] for queue in queues} for answer in answers or [] for queues in answer.values()]


def make_sender(app: Celery) -> Send:
    """Return the function that puts one message on its queue.

    The row in the database decides; the message is only a hint. If the broker cannot be reached, the
    function logs the failure and the sweeper sends the message later.
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
            log.warning(
                "message not sent, the sweeper will send it", task=task, id=str(identifier), error=str(error)
            )

    return send
