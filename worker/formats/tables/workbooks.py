"""Excel workbooks: one sheet becomes a CSV, which is kept beside the pack and read as any other."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from models.reading.text_tables import SHEET_TABLE
from worker.formats.archives.uploaded_files import ACCEPTED, Upload
from worker.formats.shared.columns import quote_names
from worker.formats.shared.problems import IngestError, make_printable
from worker.formats.tables.csv_features import open_csv

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

    from python_calamine import CalamineSheet, CalamineWorkbook

    from worker.formats.archives.zips import ZipArchive
    from worker.formats.shared.sample import Documents, Features, Ingestion, Table

_WORKBOOK = "xl/workbook.xml"
_SHEETS = "xl/worksheets/"
_CELL = re.compile(rb'\sr="([A-Z]{1,3})(\d{1,7})"')
_MAX_AREA = 1 << 25
"""Cells of a sheet up to the last used row and column: the library holds all of them, at 32 bytes, 1 GiB."""
_BLOCK, _OVERLAP = 1 << 20, 16
_WHOLE = 1e21
"""Floats below this that have no fraction are written as whole numbers; larger ones with an exponent."""
_KEPT = 10**15
"""Excel keeps 15 digits of a number and writes 0 for the others."""
_NO_RESULT = re.compile(rb"</f>(?:<v></v>|<v ?/>|</c>)|<f ?/></c>")
"""The end of a cell with a formula that no program has calculated."""


def is_workbook(names: Sequence[str]) -> bool:
    """Return whether a zip is an Excel workbook, by the names of its members."""
    return _WORKBOOK in names[:200]


def open_workbook(upload: Upload, archive: ZipArchive, ingestion: Ingestion) -> Features | Table | Documents:
    """Open a sheet of a workbook: the chosen one, else the first that is shown and has a table.

    Raises:
        IngestError: the library for it is not installed, or no sheet has a table.

    """
    library = _import_library()
    _check_content(archive, ingestion)
    try:
        with library.load_workbook(upload.path) as workbook:
            sheet = _choose_sheet(workbook, ingestion)
            table = ingestion.destination / SHEET_TABLE
            _write_table(sheet, table, ingestion)
            _note_merged(sheet, ingestion)
            others = [name for name in workbook.sheet_names if name != sheet.name]
    except library.CalamineError as error:
        raise IngestError(
            "broken_container",
            f"expected a complete Excel workbook; found: {make_printable(str(error))[:200]} "
            "(save it again, or save the sheet as 'CSV UTF-8')",
        ) from None
    text = Upload(name=upload.name, path=table, original=False, kind="text")
    options = replace(ingestion.options, encoding=None, delimiter=None)
    try:
        features = open_csv(text, replace(ingestion, options=options))
    except IngestError as error:
        if options.sheet is not None or not others:
            raise
        raise IngestError(
            error.code,
            f"{error} (this is the sheet {make_printable(sheet.name)!r}; the option sheet, as in "
            f"sheet={make_printable(others[0])}, names another: {quote_names(others)})",
        ) from None
    facts = ingestion.understood.facts
    del facts["encoding"], facts["delimiter"]
    facts["sheet"] = sheet.name
    ingestion.understood.note(
        "comes_back_as_csv",
        "exports are a CSV with the values of this sheet: formats, formulas and other sheets are not in it",
    )
    return replace(features, format="workbook")


def _import_library() -> ModuleType:
    try:
        import python_calamine  # noqa: PLC0415 - an extra that need not be installed
    except ImportError:
        raise IngestError(
            "unsupported_format",
            f"expected {ACCEPTED}; found an Excel workbook (save the sheet as 'CSV UTF-8' and upload that, "
            "or have the service installed with the extra `spreadsheets`)",
        ) from None
    return python_calamine


def _check_content(archive: ZipArchive, ingestion: Ingestion) -> None:
    """Unpack all members within the limits, and refuse sheets whose used area does not fit into memory."""
    path, unsolved = ingestion.staging / "member", 0
    for member, name in enumerate(archive.names):
        archive.extract(member, path)
        ingestion.alive()
        if name.startswith(_SHEETS):
            row, column, place = _find_last_cell(path)
            unsolved += _count_unsolved(path)
            if row * column > _MAX_AREA:
                raise IngestError(
                    "too_many_cells",
                    f"expected at most {_MAX_AREA} cells up to the last used row and column of a sheet; "
                    f"found one that is used as far as {place} (delete the rows and columns behind your "
                    "table, or save the sheet as 'CSV UTF-8')",
                )
    if unsolved:
        ingestion.understood.note(
            "formulas_without_results",
            f"{unsolved} formulas of the workbook have no stored result, and their cells were read as blank "
            "(open it in Excel or LibreOffice, which calculate them, and save it)",
        )


def _count_unsolved(path: Path) -> int:
    """Return the number of formulas of a sheet's XML without a result."""
    count, before = 0, b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            text = before + block
            last = 0
            for found in _NO_RESULT.finditer(text):
                count, last = count + 1, found.end()
            before = text[max(last, len(text) - _OVERLAP) :]
    return count


def _find_last_cell(path: Path) -> tuple[int, int, str]:
    """Return the last used row and column of a sheet's XML, and their cell as people write it."""
    row = column = 0
    letters = ""
    with path.open("rb") as file:
        before = b""
        while block := file.read(_BLOCK):
            for found in _CELL.finditer(before + block):
                row = max(row, int(found[2]))
                if (number := _count_column(found[1])) > column:
                    column, letters = number, found[1].decode("ascii")
            before = block[-_OVERLAP:]
    return row, column, f"{letters}{row}"


def _count_column(letters: bytes) -> int:
    """Return the number of a column: A is 1, AA is 27."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - ord("A") + 1
    return number


def _choose_sheet(workbook: CalamineWorkbook, ingestion: Ingestion) -> CalamineSheet:
    """Return the sheet that is read; which others hold something is noted."""
    chosen, names = ingestion.options.sheet, workbook.sheet_names
    if chosen is not None:
        if chosen not in names:
            raise IngestError(
                "missing_sheet",
                f"expected one of the sheets {quote_names(names)}; found no sheet {make_printable(chosen)!r}",
            )
        return workbook.get_sheet_by_name(chosen)
    shown = [each.name for each in workbook.sheets_metadata if _is_shown_table(each)]
    sheets = [sheet for name in shown if (sheet := workbook.get_sheet_by_name(name)).height > 1]
    if not sheets:
        raise IngestError(
            "missing_sheet",
            "expected a sheet with a table: a header, and a row for each sample; found "
            f"no such one among {quote_names(names)} (the option sheet names one that is hidden)",
        )
    if len(sheets) > 1:
        ingestion.understood.note(
            "sheet_chosen",
            f"the workbook has several sheets: {sheets[0].name!r} was read, "
            f"{quote_names([sheet.name for sheet in sheets[1:]])} not",
            option="sheet",
        )
    return sheets[0]


def _is_shown_table(metadata: object) -> bool:
    kind, visible = getattr(metadata, "typ", None), getattr(metadata, "visible", None)
    return str(kind).endswith("WorkSheet") and str(visible).endswith("Visible")


def _note_merged(sheet: CalamineSheet, ingestion: Ingestion) -> None:
    """Say that only the first cell of merged ones holds their value."""
    merged = sheet.merged_cell_ranges or []
    tall = sum(1 for (top, _), (bottom, _) in merged if bottom > top)
    if tall:
        ingestion.understood.note(
            "merged_cells",
            f"{tall} areas of merged cells span several rows: only the first row of each has the value, the "
            "others were read as blank (unmerge the cells and fill them down)",
        )


def _write_table(sheet: CalamineSheet, target: Path, ingestion: Ingestion) -> None:
    """Write the rows of a sheet that are not blank as CSV."""
    long = list[str]()
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for row in _read_rows(sheet, long):
            writer.writerow(row)
            ingestion.alive()
    if long:
        ingestion.understood.note(
            "numbers_beyond_excel",
            f"the sheet has {len(long)} whole numbers of more than 15 digits, such as {long[0]}: Excel keeps "
            "15 digits of a number and makes the others 0, so these may not be what was entered (format such "
            "columns as text before they are entered)",
        )


def _read_rows(sheet: CalamineSheet, long: list[str]) -> Iterator[list[str]]:
    """Yield the rows that are not blank; those above the table, titles of one cell, without blank cells.

    Whole numbers of more than 15 digits are added to `long`.
    """
    has_begun = False
    for row in sheet.iter_rows():
        texts = [_format_cell(value) for value in row]
        long += [text for text, value in zip(texts, row, strict=True) if _is_long(value)]
        filled = [text for text in texts if text]
        has_begun |= len(filled) > 1
        if filled:
            yield texts if has_begun else filled


def _is_long(value: object) -> bool:
    return isinstance(value, float) and value.is_integer() and _KEPT <= abs(value) < _WHOLE


def _format_cell(value: object) -> str:
    """Return a cell as text: numbers without a needless point, dates as ISO 8601, TRUE and FALSE."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        # The shortest digits that give this float: its exact value ends in digits that nobody entered.
        return (
            f"{Decimal(repr(value + 0.0)):.0f}" if value.is_integer() and abs(value) < _WHOLE else repr(value)
        )
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    return str(value)
