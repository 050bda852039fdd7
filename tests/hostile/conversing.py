"""A second API of a running service, which asks for keys, and several of everything for it to show."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.access import keys
from app.embedded.local_stack import LocalStack
from app.embedded.part_commands import build_api
from app.infra.database import Database
from app.infra.settings import PREFIX
from app.infra.storage import Storage
from app.tables import Scope
from tests import patience
from tests.builders.full_workspace import store_full_workspace
from tests.hostile.contract import Ids

HOUSES = 8
"""What is deleted must leave something for the requests after it."""


@dataclass(frozen=True)
class House:
    """Where the API with keys answers, what there is, and who may do what."""

    url: str
    ids: Ids
    keys: dict[Scope, str]


@contextlib.contextmanager
def conversing(stack: LocalStack) -> Iterator[House]:
    """Yield an API that asks for keys, beside the one that does not; both see the same objects."""
    database = Database(stack.environment[f"{PREFIX}DATABASE_URL"], lambda *_: None)
    files = Storage(Path(stack.environment[f"{PREFIX}STORAGE_DIR"]))
    made = [store_full_workspace(database, files) for _ in range(HOUSES)]
    with database.transaction() as session:
        secrets = {
            scope: keys.create(session, name=scope, scope=scope, expires_at=None)[1] for scope in Scope
        }
    database.dispose()
    with api_with_keys(stack, "conversing") as url:
        ids = {f"{name}_id": [one[name] for one in made] for name in made[0]}
        yield House(url, ids, secrets)


@contextlib.contextmanager
def api_with_keys(stack: LocalStack, name: str) -> Iterator[str]:
    """Yield the address of a further API of a service, which asks for keys; its log is named after it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **stack.environment,
        f"{PREFIX}AUTHENTICATION": "keys",
        f"{PREFIX}REQUESTS_PER_SECOND": "1000000",  # what is tried here are the answers, not their number
    }
    with (stack.data_dir / "logs" / f"api-of-{name}.log").open("ab") as log:
        command = build_api("127.0.0.1", port)
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _until_it_answers(url)
        yield url
    finally:
        process.terminate()
        process.wait(patience.scale(30))


def _until_it_answers(url: str) -> None:
    deadline = time.monotonic() + patience.scale(60)
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"{url}/v1/health/live", trust_env=False).raise_for_status()
            return
        time.sleep(0.1)
    raise AssertionError("the API with keys does not answer")
