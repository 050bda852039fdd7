"""Calls of a function in a process of its own, with limits on memory and time: for files that people send.

A file of a few kilobytes can describe tables of gigabytes. `python -m app.http.work_apart` reads from its
standard input which function to call with which arguments, pickled by its parent, and answers in JSON.
How many run at a time is up to who calls (`slow_work.run_apart`).
"""

import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from app.http.resource_limits import limit_process
from app.infra.errors import Invalid

MEBIBYTE = 2**20
CPU_SECONDS, WAIT_FACTOR = 300, 3
"""On a machine that others use too a second of the processor takes several."""


class TooMuchWork(Invalid):
    """A file takes more memory or time than it may."""

    code = "too_much_work"


def call_apart(
    function: Callable[..., object],
    arguments: Mapping[str, object],
    *,
    what: str,
    memory_bytes: int,
    cpu_seconds: int = CPU_SECONDS,
) -> Any:  # noqa: ANN401 - JSON
    """Return what a function returns that is called in a process of its own.

    Args:
        function: of a module of this project; what it returns can be JSON.
        arguments: by name.
        what: what the file is, for messages.
        memory_bytes: the most that it may take, on top of what the libraries have reserved.
        cpu_seconds: the most processor time that it may take.

    Raises:
        Invalid: the function raised it.
        TooMuchWork: it took more memory or processor time than it may, or crashed on the file.

    """
    task = pickle.dumps((memory_bytes, cpu_seconds, function, arguments))
    command = [sys.executable, "-m", "app.http.work_apart"]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, input=task, stdout=subprocess.PIPE, check=True, timeout=WAIT_FACTOR * cpu_seconds
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise TooMuchWork(
            f"expected {what} that can be read in {memory_bytes // MEBIBYTE:,} MiB of memory and"
            f" {cpu_seconds} seconds of processor time; this one takes more, or cannot be read at all"
        ) from error
    answer = json.loads(done.stdout)
    if "invalid" in answer:
        raise Invalid(answer["invalid"])
    return answer["value"]


def main() -> None:
    """Call the function of the standard input; write what it returns, or why it refuses, as JSON."""
    memory_bytes, cpu_seconds, function, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own process wrote it
    limit_process(memory_bytes, cpu_seconds)
    try:
        answer = {"value": function(**arguments)}
    except Invalid as error:
        answer = {"invalid": error.detail}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
