"""Where the embedded service answers, and whether what answers there is this service."""

import contextlib
import secrets
import socket
from pathlib import Path

import httpx

from app.embedded.data_folder import ServiceNote, StartError
from app.infra import instance_proof

HOST = "127.0.0.1"
ANSWER_SECONDS = 10.0


def find_running_service(data_dir: Path) -> str | None:
    """Return the address of the service that uses a folder; None: no service runs.

    Another service that answers at the address is none: it does not know the token.
    """
    note = ServiceNote.read(data_dir)
    if note is not None and note.owner.is_alive() and is_ours(note.url, note.token, "live"):
        return note.url
    return None


def is_ours(url: str, token: str, probe: str) -> bool:
    """Return whether the service at an address has this token, and its health probe is well."""
    challenge = secrets.token_hex(instance_proof.TOKEN_BYTES)
    with (
        contextlib.suppress(httpx.HTTPError, ValueError, KeyError, TypeError),
        httpx.Client(trust_env=False, timeout=ANSWER_SECONDS) as client,
    ):
        proof = client.get(f"{url}/v1/health/instance", params={"challenge": challenge}).json()["proof"]
        is_well = client.get(f"{url}/v1/health/{probe}").status_code == httpx.codes.OK
        return is_well and instance_proof.is_proof(token, challenge, str(proof))
    return False


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
