"""Which columns of a table are its texts, and whether the table is a dataset of texts or of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.reading.column_names import has_name
from worker.formats.shared.columns import quote_names
from worker.formats.shared.problems import make_printable
from worker.formats.shared.sample import Documents, TextBatch
from worker.formats.shared.table_columns import TableColumn
from worker.formats.tables import cell_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from models.catalogue.column_types import ColumnType
    from worker.formats.shared.sample import Columns, Ingestion
    from worker.formats.tables.column_profiles import ColumnProfile

TEXT_NAMES = (
    *(
        "text",
        "texts",
        "sentence",
        "sentences",
        "document",
        "documents",
        "content",
        "body",
        "tweet",
        "review",
    ),
    *("review_text", "comment_text", "utterance", "message", "headline", "question", "query", "prompt"),
    *("passage", "abstract", "article", "post", "transcript", "raw_text", "full_text", "text_a", "sms"),
)
"""Names of columns that are the sample itself, also beside other columns."""
FEW_WORDS = 4
"""Mean number of words from which values that hardly repeat are texts; two signs of a script without blanks
count as a word."""
NAMED_WORDS = 1.5
"""The same in a column that is named as a text."""
REPEATING = 0.5


def is_long_text(profile: ColumnProfile) -> bool:
    """Return whether a column of words holds texts: of many words, that hardly repeat."""
    return profile.words >= FEW_WORDS * profile.filled and _count_share(profile) > REPEATING


def choose_texts(
    words: Sequence[str], others: Sequence[str], profiles: Mapping[str, ColumnProfile]
) -> list[str]:
    """Return the columns that are the samples' text; none: the table is one of cells.

    Args:
        words: the columns of words in whose cells a text may be.
        others: the columns that tell something of a row, without these.
        profiles: of all columns.

    """
    named = [
        name
        for name in words
        if has_name(name, TEXT_NAMES) and profiles[name].words >= NAMED_WORDS * profiles[name].filled
    ]
    if named:
        return named
    long = [name for name in words if is_long_text(profiles[name])]
    categories = [name for name in words if name not in long and _count_share(profiles[name]) <= REPEATING]
    if others or categories:
        return []
    return long or [name for name in words if profiles[name].words > profiles[name].filled]


def _count_share(profile: ColumnProfile) -> float:
    """Return the share of different values, by their first characters."""
    return len(profile.values) / max(profile.values.total(), 1)


def describe_texts(
    texts: Sequence[str],
    names: Sequence[str],
    profiles: Mapping[str, ColumnProfile],
    ingestion: Ingestion,
) -> list[TableColumn]:
    """Return the columns of a dataset of texts; the others are kept beside the samples."""
    understood = ingestion.understood
    rest = [name for name in names if name not in texts and profiles[name].foreign_type is None]
    if len(texts) > 1:
        understood.note(
            "texts_joined",
            f"columns {quote_names(texts)} hold texts: they were joined, with a line break between them",
            option="exclude_columns",
        )
    if rest:
        understood.note(
            "text_beside_columns",
            f"the text of {quote_names(texts)} is what is audited; {quote_names(rest)} are kept as columns of"
            f" yours and do not rank (exclude_columns={texts[0]} audits them as a table instead)",
            option="exclude_columns",
        )
        ingestion.own.choose(rest, understood)
    columns = understood.facts["columns"]
    columns.pop("features", None)
    columns["text"] = ", ".join(map(make_printable, texts))
    understood.facts["column_types"] = {make_printable(name): "text" for name in texts}
    kind: ColumnType = "text"
    return [
        TableColumn(
            name=name, type=kind, rows=profiles[name].rows, blanks=profiles[name].rows - profiles[name].filled
        )
        for name in texts
    ]


def make_documents(
    format_name: str,
    described: Sequence[TableColumn],
    blocks: Iterator[tuple[pa.RecordBatch, Columns]],
    *,
    row_numbers: Callable[[NDArray[Any]], NDArray[Any]],
    total: int | None,
) -> Documents:
    """Return the texts whose blocks of rows come with what else is known of them."""
    names = [column.name for column in described]
    return Documents(
        format=format_name,
        batches=(TextBatch(texts=_join(block, names), columns=columns) for block, columns in blocks),
        row_numbers=row_numbers,
        total=total,
    )


def _join(block: pa.RecordBatch, names: Sequence[str]) -> list[str]:
    columns = [cell_texts.unpack(block.column(name)).to_pylist() for name in names]
    return [
        "\n".join(str(cell) for cell in cells if cell is not None and str(cell).strip())
        for cells in zip(*columns, strict=True)
    ]
