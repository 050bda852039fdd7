"""People's own columns attached after the upload, from a CSV of any length in constant memory."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.datasets.attached_tables import list_own_keys, refuse_unmatched
from app.datasets.attachments.identifiers import Identifier, find_identifier
from app.infra.errors import Invalid
from app.tables import Dataset
from models.reading.column_names import LABELS, POSITION, TRUTHS, has_name
from models.reading.kept_columns import COLUMNS_MAX, NAME_MAX, ColumnProfile, cut_value
from models.reading.label_texts import strip_guard
from models.reading.table_files import inspect_table
from models.reading.text_encodings import TableError, open_lines
from models.reading.text_tables import TableStyle, read_records

if TYPE_CHECKING:
    import psycopg

SOURCE = "attached"


@dataclass(frozen=True, kw_only=True)
class Attached:
    """What was attached."""

    columns: list[str]
    left_out: list[str]
    """Columns that name labels."""
    samples: int


def attach(session: Session, dataset: Dataset, file: Path) -> Attached:
    """Add the columns of a CSV to a dataset's own; a column of the same name is replaced.

    The CSV has a header with `key`, `id`, a file name or `position`, and any other columns.

    Raises:
        Invalid: a column is missing, a row names no sample or one twice, or there are too many columns.

    """
    try:
        table = _Table.inspect(file, dataset)
        profiles = table.profile()
        count = _copy_into_incoming(session, table, profiles)
    except TableError as error:
        raise Invalid(f"the table cannot be read: {error}") from error
    names = [profile.name for profile in profiles]
    kept = [column for column in dataset.own_columns if column["name"] not in names]
    if len(kept) + len(names) > COLUMNS_MAX:
        raise Invalid(
            f"a dataset can have at most {COLUMNS_MAX} columns of your own; these would be"
            f" {len(kept) + len(names)}"
        )
    refuse_unmatched(session, dataset, table.identifier, what="the table")
    _replace(session, dataset, table.identifier, names)
    dataset.own_columns = [*kept, *(profile.describe(SOURCE) for profile in profiles)]
    dataset.own_version += 1
    return Attached(columns=names, left_out=table.left_out, samples=count)


@dataclass(kw_only=True)
class _Table:
    """The table in a file."""

    file: Path
    style: TableStyle
    identifier: Identifier
    columns: dict[int, str]
    """Names of the columns to keep, by their place."""
    left_out: list[str]

    @classmethod
    def inspect(cls, file: Path, dataset: Dataset) -> "_Table":
        """Find out which column is for what."""
        with file.open("rb") as opened:
            style, _ = inspect_table(opened)
        identifier = find_identifier(style.columns, list_own_keys(dataset))
        if identifier is None or len(style.columns) == 1:
            raise Invalid(
                "a table of columns needs 'key' or 'position' (or 'id', or a file name) and others, found"
                f" {list(style.columns[:20])}"
            )
        rest = {at: name for at, name in enumerate(style.columns) if at != identifier.column and name}
        labels = [name for name in rest.values() if has_name(name, (*LABELS, *TRUTHS, POSITION))]
        columns = {at: name for at, name in rest.items() if name not in labels}
        _check_names(list(columns.values()))
        return cls(file=file, style=style, identifier=identifier, columns=columns, left_out=labels)

    def read(self) -> Iterator[tuple[str, list[str | None]]]:
        """Yield the identifier and the values of each row."""
        width = len(self.style.columns)
        with self.file.open("rb") as opened:
            for record in read_records(open_lines(opened, self.style.encoding), self.style):
                if record.is_comment:
                    continue
                if record.is_ragged or record.width < width:
                    raise Invalid(
                        f"line {record.line} of the table has {record.width} columns, expected {width}"
                    )
                identifier = strip_guard(record.cells[self.identifier.column])
                self.identifier.has_unicode |= not identifier.isascii()
                if "\x00" in identifier:
                    raise Invalid(f"line {record.line} of the table contains a NUL character")
                yield identifier, [cut_value(strip_guard(record.cells[at])) for at in self.columns]

    def profile(self) -> list[ColumnProfile]:
        """Return what the values of each column are."""
        profiles = [ColumnProfile(name=name) for name in self.columns.values()]
        for _, values in self.read():
            for profile, value in zip(profiles, values, strict=True):
                profile.add(value)
        return profiles


def _check_names(names: Sequence[str]) -> None:
    if not names:
        raise Invalid("the table has no column besides identifiers and labels")
    unusable = [name for name in names if len(name) > NAME_MAX or not name.isprintable()]
    if unusable or len(names) > COLUMNS_MAX or len(set(names)) < len(names):
        raise Invalid(
            f"expected at most {COLUMNS_MAX} columns with different names of at most {NAME_MAX} printable"
            f" characters, found {len(names)}: {list(names[:COLUMNS_MAX])}"
        )


def _copy_into_incoming(session: Session, table: _Table, profiles: Sequence[ColumnProfile]) -> int:
    session.execute(text("CREATE TEMP TABLE incoming (id text, document jsonb) ON COMMIT DROP"))
    connection = cast("psycopg.Connection", session.connection().connection.driver_connection)
    count = 0
    with connection.cursor().copy("COPY incoming FROM STDIN") as copy:
        for identifier, values in table.read():
            count += 1
            document = {
                profile.name: profile.convert(value)
                for profile, value in zip(profiles, values, strict=True)
                if value is not None
            }
            copy.write_row((identifier, json.dumps(document)))
    session.execute(text("ANALYZE incoming"))
    return count


def _replace(session: Session, dataset: Dataset, identifier: Identifier, names: Sequence[str]) -> None:
    """Put the rows of `incoming` into the place of earlier columns of these names."""
    parameters = {"dataset": dataset.id, "names": list(names)}
    if {column["name"] for column in dataset.own_columns} & set(names):
        forget = (
            "UPDATE own_values SET document = document - CAST(:names AS text[]) WHERE dataset_id = :dataset"
        )
        session.execute(text(forget), parameters)
    session.execute(
        text(
            "INSERT INTO own_values (dataset_id, position, document)"
            f" SELECT s.dataset_id, s.position, incoming.document {identifier.matching}"
            " ON CONFLICT (dataset_id, position)"
            " DO UPDATE SET document = own_values.document || excluded.document"
        ),
        parameters,
    )
    session.execute(text("ANALYZE own_values"))
