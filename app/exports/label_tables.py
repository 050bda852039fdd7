"""The corrected labels, and the dropped samples, as CSV."""

from app.exports.files.spreadsheet_csv import write_csv
from app.exports.final_labels import DROPPED, Decisions, SampleRow
from app.exports.registry import CSV_WITH_HEADER, ExportFile

LABEL_COLUMNS = ("key", "given", "final", "source", "reviewer", "time")
DROP_COLUMNS = ("key", "position", "given", "source", "reviewer", "time")


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


def _format_final_name(decisions: Decisions, row: SampleRow) -> str:
    is_dropped = decisions.final_N[row.position] == DROPPED
    return "" if is_dropped else decisions.get_final_name(row.position)


def _format_source(decisions: Decisions, row: SampleRow) -> tuple[str, str, str]:
    source = decisions.sources.get(row.position)
    if source is None:
        return "", "", ""
    return source.name, source.reviewer, "" if source.at is None else source.at.isoformat()
