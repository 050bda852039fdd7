"""People's own columns in a ranking: conditions on their values, and the values of a page."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Integer,
    Table,
    Text,
    any_,
    bindparam,
    select,
)
from sqlalchemy import cast as cast_to
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.fast_paths.raw_rows import compile_statement, fetch_rows
from app.fast_paths.suspect_documents import Document
from app.infra.errors import Invalid
from app.tables import Json, OwnValues
from models.reading.label_texts import UNSTORABLE

OWN = cast("Table", OwnValues.__table__)


@dataclass(frozen=True, kw_only=True)
class OwnFilter:
    """A condition on one column: its name in `OWN_CONDITIONS`, and its parameters."""

    condition: str
    parameters: Mapping[str, Any]


def make_filter(
    columns: Sequence[Json], name: str, *, value: str | None, low: float | None, high: float | None
) -> OwnFilter:
    """Return the condition that a column has a value, a number between two, or else none.

    Raises:
        Invalid: there is no such column, or bounds are asked of a column of texts.

    """
    column = next((each for each in columns if each["name"] == name), None)
    if column is None:
        found = ", ".join(repr(each["name"]) for each in columns) or "none"
        raise Invalid(f"this dataset has no column {name!r} of yours; found {found}")
    has_bounds = low is not None or high is not None
    if has_bounds and column["kind"] != "number":
        raise Invalid(f"the column {name!r} has texts, so it is filtered by value, not by low and high")
    if has_bounds and value is None:
        bounds = {
            "own_low": -math.inf if low is None else low,
            "own_high": math.inf if high is None else high,
        }
        return OwnFilter(condition="own_number", parameters={"own_column": name, **bounds})
    if value is None:
        return OwnFilter(condition="own_missing", parameters={"own_column": name})
    wanted = json.dumps({name: _read_value(column, value)})
    return OwnFilter(condition="own_value", parameters={"own": wanted})


def _read_value(column: Json, value: str) -> str | float:
    if column["kind"] != "number":
        if UNSTORABLE.search(value):
            raise Invalid(f"expected a value without NUL and surrogates; found {value!r}")
        return value
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Invalid(f"the column {column['name']!r} has numbers; found {value!r}")
    return number


def _find(table: Table, condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a score's sample has such values."""
    values = select(OWN.c.position).where(
        OWN.c.dataset_id == bindparam("dataset_id"), OWN.c.position == table.c.position, condition
    )
    return values.exists()


def _is_between() -> ColumnElement[bool]:
    name = bindparam("own_column", type_=Text)
    number = cast_to(OWN.c.document.op("->>")(name), Double)
    return number.between(bindparam("own_low", type_=Double), bindparam("own_high", type_=Double))


OWN_CONDITIONS: Mapping[str, Callable[[Table], ColumnElement[bool]]] = {
    "own_value": lambda table: _find(
        table, OWN.c.document.op("@>")(cast_to(bindparam("own", type_=Text), JSONB))
    ),
    "own_missing": lambda table: (
        ~_find(table, OWN.c.document.op("->")(bindparam("own_column", type_=Text)).is_not(None))
    ),
    "own_number": lambda table: _find(table, _is_between()),
}
"""Condition on a score for each filter by a column of the user's."""


def add_own_values(connection: Connection, dataset_id: UUID, documents: Sequence[Document]) -> None:
    """Put the values of a page's samples into its documents."""
    positions = [document["position"] for document in documents]
    rows = fetch_rows(connection, _select_values(), {"dataset_id": dataset_id, "positions": positions})
    found: dict[int, Document] = dict(rows)
    for document in documents:
        document["own"] = found.get(document["position"], {})


@cache
def _select_values() -> str:
    positions = bindparam("positions", type_=ARRAY(Integer))
    return compile_statement(
        select(OWN.c.position, OWN.c.document).where(
            OWN.c.dataset_id == bindparam("dataset_id"), OWN.c.position == any_(positions)
        )
    )
