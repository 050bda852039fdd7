"""The outermost middleware: request id, log line, metrics, security headers, completion of the activity."""

import re
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http import prometheus

log = structlog.get_logger()
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
AFTERWARDS = "afterwards"
UNANSWERED = 499
QUIET = ("/v1/health/", "/metrics", "/static/")
# For answers other than pages; pages set their own policy.
POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
SECURITY_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

SECURITY_PAIRS = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]


def run_after_answer(state: Any, act: Callable[[int], None]) -> None:  # noqa: ANN401 - Starlette's state
    """Call a function with the status in a thread, after the answer was sent."""
    setattr(state, AFTERWARDS, act)


class RequestLog:
    """Adds an id and headers to every request, then logs and counts it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and record its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        sent_id = Headers(scope=scope).get("x-request-id", "")
        request_id = sent_id if REQUEST_ID.fullmatch(sent_id) else uuid4().hex
        state["request_id"] = request_id
        began, status = time.perf_counter(), UNANSWERED

        async def send_and_observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                _add_headers(MutableHeaders(scope=message), scope, request_id)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id), prometheus.track_request():
            try:
                await self.app(scope, receive, send_and_observe)
            except Exception:
                status = 500
                raise
            finally:
                _record_request(scope, status, time.perf_counter() - began)
                if AFTERWARDS in state:
                    await run_in_threadpool(state[AFTERWARDS], status)


def _add_headers(headers: MutableHeaders, scope: Scope, request_id: str) -> None:
    present = {name for name, _ in headers.raw}
    own = ((b"x-request-id", request_id.encode()), *SECURITY_PAIRS)
    headers.raw.extend(pair for pair in own if pair[0] not in present)
    if scope.get("scheme") == "https":
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if not scope["path"].startswith("/static/"):
        headers.setdefault("Cache-Control", "no-store" if "caller" in scope["state"] else "no-cache")


def _record_request(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "none")
    prometheus.record_answer(scope["method"], route, status, seconds)
    if scope["path"].startswith(QUIET) and status < UNANSWERED:
        return
    log.info(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        ms=round(1000 * seconds, 1),
        client=scope["client"][0] if scope.get("client") else None,
    )
