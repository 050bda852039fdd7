"""Correct labels attached after the upload, from a CSV of any length in constant memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.datasets.attached_tables import (
    SHOWN,
    list_own_keys,
    refuse_any,
    refuse_unmatched,
)
from app.datasets.attachments.identifiers import Identifier, find_identifier
from app.infra.database import send_after_commit
from app.infra.errors import Invalid
from app.infra.queue import Task
from app.tables import Audit, AuditStatus, Dataset, Sample, Truth
from models.reading.class_lookup import ClassLookup, is_unknown
from models.reading.column_names import TRUTHS, find_by_name
from models.reading.label_texts import decode_spelling, strip_guard
from models.reading.table_files import inspect_table
from models.reading.text_encodings import TableError, open_lines
from models.reading.text_tables import Record, read_records

if TYPE_CHECKING:
    import psycopg

SPARE_ROWS = 100_000
"""Rows that are read besides one for each sample: they may have no label."""
LABEL_COLUMNS = (*TRUTHS, "label", "labels")
"""Other usual names, such as given_label of our own ranking.csv, say that the labels may be wrong."""


def attach(session: Session, dataset: Dataset, file: Path) -> tuple[int, int]:
    """Replace a dataset's truth with a CSV and report every finished audit again.

    The CSV has a header with ``true_label`` or ``label`` (blank: unknown), and with ``key``, ``id``, a file
    name or ``position``. Labels may be spelled as in the upload.

    Returns:
        How many samples have truth now, and how many of them have another given label.

    Raises:
        Invalid: a column is missing, or a row names an unknown sample or class, or a sample twice.

    """
    found = _copy_into_incoming(session, dataset, file)
    _refuse_unknown(session, dataset, found.identifier)
    session.execute(text("DELETE FROM truths WHERE dataset_id = :dataset"), {"dataset": dataset.id})
    session.execute(
        text(
            "INSERT INTO truths (dataset_id, position, true_label) SELECT s.dataset_id, s.position, c.label"
            f" {found.identifier.matching} JOIN class_index c ON c.name = incoming.label"
        ),
        {"dataset": dataset.id},
    )
    dataset.truth_version += 1
    _report_again(session, dataset.id)
    return _count_known(session, dataset.id)


@dataclass(kw_only=True)
class Columns:
    """The columns of a table of correct labels."""

    identifier: Identifier
    label: int


def _copy_into_incoming(session: Session, dataset: Dataset, file: Path) -> Columns:
    session.execute(text("CREATE TEMP TABLE incoming (id text, label text) ON COMMIT DROP"))
    connection = cast("psycopg.Connection", session.connection().connection.driver_connection)
    try:
        with file.open("rb") as opened:
            style, _ = inspect_table(opened)
            columns = _find_columns(style.columns, dataset)
            records = read_records(open_lines(opened, style.encoding), style)
            with connection.cursor().copy("COPY incoming FROM STDIN") as copy:
                most = dataset.sample_count or 0
                # One row more than there are samples names an unknown one, or one twice: it is said below.
                for row in islice(_read_cells(records, columns, dataset), most + 1):
                    copy.write_row(row)
    except TableError as error:
        raise Invalid(f"the truth cannot be read: {error}") from error
    session.execute(text("ANALYZE incoming"))
    return columns


def _find_columns(header: Sequence[str], dataset: Dataset) -> Columns:
    label = find_by_name(header, LABEL_COLUMNS)
    identifier = find_identifier(header, list_own_keys(dataset))
    if identifier is None or label is None or identifier.column == header.index(label):
        raise Invalid(
            "truth needs the columns 'true_label' and 'key' or 'position' (or 'id', or a file name),"
            f" found {list(header[:20])}"
        )
    return Columns(identifier=identifier, label=header.index(label))


def _read_cells(records: Iterator[Record], columns: Columns, dataset: Dataset) -> Iterator[tuple[str, str]]:
    names = dataset.class_names or []
    stored = (dataset.statistics or {}).get("layout", {}).get("class_spellings") or []
    lookup = ClassLookup(names, [decode_spelling(spelled) for spelled in stored])
    most = (dataset.sample_count or 0) + SPARE_ROWS
    for number, record in enumerate(records):
        if number >= most:
            raise Invalid(f"expected at most {most} rows for {dataset.sample_count} samples; found more")
        if record.is_comment:
            continue
        if record.is_ragged or record.width <= max(columns.identifier.column, columns.label):
            raise Invalid(
                f"line {record.line} of the truth has {record.width} columns, expected {len(record.cells)}"
            )
        identifier = record.cells[columns.identifier.column]
        label = record.cells[columns.label].strip()
        found = lookup.find(label) if label else None
        if found is None and is_unknown(label):
            continue  # blank: unknown, as in an upload
        if "\x00" in identifier or "\x00" in label:
            raise Invalid(f"line {record.line} of the truth contains a NUL character")
        identifier = strip_guard(identifier)
        columns.identifier.has_unicode |= not identifier.isascii()
        yield identifier, label if found is None else names[found]


def _refuse_unknown(session: Session, dataset: Dataset, identifier: Identifier) -> None:
    session.execute(
        text(
            "CREATE TEMP TABLE class_index ON COMMIT DROP AS SELECT c.name, (c.number - 1)::int AS label"
            " FROM datasets, jsonb_array_elements_text(class_names) WITH ORDINALITY AS c(name, number)"
            " WHERE id = :dataset"
        ),
        {"dataset": dataset.id},
    )
    refuse_unmatched(session, dataset, identifier, what="truth")
    refuse_any(
        session,
        dataset,
        "truth cannot be attached, no class has this name",
        "SELECT DISTINCT label FROM incoming WHERE label NOT IN (SELECT name FROM class_index)",
    )
    if not session.scalar(text("SELECT EXISTS (SELECT FROM incoming)")):
        raise Invalid("the truth has no row with a true label")
    _refuse_unlike(session, dataset)


def _refuse_unlike(session: Session, dataset: Dataset) -> None:
    """Refuse labels of which none is a given label of any sample: every sample would count as wrong."""
    given = text(
        "SELECT c.name FROM class_index c WHERE EXISTS"
        " (SELECT FROM samples WHERE dataset_id = :dataset AND given_label = c.label) ORDER BY c.label"
    )
    names = session.scalars(given, {"dataset": dataset.id}).all()
    found = session.scalars(text("SELECT DISTINCT label FROM incoming ORDER BY label")).all()
    if set(found).isdisjoint(names):
        raise Invalid(
            f"truth cannot be attached, no given label is among the correct ones: "
            f"{', '.join(found[:SHOWN])} against {', '.join(names[:SHOWN])}"
        )


def _report_again(session: Session, dataset_id: UUID) -> None:
    finished = select(Audit.id).where(Audit.dataset_id == dataset_id, Audit.status == AuditStatus.SUCCEEDED)
    for audit_id in session.scalars(finished):
        send_after_commit(session, Task.REPORT, audit_id)


def _count_known(session: Session, dataset_id: UUID) -> tuple[int, int]:
    matching = (Truth.dataset_id == Sample.dataset_id) & (Truth.position == Sample.position)
    statement = (
        select(func.count(), func.count().filter(Truth.true_label != Sample.given_label))
        .join_from(Truth, Sample, matching)
        .where(Truth.dataset_id == dataset_id)
    )
    attached, differing = session.execute(statement).one()
    return attached, differing
