"""Well-behaved clients: each repeats one kind of request as soon as it has an answer."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

TIMEOUT_SECONDS = 60
READ = {"ready", "rejected"}
POLL_SECONDS = 0.5
ROWS = "\n".join(["a,b,label", *(f"{n % 17},{n % 5},{n % 3}" for n in range(3000))]).encode()
"""A table that is uploaded."""


@dataclass
class Tally:
    """What the clients of one run came to, by kind of request."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, seconds: float) -> None:
        """Count an answer."""
        with self.lock:
            self.seconds.setdefault(kind, []).append(seconds)

    def fail(self, sentence: str) -> None:
        """Count an error."""
        with self.lock:
            self.errors.append(sentence)


class Client:
    """One connection that is kept."""

    def __init__(self, port: int, tally: Tally) -> None:
        self._tally = tally
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)

    def ask(
        self, kind: str, method: str, path: str, body: bytes | None = None, *, json_body: object = None
    ) -> bytes:
        """Return the answer's body and note how long it took to its last byte."""
        headers = {}
        if json_body is not None:
            body, headers = json.dumps(json_body).encode(), {"Content-Type": "application/json"}
        started = time.perf_counter()
        try:
            if self._connection.sock is None:
                self._connection.connect()
                self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # type: ignore[attr-defined]
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self._tally.fail(f"{method} {path}: {error!r}")
            return b""
        if response.status >= http.client.BAD_REQUEST:
            self._tally.fail(f"{method} {path}: {response.status} {answer[:200]!r}")
            return b""
        self._tally.note(kind, time.perf_counter() - started)
        return answer

    def json(self, kind: str, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Return an answer's JSON; empty where there was an error, which was counted."""
        found: dict[str, Any] = json.loads(self.ask(kind, method, path, json_body=body) or b"{}")
        return found


@dataclass(frozen=True)
class Ids:
    """What there is to look at."""

    dataset: str
    audit: str


def polls(client: Client, ids: Ids) -> Iterator[None]:
    """Ask for states and heads of rankings."""
    for path in cycle(
        (
            f"/v1/audits/{ids.audit}",
            f"/v1/datasets/{ids.dataset}",
            f"/v1/audits/{ids.audit}/suspects?limit=50",
            "/v1/audits?limit=20",
            f"/v1/audits/{ids.audit}/samples/17",
        )
    ):
        client.ask("poll", "GET", path)
        yield


def pages(client: Client, ids: Ids) -> Iterator[None]:
    """Look at the pages."""
    found = (
        "/",
        "/audits",
        f"/datasets/{ids.dataset}",
        f"/audits/{ids.audit}",
        f"/audits/{ids.audit}/review",
    )
    for path in cycle(found):
        client.ask("page", "GET", path)
        yield


def downloads(client: Client, ids: Ids) -> Iterator[None]:
    """Download the whole ranking."""
    while True:
        client.ask("csv", "GET", f"/v1/audits/{ids.audit}/ranking.csv")
        yield


def uploads(client: Client, _: Ids) -> Iterator[None]:
    """Make a dataset, upload its file, wait until it is read, delete it."""
    while True:
        dataset = client.json("create", "POST", "/v1/datasets", {"name": "load"}).get("id")
        path = f"/v1/datasets/{dataset}"
        if dataset and client.ask("upload", "PUT", f"{path}/files/rows.csv", ROWS):
            yield
            while client.json("poll", "GET", path).get("status") not in READ:
                time.sleep(POLL_SECONDS)
                yield
            client.ask("delete", "DELETE", path)
        yield


Role = Callable[[Client, Ids], Iterator[None]]
ROLES: dict[Role, int] = {polls: 20, pages: 12, downloads: 8, uploads: 10}
"""How many of fifty clients do what."""


def at_once(port: int, ids: Ids, *, seconds: float, clients: int) -> Tally:
    """Have so many clients ask for so long, and return what came of it."""
    tally = Tally()
    roles = [role for role, share in ROLES.items() for _ in range(share)]
    ends = time.monotonic() + seconds

    def work(role: Role) -> None:
        for _ in role(Client(port, tally), ids):
            if time.monotonic() > ends:
                return

    threads = [threading.Thread(target=work, args=(roles[n % len(roles)],)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally
