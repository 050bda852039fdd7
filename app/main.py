"""Builds the application: `uvicorn --factory app.main:create_app`."""

import gc
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version
from itertools import islice
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.access import loopback_rule
from app.access.open_downloads import OpenDownloads
from app.access.rate_limits import Limiter
from app.http.body_limits import BodyLimit
from app.http.outages import describe_outage
from app.http.request_log import SECURITY_HEADERS, RequestLog
from app.infra.database import UNAVAILABLE
from app.infra.errors import ApiError
from app.infra.logs import configure_logging
from app.infra.settings import get_settings
from app.routes.audits import (
    audit_routes,
    bulk_routes,
    check_routes,
    comparison_routes,
    estimate_routes,
    event_routes,
    export_routes,
    figure_routes,
    gate_routes,
    map_routes,
    people_routes,
    record_routes,
    source_routes,
    suspect_routes,
)
from app.routes.datasets import (
    annotator_routes,
    attachment_routes,
    dataset_routes,
    image_routes,
    label_set_routes,
    note_routes,
    place_routes,
    review_routes,
    snippet_routes,
    upload_routes,
    version_routes,
)
from app.routes.service import (
    activity_routes,
    comparison_pages,
    document_routes,
    health_routes,
    login_routes,
    page_routes,
    prometheus_routes,
    webhook_routes,
)
from app.routes.shared.openapi_document import ERRORS, MEDIA_TYPE, DescribedApplication, name_operation
from app.web.assets import Assets

log = structlog.get_logger()
DESCRIPTION = """Finds wrong labels. Create a dataset, upload its file, audit it, read the suspects.
A high score or distance always means: the label is probably wrong. Every error is problem+json (RFC 9457)."""
LONGEST_ECHO, DEEPEST_ECHO = 200, 10
SECRET_WORDS = ("secret", "token", "password")
MOST_ERRORS = 50
"""Listed in one answer; the count says how many there are."""
STARTUP_FAILURE = 3
ROUTERS = (
    suspect_routes,
    source_routes,
    dataset_routes,
    image_routes,
    attachment_routes,
    annotator_routes,
    upload_routes,
    event_routes,
    figure_routes,
    gate_routes,
    map_routes,
    export_routes,
    record_routes,
    webhook_routes,
    review_routes,
    note_routes,
    label_set_routes,
    place_routes,
    people_routes,
    snippet_routes,
    check_routes,
    estimate_routes,
    bulk_routes,
    version_routes,
    comparison_routes,
    audit_routes,  # after its parts: the downloads of an audit take any name
    activity_routes,
    login_routes,
    health_routes,
    prometheus_routes,
    comparison_pages,
    document_routes,
    page_routes,
)
LOGINS_PER_SECOND, LOGINS_BURST = 0.2, 20
"""From one address: twenty people behind one proxy can log in at once, and nobody can try keys quickly."""


def create_app() -> FastAPI:
    """Return the application.

    Raises:
        SystemExit: without keys it would listen on an address other than loopback.

    """
    refusal = loopback_rule.explain_refusal(
        get_settings().authentication, loopback_rule.find_listening_host(sys.argv, os.environ)
    )
    if refusal is not None:
        sys.stderr.write(f"{refusal}\n")
        raise SystemExit(STARTUP_FAILURE)  # uvicorn does not restart a process that exits with this code
    configure_logging(get_settings().log_format)
    app = DescribedApplication(
        title="limit-audit",
        version=version("limit-audit"),
        description=DESCRIPTION,
        responses=ERRORS,
        generate_unique_id_function=name_operation,
        openapi_url=None,  # FastAPI makes the document in the event loop, where nobody is served meanwhile
        docs_url=None,  # FastAPI's pages load scripts from another host
        redoc_url=None,
        lifespan=_freeze_garbage,
    )
    for module in ROUTERS:
        app.include_router(module.router)
    app.mount("/static", Assets())
    app.add_exception_handler(ApiError, _handle_api_error)
    app.add_exception_handler(RequestValidationError, _handle_invalid_request)
    app.add_exception_handler(HTTPException, _handle_http_error)
    for kind in UNAVAILABLE:
        app.add_exception_handler(kind, _handle_outage)
    app.add_exception_handler(Exception, _handle_unexpected_error)
    settings = get_settings()
    app.state.limiter = Limiter(
        per_second=settings.requests_per_second,
        burst=settings.requests_burst,
        concurrent=settings.requests_concurrent,
    )
    app.state.downloads = OpenDownloads()
    app.state.login_limiter = Limiter(
        per_second=LOGINS_PER_SECOND, burst=LOGINS_BURST, concurrent=LOGINS_BURST, caller="this address"
    )
    app.add_middleware(
        BodyLimit,
        max_bytes=settings.body_max_bytes,
        list_max_bytes=settings.list_body_max_bytes,
        seconds=settings.body_seconds,
    )
    app.add_middleware(RequestLog)
    return app


@asynccontextmanager
async def _freeze_garbage(_: FastAPI) -> AsyncIterator[None]:
    """Exclude the objects of modules and routes from garbage collection.

    These 190,000 objects live as long as the process. Scanning them, as Python does repeatedly, stopped every
    request for 170 to 300 ms.
    """
    gc.collect()
    gc.freeze()
    yield


def _render_problem(document: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(document, status_code=document["status"], headers=headers, media_type=MEDIA_TYPE)


async def _handle_api_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}  # noqa: PLR2004
    return _render_problem(error.build_document(), headers | error.headers)


async def _handle_outage(request: Request, error: Exception) -> JSONResponse:
    return await _handle_api_error(request, describe_outage(error))


async def _handle_invalid_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    errors = [
        {
            "pointer": _make_printable("".join(f"/{_escape_pointer(str(part))}" for part in fault["loc"])),
            "detail": _make_printable(fault["msg"]),
            "found": _make_printable(repr(_hide_secrets(fault.get("input"), fault["loc"]))[:LONGEST_ECHO]),
        }
        for fault in islice(faults, MOST_ERRORS)
    ]
    first = f"{errors[0]['pointer']}: {errors[0]['detail']}" if errors else "the request is not valid"
    return _render_problem(ApiValidation(first, errors=errors, error_count=len(faults)).build_document())


def _hide_secrets(found: object, steps: Sequence[object], depth: int = 0) -> object:
    """Return a field's value without what is secret by its name: answers are logged and shown by clients."""
    if any(word in str(step).lower() for step in steps for word in SECRET_WORDS):
        return "***"
    if isinstance(found, dict):
        first = islice(found.items(), LONGEST_ECHO if depth < DEEPEST_ECHO else 0)
        return {name: _hide_secrets(each, [name], depth + 1) for name, each in first}
    if isinstance(found, list):
        return [
            _hide_secrets(each, [], depth + 1)
            for each in found[: LONGEST_ECHO if depth < DEEPEST_ECHO else 0]
        ]
    return found


def _escape_pointer(part: str) -> str:
    """Escape one step of a JSON pointer (RFC 6901)."""
    return part.replace("~", "~0").replace("/", "~1")


def _make_printable(text: str) -> str:
    """Return a text that UTF-8 can encode: a client can send lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


class ApiValidation(ApiError):
    """A field is unknown, missing or out of range."""

    status = 422
    code = "validation"


async def _handle_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    if status == HTTPStatus.NOT_FOUND and page_routes.is_for_a_browser(request):
        return page_routes.render_missing_page()
    document = _build_document(status, str(error.detail))
    headers = dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_list_methods(request)))
    return _render_problem(document, headers)


def _list_methods(request: Request) -> set[str]:
    """Return all methods of a path; the framework lists only those of the first matching route."""
    matching = (
        context.methods or set()
        for context in iter_route_contexts(request.app.routes)
        if context.original_route.matches(request.scope)[0] != Match.NONE
    )
    return set().union(*matching)


async def _handle_unexpected_error(request: Request, error: Exception) -> JSONResponse:
    request_id = request.state.request_id
    log.error(
        "request failed",
        method=request.method,
        path=request.url.path,
        request_id=request_id,
        exc_info=error,
    )
    sentence = "internal error; it was logged, and stored data is safe"
    headers = {"X-Request-ID": request_id, **SECURITY_HEADERS}
    return _render_problem(_build_document(HTTPStatus.INTERNAL_SERVER_ERROR, sentence), headers)


def _build_document(status: HTTPStatus, detail: str) -> dict[str, Any]:
    code = status.name.lower()
    return {
        "type": f"urn:limit-audit:{code}",
        "title": status.phrase,
        "status": status.value,
        "code": code,
        "detail": detail,
    }
