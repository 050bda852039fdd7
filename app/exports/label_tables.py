"""The corrected labels, dropped samples, and what own columns, annotators and the map tell, as tables."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

import numpy as np

from app.audits import suspects
from app.datasets import stored_consensus
from app.exports.audit_source import AuditSource
from app.exports.files.arrow_files import write_table
from app.exports.files.final_rows import DROPPED
from app.exports.files.spreadsheet_csv import write_csv
from app.exports.files.stored_samples import SampleRow
from app.exports.final_labels import Decisions
from app.exports.registry import CSV_WITH_HEADER, JSON, PARQUET, ExportFile
from app.fast_paths.suspect_documents import Document
from app.label_sets.class_views import require_no_view
from app.maps import map_files, map_service
from app.people.decision_columns import (
    DECISION_COLUMNS,
    EMPTY,
    DecisionColumns,
    read_decision_columns,
)
from app.reviews.checked_figures import follow_checks
from app.reviews.error_sources import ErrorSources, find_sources
from app.reviews.verdicts import require_own_labels
from app.tables import Json

LABEL_COLUMNS = ("key", "given", "final", "source", "reviewer", "time", "carried_from", *DECISION_COLUMNS)
SOURCE_COLUMNS = (
    *("column", "value", "samples", "share", "share_low", "share_high", "place", "place_low", "place_high"),
    *("finding", "reviewed", "found_wrong", "checked", "checked_wrong", "basis", "rests_on"),
)
RANKED_COLUMNS = (
    *("rank", "key", "position", "split", "given_label", "suggested_label", "score", "error_probability"),
    "is_label_issue",
)
REVIEW_COLUMNS = ("verdict", "label", "reviewer", "reviewed_at")
CONSENSUS_COLUMNS = (
    *("key", "position", "given_label", "consensus", "probability", "n_labels", "agreement", "majority"),
    *("is_tie", "ask_again", "expected_gain", "verdict", "label"),
)
BY_COUNT = frozenset({"no_overlap", "too_large"})
"""Reasons for which a consensus is only the most frequent label (`models/annotators/consensus.py`)."""
ANNOTATOR_COLUMNS = (
    *("annotator", "labels", "agrees_with_consensus", "accuracy", "accuracy_low", "accuracy_high", "finding"),
    "confusions",
)
PAGE = 500
DROP_COLUMNS = ("key", "position", "given", "source", "reviewer", "time", "carried_from", *DECISION_COLUMNS)


def write_labels(decisions: Decisions) -> ExportFile:
    """Write all samples with their final labels; the final label of a dropped sample is empty."""
    rows = (
        (
            row.key,
            decisions.names[row.given],
            _format_final_name(decisions, row),
            *_format_source(decisions, row),
        )
        for row in decisions.iterate_rows()
    )
    blocks = write_csv(LABEL_COLUMNS, rows)
    return ExportFile(name=f"{decisions.stem}-labels.csv", media_type=CSV_WITH_HEADER, blocks=blocks)


def write_drops(decisions: Decisions) -> ExportFile:
    """Write the dropped samples."""
    rows = (
        (row.key, str(row.position), decisions.names[row.given], *_format_source(decisions, row))
        for row in decisions.iterate_rows()
        if decisions.final_N[row.position] == DROPPED
    )
    blocks = write_csv(DROP_COLUMNS, rows)
    return ExportFile(name=f"{decisions.stem}-drops.csv", media_type=CSV_WITH_HEADER, blocks=blocks)


def write_lineage(decisions: Decisions) -> ExportFile:
    """Write which version a dataset is, and the samples whose final label is not the uploaded one."""
    dataset = decisions.dataset
    require_no_view(dataset)
    head = {
        "id": str(dataset.id),
        "name": dataset.name,
        "version": dataset.version,
        "root_id": str(dataset.root_id or dataset.id),
        "parent_id": None if dataset.parent_id is None else str(dataset.parent_id),
        "origin": dataset.origin,
    }
    blocks = _write_changes(json.dumps(head, ensure_ascii=False), decisions)
    return ExportFile(name=f"{decisions.stem}-lineage.json", media_type=JSON, blocks=blocks)


def _write_changes(head: str, decisions: Decisions) -> Iterator[bytes]:
    # Nothing is sent before the first row is read: an error is then a problem document.
    opening = f'{head[:-1]}, "changes": ['
    separator = f"{opening}\n"
    for row in decisions.iterate_rows():
        final = int(decisions.final_N[row.position])
        if final != row.uploaded:
            change = {
                "position": row.position,
                "key": row.key,
                "uploaded": decisions.names[row.uploaded],
                "given": decisions.names[row.given],
                "final": None if final == DROPPED else decisions.names[final],
            }
            yield f"{separator}{json.dumps(change, ensure_ascii=False)}".encode()
            separator = ",\n"
    yield f"{opening if separator.startswith(opening) else ''}\n]}}\n".encode()


def write_sources(source: AuditSource) -> ExportFile:
    """Write the values of people's own columns, each compared with all other samples."""
    with source.database.transaction() as session:
        sources = find_sources(session.connection(), source.audit, source.dataset)
    blocks = write_csv(SOURCE_COLUMNS, _list_sources(sources))
    return ExportFile(name="error-sources.csv", media_type=CSV_WITH_HEADER, blocks=blocks)


def write_consensus(decisions: Decisions) -> ExportFile:
    """Write the consensus of all samples; blank where nobody labelled one, or nothing can be told."""
    table = stored_consensus.read_table(decisions.storage, decisions.dataset, stored_consensus.SAMPLES)
    reasons = {reason["code"] for reason in stored_consensus.require(decisions.dataset).get("reasons", [])}
    by_count = not BY_COUNT.isdisjoint(reasons)
    listed = (
        _add_verdict(stored_consensus.render_row(row, decisions.names), by_count=by_count)
        for batch in table.to_batches(PAGE)
        for row in batch.to_pylist()
    )
    rows = ([_format(row[name]) for name in CONSENSUS_COLUMNS] for row in listed)
    blocks = write_csv(CONSENSUS_COLUMNS, rows)
    return ExportFile(name=f"{decisions.stem}-consensus.csv", media_type=CSV_WITH_HEADER, blocks=blocks)


def _add_verdict(row: Json, *, by_count: bool) -> Json:
    """Return a row with the verdict that the consensus is on the given label, as an import reads it.

    It is blank where there is none, and where a tie of the most frequent labels was decided by the position.
    """
    consensus = row["consensus"]
    if consensus is None or (by_count and row["is_tie"]):
        return row | {"verdict": None, "label": None}
    is_other = consensus != row["given_label"]
    return row | {"verdict": "relabel" if is_other else "keep", "label": consensus if is_other else None}


def write_annotators(decisions: Decisions) -> ExportFile:
    """Write the annotators."""
    rows = stored_consensus.list_annotators(decisions.storage, decisions.dataset)
    cells = ([_format(row[name]) for name in ANNOTATOR_COLUMNS] for row in rows)
    blocks = write_csv(ANNOTATOR_COLUMNS, cells)
    return ExportFile(name=f"{decisions.stem}-annotators.csv", media_type=CSV_WITH_HEADER, blocks=blocks)


def _list_sources(sources: ErrorSources) -> Iterator[tuple[str, ...]]:
    for column, groups in sources.columns:
        for judged in groups:
            share = judged.share
            figures = (
                *(share.share, share.low, share.high, share.place, share.place_low, share.place_high),
                *(share.finding, judged.reviewed, judged.found_wrong, judged.checked, judged.checked_wrong),
            )
            texts = (column.name, judged.group.value or "", str(share.count))
            yield (*texts, *map(_format, figures), sources.basis, sources.rests_on)


def write_ranked_columns(source: AuditSource) -> ExportFile:
    """Write the ranking with verdicts and people's own columns."""
    require_own_labels(source.audit)
    own = [str(column["name"]) for column in source.dataset.own_columns]
    header = (*RANKED_COLUMNS, *REVIEW_COLUMNS, *own, *DECISION_COLUMNS)
    with source.database.transaction() as session:
        columns = read_decision_columns(session, source.dataset.id)
    rows = (
        _list_ranked(document, own, columns.get(document["position"], EMPTY))
        for document in _read_ranked(source)
    )
    return ExportFile(name="ranking-columns.csv", media_type=CSV_WITH_HEADER, blocks=write_csv(header, rows))


def _read_ranked(source: AuditSource) -> Iterator[Document]:
    """Yield the complete ranking, page by page."""
    after = 0
    while True:
        with source.database.transaction() as session:
            connection = session.connection()
            ranking = follow_checks(connection, suspects.make_ranking(source.audit, source.dataset))
            page = suspects.list_suspects(
                connection, ranking, suspects.Filters(), after_rank=after, limit=PAGE
            )
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1]["rank"]


def _list_ranked(document: Document, own: Sequence[str], columns: DecisionColumns) -> list[str]:
    review, values = document["review"] or {}, document["own"] or {}
    if columns.first_reviewer is not None:
        review = {**review, "reviewer": columns.first_reviewer}
    return [
        *(_format(document[name]) for name in RANKED_COLUMNS),
        *(_format(review.get(name)) for name in REVIEW_COLUMNS),
        *(_format(values.get(name)) for name in own),
        *_format_columns(columns),
    ]


def _format(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _format_final_name(decisions: Decisions, row: SampleRow) -> str:
    is_dropped = decisions.final_N[row.position] == DROPPED
    return "" if is_dropped else decisions.get_final_name(row.position)


def _format_source(decisions: Decisions, row: SampleRow) -> tuple[str, ...]:
    source = decisions.find_source(row.position)
    columns = _format_columns(decisions.columns.get(row.position, EMPTY))
    if source is None:
        return "", "", "", "", *columns
    at = "" if source.at is None else source.at.isoformat()
    return source.name, source.reviewer, at, source.carried, *columns


def _format_columns(columns: DecisionColumns) -> tuple[str, ...]:
    return tuple(getattr(columns, name) for name in DECISION_COLUMNS)


def write_map(source: AuditSource, *, format: Literal["csv", "parquet"]) -> ExportFile:  # noqa: A002 - the parameter's name for users
    """Write the points of the map in order of rank."""
    with source.database.transaction() as session:
        found = map_service.require_succeeded(session, source.audit.id)
        columns = map_files.read_points(source.storage, source.audit.id, found.file or {})
        positions_N = columns[0].astype(np.int64)
        verdicts_N = map_files.read_verdicts(session, source.dataset.id, positions_N)
    table = map_files.make_table(columns, source.dataset.class_names or [], verdicts_N)
    if format == "parquet":
        return ExportFile(name="map.parquet", media_type=PARQUET, blocks=write_table(table, "parquet"))
    return ExportFile(name="map.csv", media_type=CSV_WITH_HEADER, blocks=write_table(table, "csv"))
