"""Arrow tables for spreadsheets: a text that looks like a formula gets a leading apostrophe."""

import pyarrow as pa
import pyarrow.compute as pc

from app.exports.files.spreadsheet_csv import FORMULA, INNER_FORMULA, NUMBER


def escape_formulas(table: pa.Table) -> pa.Table:
    """Put an apostrophe before text that looks like a formula, so that no spreadsheet runs it."""
    for index, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            text = table.column(index)
            risky = pc.and_(
                pc.match_substring_regex(text, FORMULA), pc.invert(pc.match_substring_regex(text, NUMBER))
            )
            inner = pc.replace_substring_regex(text, INNER_FORMULA, r"\1'\2")
            quoted = pc.binary_join_element_wise(pa.scalar("'"), inner, pa.scalar(""))
            table = table.set_column(index, field.name, pc.if_else(risky, quoted, inner))
    return table
