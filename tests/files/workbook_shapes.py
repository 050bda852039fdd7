"""Excel workbooks as Excel, LibreOffice, pandas and Google write them."""

import io
from collections.abc import Sequence
from datetime import date

from openpyxl import Workbook

from tests.files.shapes import CLASSES, COUNT, NAMES, VALUES, Expected, add

HEADER = ("id", "a", "b", "label")
ROWS = [(f"{row:03d}", *VALUES[row, :2].tolist(), NAMES[row]) for row in range(COUNT)]
PLAIN = Expected(given=NAMES, features=["a", "b"], keys=[row[0] for row in ROWS], notes=["comes_back_as_csv"])


def workbook(
    sheets: dict[str, Sequence[Sequence[object]]], *, hidden: Sequence[str] = ()
) -> dict[str, bytes]:
    """Return a workbook of sheets, each with its rows."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        sheet.sheet_state = "hidden" if name in hidden else "visible"
    sink = io.BytesIO()
    book.save(sink)
    return {"data.xlsx": sink.getvalue()}


TABLE = [HEADER, *ROWS]
NOTES = [["made by"], ["somebody"]]
add("xlsx: plain", workbook({"Sheet1": TABLE}), PLAIN)
add("xlsx: a title and a blank row above the table", workbook({"S": [["Report"], [], *TABLE]}), PLAIN)
add("xlsx: blank rows among and below", workbook({"S": [*TABLE[:5], [], *TABLE[5:], [], [" "]]}), Expected())
add(
    "xlsx: several sheets",
    workbook({"Data": TABLE, "Notes": NOTES}),
    Expected(given=NAMES, notes=["sheet_chosen"], says=["'Data' was read", "'Notes'"]),
)
add("xlsx: a hidden sheet first", workbook({"Old": NOTES, "Data": TABLE}, hidden=["Old"]), PLAIN)
add("xlsx: a blank sheet first", workbook({"Sheet1": [], "Data": TABLE}), PLAIN)
add("xlsx: a chosen sheet", workbook({"Notes": NOTES, "Data": TABLE}), PLAIN, sheet="Data")
add(
    "xlsx: a sheet that is not there",
    workbook({"Data": TABLE}),
    Expected(refused="missing_sheet", says=["'Data'", "'Dta'"]),
    sheet="Dta",
)
add("xlsx: no table", workbook({"Sheet1": []}), Expected(refused="missing_sheet", says=["header"]))
add(
    "xlsx: labels as numbers, ids as numbers",
    workbook({"S": [HEADER, *((row, *VALUES[row, :2].tolist(), row % 2 + 1) for row in range(COUNT))]}),
    Expected(given=[str(row % 2 + 1) for row in range(COUNT)], keys=[str(row) for row in range(COUNT)]),
)
add(
    "xlsx: truth values, a date that is left out, errors",
    workbook(
        {
            "S": [
                ("flag", "when", "a", "label"),
                *((row % 3 == 0, date(2024, 1, 1 + row), VALUES[row, 0], NAMES[row]) for row in range(COUNT)),
                (True, date(2024, 2, 1), "#DIV/0!", "cat"),
            ]
        }
    ),
    Expected(given=[*NAMES, "cat"]),
    exclude_columns=["when"],
)
add(
    "xlsx: pandas with its index",
    workbook({"Sheet1": [("", *HEADER[1:]), *((row, *ROWS[row][1:]) for row in range(COUNT))]}),
    Expected(given=NAMES, features=["a", "b"]),
)
add(
    "xlsx: with options of CSV",
    workbook({"S": TABLE}),
    PLAIN,
    encoding="cp1252",
    delimiter=";",
)
add(
    "xlsx: a cell far away",
    workbook({"S": [*TABLE[:COUNT], *([[]] * 40_000), [None] * 1_000 + ["x"]]}),
    Expected(refused="too_many_cells", says=["ALM40025", "delete the rows and columns"]),
)
LONG = [10**17 + 1000 * row for row in range(COUNT)]
add(
    "xlsx: whole numbers of more than 15 digits",
    workbook(
        {
            "S": [
                ("id", "a", "label"),
                *((LONG[row], VALUES[row, 0], 10**15 + row % 2) for row in range(COUNT)),
            ]
        }
    ),
    Expected(
        keys=[str(number) for number in LONG],
        given=[str(10**15 + row % 2) for row in range(COUNT)],
        notes=["numbers_beyond_excel"],
        says=["15 digits"],
    ),
)
add(
    "xlsx: the first sheet is no table, another is",
    workbook({"About": [["made by", "somebody"], ["in", "May"], ["for", "us"]], "Data": TABLE}),
    Expected(refused="missing_column", says=["sheet=Data", "'About'"]),
)
add(
    "xlsx: formulas that nothing has calculated",
    workbook({"S": [(*HEADER, "sum"), *((*row, f"=B{at + 2}+C{at + 2}") for at, row in enumerate(ROWS))]}),
    Expected(given=NAMES, features=["a", "b"], notes=["formulas_without_results"], says=["24 formulas"]),
)


def merged() -> dict[str, bytes]:
    """Return a workbook whose labels stand in merged cells of two rows."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in [HEADER, *((*row[:3], CLASSES[at // 2 % 2]) for at, row in enumerate(ROWS))]:
        sheet.append(list(row))
    for top in range(2, COUNT + 2, 2):
        sheet.merge_cells(f"D{top}:D{top + 1}")
    sink = io.BytesIO()
    book.save(sink)
    return {"data.xlsx": sink.getvalue()}


add(
    "xlsx: labels in merged cells",
    merged(),
    Expected(given=["cat", "dog"] * (COUNT // 4), notes=["merged_cells"]),
)
