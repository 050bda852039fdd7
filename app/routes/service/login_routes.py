"""Login and logout of browsers. Only an HttpOnly cookie holds the login; scripts cannot read it."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated
from urllib.parse import parse_qsl

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse

from app.access import activity_log, browser_sessions
from app.access.rate_limits import Limiter
from app.http import request_log
from app.infra.errors import Invalid, Unauthorised
from app.routes.shared.callers import ServiceDatabase, ServiceSettings, require_own_page

log = structlog.get_logger()
router = APIRouter(tags=["login"])
FORM = "application/x-www-form-urlencoded"
FORM_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["key"],
                    "properties": {
                        "key": {"type": "string"},
                        "next": {"type": "string", "description": "path to open after the login"},
                    },
                }
            }
        },
    }
}


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of an HTML form.

    Raises:
        Invalid: the body is not a form.

    """
    try:
        return dict(parse_qsl((await request.body()).decode(), max_num_fields=10))
    except ValueError as error:
        raise Invalid(f"expected a form ({FORM}) of at most 10 fields in UTF-8") from error


async def limit_logins(request: Request) -> AsyncIterator[None]:
    """Count an attempt to log in, by the client's address.

    Raises:
        TooManyRequests: it is one too many.

    """
    limiter: Limiter = request.app.state.login_limiter
    with limiter.admit(request.client.host if request.client else None):
        yield


Form = Annotated[dict[str, str], Depends(read_form)]
OwnPage = Depends(require_own_page)
Limited = Depends(limit_logins)


@router.post(
    "/login",
    status_code=303,
    response_class=RedirectResponse,
    openapi_extra=FORM_BODY,
    dependencies=[OwnPage, Limited],
)
def log_in(
    fields: Form, request: Request, settings: ServiceSettings, database: ServiceDatabase
) -> RedirectResponse:
    """Exchange a key for a login cookie and redirect to a page of this service."""
    client = request.client.host if request.client else None
    with database.transaction() as session:
        try:
            key, cookie = browser_sessions.log_in(
                session, fields.get("key", "").strip(), hours=settings.login_hours
            )
        except Unauthorised:
            # No workspace's activity: the key belongs to none, and strangers shall not fill tables.
            log.warning("login refused", client=client)
            raise
        act = activity_log.Act(
            actor=key.name,
            key_id=key.id,
            action="POST /login",
            client=client,
            request_id=request.state.request_id,
        )
        activity_id = activity_log.begin(session, key.workspace_id, act)
    request_log.run_after_answer(request.state, partial(activity_log.complete, database, activity_id))
    answer = RedirectResponse(restrict_to_local(fields.get("next", "/")), status_code=303)
    answer.set_cookie(
        browser_sessions.COOKIE,
        cookie,
        max_age=round(settings.login_hours * 3600),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/logout", status_code=303, response_class=RedirectResponse, dependencies=[OwnPage])
def log_out(request: Request, database: ServiceDatabase) -> RedirectResponse:
    """Revoke the browser's login and delete its cookie."""
    with database.transaction() as session:
        browser_sessions.log_out(session, request.cookies.get(browser_sessions.COOKIE, ""))
    answer = RedirectResponse("/", status_code=303)
    answer.delete_cookie(browser_sessions.COOKIE, httponly=True, samesite="lax")
    return answer


def restrict_to_local(path: str) -> str:
    """Return the path if it is one of this service, else the front page (no open redirect)."""
    is_plain = path.isascii() and path.isprintable() and "\\" not in path
    return path if is_plain and path.startswith("/") and not path.startswith("//") else "/"
