"""Idempotency-Key on POST: a repeated request is not executed twice.

The answer is stored in the transaction that does the work, so neither exists without the other.
"""

import hashlib
import re
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.http import idempotency
from app.infra.database import Database
from app.infra.errors import Gone, Invalid
from app.tables import DEFAULT_WORKSPACE, IdempotentAnswer

HEADER = "idempotency-key"
KEY = re.compile(r"[\x21-\x7e]{1,255}")
HELD = "held_transaction"
# The headers that belong to a POST beside its body: a resumable upload begins with headers only.
FINGERPRINT_HEADERS = ("content-type", "upload-length", "upload-metadata")
UNSTORED_HEADERS = frozenset({"content-length", "date"})
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class RepeatedRequest(Exception):
    """The request was answered before; `stored` is its answer."""

    def __init__(self, stored: IdempotentAnswer) -> None:
        super().__init__(stored.key)
        self.stored = stored


class HeldTransaction:
    """The transaction of one request; the route ends it when the answer is known."""

    def __init__(self, key: str, fingerprint: bytes) -> None:
        self._key, self._fingerprint = key, fingerprint
        self._ends = ExitStack()
        self._begun: tuple[Session, idempotency.IdempotentRequest] | None = None

    def begin(self, database: Database) -> Session:
        """Open the transaction and claim the key.

        Raises:
            Replayed: the request was answered before.
            Invalid: the key was used for another request before.

        """
        session = self._ends.enter_context(database.transaction())
        owner = database.workspace_id or DEFAULT_WORKSPACE
        once = idempotency.IdempotentRequest(workspace_id=owner, key=self._key, fingerprint=self._fingerprint)
        stored = idempotency.claim(session, once)
        if stored is not None:
            raise RepeatedRequest(stored)
        self._begun = session, once
        return session

    def commit(self, response: Response) -> None:
        """Store the answer and commit."""
        if self._begun is not None:
            session, once = self._begun
            headers = {
                name: value for name, value in response.headers.items() if name not in UNSTORED_HEADERS
            }
            idempotency.store_answer(
                session, once, status=response.status_code, headers=headers, body=bytes(response.body)
            )
        self._ends.close()

    def roll_back(self, error: BaseException) -> None:
        """Roll the transaction back."""
        self._ends.__exit__(type(error), error, error.__traceback__)


class IdempotentRoute(APIRoute):
    """Executes a POST with an Idempotency-Key once, and answers repetitions with the first answer."""

    def get_route_handler(self) -> Handler:
        """Return the handler, with handling of the Idempotency-Key."""
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            key = request.headers.get(HEADER)
            if request.method != "POST" or key is None:
                return await handle(request)
            if not KEY.fullmatch(key):
                raise Invalid(
                    "the Idempotency-Key must be 1 to 255 printable ASCII characters without spaces"
                )
            transaction = HeldTransaction(key, _make_fingerprint(request, await request.body()))
            setattr(request.state, HELD, transaction)
            try:
                response = await handle(request)
                await run_in_threadpool(transaction.commit, response)
            except RepeatedRequest as replayed:
                await run_in_threadpool(transaction.roll_back, replayed)
                return _replay(replayed.stored)
            except BaseException as error:
                await run_in_threadpool(transaction.roll_back, error)
                raise
            return response

        return handle_once


def _make_fingerprint(request: Request, body: bytes) -> bytes:
    parts = (
        request.url.path,
        request.url.query,
        *(request.headers.get(name, "") for name in FINGERPRINT_HEADERS),
    )
    return hashlib.sha256("\n".join(parts).encode() + b"\n" + body).digest()


def _replay(stored: IdempotentAnswer) -> Response:
    if stored.body is None:
        raise Gone(
            f"this request was answered more than {idempotency.SECRET_SECONDS} seconds ago with a secret, "
            "which is no longer kept; delete what it created and create it anew"
        )
    headers = (stored.headers or {}) | {"Idempotency-Replayed": "true"}
    return Response(stored.body, status_code=stored.status or 200, headers=headers)
