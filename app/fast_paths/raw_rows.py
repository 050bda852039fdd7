"""Statements sent to psycopg as text, and rows returned as plain tuples.

Reason: a page of suspects is the most frequent request, and SQLAlchemy prepares much for every statement
and column that these pages do not use. Measured: with the other changes of
`suspect_documents` and `query_models` a page of 50 calls 2,519 Python functions instead of 4,190 and takes
0.77 of the CPU time (docs/speed.md, "Pages"; tests/speed/test_requests.py counts the calls). Remove when
SQLAlchemy's own execution of a compiled statement costs less than a tenth of a page.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, Select
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

if TYPE_CHECKING:
    import psycopg

DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]


def compile_statement(statement: Select[Any]) -> str:
    """Return a statement as text for psycopg, with named parameters."""
    return str(statement.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True}))


def fetch_rows(
    connection: Connection, statement: str, parameters: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Execute a compiled statement and return psycopg's rows."""
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    return driver.execute(statement, parameters).fetchall()
