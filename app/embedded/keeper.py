"""The process that stops the service if its owner is killed: `python -m app.embedded.keeper DATA_DIR`.

It reads its standard input, a pipe from the owner, which ends with the owner however that ends. After an
ordinary stop the note of the service is gone, and there is nothing to do.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from app.embedded import data_folder, leftovers
from app.embedded.data_folder import DATABASE, ServiceNote, StartError
from app.embedded.process_identity import ProcessIdentity

LOOK_SECONDS = 0.05
END_SECONDS = 10.0


@contextlib.contextmanager
def keep(data_dir: Path) -> Iterator[None]:
    """Have a keeper while this process, the owner of a service, runs it."""
    owner = ProcessIdentity.of(os.getpid())
    command = [sys.executable, "-m", "app.embedded.keeper", str(data_dir), json.dumps(asdict(owner))]
    process = subprocess.Popen(  # noqa: S603 - our own program
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # what is sent to the owner's group does not reach it
    )
    try:
        yield
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=END_SECONDS)
        process.kill()
        process.wait()


def main() -> None:
    """Wait for the end of the owner, then stop what it has left."""
    data_dir, owner = Path(sys.argv[1]), ProcessIdentity(**json.loads(sys.argv[2]))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    note = ServiceNote.read(data_dir)
    if note is None or note.owner != owner:
        return
    while owner.is_alive():  # a process that is being killed closes its pipes before it gives up its locks
        time.sleep(LOOK_SECONDS)
    # Where the lock is taken, the next start does this itself.
    with contextlib.suppress(StartError, OSError), data_folder.lock_folder(data_dir):
        if ServiceNote.read(data_dir) == note:
            leftovers.reap_service(data_dir)
            leftovers.stop_postgres(data_dir / DATABASE)


if __name__ == "__main__":
    main()
