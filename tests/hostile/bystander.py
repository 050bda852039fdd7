"""Somebody in another workspace, who uploads small files and opens a page while something hostile goes on."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx

from app.access import keys
from app.embedded.local_stack import LocalStack
from app.infra.database import Database
from app.infra.settings import PREFIX
from app.infra.workspace_scope import get_or_create_workspace
from app.tables import Scope
from tests import patience
from tests.hostile.conversing import api_with_keys

LONGEST_WAIT = patience.scale(2)
"""Seconds: 10 on a machine under load, 5 on a quiet one with LIMIT_AUDIT_TEST_PATIENCE=2.5."""
TABLE = b"a,label\n" + b"1,x\n2,y\n" * 20
PAUSE_SECONDS = 0.2


@dataclass
class Bystander:
    """What they waited for, and how long, in seconds."""

    client: httpx.Client
    workspace: str
    url: str
    """Of the API with keys."""
    secret: str
    _waits: list[tuple[str, float, float]] = field(default_factory=list)
    """What, from when, until when."""
    _since: tuple[str, float] | None = None
    _done: threading.Event = field(default_factory=threading.Event)
    failures: list[str] = field(default_factory=list)

    def live(self) -> None:
        """Open the front page, then upload a small table and wait until it is read; again and again."""
        while not self._done.wait(PAUSE_SECONDS):
            try:
                with self._waiting("page"):
                    self.client.get("/").raise_for_status()
                with self._waiting("upload"):
                    self._upload()
            except (httpx.HTTPError, AssertionError) as error:
                if not self._done.is_set():
                    self.failures.append(repr(error))

    def _upload(self) -> None:
        dataset = self.client.post("/v1/datasets", json={"name": "small"}).raise_for_status().json()["id"]
        self.client.put(f"/v1/datasets/{dataset}/files/a.csv", content=TABLE).raise_for_status()
        while not self._done.wait(0.1):
            answer = self.client.get(f"/v1/datasets/{dataset}").raise_for_status().json()
            assert answer["status"] != "rejected", answer["error"]
            if answer["status"] == "ready":
                break
        self.client.delete(f"/v1/datasets/{dataset}").raise_for_status()

    @contextlib.contextmanager
    def _waiting(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        self._since = what, started
        try:
            yield
        finally:
            self._since = None
            self._waits.append((what, started, time.monotonic()))

    def find_longest(self, since: float) -> dict[str, float]:
        """Return the longest wait for each that overlaps the time since then, up to now."""
        now, longest = time.monotonic(), {"page": 0.0, "upload": 0.0}
        running = self._since
        waits = [*self._waits, *([] if running is None else [(*running, now)])]
        for what, started, ended in waits:
            if ended > since:
                longest[what] = max(longest[what], ended - max(started, since))
        return longest

    def stop(self) -> None:
        """End."""
        self._done.set()


@contextlib.contextmanager
def bystander_of(stack: LocalStack) -> Iterator[Bystander]:
    """Yield somebody with a workspace and a key of their own, at an API that asks for keys."""
    database = Database(stack.environment[f"{PREFIX}DATABASE_URL"], lambda *_: None)
    with database.transaction() as session:
        workspace, _ = get_or_create_workspace(session, "bystander")
        _, secret = keys.create(
            session, name="bystander", scope=Scope.WRITE, expires_at=None, workspace_id=workspace
        )
    database.dispose()
    with (
        api_with_keys(stack, "bystander") as url,
        httpx.Client(
            base_url=url,
            trust_env=False,
            headers={"Authorization": f"Bearer {secret}"},
            timeout=patience.scale(60),
        ) as client,
    ):
        made = Bystander(client=client, workspace=str(workspace), url=url, secret=secret)
        living = threading.Thread(target=made.live)
        living.start()
        try:
            yield made
        finally:
            made.stop()
            living.join()
