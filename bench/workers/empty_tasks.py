"""How many tasks a second the queue passes: messages about rankings that nobody asked for.

    python -m bench.workers.empty_tasks [--tasks 3000]

Each goes through Redis and Celery to the finishing worker of a service on loopback, which looks for its audit
in PostgreSQL, finds none and ends. So this is what the queue costs a piece of work. Prints one line.
"""

import argparse
import os
import sys
import time
from uuid import uuid4

from celery import Celery

from app.embedded.local_stack import LocalStack
from app.infra import queue
from bench.speed.made import scratch

WARM_UP = 100


def main() -> int:
    """Send, wait until all are taken, and print the rates."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=3_000)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with scratch() as folder, LocalStack(folder / "service") as stack:
        broker = stack.environment["LIMIT_AUDIT_BROKER_URL"]
        app = queue.make_celery_app(broker, visibility_timeout_seconds=3_600)
        pass_tasks(app, WARM_UP)
        sent, passed = pass_tasks(app, options.tasks)
    sys.stdout.write(
        f"{options.tasks} empty tasks by one worker: sent in {sent:.1f} s, all taken after {passed:.1f} s,"
        f" {options.tasks / passed:.0f} a second; {os.cpu_count()} cores, load {load:.1f} at the start\n"
    )
    return 0


def pass_tasks(app: Celery, count: int) -> tuple[float, float]:
    """Send tasks, and return the seconds until all were sent and until the last was taken."""
    send = queue.make_sender(app)
    began = time.perf_counter()
    for _ in range(count):
        send(queue.Task.FINISH, uuid4())
    sent = time.perf_counter() - began
    while queue.count_waiting(app, queue.Queue.FINISH):
        time.sleep(0.01)
    return sent, time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
