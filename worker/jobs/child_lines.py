"""Lines that a child process writes, with a tick where it is silent."""

import os
import selectors
import subprocess
from collections.abc import Iterator

TICK_SECONDS = 0.2
PIPE_BYTES = 65_536


def read_lines(process: subprocess.Popen[bytes]) -> Iterator[bytes | None]:
    """Yield the lines of a child's output, and None after every TICK_SECONDS without a line."""
    assert process.stdout is not None
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(TICK_SECONDS):
                yield None
                continue
            block = os.read(process.stdout.fileno(), PIPE_BYTES)
            if not block:
                return
            *lines, pending = (pending + block).split(b"\n")
            yield from lines
