"""The process that lays out a map, with a limit on its memory, behind all other work of the host.

`python -m worker.maps.layout_process` is the child: it reads a task from its standard input and answers in
lines of JSON, first progress, at the end the outcome. The parent kills it when the map is cancelled.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.http.resource_limits import limit_memory
from app.tables import Json
from worker.ingest import process_limits
from worker.jobs.child_lines import read_lines

NICENESS = 5
REPORTED = 0.01
"""Progress is written when it has grown by so much."""


class LayoutFailed(Exception):
    """The child ended without points."""


def lay_out_in_child(task: Json, on_progress: Callable[[float | None], None]) -> Json:
    """Compute points in a child and return its facts.

    Args:
        task: what `run` takes.
        on_progress: called several times a second with the share that is done, None: as before; it can
            raise to stop.

    Raises:
        LayoutFailed: the child failed, or was killed for its memory.

    """
    with _start(task) as process:
        for line in read_lines(process):
            message = json.loads(line) if line else {}
            if "facts" in message:
                return dict(message["facts"])
            if "detail" in message:
                raise LayoutFailed(message["detail"])
            on_progress(message.get("progress"))
        process.wait()
    cause = "most likely for its memory" if process.returncode == -signal.SIGKILL else "see the worker's log"
    raise LayoutFailed(f"the process that lays out the map ended with {process.returncode} ({cause})")


@contextmanager
def _start(task: Json) -> Iterator[subprocess.Popen[bytes]]:
    """Start the child; it is killed at the end of this block."""
    command = [sys.executable, "-m", "worker.maps.layout_process"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own module
        try:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it died at once; its exit code is reported
                process.stdin.write(json.dumps(task).encode() + b"\n")
                process.stdin.flush()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            yield process
        finally:
            process.kill()


def run(task: Json, on_progress: Callable[[float], None]) -> Json:
    """Lay out the samples of a task and write their points.

    Args:
        task: `source` (`PointSource.describe`), `positions` (a .npy file), `target` (a .npy file, written
            here), `first`, `seed`, `seconds`.
        on_progress: called with the share that is done.

    """
    import numpy as np  # noqa: PLC0415 - after the limits are set
    import torch  # noqa: PLC0415

    from models.maps.neighbour_layout import lay_out  # noqa: PLC0415
    from worker.maps.map_points import read_rows  # noqa: PLC0415

    rows_ND = read_rows(task["source"], np.load(task["positions"]))
    layout = lay_out(
        rows_ND,
        first=task["first"],
        seed=task["seed"],
        threads=torch.get_num_threads(),
        seconds=task["seconds"],
        on_progress=on_progress,
    )
    with Path(task["target"]).open("wb") as file:
        np.save(file, layout.points_N2)
    return {"landmarks": layout.landmarks, "is_complete": layout.is_complete}


def main() -> None:
    """Do the task that the standard input names."""
    process_limits.die_with_parent()
    os.nice(NICENESS)
    task = json.loads(sys.stdin.buffer.readline())
    import torch  # noqa: F401, PLC0415 - what libraries reserve comes before the limit

    limit_memory(task["memory_bytes"])
    reported = 0.0

    def report(share: float) -> None:
        nonlocal reported
        if share >= reported + REPORTED:
            reported = share
            _answer({"progress": share})

    try:
        _answer({"facts": run(task, report)})
    except (MemoryError, RuntimeError) as error:
        _answer({"detail": f"the layout of the map failed: {error or 'out of memory'}"})


def _answer(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
