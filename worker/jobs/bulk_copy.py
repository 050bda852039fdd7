"""COPY of Arrow tables into and out of PostgreSQL, without Python objects for rows."""

import io
from typing import TYPE_CHECKING, cast

import pyarrow as pa
from pyarrow import csv
from sqlalchemy import text
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    import psycopg

from app.tables import Base

WRITE_ROWS = 65_536


def copy_into(session: Session, table: type[Base], rows: pa.Table) -> None:
    """Append rows to a table; the columns are matched by name.

    Empty strings and nulls stay different: a string is quoted, a null is an empty field without quotes.
    """
    columns = ", ".join(f'"{name}"' for name in rows.column_names)
    statement = f'COPY "{table.__tablename__}" ({columns}) FROM STDIN (FORMAT csv)'
    connection = cast("psycopg.Connection", session.connection().connection.driver_connection)
    options = csv.WriteOptions(include_header=False)
    with connection.cursor().copy(statement) as copy:
        for batch in rows.to_batches(max_chunksize=WRITE_ROWS):
            block = io.BytesIO()
            csv.write_csv(batch, block, options)
            copy.write(block.getbuffer())


def update_statistics(session: Session, *tables: type[Base]) -> None:
    """Update PostgreSQL's statistics after a copy: until then its plans assume the tables from before."""
    for table in tables:
        session.execute(text(f'ANALYZE "{table.__tablename__}"'))


def copy_from(session: Session, query: str, *parameters: object) -> pa.Table:
    """Return a query's rows, with the query's column names."""
    connection = cast("psycopg.Connection", session.connection().connection.driver_connection)
    received = io.BytesIO()
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)", parameters) as copy:
        for block in copy:
            received.write(block)
    received.seek(0)
    return csv.read_csv(received)
