"""Dependencies of routes: the caller's session and database, scopes, paging."""

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request, Response
from fastapi.dependencies.models import Dependant
from sqlalchemy.orm import Session as OrmSession

from app.infra.database import Database
from app.infra.errors import Forbidden, Invalid
from app.infra.storage import Storage, get_storage
from app.routes.shared.callers import CurrentCaller, ServiceSettings
from app.routes.shared.idempotent_routes import HELD, HeldTransaction
from app.tables import Scope

LONGEST_ECHO, MOST_NAMED = 100, 10
__all__ = ["CurrentCaller", "ServiceSettings"]


async def provide_confined_database(request: Request) -> Database:
    """Return the database confined to the caller's workspace; needs `admit_caller` first."""
    confined: Database = request.state.confined
    return confined


CallerDatabase = Annotated[Database, Depends(provide_confined_database)]


def open_session(request: Request, database: CallerDatabase) -> Iterator[OrmSession]:
    """Open the request's transaction; it is committed before the answer is sent.

    With an Idempotency-Key, `IdempotentRoute` commits it together with the stored answer.
    """
    transaction: HeldTransaction | None = getattr(request.state, HELD, None)
    if transaction is not None:
        yield transaction.begin(database)
        return
    with database.transaction() as session:
        yield session


Session = Annotated[OrmSession, Depends(open_session, scope="function")]


async def provide_storage() -> Storage:
    """Return this process's storage."""
    return get_storage()


Files = Annotated[Storage, Depends(provide_storage)]


def require_scope(scope: Scope) -> Callable[..., Coroutine[Any, Any, None]]:
    """Return a dependency that refuses callers without this scope."""
    order = list(Scope)

    async def check(caller: CurrentCaller) -> None:
        if order.index(caller.scope) < order.index(scope):
            raise Forbidden(f"this needs a key with scope {scope}, this key has {caller.scope}")

    return check


async def provide_key_name(caller: CurrentCaller) -> str | None:
    """Return the name of the caller's key; None if no keys are required."""
    return None if caller.key_id is None else caller.name


def _list_parameters(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for part in dependant.dependencies:
        yield from _list_parameters(part)


async def refuse_unknown_parameters(request: Request) -> None:
    """Refuse query parameters that a route does not have, and one that is given twice.

    Otherwise a misspelt demand would be none, and of two contradictory ones the last would count in silence.
    """
    known = list(_list_parameters(request.scope["route"].dependant))
    given = [name for name, _ in request.query_params.multi_items()]
    unknown = sorted({name for name in given if name not in known})
    if unknown:
        names = ", ".join(repr(name[:LONGEST_ECHO]) for name in unknown[:MOST_NAMED])
        raise Invalid(f"expected the query parameters {', '.join(known)}; found {names}")
    repeated = sorted({name for name in given if given.count(name) > 1})
    if repeated:
        raise Invalid(f"expected each query parameter once; found {', '.join(repeated)} several times")


KnownParameters = Depends(refuse_unknown_parameters)
Reads = Depends(require_scope(Scope.READ))
Writes = Depends(require_scope(Scope.WRITE))
Administers = Depends(require_scope(Scope.ADMIN))
Caller = Annotated[str | None, Depends(provide_key_name)]


@dataclass(frozen=True)
class Paging:
    """The requested page of a list."""

    limit: int
    cursor: str | None


async def provide_paging(
    limit: Annotated[int, Query(ge=1, le=500, description="maximum number of items on the page")] = 50,
    cursor: Annotated[
        str | None, Query(max_length=500, description="next_cursor of the previous page")
    ] = None,
) -> Paging:
    """Return the requested page."""
    return Paging(limit, cursor)


Paged = Annotated[Paging, Depends(provide_paging)]
Position = Annotated[int, Path(ge=0, lt=2**31, description="position of the sample, 0 to N - 1")]


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """Add a Link header with the next page's address (RFC 8288)."""
    if cursor is not None:
        url = request.url.include_query_params(cursor=cursor)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
