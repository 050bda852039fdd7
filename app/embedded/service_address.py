"""Where the embedded service of a data folder answers, and ports of this machine."""

import socket
from pathlib import Path

from app.embedded.data_folder import ServiceNote, StartError
from app.embedded.running_services import is_ours

HOST = "127.0.0.1"


def find_running_service(data_dir: Path) -> str | None:
    """Return the address of the service that uses a folder; None: no service runs.

    Another service that answers at the address is none: it does not know the token.
    """
    note = ServiceNote.read(data_dir)
    if note is not None and note.owner.is_alive() and is_ours(note.url, note.token, "live"):
        return note.url
    return None


def check_port(host: str, port: int) -> None:
    """Raise StartError where something else listens on the port, before anything is started."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the API does: of closed connections
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StartError(
                f"cannot listen on {host}, port {port}: {error.strerror}; --port chooses another"
            ) from error


def find_free_port() -> int:
    """Return a port of the loopback address on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
