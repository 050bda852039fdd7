"""The corrected labels, and the samples that go, as CSV."""

from collections.abc import Iterator

from app.exports.final_labels import DROPPED, Decisions, SampleRow
from app.exports.spreadsheet_csv import csv_blocks

LABEL_COLUMNS = ("key", "given", "final", "source", "reviewer", "time")
DROP_COLUMNS = ("key", "position", "given", "source", "reviewer", "time")


def labels_csv(decisions: Decisions) -> Iterator[bytes]:
    """Yield every sample with its final label; the final label of a dropped sample is empty."""
    rows = (
        (row.key, decisions.names[row.given], _final(decisions, row.position), *_source(decisions, row))
        for row in decisions.rows()
    )
    return csv_blocks(LABEL_COLUMNS, rows)


def drops_csv(decisions: Decisions) -> Iterator[bytes]:
    """Yield the samples that go."""
    rows = (
        (row.key, str(row.position), decisions.names[row.given], *_source(decisions, row))
        for row in decisions.rows()
        if decisions.final_N[row.position] == DROPPED
    )
    return csv_blocks(DROP_COLUMNS, rows)


def _final(decisions: Decisions, position: int) -> str:
    return "" if decisions.final_N[position] == DROPPED else decisions.final_name(position)


def _source(decisions: Decisions, row: SampleRow) -> tuple[str, str, str]:
    source = decisions.sources.get(row.position)
    if source is None:
        return "", "", ""
    return source.name, source.reviewer, "" if source.at is None else source.at.isoformat()
