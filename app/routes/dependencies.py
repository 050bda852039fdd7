"""What a path operation asks for: a session, a key's scope, a page."""

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session as OrmSession

from app import keys
from app.database import Database, database
from app.errors import Forbidden, Unauthorised
from app.settings import Settings, settings
from app.storage import Storage, storage
from app.tables import Scope

LOCAL_NAMES = frozenset({"localhost"})
PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
bearer = HTTPBearer(auto_error=False, description="a key made by `limit-audit keys create`")


def open_session(opened: Annotated[Database, Depends(database)]) -> Iterator[OrmSession]:
    """Open the request's transaction; it is committed before the answer leaves."""
    with opened.transaction() as session:
        yield session


Session = Annotated[OrmSession, Depends(open_session, scope="function")]
Chosen = Annotated[Settings, Depends(settings)]
Files = Annotated[Storage, Depends(storage)]
Opened = Annotated[Database, Depends(database)]


def require(scope: Scope) -> Callable[..., None]:
    """Return the dependency that lets a request through if its key has this scope."""
    order = list(Scope)

    def check(
        request: Request,
        chosen: Chosen,
        opened: Opened,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
    ) -> None:
        if chosen.authentication == "none":
            _require_loopback(request)
            return
        if credentials is None:
            raise Unauthorised(
                "send the header 'Authorization: Bearer <key>'; keys are made by `limit-audit keys`"
            )
        with opened.transaction() as session:
            key = keys.find(session, credentials.credentials)
        if key is None:
            raise Unauthorised("this key is unknown, expired or revoked")
        if order.index(Scope(key.scope)) < order.index(scope):
            raise Forbidden(f"this needs a key with scope {scope}, this one has {key.scope}")
        request.state.caller = key.name

    return check


def caller(request: Request) -> str | None:
    """Return the name of the request's key, None where no key is asked for."""
    name: str | None = getattr(request.state, "caller", None)
    return name


def _require_loopback(request: Request) -> None:
    """Serve this machine's own clients alone, and no web page that borrowed their address."""
    client = request.client.host if request.client else ""
    proxied = any(name in request.headers for name in PROXY_HEADERS)
    is_foreign_page = request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
    if proxied or is_foreign_page or not _is_loopback(client) or not _is_loopback(request.url.hostname or ""):
        raise Forbidden(
            "without keys only clients on this machine are served; set LIMIT_AUDIT_AUTHENTICATION=keys"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOCAL_NAMES


Reads = Depends(require(Scope.READ))
Writes = Depends(require(Scope.WRITE))
Caller = Annotated[str | None, Depends(caller)]


@dataclass(frozen=True)
class Paging:
    """Which page of a list is asked for."""

    limit: Annotated[int, Query(ge=1, le=500, description="most items of a page")] = 50
    cursor: Annotated[str | None, Query(max_length=500, description="next_cursor of the page before")] = None


Paged = Annotated[Paging, Depends()]
Position = Annotated[int, Path(ge=0, lt=2**31, description="0 .. N-1")]


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """Name the next page in a Link header (RFC 8288)."""
    if cursor is not None:
        url = request.url.include_query_params(cursor=cursor)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
