"""Correct labels attached after the upload, from a CSV of any length in constant memory."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.infra.database import send_after_commit
from app.infra.errors import Invalid
from app.infra.queue import Task
from app.tables import Audit, AuditStatus, Dataset, Sample, Truth

if TYPE_CHECKING:
    import psycopg

SHOWN = 5
MATCHING = "FROM incoming LEFT JOIN samples s ON s.dataset_id = :dataset AND {on}"


def attach(session: Session, dataset: Dataset, file: Path) -> tuple[int, int]:
    """Replace a dataset's truth with a CSV and report every finished audit again.

    The CSV has a header with ``true_label`` (blank: unknown) and one of ``key`` and ``position``.

    Returns:
        How many samples have truth now, and how many of them have another given label.

    Raises:
        Invalid: a column is missing, or a row names an unknown sample or class, or a sample twice.

    """
    identifier = _copy_into_incoming(session, file)
    on = "s.key = incoming.id" if identifier == "key" else "s.position::text = incoming.id"
    _refuse_unknown(session, dataset, on, identifier)
    session.execute(text("DELETE FROM truths WHERE dataset_id = :dataset"), {"dataset": dataset.id})
    session.execute(
        text(
            "INSERT INTO truths (dataset_id, position, true_label) SELECT s.dataset_id, s.position, c.label"
            f" {MATCHING.format(on=on)} JOIN class_index c ON c.name = incoming.label"
        ),
        {"dataset": dataset.id},
    )
    dataset.truth_version += 1
    _report_again(session, dataset.id)
    return _count_known(session, dataset.id)


def _copy_into_incoming(session: Session, file: Path) -> str:
    session.execute(text("CREATE TEMP TABLE incoming (id text, label text) ON COMMIT DROP"))
    connection = cast("psycopg.Connection", session.connection().connection.driver_connection)
    with file.open(encoding="utf-8-sig", newline="", errors="strict") as lines:
        rows = csv.reader(lines)
        try:
            identifier, columns = _find_columns(next(rows, []))
            with connection.cursor().copy("COPY incoming FROM STDIN") as copy:
                for row in _read_cells(rows, columns):
                    copy.write_row(row)
        except (UnicodeDecodeError, csv.Error) as error:
            raise Invalid(f"truth must be a UTF-8 CSV: {error}") from error
    session.execute(text("ANALYZE incoming"))
    return identifier


def _find_columns(header: list[str]) -> tuple[str, tuple[int, int]]:
    header = [name.strip().lower() for name in header]
    identifier = next((name for name in ("key", "position") if name in header), None)
    if identifier is None or "true_label" not in header:
        raise Invalid(f"truth needs the columns 'true_label' and 'key' or 'position', found {header[:20]}")
    return identifier, (header.index(identifier), header.index("true_label"))


def _read_cells(rows: Iterator[list[str]], columns: tuple[int, int]) -> Iterator[tuple[str, str]]:
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(row) <= max(columns):
            raise Invalid(f"line {number} of the truth has {len(row)} columns, expected {max(columns) + 1}")
        cells = row[columns[0]], row[columns[1]].strip()
        if not cells[1]:
            continue  # blank: unknown, as in an upload
        if "\x00" in cells[0] or "\x00" in cells[1]:
            raise Invalid(f"line {number} of the truth contains a NUL character")
        yield cells


def _refuse_unknown(session: Session, dataset: Dataset, on: str, identifier: str) -> None:
    session.execute(
        text(
            "CREATE TEMP TABLE class_index ON COMMIT DROP AS SELECT c.name, (c.number - 1)::int AS label"
            " FROM datasets, jsonb_array_elements_text(class_names) WITH ORDINALITY AS c(name, number)"
            " WHERE id = :dataset"
        ),
        {"dataset": dataset.id},
    )
    checks = {
        f"no sample has this {identifier}": f"SELECT incoming.id {MATCHING.format(on=on)}"
        " WHERE s.position IS NULL",
        "no class has this name": "SELECT DISTINCT label FROM incoming"
        " WHERE label NOT IN (SELECT name FROM class_index)",
        f"this {identifier} appears more than once": "SELECT id FROM incoming"
        " GROUP BY id HAVING count(*) > 1",
        f"several samples have this {identifier}": f"SELECT incoming.id {MATCHING.format(on=on)}"
        " GROUP BY incoming.id HAVING count(*) > 1",
    }
    for sentence, query in checks.items():
        faulty = session.scalars(text(f"{query} LIMIT {SHOWN}"), {"dataset": dataset.id}).all()
        if faulty:
            raise Invalid(f"truth cannot be attached, {sentence}: {', '.join(map(repr, faulty))}")
    if not session.scalar(text("SELECT EXISTS (SELECT FROM incoming)")):
        raise Invalid("the truth has no row with a true label")


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
