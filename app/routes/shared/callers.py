"""Authentication: by a bearer key, a browser's cookie or, without keys, by a loopback address."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.access import activity_log, browser_sessions, keys
from app.access.loopback_rule import is_loopback
from app.access.rate_limits import Limiter
from app.http import request_log
from app.infra.database import Database, get_serving_database
from app.infra.errors import Forbidden, Unauthorised
from app.infra.settings import Settings, get_settings
from app.tables import DEFAULT_WORKSPACE, ApiKey, Scope

PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_NAME = 255
"""Characters of a file's name, the longest part of a path that can be right."""
OWN_PAGES = frozenset({"none", "same-origin"})
bearer = HTTPBearer(auto_error=False, description="a key created by `limit-audit keys create`")


# These are coroutines, though they wait for nothing: FastAPI runs other functions in threads, and a dozen
# changes of thread per request cost more than the functions themselves.
async def provide_settings() -> Settings:
    """Return this process's settings."""
    return get_settings()


async def provide_database() -> Database:
    """Return this process's database."""
    return get_serving_database()


ServiceSettings = Annotated[Settings, Depends(provide_settings)]
ServiceDatabase = Annotated[Database, Depends(provide_database)]
Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The sender of a request, with its workspace and permissions."""

    workspace_id: UUID
    scope: Scope
    name: str
    key_id: UUID | None = None


LOCAL = Caller(workspace_id=DEFAULT_WORKSPACE, scope=Scope.ADMIN, name="local")


async def admit_caller(
    request: Request, settings: ServiceSettings, database: ServiceDatabase, credentials: Bearer
) -> AsyncIterator[Caller]:
    """Authenticate a caller, apply its rate limits until the answer is sent, and record changes.

    The request's state then has the caller's name and the database confined to the caller's workspace.
    Depend on this function once per request: FastAPI resolves its dependencies at each use.

    Raises:
        Unauthorised: there is no key, or it is not valid.
        Forbidden: the request comes from a page of another site.
        TooMany: the key exceeds its rate limit.

    """
    caller = await _identify(request, settings, database, credentials)
    request.state.caller, request.state.confined = caller.name, database.confine(caller.workspace_id)
    structlog.contextvars.bind_contextvars(caller=caller.name, **_shorten_path(request))
    with _apply_limits(request, settings, caller):
        if request.method not in SAFE_METHODS:
            await _record(request, database, caller)
        yield caller


CurrentCaller = Annotated[Caller, Depends(admit_caller)]


async def _identify(
    request: Request, settings: Settings, database: Database, credentials: HTTPAuthorizationCredentials | None
) -> Caller:
    if settings.authentication == "none":
        require_loopback(request)
        return LOCAL
    key = await run_in_threadpool(_authenticate, request, database, credentials)
    if key is None:
        raise Unauthorised("this key is unknown, expired or revoked")
    return Caller(workspace_id=key.workspace_id, scope=Scope(key.scope), name=key.name, key_id=key.id)


def _authenticate(
    request: Request, database: Database, credentials: HTTPAuthorizationCredentials | None
) -> ApiKey | None:
    if credentials is None:
        if browser_sessions.COOKIE not in request.cookies:
            raise Unauthorised(
                "send the header 'Authorization: Bearer <key>'; `limit-audit keys create` creates a key"
            )
        require_own_page(request)
    with database.transaction() as session:
        return _find_key(session, request, credentials)


def _find_key(
    session: Session, request: Request, credentials: HTTPAuthorizationCredentials | None
) -> ApiKey | None:
    if credentials is not None:
        return keys.find(session, credentials.credentials)
    return browser_sessions.find(session, request.cookies.get(browser_sessions.COOKIE, ""))


async def provide_admission(
    request: Request, settings: ServiceSettings, credentials: Bearer
) -> Callable[[Session], bool]:
    """Return what tells whether a caller who was let in would still be: its key or login may have ended."""
    if settings.authentication == "none":
        return lambda _: True
    return lambda session: _find_key(session, request, credentials) is not None


Admission = Annotated[Callable[[Session], bool], Depends(provide_admission)]


def require_own_page(request: Request) -> None:
    """Refuse a change that a page of another site sends with this service's cookie (CSRF).

    Browsers send the page's origin with every change. A client without an Origin header is no browser and
    has no cookie.
    """
    if request.method in SAFE_METHODS:
        return
    if not _is_own_origin(request) or request.headers.get("sec-fetch-site", "none") not in OWN_PAGES:
        raise Forbidden("with a cookie, only this service's own pages can make changes")


def _is_own_origin(request: Request) -> bool:
    """Return whether `Origin` is this service; its pages come by HTTPS from a proxy that calls it by HTTP."""
    try:
        origin = urlsplit(request.headers.get("origin", ""))
    except ValueError:
        return False
    schemes = {"https"} if request.url.scheme == "https" else {"http", "https"}
    return origin.scheme in schemes and origin.netloc == request.headers.get("host")


def require_loopback(request: Request) -> None:
    """Allow only clients on this machine, and no web page of another site that uses their address."""
    client = request.client.host if request.client else ""
    proxied = any(name in request.headers for name in PROXY_HEADERS)
    is_foreign_page = request.headers.get("sec-fetch-site", "none") not in OWN_PAGES
    if "origin" in request.headers:
        require_own_page(request)
    if proxied or is_foreign_page or not is_loopback(client) or not is_loopback(request.url.hostname or ""):
        raise Forbidden(
            "without keys only clients on this machine are served; set LIMIT_AUDIT_AUTHENTICATION=keys"
        )


def _apply_limits(request: Request, settings: Settings, caller: Caller) -> AbstractContextManager[None]:
    if settings.authentication == "none":
        return nullcontext()
    limiter: Limiter = request.app.state.limiter
    return limiter.admit(caller.key_id)


async def _record(request: Request, database: Database, caller: Caller) -> None:
    """Record in the activity log who is about to change what."""
    act = activity_log.Act(
        actor=caller.name,
        key_id=caller.key_id,
        action=f"{request.method} {request.scope['route'].path}",
        # PostgreSQL text has no NUL. The route refuses such a name, but the attempt is recorded.
        objects={name: value.replace("\0", "\ufffd") for name, value in _shorten_path(request).items()},
        client=request.client.host if request.client else None,
        request_id=request.state.request_id,
    )
    activity_id = await run_in_threadpool(_begin, database, caller.workspace_id, act)
    request_log.run_after_answer(request.state, partial(activity_log.complete, database, activity_id))


def _shorten_path(request: Request) -> dict[str, str]:
    """Return the parts of the path, each cut to a length that no name or id of an object exceeds."""
    return {name: str(value)[:LONGEST_NAME] for name, value in request.path_params.items()}


def _begin(database: Database, workspace_id: UUID, act: activity_log.Act) -> UUID:
    with database.transaction() as session:
        return activity_log.begin(session, workspace_id, act)
