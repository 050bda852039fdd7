"""Builds the application: `uvicorn --factory app.main:create_app`."""

from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import ApiError
from app.logs import configure_logging
from app.routes import (
    audit_exports,
    audits,
    datasets,
    events,
    exports,
    figures,
    health,
    logins,
    pages,
    reviews,
    uploads,
    webhooks,
)
from app.schemas.shared import ProblemDocument
from app.settings import settings
from app.web.assets import Assets

log = structlog.get_logger()
DESCRIPTION = """Finds wrong labels. Create a dataset, put its file into it, audit it, read the suspects.
High distance = the label is probably wrong, everywhere. Every error is problem+json (RFC 9457)."""
LONGEST_ECHO = 200
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {"application/problem+json": {"schema": ProblemDocument.model_json_schema()}},
    }
    for status, description in {
        400: "The body is incomplete or not what was announced",
        401: "No usable key",
        403: "The key may not do this",
        404: "No such object",
        409: "The object's state does not allow it",
        410: "The upload's time is over",
        412: "The version is not spoken here, or the object is not what If-Match expects",
        413: "The body is over its limit",
        415: "The body is of another kind",
        422: "A field or the content cannot be used",
        460: "A part's checksum is wrong",
        507: "The disk is full",
    }.items()
}


def create_app() -> FastAPI:
    """Return the API, ready to be served."""
    configure_logging(settings().log_format)
    app = FastAPI(
        title="limit-audit",
        version=version("limit-audit"),
        description=DESCRIPTION,
        responses=ERRORS,
    )
    # Audits after their reviews: the downloads of an audit take any name.
    for module in (
        datasets,
        uploads,
        events,
        figures,
        exports,
        audit_exports,
        webhooks,
        reviews,
        audits,
        logins,
        health,
        pages,
    ):
        app.include_router(module.router)
    app.mount("/static", Assets())
    app.add_exception_handler(ApiError, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _by_framework)
    app.add_exception_handler(Exception, _broken)
    app.add_middleware(BodyLimit, max_bytes=settings().body_max_bytes)
    return app


class BodyLimit:
    """Stops JSON bodies that grow too large, as a problem document; raw uploads have limits of their own."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self.app, self.max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counted body."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.max_bytes:
                raise HTTPException(413, f"a JSON body may have at most {self.max_bytes} bytes")
            return message

        await self.app(scope, counted, send)


def _problem(document: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        document, status_code=document["status"], headers=headers, media_type="application/problem+json"
    )


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}  # noqa: PLR2004
    return _problem(error.document(), headers | error.headers)


async def _not_valid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [
        {
            "pointer": _text("".join(f"/{_escaped(str(part))}" for part in found["loc"])),
            "detail": _text(found["msg"]),
            "found": _text(repr(found.get("input"))[:LONGEST_ECHO]),
        }
        for found in error.errors()
    ]
    first = f"{errors[0]['pointer']}: {errors[0]['detail']}" if errors else "the request is not valid"
    return _problem(ApiValidation(first, errors=errors).document())


def _escaped(part: str) -> str:
    """Escape one step of a JSON pointer (RFC 6901)."""
    return part.replace("~", "~0").replace("/", "~1")


def _text(text: str) -> str:
    """Return a text that UTF-8 can carry: a client may have sent lone surrogates."""
    return text.encode("utf-8", "backslashreplace").decode()


class ApiValidation(ApiError):
    """A field that is unknown, missing or out of its range."""

    status = 422
    code = "validation"


async def _by_framework(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    document = _document(status, str(error.detail))
    return _problem(document, dict(error.headers or {}))


async def _broken(request: Request, error: Exception) -> JSONResponse:
    log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
    sentence = "something broke here; it was logged and nothing stored was lost"
    return _problem(_document(HTTPStatus.INTERNAL_SERVER_ERROR, sentence))


def _document(status: HTTPStatus, detail: str) -> dict[str, Any]:
    code = status.name.lower()
    return {
        "type": f"urn:limit-audit:{code}",
        "title": status.phrase,
        "status": status.value,
        "code": code,
        "detail": detail,
    }
