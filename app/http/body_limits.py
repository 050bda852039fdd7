"""Size and time limits for bodies held in memory (JSON, forms); file uploads have their own limits."""

import asyncio
import re
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STREAMED = "streamed"
LISTS = re.compile(r"/v1/audits$|/reviews$|/bulk-actions(/preview)?$|/selections$")
"""Of requests whose bodies are lists that people's tools make: verdicts, positions, or a confusion matrix."""


def lift_limits(state: Any) -> None:  # noqa: ANN401 - Starlette's state of a request
    """Lift these limits for a request whose body is streamed to disk under the limits of uploads."""
    setattr(state, STREAMED, True)


class BodyLimit:
    """Refuses a body over the limit: by Content-Length before reading it, else while it arrives.

    Paths that match LISTS have a larger limit.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, list_max_bytes: int, seconds: float) -> None:
        self.app, self.max_bytes, self.list_max_bytes = app, max_bytes, list_max_bytes
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and check its body while it is read."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        taken, is_complete = 0, False
        max_bytes = self.list_max_bytes if LISTS.search(scope["path"]) else self.max_bytes
        state = scope.setdefault("state", {})
        deadline = asyncio.get_running_loop().time() + self.seconds

        async def receive_within_limits() -> Message:
            nonlocal taken, is_complete
            if is_complete or state.get(STREAMED):
                return await receive()
            _check_size(_read_content_length(scope), max_bytes)
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                raise HTTPException(
                    408, f"the body was not complete after {self.seconds:g} seconds"
                ) from error
            taken += len(message.get("body", b""))
            is_complete = not message.get("more_body", False)
            _check_size(taken, max_bytes)
            return message

        await self.app(scope, receive_within_limits, send)


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise HTTPException(413, f"this body can have at most {max_bytes} bytes")


def _read_content_length(scope: Scope) -> int:
    value = dict(scope["headers"]).get(b"content-length", b"0")
    return int(value) if value.isdigit() else 0
